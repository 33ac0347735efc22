"""Walk along a market period by period, deciding each with what is known then, and reckon it up."""

import itertools
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from lode_hub.energy.nouns import Floats, Ints, Market, Reason, Site, Standing
from lode_hub.energy.plan.ahead import ahead, horizon
from lode_hub.energy.plan.curve import curve
from lode_hub.energy.plan.earnings import Earnings, earnings, hash_usd, target_w, watt_usd
from lode_hub.energy.plan.known import Known
from lode_hub.energy.plan.make import missed
from lode_hub.energy.plan.relax import relax
from lode_hub.energy.plan.repair import Repair, Wish


@dataclass(frozen=True, kw_only=True, slots=True)
class Course:
    """What the rigs did: by class an array (modes, periods), starts by (class, period)."""

    rigs: tuple[Ints, ...]
    starts: Ints
    earned: Earnings
    reasons: tuple[Reason, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Moment:
    """A period to be decided: the market from it on as believed, and how the rigs stand."""

    site: Site
    market: Market
    standings: tuple[Standing, ...]


Policy = Callable[[Moment], Wish]


def best(moment: Moment) -> Wish:
    """Wish for what the programme finds best over all the periods believed in."""
    relaxed = relax(moment.site, moment.market, moment.standings)
    return Wish(steps=relaxed.steps, feeder_w=relaxed.feeder_w)


def greedy(moment: Moment) -> Wish:
    """Wish for what earns most at this period's price, whatever comes after."""
    ths_usd = float(hash_usd(moment.site, moment.market)[0])
    w_usd = float(watt_usd(moment.market)[0])
    steps = []
    for kind in moment.site.classes:
        worth = curve(kind).step_ths * ths_usd - curve(kind).step_w * w_usd
        most = int(np.argmax(np.append(0.0, np.cumsum(worth))))
        steps.append(np.where(np.arange(len(worth)) < most, float(kind.count), 0.0))
    return _anything(moment, steps)


def always_on(moment: Moment) -> Wish:
    """Wish for every rig in full."""
    return _anything(moment, [_all(kind.count, curve(kind).mode) for kind in moment.site.classes])


def threshold(moment: Moment) -> Wish:
    """Wish for every rig in full while the fleet as a whole earns at this price, else for none."""
    classes = moment.site.classes
    ths = sum(kind.full.hashrate_ths * kind.count for kind in classes)
    watts = sum(kind.full.power_w * kind.count for kind in classes)
    earns = ths * hash_usd(moment.site, moment.market)[0] > watts * watt_usd(moment.market)[0]
    return _anything(moment, [earns * _all(kind.count, curve(kind).mode) for kind in classes])


def walk(
    known: Known,
    site: Site,
    market: Market,
    standings: tuple[Standing, ...],
    policy: Policy,
    told: Callable[[int], None] = lambda _: None,
) -> Course:
    """Let a policy decide each period of a market; it sees of prices only what `known` tells it.

    `market` has what came true: hashprice and PUE are taken to stay as they are, and promises count
    from when they are known of. Adders, caps and charges are known ahead. `told` hears of each
    period done.

    Raises:
        PlanError: the solver gave no plan.
    """
    rigs = [np.zeros((len(kind.modes), market.periods), dtype=np.int64) for kind in site.classes]
    starts = np.zeros((len(site.classes), market.periods), dtype=np.int64)
    peaks_w = tuple(charge.peak_w for charge in market.demand_charges)
    reasons: list[Reason] = []
    for now in range(market.periods):
        seen = _believed(known, market, now, peaks_w)
        moment = Moment(site=site, market=seen, standings=standings)
        repair = Repair(site, seen, standings)
        modes, started = repair.run(policy(moment), 1)
        starts[:, now] = started[:, 0]
        for count, of in zip(rigs, _by_class(repair, modes[0]), strict=True):
            count[:, now] = np.bincount(of[of >= 0], minlength=len(count))
        peaks_w = _peaks(market, now, peaks_w, float(repair.power_w[-1]) * market.pue[now])
        reasons += [replace(reason, period=now) for reason in repair.reasons]
        standings = _after(repair, market, now)
        told(now + 1)
    earned = earnings(site, market, tuple(rigs), starts)
    return Course(
        rigs=tuple(rigs),
        starts=starts,
        earned=earned,
        reasons=(*reasons, *missed(site, market, earned.power_w)),
    )


def _believed(known: Known, market: Market, now: int, peaks_w: tuple[float, ...]) -> Market:
    """Give the market from a period on without what nobody knew then of what came after it."""
    held = replace(
        market,
        hashprice_usd_phd=np.full(market.periods, market.hashprice_usd_phd[now]),
        pue=np.full(market.periods, market.pue[now]),
        commitments=tuple(promise for promise in market.commitments if promise.known <= now),
    )
    return ahead(held, now, known.believed(now, horizon(market, now)), peaks_w)


def _by_class(repair: Repair, modes: npt.NDArray[np.int8]) -> list[npt.NDArray[np.int8]]:
    return [modes[a:b] for a, b in itertools.pairwise(repair.rigs.first)]


def _after(repair: Repair, market: Market, now: int) -> tuple[Standing, ...]:
    """Say how the rigs stand when the next period begins; a new day gives all starts back."""
    standings = repair.rigs.standings(float(market.dt_s[now]))
    if now + 1 == market.periods or market.day[now + 1] == market.day[now]:
        return standings
    return tuple(replace(rigs, starts=np.zeros_like(rigs.starts)) for rigs in standings)


def _all(count: int, modes: Ints) -> Floats:
    return np.full(len(modes), float(count))


def _anything(moment: Moment, steps: list[Floats]) -> Wish:
    """Wish for the same steps all along, at any power but what commitments allow."""
    market, lines = moment.market, len(moment.site.feeders)
    most_w = np.full(market.periods, np.inf)
    for promise in market.commitments:
        allowed_w = target_w(moment.site, promise, market.pue) / market.pue
        most_w = np.where(promise.counts, np.minimum(most_w, allowed_w), most_w)
    return Wish(
        steps=tuple(np.tile(taken[:, None], market.periods) for taken in steps),
        feeder_w=np.tile(most_w / lines, (lines, 1)),
    )


def _peaks(
    market: Market, now: int, peaks_w: tuple[float, ...], meter_w: float
) -> tuple[float, ...]:
    return tuple(
        max(peak_w, meter_w) if charge.counts[now] else peak_w
        for charge, peak_w in zip(market.demand_charges, peaks_w, strict=True)
    )
