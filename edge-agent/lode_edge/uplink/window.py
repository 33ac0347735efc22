"""What is on its way, how much may be, and what has to be sent again.

    sent ─► receipt (the broker has it: frees a place) ─► commit (the hub has it: done)
                └───────── no commit in time ─────────► again

A receipt deletes nothing. What counts as lost: everything, when nothing was committed for a while
(3 s, doubling to 30 s); a single batch, when later ones were committed and it was not.
"""

import bisect
from collections.abc import Sequence
from dataclasses import dataclass, field

from lode_wire.messages import Ack

RETRY_S, MAX_RETRY_S = 3.0, 30.0
STUCK_S = 30.0
_FIRST, _AFTER_LOSS, _MOST = 32, 4, 4096  # batches not committed: at first, after a loss, at most
_LEAST = 16  # and when commits take long
_COMMIT_S = 0.8  # a commit later than this says that too much waits before the hub
_GROWTH = 4  # of so many committed batches one more may go, once that has happened
_DELAY_S = 0.75  # a receipt later than this says that too much is in the pipe
_LOOK_S = 0.25  # between two looks for single losses
_LEAST_BYTES = 128 << 10
_BACKLOG_SHARE = 0.75  # of every limit; the rest is for what is new


@dataclass(slots=True)
class Sent:
    """A batch on its way."""

    epoch: str
    seq: int
    size_bytes: int
    token: int
    sent_s: float
    order: int = 0


@dataclass(slots=True)
class Committed:
    """What the hub has committed of one epoch."""

    mark: int = 0
    starts: list[int] = field(default_factory=list)
    ends: list[int] = field(default_factory=list)

    def take(self, ack: Ack) -> bool:
        """Take an acknowledgement in; tell whether it raised the mark."""
        has_risen = ack.mark > self.mark
        self.mark = max(self.mark, ack.mark)
        ranges = sorted(
            (first, last)
            for first, last in {*zip(self.starts, self.ends, strict=True), *ack.sack}
            if last > self.mark
        )
        self.starts, self.ends = [], []
        for first, last in ranges:
            if self.ends and first <= self.ends[-1] + 1:
                self.ends[-1] = max(self.ends[-1], last)
            else:
                self.starts.append(first)
                self.ends.append(last)
        return has_risen

    def __contains__(self, seq: int) -> bool:
        place = bisect.bisect_right(self.starts, seq) - 1
        return seq <= self.mark or (place >= 0 and seq <= self.ends[place])


