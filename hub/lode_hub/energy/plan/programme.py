"""The plan as a linear programme over classes, steps of their curves, and periods.

Variables by period: `step[c][l]` rigs of class c that have taken at least step l of their curve
(the first is: awake), `start[c]`, `feeder[f]` kW at the rigs, and what is over a limit, each dearly
paid, so that there always is a solution. Stops need no variables: they are starts less the change
of those awake, which makes the minimum down time a sum of starts.
"""

import itertools
from dataclasses import dataclass

import numpy as np

from lode_hub.energy.nouns import Commitment, DemandCharge, Floats, Ints, Market, Part, Site
from lode_hub.energy.plan.curve import Curve, curve
from lode_hub.energy.plan.earnings import (
    asleep_w,
    hash_usd,
    starts_s,
    target_w,
    warm_up,
    watt_usd,
)
from lode_hub.energy.plan.rows import Rows

OVER_CAP_USD_MWH = 200_000.0
OVER_RAMP_USD_MW = 20_000.0
KW = 1000.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Start:
    """What the rigs' standing leaves the programme to choose, by class and by (class, period)."""

    awake: Ints
    locked_up: Ints
    locked_down: Ints
    starts_left: Ints
    power_w: Floats


class Programme:
    """Variables, costs, bounds and rows; `margin_w` keeps ramps off their limit, for rounding."""

    def __init__(self, site: Site, market: Market, now: Start, margin_w: Floats) -> None:
        self.site, self.market, self.now, self.margin_w = site, market, now, margin_w
        self.curves: list[Curve] = [curve(rigs) for rigs in site.classes]
        self.periods = market.periods
        self.begins_s = starts_s(market)
        self.cost: list[Floats] = []
        self.low: list[Floats] = []
        self.high: list[Floats] = []
        self.variables = 0
        self.rows, self.equal = Rows(), Rows()
        self.ramp_rows: list[tuple[Ints, Floats]] = []
        self.steps: list[list[Ints]] = []
        self.start: list[Ints] = []
        self._classes()
        self.feeder = [self._feeder(of) for of in range(len(site.feeders))]
        self.over_cap = [
            self._cap(*pair) for pair in zip(site.bounded, self._limits(), strict=True)
        ]
        self.over_ramp = [self._ramp(part) for part in site.bounded]
        self.over_promise = [self._promise(promise) for promise in market.commitments]
        for charge in market.demand_charges:
            self._demand(charge)

    def _new(self, cost: Floats, high: float | Floats = np.inf, low: float = 0.0) -> Ints:
        """Make one variable per entry of `cost`, in dollars each; give their numbers."""
        numbers = np.arange(self.variables, self.variables + len(cost))
        self.variables += len(cost)
        self.cost.append(cost)
        self.low.append(np.full(len(cost), low))
        self.high.append(np.broadcast_to(high, cost.shape).astype(np.float64))
        return numbers

    def _classes(self) -> None:
        ths_usd, w_usd = hash_usd(self.site, self.market), watt_usd(self.market)
        for of, (rigs, steps) in enumerate(zip(self.site.classes, self.curves, strict=True)):
            taken = [
                self._new(step_w * w_usd - step_ths * ths_usd, high=rigs.count)
                for step_w, step_ths in zip(steps.step_w, steps.step_ths, strict=True)
            ]
            lost = np.full(self.periods, rigs.start_cost_usd)
            for after, share in enumerate(warm_up(rigs, self.market)):
                lost[: len(share)] += rigs.full.hashrate_ths * share * ths_usd[after:]
            self.steps.append(taken)
            self.start.append(self._new(lost, high=rigs.count))
            for below, above in itertools.pairwise(taken):
                rows = self.rows.add(np.zeros(self.periods))
                self.rows.put(rows, above, 1.0)
                self.rows.put(rows, below, -1.0)
            self._changes(of)
            self._times(of)
            self._starts_a_day(of)

    def _changes(self, of: int) -> None:
        awake, start = self.steps[of][0], self.start[of]
        limit = np.zeros(self.periods)
        limit[0] = self.now.awake[of]
        rows = self.rows.add(limit)
        self.rows.put(rows, awake, 1.0)
        self.rows.put(rows[1:], awake[:-1], -1.0)
        self.rows.put(rows, start, -1.0)

    def _times(self, of: int) -> None:
        """Keep awake what was started lately, and asleep what was put to sleep lately."""
        rigs, awake = self.site.classes[of], self.steps[of][0]
        up, down = self.now.locked_up[of], self.now.locked_down[of]
        shortest_s = float(self.market.dt_s.min())
        if rigs.min_up_s > shortest_s or up.any():
            rows = self.rows.add(-up.astype(np.float64))
            self._started_lately(rows, of, self.since(rigs.min_up_s))
            self.rows.put(rows, awake, -1.0)
        if rigs.min_down_s > shortest_s or down.any():
            first = self.since(rigs.min_down_s)
            free = rigs.count - down - np.where(first == 0, self.now.awake[of], 0)
            rows = self.rows.add(free.astype(np.float64))
            self._started_lately(rows, of, first)
            self.rows.put(rows[first > 0], awake[first[first > 0] - 1], 1.0)

    def since(self, least_s: float) -> Ints:
        """Give by period the first one that began less than so long before it."""
        begins = self.begins_s[:-1]
        return np.searchsorted(begins, begins - least_s + 1e-6, side="right")

    def _started_lately(self, rows: Ints, of: int, first: Ints) -> None:
        length = np.arange(self.periods) - first + 1
        within = np.arange(length.sum()) - np.repeat(np.cumsum(length) - length, length)
        self.rows.put(
            np.repeat(rows, length), self.start[of][np.repeat(first, length) + within], 1.0
        )

    def _starts_a_day(self, of: int) -> None:
        per_day = self.site.classes[of].starts_per_day
        if per_day is None:
            return
        days, day = np.unique(self.market.day, return_inverse=True)
        left = np.full(len(days), float(per_day * self.site.classes[of].count))
        left[0] = self.now.starts_left[of]
        rows = self.rows.add(left)
        self.rows.put(rows[day], self.start[of], 1.0)

    def _feeder(self, of: int) -> Ints:
        power = self._new(np.zeros(self.periods))
        asleep_kw = 0.0
        inside = [
            at
            for at, rigs in enumerate(self.site.classes)
            if rigs.feeder == self.site.feeders[of].name
        ]
        for at in inside:
            asleep_kw += self.site.classes[at].sleep_w * self.site.classes[at].count / KW
        rows = self.equal.add(np.full(self.periods, asleep_kw))
        self.equal.put(rows, power, 1.0)
        for at in inside:
            for step, step_w in zip(self.steps[at], self.curves[at].step_w, strict=True):
                self.equal.put(rows, step, -step_w / KW)
        return power

    def _limits(self) -> list[Floats]:
        """Give by bounded part what it may draw at the rigs, by period."""
        own = [np.full(self.periods, part.limit_w) for part in self.site.bounded]
        own[-1] = np.minimum(own[-1], self.market.cap_w) / self.market.pue
        return own

    def _inside(self, part: Part) -> list[int]:
        return [of for of, feeder in enumerate(self.site.feeders) if feeder.name in part.feeders]

    def _cap(self, part: Part, limit_w: Floats) -> Ints:
        over = self._new(OVER_CAP_USD_MWH / KW * self.market.dt_s / 3600.0)
        some = np.flatnonzero(np.isfinite(limit_w))
        rows = self.rows.add(limit_w[some] / KW)
        for of in self._inside(part):
            self.rows.put(rows, self.feeder[of][some], 1.0)
        self.rows.put(rows, over[some], -1.0)
        return over

    def _ramp(self, part: Part) -> Ints:
        over = self._new(np.full(self.periods, OVER_RAMP_USD_MW / KW))
        if part.ramp_kw_min is None:
            return over
        inside = self._inside(part)
        now_w, kept_kw = float(self.now.power_w[inside].sum()), self.margin_w[inside].sum() / KW
        most_kw = part.ramp_kw_min * self.market.dt_s / 60.0
        limit = np.maximum(0.0, most_kw - kept_kw)
        for sign in (1.0, -1.0):
            begin = limit.copy()
            begin[0] += sign * now_w / KW
            rows = self.rows.add(begin)
            self.ramp_rows.append((rows, most_kw - limit))
            for of in inside:
                self.rows.put(rows, self.feeder[of], sign)
                self.rows.put(rows[1:], self.feeder[of][:-1], -sign)
            self.rows.put(rows, over, -1.0)
        return over

    def _promise(self, promise: Commitment) -> Ints:
        over = self._new(promise.penalty_usd_mwh / KW * self.market.dt_s / 3600.0)
        at = np.flatnonzero(promise.counts)
        rows = self.rows.add(target_w(self.site, promise, self.market.pue)[at] / KW)
        for power in self.feeder:
            self.rows.put(rows, power[at], self.market.pue[at])
        self.rows.put(rows, over[at], -1.0)
        return over

    def _demand(self, charge: DemandCharge) -> None:
        at = np.flatnonzero(charge.counts)
        peak = self._new(np.array([charge.usd_kw]), low=charge.peak_w / KW)
        rows = self.rows.add(np.zeros(len(at)))
        for power in self.feeder:
            self.rows.put(rows, power[at], self.market.pue[at])
        self.rows.put(rows, np.broadcast_to(peak, at.shape), -1.0)

    def constant_usd(self) -> float:
        """Give the costs that no plan changes: the sleepers' power, less peaks already paid."""
        asleep = asleep_w(self.site) * float(watt_usd(self.market).sum())
        return asleep - sum(c.usd_kw * c.peak_w / KW for c in self.market.demand_charges)
