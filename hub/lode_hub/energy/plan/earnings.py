"""What a course of rigs earns: one reckoning for the programme, the plan and the backtest."""

from dataclasses import dataclass

import numpy as np

from lode_hub.energy.nouns import Commitment, Floats, Ints, Market, RigClass, Site
from lode_hub.energy.plan.curve import HASH_USD


@dataclass(frozen=True, kw_only=True, slots=True)
class Earnings:
    """Dollars by period, and of the whole what a demand charge and broken commitments cost."""

    power_w: Floats
    hashrate_ths: Floats
    revenue_usd: Floats
    energy_usd: Floats
    starts_usd: Floats
    demand_usd: float
    penalty_usd: float

    @property
    def profit_usd(self) -> float:
        """Give what is left of the revenue."""
        by_period = self.revenue_usd - self.energy_usd - self.starts_usd
        return float(by_period.sum()) - self.demand_usd - self.penalty_usd


def hash_usd(site: Site, market: Market) -> Floats:
    """Give what one TH/s earns over each period."""
    hours = market.dt_s / 3600.0
    return market.hashprice_usd_phd * (1 - site.pool_fee_ratio) * HASH_USD * hours


def watt_usd(market: Market) -> Floats:
    """Give what one watt at the rigs costs over each period."""
    price = market.price_usd_mwh + market.adder_usd_mwh
    return price * market.pue * 1e-6 * market.dt_s / 3600.0


def starts_s(market: Market) -> Floats:
    """Give when each period starts, from the first one's start on; and the end, after them."""
    return np.concatenate([[0.0], np.cumsum(market.dt_s)])


def warm_up(rigs: RigClass, market: Market) -> list[Floats]:
    """Give the share of its hashrate a rig started in each period loses then, and in those after.

    The list's entry `n` has, by period of the start, the share lost `n` periods later.
    """
    begins, lost = starts_s(market)[:-1], []
    for after in range(market.periods):
        later = slice(after, None)
        warm_s = rigs.warm_up_s - (begins[later] - begins[: market.periods - after])
        share = np.clip(warm_s / market.dt_s[later], 0.0, 1.0)
        if not share.any():
            break
        lost.append(share)
    return lost


def target_w(site: Site, promise: Commitment, pue: Floats) -> Floats:
    """Give what a commitment lets the site draw at the meter, by period."""
    if promise.kind == "reduce_to":
        return np.full(len(pue), promise.watts)
    if promise.kind == "reduce_by":
        return np.full(len(pue), max(0.0, promise.baseline_w - promise.watts))
    return asleep_w(site) * pue


def asleep_w(site: Site) -> float:
    """Give what the rigs draw when all sleep."""
    return sum((rigs.sleep_w * rigs.count for rigs in site.classes), 0.0)


def earnings(site: Site, market: Market, rigs: tuple[Ints, ...], starts: Ints) -> Earnings:
    """Reckon what rigs by (class; mode, period) and starts by (class, period) earn."""
    power = np.full(market.periods, asleep_w(site))
    hashrate = np.zeros(market.periods)
    start_usd = np.zeros(market.periods)
    for of, (kind, count) in enumerate(zip(site.classes, rigs, strict=True)):
        power += np.array([mode.power_w - kind.sleep_w for mode in kind.modes]) @ count
        hashrate += np.array([mode.hashrate_ths for mode in kind.modes]) @ count
        start_usd += kind.start_cost_usd * starts[of]
        for after, share in enumerate(warm_up(kind, market)):
            hashrate[after:] -= kind.full.hashrate_ths * share * starts[of, : len(share)]
    meter_w = power * market.pue
    return Earnings(
        power_w=power,
        hashrate_ths=hashrate,
        revenue_usd=hashrate * hash_usd(site, market),
        energy_usd=power * watt_usd(market),
        starts_usd=start_usd,
        demand_usd=_demand_usd(market, meter_w),
        penalty_usd=_penalty_usd(site, market, meter_w),
    )


def _demand_usd(market: Market, meter_w: Floats) -> float:
    paid = 0.0
    for charge in market.demand_charges:
        peak_w = float(meter_w[charge.counts].max(initial=charge.peak_w))
        paid += charge.usd_kw * (peak_w - charge.peak_w) / 1000.0
    return paid


def _penalty_usd(site: Site, market: Market, meter_w: Floats) -> float:
    paid = 0.0
    hours = market.dt_s / 3600.0
    for promise in market.commitments:
        over_w = np.maximum(0.0, meter_w - target_w(site, promise, market.pue)) * promise.counts
        paid += promise.penalty_usd_mwh * float(over_w @ hours) * 1e-6
    return paid
