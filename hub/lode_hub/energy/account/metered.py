"""Energy by period from a meter's counter: differences of readings, never integrated power.

A period's energy is the counter at its end minus the counter at its begin; a counter at an edge is
the last reading before it. Where readings are missing, what ran through meanwhile is known as a sum
but not by period: those periods are missing, and each gap has its sum. Where a counter fell, or
ran further than its meter can have let through, nobody knows how much did: that is missing, too.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from lode_hub.energy.prices import Figures, Times, periods
from lode_hub.energy.tariff.calendar import Bools
from lode_hub.sites.quality.counters import PEAK_TIMES, UNKNOWN_W, Move, most_kwh, moved

Reading = tuple[int, int, float | None]
"""A bucket of a meter's rollup: its begin, the time of its last reading (Unix ms), the counter."""

LATE_RATIO = 0.25
LATE_MS = 60_000
"""The last reading of a period may be so much of it, or so long, before its end.

If it is earlier the counter at the edge is not known.
"""


How = Literal["on", "fell", "jumped"]
_BREAKS: tuple[tuple[How, str], ...] = (
    ("fell", "the counter fell {} times: changed or reset; what ran through then is not known"),
    ("jumped", "the counter jumped {} times further than its meter can have let through: "
               "changed or overwritten; what ran through then is not known"),
)  # fmt: skip


@dataclass(frozen=True, kw_only=True, slots=True)
class Gap:
    """What a counter ran on while its readings were missing: a sum without times."""

    from_ms: int
    until_ms: int
    energy_kwh: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Break:
    """Where a counter does not go on: it was changed or reset, or something wrote into it."""

    from_ms: int
    until_ms: int
    how: How


@dataclass(frozen=True, kw_only=True, slots=True)
class Metered:
    """Energy of a meter, or of several together, by period; NaN is missing."""

    meter: str
    from_ms: Times
    until_ms: Times
    energy_kwh: Figures
    gaps: tuple[Gap, ...] = ()  # what is known of the periods that are missing, one gap or more
    breaks: tuple[Break, ...] = ()

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
    def notes(self) -> tuple[str, ...]:
        """Where the counter broke off, for people."""
        counted = [(sum(one.how == how for one in self.breaks), says) for how, says in _BREAKS]
        return tuple(says.format(n) for n, says in counted if n)

    @property
    def missing_h(self) -> float:
        """How many hours are missing."""
        gone = np.isnan(self.energy_kwh)
        return float(((self.until_ms - self.from_ms)[gone]).sum()) / 3_600_000


def metered(
    meter: str, readings: Sequence[Reading], from_ms: int, n: int, step_s: float,
    peak_w: float | None = None,
) -> Metered:  # fmt: skip
    """Give the energy of n periods of step_s seconds from a counter's buckets, one a period.

    Args:
        meter: its name.
        readings: from the bucket before the first period on.
        from_ms: when the first period begins.
        n: how many there are.
        step_s: how long each is.
        peak_w: the highest power that the meter has shown; None: it has shown none.
    """
    begins, ends = periods(from_ms, n, step_s)
    step_ms = round(step_s * 1000)
    edges = _edges(readings, from_ms, n, step_ms)
    known = np.flatnonzero(~np.isnan(edges))
    at_ms = from_ms + step_ms * known
    kwh, how = _moves(edges[known], np.diff(at_ms) / 1000, peak_w)
    is_one = np.diff(known) == 1
    energy = np.full(n, np.nan)
    energy[known[:-1][is_one]] = kwh[is_one]
    spans = list(zip(at_ms[:-1].tolist(), at_ms[1:].tolist(), kwh.tolist(), how, strict=True))
    return Metered(
        meter=meter,
        from_ms=begins,
        until_ms=ends,
        energy_kwh=energy,
        gaps=tuple(
            Gap(from_ms=begin, until_ms=end, energy_kwh=kwh)
            for (begin, end, kwh, how), one in zip(spans, is_one, strict=True)
            if not one and how == "on"
        ),
        breaks=tuple(
            Break(from_ms=begin, until_ms=end, how=how)
            for begin, end, _, how in spans
            if how != "on"
        ),
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
        breaks=tuple(broken for one in meters for broken in one.breaks),
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
        breaks=tuple(b for b in whole.breaks if b.from_ms < until_ms and from_ms < b.until_ms),
    )


def _edges(readings: Sequence[Reading], from_ms: int, n: int, step_ms: int) -> Figures:
    """Give the counter at the begin of each period, and at the end of the last."""
    edges = np.full(n + 1, np.nan)
    for bucket_ms, last_ms, counter in readings:
        place = (bucket_ms - from_ms) // step_ms + 1
        is_near = bucket_ms + step_ms - last_ms <= max(LATE_RATIO * step_ms, LATE_MS)
        if 0 <= place <= n and counter is not None and is_near:
            edges[place] = counter
    return edges


def _moves(counter: Figures, passed_s: Figures, shown_w: float | None) -> tuple[Figures, list[How]]:
    """Give what ran through from each reading to the next, NaN where nobody knows, and how.

    The most that can have is by the power that the meter has shown, or by its own moves but for
    the highest: a power in a wrong unit, or none at all, is no reason to doubt every period. The
    moves of a counter that falls again and again, as of two meters by one name, say nothing.
    """
    own_w = np.sort(np.diff(counter) / passed_s * 3.6e6)
    rare = 2 + len(own_w) // 100
    is_told = len(own_w) >= rare and int((own_w < 0).sum()) < rare
    peak_w = max(shown_w or 0.0, float(own_w[-rare]) if is_told else 0.0)
    if not shown_w and PEAK_TIMES * peak_w < UNKNOWN_W:
        peak_w = 0.0
    found = moved(counter[:-1], counter[1:], most_kwh(np.array(peak_w), passed_s))
    # A counter that ran over its end cannot be told from a reset after so long a time.
    how: list[How] = [_HOW[Move(move)] for move in found.move.tolist()]
    return np.where(found.move == Move.ON, found.delta, np.nan), how


_HOW: dict[Move, How] = {
    Move.ON: "on",
    Move.ROLLED_OVER: "fell",
    Move.RESET: "fell",
    Move.JUMPED: "jumped",
}


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
