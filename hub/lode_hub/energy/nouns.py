"""What the energy side speaks of: rigs by class, the site's limits, the market, the plan.

Periods are numbered from 0 along a `Market`. Powers of rigs and feeders are at the rigs; the site's
limit, commitments, demand charges and what is paid for are at the meter: the rigs' times PUE.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
ASLEEP = -1


@dataclass(frozen=True, kw_only=True, slots=True)
class Mode:
    """One way for a rig to run: what it draws, and what it hashes for that."""

    name: str
    power_w: float
    hashrate_ths: float


@dataclass(frozen=True, kw_only=True, slots=True)
class RigClass:
    """Rigs on one feeder that are alike; `modes` by rising power.

    A start costs `start_cost_usd` (wear included) and `warm_up_s` of the most the rig can hash,
    while the power is drawn. `starts_per_day` None means as often as you like.
    """

    name: str
    count: int
    modes: tuple[Mode, ...]
    feeder: str
    sleep_w: float = 0.0
    start_cost_usd: float = 0.0
    warm_up_s: float = 0.0
    min_up_s: float = 0.0
    min_down_s: float = 0.0
    starts_per_day: int | None = None

    @property
    def full(self) -> Mode:
        """Give the mode that hashes most."""
        return max(self.modes, key=lambda mode: mode.hashrate_ths)


@dataclass(frozen=True, kw_only=True, slots=True)
class Feeder:
    """A line that carries some classes: what it bears, how fast it may change (None: at once)."""

    name: str
    limit_w: float
    ramp_kw_min: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """Feeders that together, at the rigs, may draw so much and change so fast."""

    name: str
    feeders: tuple[str, ...]
    limit_w: float
    ramp_kw_min: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Site:
    """A site as the planner sees it; `pue` has (outside temperature, PUE), by temperature."""

    name: str
    classes: tuple[RigClass, ...]
    feeders: tuple[Feeder, ...]
    limit_w: float
    step_s: float
    ramp_kw_min: float | None = None
    pool_fee_ratio: float = 0.0
    pue: tuple[tuple[float, float], ...] = ((20.0, 1.0),)
    parts: tuple[Part, ...] = ()

    @property
    def bounded(self) -> tuple[Part, ...]:
        """Give all that has limits: each feeder, each part, and last the whole, at the meter."""
        return (
            *(
                Part(
                    name=f"feeder {feeder.name}",
                    feeders=(feeder.name,),
                    limit_w=feeder.limit_w,
                    ramp_kw_min=feeder.ramp_kw_min,
                )
                for feeder in self.feeders
            ),
            *self.parts,
            Part(
                name="site",
                feeders=tuple(feeder.name for feeder in self.feeders),
                limit_w=self.limit_w,
                ramp_kw_min=self.ramp_kw_min,
            ),
        )

    def pue_at(self, temp_c: Floats) -> Floats:
        """Give the PUE at outside temperatures, between the points in a line, beyond them held."""
        points = np.asarray(self.pue)
        return np.asarray(np.interp(temp_c, points[:, 0], points[:, 1]), dtype=np.float64)


@dataclass(frozen=True, kw_only=True, slots=True)
class DemandCharge:
    """Dollars per kW of the highest power at the meter over the periods that count.

    `peak_w` is what has already been reached and is paid for anyway. A coincident peak that may or
    may not fall into the window is a charge times its probability.
    """

    name: str
    usd_kw: float
    counts: npt.NDArray[np.bool_]
    peak_w: float = 0.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Commitment:
    """A promise to draw little at the meter: at most `watts`, `watts` below a baseline, or nothing.

    What is drawn too much costs `penalty_usd_mwh`. It is known of from the period `known` on.
    """

    name: str
    kind: Literal["reduce_to", "reduce_by", "all"]
    counts: npt.NDArray[np.bool_]
    penalty_usd_mwh: float
    watts: float = 0.0
    baseline_w: float = 0.0
    known: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Market:
    """What the planner believes of the coming periods; arrays by period.

    `day` numbers the days that `starts_per_day` counts by. `cap_w` is at the meter, infinite where
    there is none beside the site's own limit.
    """

    start_ms: int
    dt_s: Floats
    day: Ints
    price_usd_mwh: Floats
    adder_usd_mwh: Floats
    hashprice_usd_phd: Floats
    pue: Floats
    cap_w: Floats
    demand_charges: tuple[DemandCharge, ...] = ()
    commitments: tuple[Commitment, ...] = ()

    @property
    def periods(self) -> int:
        """Give the number of periods."""
        return len(self.dt_s)


@dataclass(frozen=True, kw_only=True, slots=True)
class Standing:
    """How the rigs of one class stand now, by rig.

    `mode` is an index into the class's modes or ASLEEP; `since_s` how long ago it was started or
    put to sleep (infinite when long ago); `starts` how often it was started today.
    """

    mode: Ints
    since_s: Floats
    starts: Ints


@dataclass(frozen=True, kw_only=True, slots=True)
class Reason:
    """What the plan could not do, where and when, in words and as a figure with its unit."""

    kind: Literal["cap", "ramp", "min_up", "commitment"]
    where: str
    period: int
    amount: float
    unit: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """What each rig does in each period, and what that earns.

    `schedule` has one array (rigs, periods) per class: an index into its modes or ASLEEP. `rigs`
    has one array (modes, periods) per class: how many. `starts` is (classes, periods). `power_w` is
    at the rigs, `hashrate_ths` without what warm-ups lose. No plan can earn above `bound_usd`.
    """

    schedule: tuple[npt.NDArray[np.int8], ...]
    rigs: tuple[Ints, ...]
    starts: Ints
    power_w: Floats
    hashrate_ths: Floats
    objective_usd: float
    bound_usd: float
    reasons: tuple[Reason, ...] = ()
