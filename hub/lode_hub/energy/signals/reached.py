"""The highest power a billing month has seen, which its demand charge is paid for anyway.

billed meters' counters ─► windows since the last look ─► energy_peak ─► kW by charge and month

Months before count by the ratchet. Each look reads two hours back and what has come since.
"""

import datetime as dt
import hashlib
from collections.abc import Sequence

import msgspec
import numpy as np

from lode_hub.energy.account.bill import windowed
from lode_hub.energy.account.make import Told, site_meter
from lode_hub.energy.tariff.calendar import billing_month, counts, local
from lode_hub.energy.tariff.described import Demand, Tariff, When
from lode_hub.errors import InvalidError
from lode_hub.store import energy_measured
from lode_hub.store.connection import Connection

LATE_MS = 2 * 3_600_000
"""Counters may come so late."""

Reached = dict[tuple[str, int], float]
"""By a charge's name and the number of its billing month: kW."""

_HOUR_MS = 3_600_000


async def reached(
    conn: Connection, told: Told, now_ms: int, until_ms: int
) -> tuple[Reached, tuple[str, ...]]:
    """Give what every charge of the months from now to `until_ms` has to be paid for anyway."""
    found: Reached = {}
    notes: list[str] = []
    tariff = told.tariffs[-1]
    first, last = (_month(tariff, at) for at in (now_ms, until_ms))
    for demand in tariff.demand:
        try:
            seen = await _months(conn, told, tariff, demand, first, now_ms)
        except InvalidError as error:
            notes.append(f"{demand.name}: the month's peak so far is not known: {error}")
            continue
        is_old = now_ms - _begin_ms(tariff, first) > LATE_MS
        if seen.get(first) is None and is_old and demand.when == When():
            notes.append(f"{demand.name}: no window is metered yet in this billing month")
        for month in range(first, last + 1):
            before = [seen.get(n) or 0.0 for n in range(month - demand.ratchet_months, month)]
            floor_kw = demand.ratchet_ratio * max(before)
            found[demand.name, month] = max(seen.get(month) or 0.0, floor_kw)
    return found, tuple(notes)


async def _months(
    conn: Connection, told: Told, tariff: Tariff, demand: Demand, month: int, now_ms: int
) -> dict[int, float | None]:
    """Look through what has come since, and give the highest window (kW) of each month."""
    rule = _rule(told, tariff, demand)
    earliest = month - (demand.ratchet_months if demand.ratchet_ratio else 0)
    known = await energy_measured.peaks(conn, told.site_id, rule, (earliest, month))
    found = {number: kw for number, (kw, _) in known.items()}
    for number in range(earliest, month + 1):
        begin_ms, end_ms = _begin_ms(tariff, number), _begin_ms(tariff, number + 1)
        until_ms = min(end_ms, now_ms - now_ms % _HOUR_MS + _HOUR_MS)
        from_ms = known[number][1] - LATE_MS if number in known else begin_ms
        if number in known and known[number][1] >= end_ms and now_ms > end_ms + LATE_MS:
            continue  # it is over, and was looked through
        kw = await _highest(conn, told, tariff, demand, (max(begin_ms, from_ms), until_ms))
        found[number] = max((v for v in (kw, found.get(number)) if v is not None), default=None)
        looked_ms = until_ms if now_ms > until_ms + LATE_MS else min(now_ms, until_ms - 1)
        await energy_measured.add_peak(conn, told.site_id, rule, number, found[number], looked_ms)
    return found


async def _highest(
    conn: Connection, told: Told, tariff: Tariff, demand: Demand, span_ms: tuple[int, int]
) -> float | None:
    step_s = 60 if demand.window_min % 15 else 900
    begin_ms = span_ms[0] - span_ms[0] % _HOUR_MS
    whole = await site_meter(conn, told, (begin_ms, span_ms[1]), step_s)
    windows = windowed(whole, demand.window_min, tariff.zone)
    if windows is None:
        return None
    begins, power_kw = windows
    shown = local(begins, tariff.zone)
    is_on = counts(demand.when, shown, tariff.holidays) & ~np.isnan(power_kw)
    is_on &= (begins >= span_ms[0] - span_ms[0] % (step_s * 1000)) & (begins < span_ms[1])
    return float(power_kw[is_on].max()) if is_on.any() else None


def _month(tariff: Tariff, at_ms: int) -> int:
    shown = local(np.array([at_ms], np.int64), tariff.zone)
    return int(billing_month(shown, tariff.billing_day)[0])


def _begin_ms(tariff: Tariff, month: int) -> int:
    begin = dt.datetime(month // 12, month % 12 + 1, tariff.billing_day, tzinfo=tariff.zone)
    return round(begin.timestamp() * 1000)


def _rule(told: Told, tariff: Tariff, demand: Demand) -> str:
    looked_at: Sequence[object] = (
        told.economics.meters, demand.window_min, demand.when, tariff.time_zone,
        tariff.billing_day, [str(day) for day in tariff.holidays],
    )  # fmt: skip
    return hashlib.sha256(msgspec.json.encode(looked_at)).hexdigest()[:16]
