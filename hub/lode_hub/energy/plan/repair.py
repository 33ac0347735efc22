"""From the relaxed plan to whole rigs, period after period, each limit kept exactly."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from lode_hub.energy.nouns import Floats, Ints, Market, Reason, Site, Standing
from lode_hub.energy.plan.curve import Curve, curve
from lode_hub.energy.plan.earnings import hash_usd, starts_s, watt_usd
from lode_hub.energy.plan.fit import Fit, drawn_w
from lode_hub.energy.plan.relax import quantum_w, stand
from lode_hub.energy.plan.rigs import MOMENT_S, Rigs, rigs_of

LITTLE = 1e-6
LEAST_W = 1.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Wish:
    """What is wanted: by class an array (steps, periods) of rigs, and watts by (feeder, period)."""

    steps: tuple[Floats, ...]
    feeder_w: Floats


class Repair:
    """Whole rigs along a wish; `rigs` is how they stand after the last period done."""

    def __init__(self, site: Site, market: Market, standings: tuple[Standing, ...]) -> None:
        self.site, self.market = site, market
        self.curves: list[Curve] = [curve(kind) for kind in site.classes]
        self.rigs: Rigs = rigs_of(site, standings, self.curves)
        self.begins_s = starts_s(market)
        self.locked_up: Ints = stand(site, market, standings).locked_up
        self.bounded = site.bounded
        self.through = np.array(
            [[kind.feeder in part.feeders for kind in site.classes] for part in self.bounded]
        )
        self.longest = max(len(steps.mode) for steps in self.curves)
        self.step_w = self._padded([steps.step_w for steps in self.curves])
        self.step_ths = self._padded([steps.step_ths for steps in self.curves])
        asleep = [kind.sleep_w * kind.count for kind in site.classes]
        self.asleep_w = self.through @ np.array(asleep, dtype=np.float64)
        ramps = [part.ramp_kw_min for part in self.bounded]
        self.ramp_w_s = np.array([np.inf if r is None else r * 1000.0 / 60.0 for r in ramps])
        self.quantum_w = self._together(quantum_w(site))
        self.start_usd = np.array([kind.start_cost_usd for kind in site.classes])
        self.power_w = self._power(self._taken())
        self.reasons: list[Reason] = []

    def run(self, wish: Wish, periods: int) -> tuple[list[npt.NDArray[np.int8]], Ints]:
        """Do so many periods; give each one's modes by rig, and starts by (class, period)."""
        wanted = np.stack([self._stretched(steps) for steps in wish.steps])
        whole = np.floor(wanted[:, 0] + LITTLE).astype(np.int64)
        wish_w = self._together(wish.feeder_w) + LITTLE
        locked = self.locked_up.copy()
        modes, starts = [], np.zeros((len(self.curves), periods), dtype=np.int64)
        for at in range(periods):
            if at and self.market.day[at] != self.market.day[at - 1]:
                self.rigs.starts[:] = 0
            fit = self._fit(wanted[:, :, at], wish_w, at)
            fit.high = np.minimum(fit.high, self._lasting(whole, locked, at))
            np.clip(fit.taken[:, 0], fit.low, fit.high, out=fit.taken[:, 0])
            np.minimum.accumulate(fit.taken, axis=1, out=fit.taken)
            fit.settle(wanted[:, :, at])
            self._force(fit, at)
            self._tell(fit.power_w(), at)
            starts[:, at] = self._turn(fit.taken, locked, at)
            modes.append(self.rigs.modes())
        return modes, starts

    def _fit(self, wanted: Floats, wish_w: Floats, at: int) -> Fit:
        now_s, dt_s = self.begins_s[at], self.market.dt_s[at]
        awake = self.rigs.count(self.rigs.awake)
        ths_usd = hash_usd(self.site, self.market)[at]
        worth = self.step_ths * ths_usd - self.step_w * watt_usd(self.market)[at]
        # A start is paid for once: awake, a rig is worth that more, and waking one that less.
        taken = np.floor(wanted + LITTLE).astype(np.int64)
        worth[:, 0] += np.where(taken[:, 0] < awake, self.start_usd, -self.start_usd)
        caps_w = self.caps_w(at)
        floor_w = self.power_w - self.ramp_w_s * dt_s
        most_w = np.minimum(caps_w, self.power_w + self.ramp_w_s * dt_s)
        return Fit(
            taken=taken,
            step_w=self.step_w,
            worth=worth / np.where(self.step_w > 0, self.step_w, np.inf),
            low=awake - self.rigs.count(self.rigs.may_stop(now_s)),
            high=awake + self.rigs.count(self.rigs.may_start(now_s)),
            through=self.through,
            asleep_w=self.asleep_w,
            floor_w=np.minimum(floor_w, most_w),
            guide_w=np.minimum(most_w, np.maximum(wish_w[:, at], floor_w + self.quantum_w)),
            loose_w=np.minimum(most_w, self._followed_w(wish_w, at)),
            most_w=most_w,
        )

    def _followed_w(self, wish_w: Floats, at: int) -> Floats:
        """Give from what power each part can still follow the wishes to come, ramp by ramp."""
        later = slice(at + 1, wish_w.shape[1])
        falls_w = np.outer(self.ramp_w_s, self.begins_s[later] - self.begins_s[at])
        left_w = np.min(wish_w[:, later] + falls_w, axis=1, initial=np.inf)
        return np.asarray(left_w - self.quantum_w)

    def caps_w(self, at: int) -> Floats:
        """Give what each bounded part, the site last, may draw at the rigs in a period."""
        limits_w = np.array([part.limit_w for part in self.bounded])
        limits_w[-1] = min(limits_w[-1], self.market.cap_w[at]) / self.market.pue[at]
        return limits_w

    def _lasting(self, whole: Ints, locked: Ints, at: int) -> Ints:
        """Count how many may be awake so that those started now can stay for their least time.

        The programme may start parts of a rig one after another; a whole one is started only when
        the programme has room for it, and for all others that may not stop yet, till it may.
        """
        awake = self.rigs.count(self.rigs.awake)
        high = np.full(len(awake), 1 << 30)
        for of in map(int, np.flatnonzero(whole[:, at] > awake)):
            end = self._end(of, at)
            room = int((whole[of, at:end] - locked[of, at:end]).min())
            high[of] = awake[of] + max(0, room)
        return np.where(whole[:, at] > awake, high, np.maximum(awake, whole[:, at]))

    def _end(self, of: int, at: int) -> int:
        free_s = self.begins_s[at] + self.rigs.min_up_s[of] - MOMENT_S
        return max(at + 1, int(np.searchsorted(self.begins_s[:-1], free_s)))

    def _force(self, fit: Fit, at: int) -> None:
        caps_w = self.caps_w(at)
        if not (fit.power_w() > caps_w + LEAST_W).any():
            return
        before = fit.low
        fit.force(caps_w)
        early = np.maximum(0, before - fit.taken[:, 0])
        for of in np.flatnonzero(early):
            where = f"class {self.site.classes[of].name}"
            self.reasons.append(
                Reason(kind="min_up", where=where, period=at, amount=early[of], unit="rigs")
            )

    def _tell(self, power_w: Floats, at: int) -> None:
        """Note the caps and ramps that could not be kept; a commitment is reckoned later."""
        ramp_w = self.ramp_w_s * self.market.dt_s[at]
        over_ramp_w = np.abs(power_w - self.power_w) - ramp_w
        over: tuple[tuple[Literal["cap", "ramp"], Floats], ...]
        over = (("cap", power_w - self.caps_w(at)), ("ramp", over_ramp_w))
        self.reasons += [
            Reason(
                kind=kind,
                where=self.bounded[of].name,
                period=at,
                amount=over_w[of] / 1000.0,
                unit="kW",
            )
            for kind, over_w in over
            for of in np.flatnonzero(over_w > LEAST_W)
        ]

    def _turn(self, taken: Ints, locked: Ints, at: int) -> Ints:
        awake = self.rigs.count(self.rigs.awake)
        change = taken[:, 0] - awake
        for of in range(len(taken)):
            if change[of]:
                self.rigs.turn(of, int(change[of]), float(self.begins_s[at]))
            if change[of] > 0:
                locked[of, at : self._end(of, at)] += change[of]
            self.rigs.spread(of, taken[of, : len(self.curves[of].mode)])
        self.power_w = self._power(taken)
        return np.asarray(np.maximum(0, change))

    def _taken(self) -> Ints:
        above = [self.rigs.count(self.rigs.level > step) for step in range(self.longest)]
        return np.stack(above, axis=1)

    def _power(self, taken: Ints) -> Floats:
        return drawn_w(taken, self.step_w, self.through, self.asleep_w)

    def _together(self, by_feeder: Floats) -> Floats:
        """Sum what is by feeder by bounded part."""
        names = [feeder.name for feeder in self.site.feeders]
        inside = [[names.index(name) for name in part.feeders] for part in self.bounded]
        return np.array([by_feeder[of].sum(axis=0) for of in inside])

    def _padded(self, rows: list[Floats]) -> Floats:
        return np.stack([np.pad(row, (0, self.longest - len(row))) for row in rows])

    def _stretched(self, steps: Floats) -> Floats:
        return np.pad(steps, ((0, self.longest - len(steps)), (0, 0)))
