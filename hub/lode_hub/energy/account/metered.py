"""Energy by period from a meter's counter: differences of readings, never integrated power.

A period's energy is the counter at its end minus the counter at its begin; a counter at an edge is
the last reading before it. Where readings are missing, what ran through meanwhile is known as a sum
but not by period: those periods are missing, and each gap has its sum.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lode_hub.energy.prices import Figures, Times, periods
from lode_hub.energy.tariff.calendar import Bools

Reading = tuple[int, int, float | None]
"""A bucket of a meter's rollup: its begin, the time of its last reading (Unix ms), the counter."""

LATE_RATIO = 0.25
LATE_MS = 60_000
"""The last reading of a period may be so much of it, or so long, before its end.

If it is earlier the counter at the edge is not known.
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Gap:
    """What a counter ran on while its readings were missing: a sum without times."""

    from_ms: int
    until_ms: int
    energy_kwh: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Metered:
    """Energy of a meter, or of several together, by period; NaN is missing."""

    meter: str
    from_ms: Times
    until_ms: Times
    energy_kwh: Figures
    gaps: tuple[Gap, ...] = ()  # what is known of the periods that are missing, one gap or more
    falls: int = 0  # the counter fell: it was changed or reset

    @property
    def unplaced_kwh(self) -> float:
        """What was metered over gaps; not in `energy_kwh`."""
        return sum(gap.energy_kwh for gap in self.gaps)

    @property
    def total_kwh(self) -> float | None:
        """What was metered in all, gaps included; None when nothing was."""
        placed = self.energy_kwh[~np.isnan(self.energy_kwh)]
        if not len(placed) and not self.gaps:
            return None
        return float(placed.sum()) + self.unplaced_kwh

    @property
    def power_w(self) -> Figures:
        """The mean power of each period."""
        hours = (self.until_ms - self.from_ms) / 3_600_000
        return self.energy_kwh / hours * 1000.0

    @property
    def missing_h(self) -> float:
        """How many hours are missing."""
        gone = np.isnan(self.energy_kwh)
        return float(((self.until_ms - self.from_ms)[gone]).sum()) / 3_600_000


def metered(
    meter: str, readings: Sequence[Reading], from_ms: int, n: int, step_s: float
) -> Metered:
    """Give the energy of n periods of step_s seconds from a counter's buckets, one a period.

    `readings` begin with the bucket before the first period.
    """
    begins, ends = periods(from_ms, n, step_s)
    step_ms = round(step_s * 1000)
    edges = np.full(n + 1, np.nan)
    for bucket_ms, last_ms, counter in readings:
        place = (bucket_ms - from_ms) // step_ms + 1
        is_near = bucket_ms + step_ms - last_ms <= max(LATE_RATIO * step_ms, LATE_MS)
        if 0 <= place <= n and counter is not None and is_near:
            edges[place] = counter
    energy = np.diff(edges)
    fallen = energy < 0
    energy[fallen] = np.nan
    gaps, gap_falls = _over_gaps(edges, np.append(begins, ends[-1:]))
    return Metered(
        meter=meter,
        from_ms=begins,
        until_ms=ends,
        energy_kwh=energy,
        gaps=gaps,
        falls=int(fallen.sum()) + gap_falls,
    )


def together(meters: Sequence[Metered]) -> Metered:
    """Add meters up; a period is missing where it is missing of one.

    What the others metered then goes to the gap, so that the total stays true.
    """
    energy = np.sum([one.energy_kwh for one in meters], axis=0)
    first = meters[0]
    return Metered(
        meter=" + ".join(one.meter for one in meters),
        from_ms=first.from_ms,
        until_ms=first.until_ms,
        energy_kwh=energy,
        gaps=_joined(meters, np.isnan(energy)),
        falls=sum(one.falls for one in meters),
    )


def part(whole: Metered, from_ms: int, until_ms: int) -> Metered:
    """Give the periods within a span, and the gaps; one that runs over its edge is left out."""
    inside = (whole.from_ms >= from_ms) & (whole.until_ms <= until_ms)
    return Metered(
        meter=whole.meter,
        from_ms=whole.from_ms[inside],
        until_ms=whole.until_ms[inside],
        energy_kwh=whole.energy_kwh[inside],
        gaps=tuple(g for g in whole.gaps if from_ms <= g.from_ms and g.until_ms <= until_ms),
    )


def _over_gaps(edges: Figures, at_ms: Times) -> tuple[tuple[Gap, ...], int]:
    """Give what ran through over runs of unknown edges, and how often it came out negative."""
    known = np.flatnonzero(~np.isnan(edges))
    runs = [(a, b, float(edges[b] - edges[a])) for a, b in itertools.pairwise(known) if b - a > 1]
    found = tuple(
        Gap(from_ms=int(at_ms[a]), until_ms=int(at_ms[b]), energy_kwh=kwh)
        for a, b, kwh in runs
        if kwh >= 0
    )
    return found, len(runs) - len(found)


def _joined(meters: Sequence[Metered], is_missing: Bools) -> tuple[Gap, ...]:
    """Give the gaps of meters together: over each run of missing periods what any has metered."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], is_missing, [0]])))
    found = []
    for first, last in edges.reshape(-1, 2):
        begin_ms = int(meters[0].from_ms[first])
        end_ms = int(meters[0].until_ms[last - 1])
        parts = [part(one, begin_ms, end_ms).total_kwh for one in meters]
        known = [kwh for kwh in parts if kwh is not None]
        if known:
            found.append(Gap(from_ms=begin_ms, until_ms=end_ms, energy_kwh=sum(known)))
    return tuple(found)
