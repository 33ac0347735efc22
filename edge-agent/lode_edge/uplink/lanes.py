"""Which batch goes next: what is new beside what has waited, and nothing before the birth.

gate       the agent's birth and devices, before all else of this boot
again      single batches that were lost on the way
live       the newest first, while there is a backlog; they fall to it when they are 2 s old
backlog    the oldest first; when there is none, all goes this way and in order
"""

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from lode_edge.spool import Reader, Stored

LIVE_S = 2.0
_READ_AHEAD = 8  # batches; up to 64 kB each
_LIVE_IN_A_ROW = 3  # then one of the backlog, that it never starves
_ALL = 1 << 62


@dataclass(slots=True)
class Segment:
    """New batches that the live lane has yet to send: ids above `above` and below `below`."""

    above: int
    below: int
    seen_s: float


class Lanes:
    """The order of sending, over what is committed to the spool."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._gate: frozenset[int] | None = frozenset()
        self._gated: deque[int] = deque()
        self._again: deque[int] = deque()
        self._backlog: deque[Stored] = deque()
        self._cursor = 0  # the backlog was read up to here
        self._live: deque[Stored] = deque()
        self._segments: list[Segment] = []
        self._head = 0
        self._heads: deque[tuple[float, int]] = deque()  # when each head was first seen
        self._live_run = 0

    def close_gate(self, ids: Iterable[int] = ()) -> None:
        """Let nothing but these batches through until `open_gate`."""
        self._gate = frozenset(ids)
        self.rewind()

    def open_gate(self) -> None:
        """Let everything through."""
        self._gate = None

    def rewind(self) -> None:
        """Begin the backlog from the oldest again."""
        self._cursor = 0
        self._backlog.clear()
        self._again.clear()
        self._gated = deque(sorted(self._gate or ()))

    def send_again(self, ids: list[int]) -> None:
        """Put single batches in front."""
        self._again.extend(ids)

    def advance(self, head: int, now_s: float) -> None:
        """Learn which batch is the newest."""
        if head > self._head:
            if self._head:
                self._segments.append(Segment(self._head, head + 1, now_s))
            self._head = head
            self._heads.append((now_s, head))
        while len(self._heads) > 1 and self._heads[1][0] <= now_s - LIVE_S:
            self._heads.popleft()
        while self._segments and self._segments[0].seen_s < now_s - LIVE_S:
            self._segments.pop(0)

    def next(self, room: Callable[[bool], bool]) -> Stored | None:
        """Give the next batch to go, if there is one and its lane has room.

        `room(is_backlog)` says whether there is; a batch that was given is not given again before
        `rewind` or `send_again`.

        Raises:
            SpoolError: the spool cannot be read.
        """
        for single in (self._again, self._gated):
            while single and room(False):
                found = self._reader.get(single.popleft())
                if found is not None:
                    return found
        if self._gate is not None:
            return None
        waits = self._peek_backlog()
        if waits is None or self._is_new(waits.id):
            return self._take_backlog() if waits and room(False) else None
        if room(False) and (self._live_run < _LIVE_IN_A_ROW or not room(True)):
            new = self._take_live()
            if new is not None:
                self._live_run += 1
                return new
        self._live_run = 0
        return self._take_backlog() if room(True) else None

    def _is_new(self, batch: int) -> bool:
        """Tell whether a batch came within the last LIVE_S."""
        return bool(self._heads) and batch > self._heads[0][1]

    def _peek_backlog(self) -> Stored | None:
        if not self._backlog:
            self._backlog.extend(
                self._reader.oldest(above=self._cursor, below=_ALL, limit=_READ_AHEAD)
            )
        return self._backlog[0] if self._backlog else None

    def _take_backlog(self) -> Stored | None:
        taken = self._backlog.popleft()
        self._cursor = taken.id
        return taken

    def _take_live(self) -> Stored | None:
        while not self._live:
            if not self._segments:
                return None
            newest = self._segments[-1]
            rows = self._reader.newest(
                above=max(newest.above, self._cursor), below=newest.below, limit=_LIVE_IN_A_ROW
            )
            if rows:
                newest.below = rows[-1].id
                self._live.extend(rows)
            else:
                self._segments.pop()
        return self._live.popleft()
