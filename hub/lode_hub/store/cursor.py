"""What of one source (an agent's epoch) is committed: pure, for the ledger to load and save.

take(seq) / void(from, to) ─► settle() ─► Settled: what to write
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Self

from lode_hub.store.ranges import Range, Ranges

MAX_RANGES = 4096
"""How many ranges above the mark one source may have; what would open another waits."""


@dataclass(slots=True)
class Hole:
    """Numbers that are asked for; `gap_id` is their row in the table gap, once there is one."""

    low: int
    high: int
    gap_id: int | None = None
    is_trimmed: bool = False


@dataclass(slots=True)
class Settled:
    """How the tables have to change so that they say what the cursor says."""

    ahead: list[Range] = field(default_factory=list)  # new or longer
    ahead_gone: list[int] = field(default_factory=list)  # by their lower end
    opened: list[Hole] = field(default_factory=list)
    changed: list[Hole] = field(default_factory=list)  # filled, or shortened by a void
    filled: set[int] = field(default_factory=set)  # gap ids of those in `changed` that are full
    dropped: list[int] = field(default_factory=list)  # gap ids: voided as a whole
    is_changed: bool = False  # at all; else there is nothing to write


class Cursor:
    """The committed numbers of one source, and its holes that the hub asks for."""

    def __init__(
        self,
        source_id: int,
        *,
        version: int = 0,
        mark: int = 0,
        ahead: Iterable[Range] = (),
        holes: Iterable[Hole] = (),
    ) -> None:
        self.source_id = source_id
        self.version = version
        self.holes = list(holes)
        self._seen = Ranges(ahead)
        if mark:
            self._seen.add(1, mark)
        self._before = dict(self._above())
        self._mark_before = mark
        self._dropped: list[int] = []

    @property
    def mark(self) -> int:
        """The number up to which nothing is missing."""
        first = next(iter(self._seen), (0, 0))
        return first[1] if first[0] == 1 else 0

    @property
    def ahead(self) -> list[Range]:
        """The committed ranges above the mark."""
        return list(self._above())

    def copy(self) -> Self:
        """Give an independent copy, to change and to throw away if the transaction fails."""
        return type(self)(
            self.source_id,
            version=self.version,
            mark=self.mark,
            ahead=self.ahead,
            holes=(Hole(hole.low, hole.high, hole.gap_id) for hole in self.holes),
        )

    def take(self, seq: int) -> bool:
        """Take a batch by its number; False when it is a repetition, or has to come again later."""
        if seq in self._seen:
            return False
        if len(self._seen) > MAX_RANGES and not self._seen.touches(seq):
            return False
        self._seen.add(seq, seq)
        return True

    def void(self, low: int, high: int) -> int:
        """Note that these numbers will never come; give how many of them had come before."""
        come = sum(b - a + 1 for a, b in self._seen.overlaps(low, high))
        self._seen.add(low, high)
        kept: list[Hole] = []
        for hole in self.holes:
            pieces = _without(hole, low, high)
            kept += pieces
            if not pieces and hole.gap_id is not None:
                self._dropped.append(hole.gap_id)
        self.holes = kept
        return come

    def settle(self) -> Settled:
        """Compare with what was loaded, open new holes and close full ones."""
        settled = Settled(dropped=self._dropped)
        self._dropped = []
        after = dict(self._above())
        settled.ahead = [(a, b) for a, b in after.items() if self._before.get(a) != b]
        settled.ahead_gone = [a for a in self._before if a not in after]
        self._settle_holes(settled)
        settled.is_changed = self.mark != self._mark_before or after != self._before
        self._before, self._mark_before = after, self.mark
        return settled

    def _settle_holes(self, settled: Settled) -> None:
        still = []
        for hole in self.holes:
            is_full = not any(self._seen.missing(hole.low, hole.high))
            if hole.gap_id is not None and (is_full or hole.is_trimmed):
                settled.changed.append(hole)
                if is_full:
                    settled.filled.add(hole.gap_id)
            if not is_full:
                hole.is_trimmed = False
                still.append(hole)
        known = Ranges((hole.low, hole.high) for hole in still)
        highest = max((high for _, high in self._seen), default=0)
        for low, high in list(self._seen.missing(self.mark + 1, highest)):
            still += [Hole(a, b) for a, b in known.missing(low, high)]
        settled.opened = [hole for hole in still if hole.gap_id is None]
        self.holes = still

    def _above(self) -> Iterable[Range]:
        return (pair for pair in self._seen if pair[0] != 1)


def _without(hole: Hole, low: int, high: int) -> list[Hole]:
    if high < hole.low or hole.high < low:
        return [hole]
    pieces = [
        Hole(a, b, is_trimmed=True)
        for a, b in ((hole.low, low - 1), (high + 1, hole.high))
        if a <= b
    ]
    if pieces:
        pieces[0].gap_id = hole.gap_id
    return pieces