class Window:
    """The batches on their way, by id."""

    def __init__(self, *, batches: int = 96, size_bytes: int = 4 << 20) -> None:
        self._max_batches, self._max_bytes = batches, size_bytes
        self.batches, self._bytes_limit = batches, size_bytes
        self._on_way: dict[int, Sent] = {}
        # What the broker has not receipted, by token: batch and size. It outlives the batch's place
        # on the way, because the broker counts it until the connection ends.
        self._pending: dict[int, tuple[int, int]] = {}
        self._bytes = 0  # of these
        self._committed: dict[str, Committed] = {}
        self._credit, self._allowed = _FIRST, _FIRST
        self._order, self._last_committed_order = 0, 0
        self._tries: dict[int, int] = {}
        self._moved_s, self._retry_s = 0.0, RETRY_S
        self._eased_s, self._looked_s = 0.0, 0.0
        self._slowed_s: float | None = None  # when commits were late
        self._unconfirmed_since_s: float | None = None
        self.refused = 0

    def __len__(self) -> int:
        return len(self._on_way)

    def __contains__(self, batch: int) -> bool:
        return batch in self._on_way

    def is_committed(self, epoch: str, seq: int) -> bool:
        """Tell whether the hub has committed a batch."""
        known = self._committed.get(epoch)
        return known is not None and seq in known

    def has_room(self, *, is_backlog: bool) -> bool:
        """Tell whether another batch may go; what is new may use more than the backlog."""
        share = _BACKLOG_SHARE if is_backlog else 1.0
        return (
            len(self._pending) < max(1.0, self.batches * share)
            and self._bytes < self._bytes_limit * share
            and len(self._on_way) < max(1.0, min(self._credit, self._allowed) * share)
        )

    def sent(self, batch: int, what: Sent) -> None:
        """Note that a batch was handed to the transport."""
        if not self._on_way:
            self._moved_s = what.sent_s
        self._order += 1
        what.order = self._order
        self._on_way[batch] = what
        self._pending[what.token] = (batch, what.size_bytes)
        self._bytes += what.size_bytes

    def receipt(self, token: int, now_s: float, *, is_refused: bool) -> None:
        """Free a place; learn from the delay how much the link can hold."""
        batch, size_bytes = self._pending.pop(token, (0, 0))
        self._bytes -= size_bytes
        self.refused += is_refused
        sent = self._on_way.get(batch)
        if sent is None or sent.token != token:
            return
        if self._unconfirmed_since_s is None:
            self._unconfirmed_since_s = now_s
        self._adapt(now_s - sent.sent_s, now_s)

    def acknowledged(self, ack: Ack, now_s: float) -> None:
        """Take what the hub has committed off the way."""
        known = self._committed.setdefault(ack.epoch, Committed())
        has_moved = known.take(ack)
        done = [b for b, s in self._on_way.items() if s.epoch == ack.epoch and s.seq in known]
        self._adapt_to_commits(done, now_s)
        for batch in done:
            sent = self._on_way.pop(batch)
            self._last_committed_order = max(self._last_committed_order, sent.order)
            self._tries.pop(batch, None)
        self._credit = min(ack.credit, _MOST)
        if done or has_moved:
            self._moved_s, self._retry_s = now_s, RETRY_S
            self._unconfirmed_since_s = None

    def stalled(self, now_s: float) -> bool:
        """Tell whether nothing was committed for so long that all must be sent again.

        Then nothing is on its way any more, and the next time comes later.
        """
        if not self._on_way or now_s - self._moved_s < self._retry_s:
            return False
        self._retry_s = min(2 * self._retry_s, MAX_RETRY_S)
        self._clear(now_s, allowed=_AFTER_LOSS)
        return True

    def lost(self, now_s: float) -> list[int]:
        """Take the batches off the way that later ones have overtaken for too long."""
        if now_s - self._looked_s < _LOOK_S:
            return []
        self._looked_s = now_s
        late = [
            batch
            for batch, sent in self._on_way.items()
            if sent.order < self._last_committed_order
            and now_s - sent.sent_s >= self._patience_s(batch)
        ]
        for batch in late:
            del self._on_way[batch]
            self._tries[batch] = self._tries.get(batch, 0) + 1
        return late

    def begin(self, now_s: float, *, batches: int) -> None:
        """Start over on a new connection that takes so many messages at once."""
        self.batches = max(1, min(self._max_batches, batches))
        self._bytes_limit = self._max_bytes
        self._pending.clear()
        self._bytes = 0
        if not self.is_stuck(now_s):  # while there was no connection, nothing could be confirmed
            self._unconfirmed_since_s = None
        self._clear(now_s, allowed=_FIRST)

    def is_stuck(self, now_s: float) -> bool:
        """Tell whether the broker takes batches while the hub commits none."""
        since_s = self._unconfirmed_since_s
        return since_s is not None and now_s - since_s >= STUCK_S

    def _adapt(self, delay_s: float, now_s: float) -> None:
        if delay_s <= _DELAY_S:
            self._bytes_limit = min(self._max_bytes, self._bytes_limit + (8 << 10))
        elif now_s - self._eased_s > delay_s:  # once in a round: the others were in the same queue
            self._bytes_limit = max(_LEAST_BYTES, self._bytes_limit * 6 // 10)
            self._eased_s = now_s

    def _adapt_to_commits(self, done: Sequence[int], now_s: float) -> None:
        """Learn how much may wait in the broker and the hub, where what is new queues behind it."""
        if not done:
            return
        delay_s = max(now_s - self._on_way[batch].sent_s for batch in done)
        if delay_s <= _COMMIT_S:
            more = len(done) if self._slowed_s is None else -(-len(done) // _GROWTH)
            self._allowed = min(_MOST, self._allowed + more)
        elif self._slowed_s is None or now_s - self._slowed_s > delay_s:  # once in a round
            on_way = min(self._allowed, len(self._on_way))
            fitting = int(on_way * max(0.6, _COMMIT_S / delay_s))
            self._allowed = max(min(_LEAST, self._allowed), fitting)
            self._slowed_s = now_s

    def _patience_s(self, batch: int) -> float:
        return min(RETRY_S * 2.0 ** self._tries.get(batch, 0), MAX_RETRY_S)

    def _clear(self, now_s: float, *, allowed: int) -> None:
        self._on_way.clear()
        self._tries.clear()
        self._allowed, self._slowed_s = allowed, None
        self._moved_s = now_s
