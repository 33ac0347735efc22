"""What happens to a simulated fleet beside faults: orders, restarts, a pool, a feeder."""

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from lode_sim.fleet_rigs import Hall
from lode_wire.records import State

Floats = npt.NDArray[np.float64]
WARM_S = 200.0
IDLE, ASLEEP = 0.25, 0.02
CURTAIL_S, POOL_S, FEEDER_S, REJECTS_S = 1500.0, 300.0, 600.0, 1200.0
REJECTED, REJECTED_BY_POOL = 0.004, 0.2
DARK_S = 12.0
"""So long does a rig that restarts not answer."""

LOW_HASH, LOW_POWER = 0.78, 0.70


@dataclass(kw_only=True)
class Mode:
    """What rigs do now, by slot."""

    hash_share: Floats
    power_share: Floats
    is_hashing: npt.NDArray[np.bool_]
    state: npt.NDArray[np.uint8]
    number: npt.NDArray[np.int16]  # of what was commanded
    uptime_s: Floats


@dataclass(kw_only=True)
class Acts:
    """When each of them begins, in seconds; infinite is never."""

    curtail_s: float = np.inf
    curtail_site: int = 0
    low_s: float = np.inf
    low_site: int = 1
    pool_s: float = np.inf
    pool_site: int = 2
    rejects_s: float = np.inf  # at the pool's site
    feeder_s: float = np.inf
    feeder_rack: int = 0
    stagger: Floats = field(default_factory=lambda: np.zeros(0))  # 0 to 1, by slot
    restart_s: Floats = field(default_factory=lambda: np.zeros(0))

    @classmethod
    def plan(cls, chance: np.random.Generator, hall: Hall, hours: float) -> "Acts":
        """Give each its time, in the middle of the run, and one rig in thirty a restart."""
        n = len(hall.site)
        at = np.sort(chance.uniform(0.35, 0.8, 4)) * hours * 3600
        sites = chance.permutation(4)
        rack = hall.rack[chance.choice(np.flatnonzero(hall.site == sites[3]))]
        restart = np.where(chance.random(n) < 1 / 30, chance.uniform(0, hours * 3600, n), np.inf)
        return cls(
            curtail_s=at[0], curtail_site=sites[0], low_s=at[1], low_site=sites[1],
            pool_s=at[2], pool_site=sites[2], feeder_s=at[3], feeder_rack=rack,
            rejects_s=0.28 * hours * 3600,
            stagger=chance.random(n), restart_s=restart,
        )  # fmt: skip

    def is_dark(self, hall: Hall, now_s: float) -> npt.NDArray[np.bool_]:
        """Tell who does not answer: a rack without its feeder, a rig that starts for 12 s."""
        dark: npt.NDArray[np.bool_] = (hall.rack == self.feeder_rack) & (
            0 <= now_s - self.feeder_s < FEEDER_S
        )
        if len(self.restart_s):
            dark |= (now_s >= self.restart_s) & (now_s < self.restart_s + DARK_S)
        return dark

    def rejected(self, hall: Hall, now_s: float) -> Floats:
        """Give the share of each rig's shares that the pool rejects."""
        is_hit = (hall.site == self.pool_site) & (0 <= now_s - self.rejects_s < REJECTS_S)
        return np.where(is_hit, REJECTED_BY_POOL, REJECTED)

    def hides(self, hall: Hall, slot: int, at_s: float) -> bool:
        """Tell whether a rig is, or soon will be, at rest, without work or on its way back."""
        site, rack = hall.site[slot], hall.rack[slot]
        spans = (
            (site == self.curtail_site, self.curtail_s, CURTAIL_S + 270),
            (site == self.low_site, self.low_s, 20.0),
            (site == self.pool_site, self.pool_s, POOL_S + 120),
            (rack == self.feeder_rack, self.feeder_s, FEEDER_S),
            (True, self.restart_s[slot] if len(self.restart_s) else np.inf, DARK_S),
        )
        return any(hit and begin - 120 <= at_s < begin + long + 900 for hit, begin, long in spans)

    def restarts(self, now_s: float, frame_s: float) -> npt.NDArray[np.intp]:
        """Give the slots of rigs that began to restart in the frame that ends now."""
        return np.flatnonzero((self.restart_s > now_s - frame_s) & (self.restart_s <= now_s))

    def at(self, hall: Hall, now_s: float) -> Mode:
        """Say what each rig does."""
        n = len(hall.site)
        mode = Mode(
            hash_share=np.ones(n), power_share=np.ones(n), is_hashing=np.ones(n, bool),
            state=np.full(n, State.MINING, np.uint8), number=np.zeros(n, np.int16),
            uptime_s=hall.uptime_s + now_s,
        )  # fmt: skip
        if not len(self.stagger):
            return mode
        self._curtail(hall, mode, now_s)
        is_low = (hall.site == self.low_site) & (now_s - self.low_s > 20 * self.stagger)
        mode.hash_share[is_low] *= LOW_HASH
        mode.power_share[is_low] *= LOW_POWER
        mode.number[is_low] += 1
        is_away = (hall.site == self.pool_site) & (now_s >= self.pool_s)
        is_away &= now_s < self.pool_s + POOL_S + 120 * self.stagger
        self._stop(mode, is_away, IDLE)
        lost = (hall.rack == self.feeder_rack) & (now_s >= self.feeder_s + FEEDER_S)
        self._warm(mode, lost, now_s - self.feeder_s - FEEDER_S)
        self.restarted(mode, now_s - self.restart_s)
        return mode

    def restarted(self, mode: Mode, since_s: Floats) -> None:
        """Let rigs warm up that began to restart so long ago."""
        self._warm(mode, since_s >= DARK_S, since_s - DARK_S)

    def _curtail(self, hall: Hall, mode: Mode, now_s: float) -> None:
        told = (hall.site == self.curtail_site) & (self.stagger < 0.8)
        since = now_s - self.curtail_s - 30 * self.stagger
        sleeps = told & (since >= 0) & (since < CURTAIL_S + 270 * self.stagger)
        self._stop(mode, sleeps, ASLEEP)
        mode.state[sleeps] = np.where(self.stagger < 0.4, State.CURTAILED, State.SLEEPING)[sleeps]
        woken = since - CURTAIL_S - 270 * self.stagger
        warms = told & (woken >= 0) & (woken < WARM_S)
        share = np.clip(woken / WARM_S, 0.02, 1)
        mode.hash_share[warms] *= share[warms]
        mode.power_share[warms] *= np.clip(share + 0.2, 0, 1)[warms]

    @staticmethod
    def _stop(mode: Mode, who: npt.NDArray[np.bool_], power_share: float) -> None:
        mode.hash_share[who], mode.power_share[who] = 0.0, power_share
        mode.is_hashing &= ~who

    @staticmethod
    def _warm(mode: Mode, who: npt.NDArray[np.bool_], since_s: Floats | float) -> None:
        since = np.broadcast_to(np.asarray(since_s, float), who.shape)
        share = np.clip(since / WARM_S, 0.02, 1)
        mode.hash_share[who] *= share[who]
        mode.power_share[who] *= np.clip(share + 0.2, 0, 1)[who]
        mode.uptime_s[who] = np.minimum(mode.uptime_s[who], np.maximum(since, 0)[who])
