"""A span that is over as a market to walk along: what came true, and what was known before it did.

documents, prices, hashprice, calls of the span; the rigs as they are now ─► Past
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from lode_hub.energy.account.make import Told
from lode_hub.energy.live.fleet import Fleet, fleet
from lode_hub.energy.live.solve import read_limits, read_rigs
from lode_hub.energy.nouns import Floats, Market
from lode_hub.energy.plan.known import PAST_DAYS, Known
from lode_hub.energy.prices import Times, periods
from lode_hub.energy.signals.economics import earned_usd_th_day
from lode_hub.energy.signals.market import laid
from lode_hub.energy.sources.keep import HASHING, needed, rates
from lode_hub.energy.tariff import Rates, priced
from lode_hub.energy.tariff.calendar import Bools, local
from lode_hub.energy.tariff.price import valid
from lode_hub.errors import InvalidError
from lode_hub.store import energy_calls
from lode_hub.store.connection import Connection

_DAY_MS = 86_400_000
_BACK_MS = (PAST_DAYS + 1) * _DAY_MS


@dataclass(frozen=True, kw_only=True, slots=True)
class Past:
    """What is to be walked along; `from_ms` by period of the market: what is not known has none."""

    fleet: Fleet
    market: Market
    known: Known
    from_ms: Times
    notes: tuple[str, ...]


async def past(
    conn: Connection, told: Told, span_ms: tuple[int, int], step_s: float, now_ms: int
) -> Past:
    """Gather a span.

    Periods without a price or a hashprice are left out, and said.

    Raises:
        InvalidError: no tariff, no rig to plan, or no period with a price and a hashprice.
    """
    if not told.tariffs:
        raise InvalidError(f"simulation of {told.site}: it has no tariff; save one")
    rigs = await rigs_now(conn, told, now_ms)
    begin_ms = span_ms[0] - _BACK_MS
    n = round((span_ms[1] - begin_ms) / (step_s * 1000))
    begins, ends = periods(begin_ms, n, step_s)
    found = await _series(conn, told, (begin_ms, span_ms[1]))
    calls = await energy_calls.calls(conn, told.site, span_ms)
    price = _energy(told, found, begins, ends)
    earned, is_assumed = _earned(told, found, begins, ends)
    inside, is_priced = begins >= span_ms[0], ~np.isnan(price)
    kept = inside & is_priced & ~np.isnan(earned)
    if not kept.any():
        what = "price" if not (inside & is_priced).any() else "hashprice"
        raise InvalidError(f"simulation of {told.site}: no {what} is known of this time; upload it")
    pue = told.economics.pue_at(np.array([told.economics.ambient_assume_c]))
    full_w = rigs.full_w * float(pue[0])
    prices = priced(told.tariffs, found, begins[kept], ends[kept])
    market = laid(told, found, calls, prices, usd_th_day=earned[kept], baseline_w=full_w)
    is_before = ~inside & is_priced
    is_seen = is_before | kept
    return Past(
        fleet=rigs,
        market=_heard(_beside(market, rigs), calls, begins[kept]),
        known=_known(told, found, (begins[is_seen], ends[is_seen]), int(is_before.sum())),
        from_ms=begins[kept],
        notes=_notes(
            step_s / 3600, inside & ~is_priced, inside & is_priced & ~kept, kept & is_assumed
        ),
    )


async def _series(conn: Connection, told: Told, span_ms: tuple[int, int]) -> Rates:
    """Give what the tariffs stand on, what a TH/s earned, and the day-ahead price beside them."""
    wanted = needed(told.tariffs) | {(name, "") for name in HASHING}
    wanted |= {("day-ahead", tariff.energy.node) for tariff in told.tariffs if tariff.energy.node}
    return await rates(conn, told.site_id, wanted, span_ms)


def _earned(told: Told, found: Rates, begins: Times, ends: Times) -> tuple[Floats, Bools]:
    """Give the hashprice, NaN where it is not known, and where it is only assumed."""
    hashprice = told.economics.hashprice
    earned = earned_usd_th_day(hashprice, found, begins, ends)
    assumed = hashprice.assume_usd_th_day if hashprice.fallback == "assume" else None
    if assumed is None:
        return earned, np.zeros(len(earned), bool)
    is_assumed = np.isnan(earned)
    return np.where(is_assumed, assumed, earned), is_assumed


async def rigs_now(conn: Connection, told: Told, now_ms: int) -> Fleet:
    """Read a site's rigs and limits as they are now.

    Raises:
        InvalidError: no rig can be planned.
    """
    limits, _ = await read_limits(conn, told.site_id)
    found = fleet(
        told.site,
        await read_rigs(conn, told.site),
        limits,
        now_ms=now_ms,
        standing={},
        disobeying={},
        pool_fee_ratio=told.economics.pool_fee_ratio,
    )
    if not found.site.classes:
        raise InvalidError(f"simulation of {told.site}: no rig can be planned; see who is left out")
    return found


def _energy(told: Told, found: Rates, begins: Times, ends: Times) -> Floats:
    """Give the price that came true, without adders; NaN where it is not known."""
    prices = priced(told.tariffs, found, begins, ends)
    usd_mwh = prices.usd_mwh("energy", "losses", "tax")
    return np.where([bool(name) for name in prices.tariff], usd_mwh, np.nan)


def _known(told: Told, found: Rates, span: tuple[Times, Times], past: int) -> Known:
    """Say what was published before: a real-time price's forecast is the day-ahead one."""
    begins, ends = span
    price = _energy(told, found, begins, ends)
    counting = {told.tariffs[n] for n in valid(told.tariffs, begins).tolist() if n >= 0}
    nodes = {tariff.energy.node for tariff in counting if tariff.energy.price == "real-time"}
    swapped = Rates(dict(found.series))
    for node in nodes:
        swapped.series["real-time", node] = found.of("day-ahead", node)
    forecast = _energy(told, swapped, begins, ends)
    shown = local(begins, told.zone_at(int(begins[-1])))
    return Known(
        begins_s=begins / 1000.0,
        local_s=shown.day * 86_400.0 + shown.minute * 60.0,
        price_usd_mwh=price,
        forecast=forecast,
        knowledge="current" if nodes else "day-ahead",
        past=past,
    )


def _beside(market: Market, rigs: Fleet) -> Market:
    """Leave the rigs that no plan moves their share of the site's limit."""
    cap_w = np.maximum(0.0, rigs.site.limit_w - rigs.left_w * market.pue)
    return replace(market, cap_w=np.minimum(market.cap_w, cap_w))


def _heard(market: Market, calls: Sequence[Mapping[str, Any]], begins: Times) -> Market:
    """Let each call count from its first word: before it nobody could keep it."""
    heard = {f"{call['programme']}/{call['event']}": call["heard_ms"] for call in calls}
    promises = []
    for promise in market.commitments:
        known = int(np.searchsorted(begins, heard[promise.name]))
        counts = promise.counts & (np.arange(market.periods) >= known)
        promises.append(replace(promise, counts=counts, known=known))
    return replace(market, commitments=tuple(promises))


def _notes(step_h: float, no_price: Bools, no_hashprice: Bools, assumed: Bools) -> tuple[str, ...]:
    counted = [step_h * float(of.sum()) for of in (no_price, no_hashprice, assumed)]
    says = (
        "{:g} h without a price are left out",
        "{:g} h without a hashprice are left out",
        "the hashprice of {:g} h is assumed",
    )
    return tuple(one.format(hours) for one, hours in zip(says, counted, strict=True) if hours)
