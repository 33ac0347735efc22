"""Every rig by itself: awake or not, since when, how often started; who starts and who stops."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lode_hub.energy.nouns import ASLEEP, Floats, Ints, Site, Standing
from lode_hub.energy.plan.curve import Curve

MOMENT_S = 1e-6


@dataclass(kw_only=True, slots=True)
class Rigs:
    """All rigs of a site, class after class, as they stand at a moment of a plan.

    `level` is the steps of its class's curve that a rig has taken, 0 being asleep; `since_s` when
    it was started or put to sleep, seconds after the plan's beginning.
    """

    of: Ints
    first: Ints
    level: Ints
    since_s: Floats
    starts: Ints
    per_day: Floats
    min_up_s: Floats
    min_down_s: Floats
    curves: list[Curve]

    @property
    def awake(self) -> npt.NDArray[np.bool_]:
        """Tell by rig whether it is awake."""
        return self.level > 0

    def count(self, which: npt.NDArray[np.bool_]) -> Ints:
        """Count the chosen rigs by class."""
        return np.bincount(self.of[which], minlength=len(self.first) - 1)

    def may_stop(self, at_s: float) -> npt.NDArray[np.bool_]:
        """Tell by rig whether it is awake and has been for long enough."""
        return self.awake & (self.since_s + self.min_up_s[self.of] <= at_s + MOMENT_S)

    def may_start(self, at_s: float) -> npt.NDArray[np.bool_]:
        """Tell by rig whether it sleeps, has for long enough, and has a start left today."""
        rested = self.since_s + self.min_down_s[self.of] <= at_s + MOMENT_S
        return ~self.awake & rested & (self.starts < self.per_day[self.of])

    def turn(self, of: int, more: int, at_s: float) -> None:
        """Start so many rigs of a class, or stop them when negative.

        Those started least often today go first, either way, so that starts stay where they are
        needed; then those that have been as they are for longest.
        """
        inside = slice(self.first[of], self.first[of + 1])
        may = self.may_start(at_s) if more > 0 else self.may_stop(at_s)
        able = np.flatnonzero(may[inside]) + inside.start
        if len(able) < -more:  # a cap asks for rigs that may not stop yet
            able = np.flatnonzero(self.awake[inside]) + inside.start
            order = np.lexsort((self.since_s[able], ~may[able]))
        else:
            order = np.lexsort((self.since_s[able], self.starts[able]))
        chosen = able[order[: abs(more)]]
        self.level[chosen] = 1 if more > 0 else 0
        self.since_s[chosen] = at_s
        self.starts[chosen] += more > 0

    def spread(self, of: int, taken: Ints) -> None:
        """Give the awake rigs of a class their levels, changing as few as can be."""
        inside = slice(self.first[of], self.first[of + 1])
        levels = self.level[inside]
        wanted = np.append(taken[:-1] - taken[1:], taken[-1])
        if np.array_equal(np.bincount(levels, minlength=len(taken) + 1)[1:], wanted):
            return
        awake = np.flatnonzero(levels)
        order = awake[np.argsort(-levels[awake], kind="stable")]
        levels[order] = np.repeat(np.arange(len(taken), 0, -1), wanted[::-1])

    def modes(self) -> npt.NDArray[np.int8]:
        """Give by rig the mode it runs in, or ASLEEP."""
        found = np.full(len(self.of), ASLEEP, dtype=np.int8)
        for of, steps in enumerate(self.curves):
            inside = slice(self.first[of], self.first[of + 1])
            found[inside] = np.append(ASLEEP, steps.mode)[self.level[inside]]
        return found

    def standings(self, at_s: float) -> tuple[Standing, ...]:
        """Say how the rigs stand at a moment, for the next plan."""
        modes = self.modes().astype(np.int64)
        return tuple(
            Standing(
                mode=modes[a:b],
                since_s=at_s - self.since_s[a:b],
                starts=self.starts[a:b].copy(),
            )
            for a, b in zip(self.first, self.first[1:], strict=False)
        )


def rigs_of(site: Site, standings: tuple[Standing, ...], curves: list[Curve]) -> Rigs:
    """Line up the rigs of a site; one in a mode no plan uses counts as in the next below."""
    counts = [len(standing.mode) for standing in standings]
    levels = []
    for kind, standing, steps in zip(site.classes, standings, curves, strict=True):
        watts = np.array([mode.power_w for mode in kind.modes])
        below = np.searchsorted(watts[steps.mode], watts[standing.mode], side="right")
        levels.append(np.where(standing.mode < 0, 0, np.maximum(1, below)))
    per_day = [np.inf if k.starts_per_day is None else k.starts_per_day for k in site.classes]
    return Rigs(
        of=np.repeat(np.arange(len(counts)), counts),
        first=np.concatenate([[0], np.cumsum(counts)]),
        level=np.concatenate(levels),
        since_s=-np.concatenate([standing.since_s for standing in standings]),
        starts=np.concatenate([standing.starts for standing in standings]),
        per_day=np.array(per_day, dtype=np.float64),
        min_up_s=np.array([kind.min_up_s for kind in site.classes]),
        min_down_s=np.array([kind.min_down_s for kind in site.classes]),
        curves=curves,
    )
