"""The market that the live planner plans by: what is published, and beyond that what is believed.

known prices, calls ─► beliefs where nothing is published ─► Market ─► less what others draw
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np

from lode_hub.energy.account.make import Told
from lode_hub.energy.live.fleet import Fleet
from lode_hub.energy.nouns import Commitment, Floats, Market
from lode_hub.energy.plan.ahead import ahead
from lode_hub.energy.plan.earnings import target_w
from lode_hub.energy.prices import OPEN_MS, Times, Values, at, over, periods
from lode_hub.energy.signals.market import Seen, facts, seen
from lode_hub.energy.sources.keep import HASHING, needed, rates
from lode_hub.energy.tariff import Rates
from lode_hub.store import energy_calls
from lode_hub.store.connection import Connection

STEP_S = 300.0
PERIODS = 288
PAST_DAYS = 7
KEPT_USD_MWH = 5000.0
"""What a call without a penalty of its own counts as when it is missed: it was promised."""

CARRIED_STEPS = 2
CAP_SHARE, SETPOINT_SHARE = 0.985, 0.996
"""Of a cap and of a promise is planned so much: meters are noisy, and rigs come in whole watts."""

_STEP_MS = round(STEP_S * 1000)
_DAY_MS = 86_400_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Outlook:
    """A market for planning; `setpoint_w` and `cap_w` are what the site's meter may show.

    `market` has them less what others than the planned rigs draw. Arrays by period; infinite where
    there is none.
    """

    market: Market
    setpoint_w: Floats
    cap_w: Floats
    fixed_w: float  # at the meter, drawn by others than the planned rigs
    believed: int  # so many five-minute periods have a price that nobody has published


@dataclass(frozen=True, kw_only=True, slots=True)
class Known:
    """What is known of a site's market now; `seen.market` None: hold what stands.

    `is_called` while a call holds, and around it, when rigs may move for it.
    """

    seen: Seen
    believed: int
    is_called: bool

    def based(self, baseline_w: float) -> Self:
        """Let calls to reduce by so much reckon from what is drawn without them."""
        market = self.seen.market
        if market is None:
            return self
        promises = tuple(replace(one, baseline_w=baseline_w) for one in market.commitments)
        return replace(self, seen=replace(self.seen, market=replace(market, commitments=promises)))


def first_ms(now_ms: int) -> int:
    """Give the begin of the period that a moment is in."""
    return now_ms - now_ms % _STEP_MS


async def known(
    conn: Connection, told: Told, now_ms: int, around_ms: int, metered_w: float | None
) -> Known:
    """Gather what is known, and believe the rest of the next 24 hours.

    `metered_w` is what trusted meters show now. So long as `around_ms` before and after a call
    rigs may move for it.
    """
    begin = first_ms(now_ms)
    span = (begin, begin + PERIODS * _STEP_MS)
    wanted = needed(told.tariffs) | {(name, "") for name in HASHING}
    nodes = {(q, n) for q, n in needed(told.tariffs) if q in ("real-time", "day-ahead")}
    wanted |= {("day-ahead", node) for _, node in nodes} | {("ambient", "")}
    back = (begin - 40 * _DAY_MS, span[1])
    found = await rates(conn, told.site_id, wanted, back, known_ms=now_ms)
    near = (begin - around_ms, span[1] + around_ms)
    calls = await energy_calls.calls(conn, told.site, near, as_of_ms=now_ms)
    series, believed, notes = dict(found.series), 0, []
    for quantity, node in sorted(nodes):
        published = found.of(quantity, node)
        held = carried(published, now_ms) if quantity == "real-time" else published
        notes.append(_price_of_now(quantity, node, published, held, now_ms))
        values, missing = believe(held, found.of("day-ahead", node), begin, now_ms)
        series[quantity, node], believed = values, max(believed, missing)
    steps = periods(begin, PERIODS, STEP_S)
    measured = await facts(conn, told, found, steps, now_ms, metered_w)
    said = seen(told, Rates(series), calls, steps, now_ms=now_ms, measured=measured)
    is_called = any(_is_near(call, now_ms, around_ms) for call in calls)
    said = replace(said, notes=(*filter(None, notes), *said.notes))
    return Known(seen=said, believed=believed, is_called=is_called)


def _is_near(call: Mapping[str, Any], now_ms: int, around_ms: int) -> bool:
    end_ms = call["received_ms"] if call["is_cancelled"] else call["until_ms"]
    return bool(call["from_ms"] - around_ms <= now_ms < end_ms + around_ms)


def believe(values: Values, published: Values, begin_ms: int, now_ms: int) -> tuple[Values, int]:
    """Fill the next 24 hours where a series has nothing, and say how many periods that is.

    With the day-ahead price where there is one, else with the mean of the same time of the days
    before. The price of now is never believed: without it the series stays as it is.
    """
    begins, ends = periods(begin_ms, PERIODS, STEP_S)
    have = over(values, begins, ends)
    missing = np.isnan(have)
    now = at(values, now_ms)
    if np.isnan(now) or not missing.any():
        return values, 0
    believed = over(published, begins, ends) if published.unit == values.unit else have
    past = np.stack([over(values, begins - n * _DAY_MS, ends - n * _DAY_MS)
                     for n in range(1, PAST_DAYS + 1)])  # fmt: skip
    count = (~np.isnan(past)).sum(axis=0)
    usual = np.nansum(past, axis=0) / np.maximum(count, 1)
    believed = np.where(np.isnan(believed), np.where(count > 0, usual, now), believed)
    believed[0] = now  # of which a part may be unknown yet, not the present
    filled = _beneath(values, begins[missing], ends[missing], believed[missing], int(ends[-1]))
    return filled, int(missing.sum())


def carried(values: Values, now_ms: int) -> Values:
    """Let the last price hold on while that of now is not published yet.

    What is settled by the quarter of an hour is published when that is over. It holds for as long
    as two of its own steps at most, and no longer than the period of now.
    """
    past = np.flatnonzero(values.until_ms <= now_ms)
    if not len(past) or not np.isnan(at(values, now_ms)):
        return values
    last = past[np.argmax(values.until_ms[past])]
    end_ms = int(values.until_ms[last])
    if now_ms - end_ms > CARRIED_STEPS * (end_ms - int(values.from_ms[last])):
        return values
    until_ms = first_ms(now_ms) + _STEP_MS
    price = np.array([at(values, end_ms - 1)])
    return _beneath(values, np.array([end_ms]), np.array([until_ms]), price, until_ms)


def _price_of_now(quantity: str, node: str, said: Values, held: Values, now_ms: int) -> str:
    """Say what the price of now is when it is not published; empty when it is."""
    if not np.isnan(at(said, now_ms)):
        return ""
    name = f"{quantity} {node}".strip()
    past = said.until_ms[said.until_ms <= now_ms]
    if not len(past):
        return f"{name}: no price of now, nor of any time before; see its source"
    ago = f"{(now_ms - int(past.max())) / 60_000:.0f} min ago"
    if np.isnan(at(held, now_ms)):
        return f"{name}: no price of now, the last was of a time that ended {ago}; see its source"
    return f"{name}: the price of now is the last one, of a time that ended {ago}"


def _beneath(
    values: Values, from_ms: Times, until_ms: Times, value: Floats, open_ms: int
) -> Values:
    """Add values as if said before all that was: what is known stands above them."""
    begins = np.concatenate([values.from_ms, from_ms])
    order = np.argsort(begins, kind="stable")
    return Values(
        unit=values.unit,
        from_ms=begins[order],
        until_ms=np.concatenate([_closed(values, open_ms), until_ms])[order],
        value=np.concatenate([values.value, value])[order],
        published_ms=np.concatenate([values.published_ms, np.zeros(len(from_ms), np.int64)])[order],
    )


def _closed(values: Values, open_ms: int) -> Times:
    following = np.append(values.from_ms[1:], open_ms)
    ends = np.maximum(following, values.from_ms + 1)
    return np.where(values.until_ms == OPEN_MS, ends, values.until_ms)


def outlook(market: Market, fleet: Fleet, believed: int, unexplained_w: float) -> Outlook:
    """Lay a site's limit and its others on a market.

    Args:
        market: as seen, in steps of five minutes.
        fleet: the rigs, and those that are left out.
        believed: so many of its periods have a believed price.
        unexplained_w: what the meter shows beyond what the rigs' own figures add up to.
    """
    peaks_w = tuple(charge.peak_w for charge in market.demand_charges)
    joined = ahead(market, 0, market.price_usd_mwh, peaks_w)
    fixed_w = max(0.0, fleet.left_w * float(joined.pue[0]) + unexplained_w)
    targets = [_target_w(fleet, promise, joined.pue, fixed_w) for promise in joined.commitments]
    setpoint = np.full(joined.periods, np.inf)
    for promise, watts in zip(joined.commitments, targets, strict=True):
        setpoint = np.where(promise.counts, np.minimum(setpoint, watts), setpoint)
    cap = np.minimum(joined.cap_w, fleet.site.limit_w)
    promises = tuple(
        replace(
            promise,
            kind="reduce_to",
            watts=max(
                0.0, SETPOINT_SHARE * float(watts[promise.counts].max(initial=0.0)) - fixed_w
            ),
            penalty_usd_mwh=promise.penalty_usd_mwh or KEPT_USD_MWH,
        )
        for promise, watts in zip(joined.commitments, targets, strict=True)
    )
    return Outlook(
        market=replace(
            joined, cap_w=np.maximum(0.0, CAP_SHARE * cap - fixed_w), commitments=promises
        ),
        setpoint_w=setpoint,
        cap_w=cap,
        fixed_w=fixed_w,
        believed=believed,
    )


def _target_w(fleet: Fleet, promise: Commitment, pue: Floats, fixed_w: float) -> Floats:
    """Give what the meter may show by a promise; of all, the others' power remains."""
    watts = target_w(fleet.site, promise, pue)
    return watts + fixed_w if promise.kind == "all" else watts
