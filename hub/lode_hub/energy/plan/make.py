"""Make the plan: relax, repair, reckon, and say what could not be done."""

import itertools
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from lode_hub.energy.nouns import Floats, Ints, Market, Plan, Reason, Site, Standing
from lode_hub.energy.plan.earnings import Earnings, earnings, target_w
from lode_hub.energy.plan.relax import Relaxed, relax
from lode_hub.energy.plan.repair import Repair, Wish

LEAST_W = 1.0
NEAR = 0.0005
"""So much of the bound a plan may lose to rounding."""

MOST_COUNTS = 3000
"""Of rigs by step and period, for which whole rigs are solved for: 20 classes over a day."""


def make(site: Site, market: Market, standings: tuple[Standing, ...]) -> Plan:
    """Plan the market's periods for rigs that stand as they do.

    Where rounding loses too much of what there is to earn, whole rigs are solved for, too.

    Raises:
        PlanError: the solver gave no plan.
    """
    relaxed = relax(site, market, standings)
    plan = _followed(site, market, standings, relaxed)
    lost_usd = relaxed.bound_usd - plan.objective_usd
    counts = sum(steps.size for steps in relaxed.steps)
    if lost_usd <= NEAR * abs(relaxed.bound_usd) or counts > MOST_COUNTS:
        return plan
    near = relax(site, market, standings, is_whole=True)
    other = _followed(site, market, standings, near)
    is_better = other.objective_usd > plan.objective_usd and len(other.reasons) <= len(plan.reasons)
    return replace(other if is_better else plan, bound_usd=min(plan.bound_usd, other.bound_usd))


def _followed(
    site: Site, market: Market, standings: tuple[Standing, ...], relaxed: Relaxed
) -> Plan:
    repair = Repair(site, market, standings)
    modes, starts = repair.run(Wish(steps=relaxed.steps, feeder_w=relaxed.feeder_w), market.periods)
    schedule = by_class(repair, modes)
    rigs = tuple(
        np.stack([(rows == mode).sum(axis=0) for mode in range(len(kind.modes))])
        for kind, rows in zip(site.classes, schedule, strict=True)
    )
    earned: Earnings = earnings(site, market, rigs, starts)
    return Plan(
        schedule=schedule,
        rigs=rigs,
        starts=starts,
        power_w=earned.power_w,
        hashrate_ths=earned.hashrate_ths,
        objective_usd=earned.profit_usd,
        bound_usd=relaxed.bound_usd,
        reasons=(*repair.reasons, *missed(site, market, earned.power_w)),
    )


def by_class(repair: Repair, modes: list[npt.NDArray[np.int8]]) -> tuple[npt.NDArray[np.int8], ...]:
    """Give the modes of all rigs, a row per period, as one array (rigs, periods) per class."""
    table = np.stack(modes, axis=1)
    first = repair.rigs.first
    return tuple(table[a:b] for a, b in itertools.pairwise(first))


def feeder_w(site: Site, rigs: tuple[Ints, ...]) -> Floats:
    """Give the power at the rigs by (feeder, period) of rigs by (class; mode, period)."""
    names = [feeder.name for feeder in site.feeders]
    power = np.zeros((len(names), rigs[0].shape[1]))
    for kind, count in zip(site.classes, rigs, strict=True):
        watts = np.array([mode.power_w - kind.sleep_w for mode in kind.modes])
        power[names.index(kind.feeder)] += kind.sleep_w * kind.count + watts @ count
    return power


def missed(site: Site, market: Market, power_w: Floats) -> list[Reason]:
    """Tell of every period in which a power at the rigs is above what a commitment allows."""
    meter_w = power_w * market.pue
    over_w = [meter_w - target_w(site, promise, market.pue) for promise in market.commitments]
    return [
        Reason(
            kind="commitment",
            where=promise.name,
            period=int(at),
            amount=float(over[at]) / 1000.0,
            unit="kW",
        )
        for promise, over in zip(market.commitments, over_w, strict=True)
        for at in np.flatnonzero(promise.counts & (over > LEAST_W))
    ]
