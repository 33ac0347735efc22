"""The highest power a billing month has seen, which its demand charge is paid for anyway."""

from collections.abc import Iterator

import numpy as np

from lode_hub.energy.account.make import Told
from lode_hub.energy.account.peaks import LATE_MS, month_begin_ms, month_of, months
from lode_hub.energy.tariff.described import When
from lode_hub.energy.tariff.price import valid
from lode_hub.errors import InvalidError
from lode_hub.store.connection import Connection

Reached = dict[tuple[int, str, int], float]
"""By the tariff's place, a charge's name and the number of its billing month: kW."""

_HOUR_MS = 3_600_000


async def reached(
    conn: Connection, told: Told, now_ms: int, until_ms: int, metered_w: float | None = None
) -> tuple[Reached, tuple[str, ...]]:
    """Give what every charge of the months from now to `until_ms` has to be paid for anyway.

    A month that nothing is known of yet has seen at least what meters show now, `metered_w`: not
    to know a peak is not to have none, and rigs would be put to sleep for one that is long paid.
    """
    found: Reached = {}
    notes: list[str] = []
    for number, first, last in _spans(told, now_ms, until_ms):
        tariff = told.tariffs[number]
        for demand in tariff.demand:
            back = demand.ratchet_months if demand.ratchet_ratio else 0
            try:
                seen = await months(conn, told, tariff, demand, (first - back, last), now_ms)
            except InvalidError as error:
                notes.append(f"{demand.name}: the month's peak so far is not known: {error}")
                continue
            is_old = now_ms - month_begin_ms(tariff, first) > LATE_MS
            if seen.get(first) is None and is_old and demand.when == When():
                notes.append(_unknown(demand.name, metered_w))
                seen[first] = None if metered_w is None else metered_w / 1000
            for month in range(first, last + 1):
                before = [seen.get(n) or 0.0 for n in range(month - demand.ratchet_months, month)]
                floor_kw = demand.ratchet_ratio * max(before)
                found[number, demand.name, month] = max(seen.get(month) or 0.0, floor_kw)
    return found, tuple(notes)


def _unknown(charge: str, metered_w: float | None) -> str:
    said = f"{charge}: no window is metered yet in this billing month"
    taken = f"; {metered_w / 1000:.0f} kW are taken, which are drawn now" if metered_w else ""
    return said + taken


def _spans(told: Told, now_ms: int, until_ms: int) -> Iterator[tuple[int, int, int]]:
    """Give each tariff that counts in a span by its place, with its first and last month there."""
    hours = np.append(np.arange(now_ms, until_ms, _HOUR_MS), until_ms)
    which = valid(told.tariffs, hours)
    for number in np.unique(which[which >= 0]).tolist():
        mine = hours[which == number]
        tariff = told.tariffs[number]
        yield number, month_of(tariff, int(mine[0])), month_of(tariff, int(mine[-1]))
