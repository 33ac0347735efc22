"""The highest power of billing months, which demand charges and their ratchets are paid for.

billed meters' counters ─► windows since the last look ─► settled ones in energy_peak ─► kW by month

Counters may come late: the windows of the last two hours are looked at anew each time.
"""

import datetime as dt
import hashlib
from collections.abc import Sequence

import msgspec
import numpy as np

from lode_hub.energy.account.bill import Before, windowed
from lode_hub.energy.account.make import Told, site_meter
from lode_hub.energy.prices import Figures, Times
from lode_hub.energy.tariff.calendar import billing_month, counts, local
from lode_hub.energy.tariff.described import Demand, Tariff
from lode_hub.store import energy_measured
from lode_hub.store.connection import Connection

LATE_MS = 2 * 3_600_000
"""Counters may come so late."""

JUDGED = 2
"""The version of what is a window: peaks that were kept by an earlier one are looked up anew."""

QUARTER_MIN = 15
_HOUR_MS = 3_600_000


async def months(  # noqa: PLR0913 -- of what, by which rule, as seen when
    conn: Connection, told: Told, tariff: Tariff, demand: Demand, span: tuple[int, int],
    now_ms: int, *, is_kept: bool = True,
) -> dict[int, float | None]:  # fmt: skip
    """Give the highest window (kW) of each month from the first to the last; None: none metered.

    Months that have not begun are left out. What is settled is kept, but not for a rule that is
    only tried.

    Raises:
        InvalidError: the site has no meter that is billed.
    """
    rule = _rule(told, tariff, demand)
    known = await energy_measured.peaks(conn, told.site_id, rule, span)
    found: dict[int, float | None] = {}
    for number in range(span[0], span[1] + 1):
        begin_ms, end_ms = month_begin_ms(tariff, number), month_begin_ms(tariff, number + 1)
        if begin_ms >= now_ms:
            break
        kept_kw, looked_ms = known.get(number, (None, begin_ms))
        if looked_ms < end_ms:
            until_ms = min(end_ms, now_ms - now_ms % _HOUR_MS + _HOUR_MS)
            settled_ms = min(end_ms, (now_ms - LATE_MS) // _HOUR_MS * _HOUR_MS)
            begins, kw = await _windows(conn, told, tariff, demand, (looked_ms, until_ms))
            found[number] = _highest(kept_kw, kw)
            settled_kw = _highest(kept_kw, kw[begins < settled_ms])
            if is_kept and settled_ms > looked_ms:
                await energy_measured.set_peak(
                    conn, told.site_id, rule, number, settled_kw, settled_ms
                )
        else:
            found[number] = kept_kw
    return found


async def before_kw(
    conn: Connection, told: Told, tariffs: Sequence[Tariff], span_ms: tuple[int, int], now_ms: int
) -> Before:
    """Give the highest window of the months before a span, and in it, that ratchets look at.

    Only of windows that a bill, which is by the quarter of an hour, can have.
    """
    found: dict[tuple[int, str, int], float | None] = {}
    for number, tariff in enumerate(tariffs):
        begin_ms, end_ms = tariff.span_ms
        if begin_ms >= span_ms[1] or end_ms <= span_ms[0]:
            continue
        last = month_of(tariff, span_ms[1] - 1)
        for demand in tariff.demand:
            if demand.ratchet_ratio and not demand.window_min % QUARTER_MIN:
                span = (month_of(tariff, span_ms[0]) - demand.ratchet_months, last - 1)
                seen = await months(
                    conn, told, tariff, demand, span, now_ms, is_kept=tariff in told.tariffs
                )
                found |= {(number, demand.name, month): kw for month, kw in seen.items()}
    return found


def month_of(tariff: Tariff, at_ms: int) -> int:
    """Number the billing month that a moment is in."""
    shown = local(np.array([at_ms], np.int64), tariff.zone)
    return int(billing_month(shown, tariff.billing_day)[0])


def month_begin_ms(tariff: Tariff, month: int) -> int:
    """Give when a billing month begins, Unix ms."""
    begin = dt.datetime(month // 12, month % 12 + 1, tariff.billing_day, tzinfo=tariff.zone)
    return round(begin.timestamp() * 1000)


async def _windows(
    conn: Connection, told: Told, tariff: Tariff, demand: Demand, span_ms: tuple[int, int]
) -> tuple[Times, Figures]:
    """Give the begins of the windows in a span that count and are metered, and their power, kW."""
    step_s = 60 if demand.window_min % QUARTER_MIN else 900
    begin_ms = span_ms[0] - span_ms[0] % _HOUR_MS
    whole = await site_meter(conn, told, (begin_ms, span_ms[1]), step_s)
    windows = windowed(whole, demand.window_min, tariff.zone)
    if windows is None:
        return np.empty(0, np.int64), np.empty(0)
    begins, power_kw = windows
    shown = local(begins, tariff.zone)
    is_on = counts(demand.when, shown, tariff.holidays) & ~np.isnan(power_kw)
    is_on &= (begins >= span_ms[0] - span_ms[0] % (step_s * 1000)) & (begins < span_ms[1])
    return begins[is_on], power_kw[is_on]


def _highest(kept_kw: float | None, power_kw: Figures) -> float | None:
    found = [] if kept_kw is None else [kept_kw]
    return max([*found, *power_kw.tolist()], default=None)


def _rule(told: Told, tariff: Tariff, demand: Demand) -> str:
    looked_at: Sequence[object] = (
        JUDGED, told.economics.meters, demand.window_min, demand.when, tariff.time_zone,
        tariff.billing_day, [str(day) for day in tariff.holidays],
    )  # fmt: skip
    return hashlib.sha256(msgspec.json.encode(looked_at)).hexdigest()[:16]
