"""What the spool has to do, what it holds, and what it could not keep."""

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field

from lode_wire.codec import Packed
from lode_wire.messages import Ack
from lode_wire.records import Gap


@dataclass(frozen=True, slots=True)
class Totals:
    """What the batch table holds, kept in step with it."""

    batches: int = 0
    records: int = 0
    size_bytes: int = 0

    def plus(self, batches: int, records: int, size_bytes: int) -> "Totals":
        """Add (or, negative, take away)."""
        return Totals(self.batches + batches, self.records + records, self.size_bytes + size_bytes)


@dataclass(frozen=True, kw_only=True, slots=True)
class Depth:
    """What the spool holds."""

    epoch: str
    head: int  # id of the newest batch
    base: int  # what the epoch adds to a seq to make an id
    batches: int
    records: int
    size_bytes: int
    oldest_ms: int | None  # when the oldest record was observed
    oldest_created_ms: int | None
    evicted_batches: int
    unwritten_records: int  # since the start: read, but never on disk
    is_full: bool


@dataclass(slots=True)
class Unwritten:
    """Records that never got a number: how many, and when they were observed."""

    records: int = 0
    from_ms: int = 1 << 62
    to_ms: int = -(1 << 62)

    def add(self, records: int, from_ms: int, to_ms: int) -> None:
        """Count some more."""
        self.records += records
        self.from_ms, self.to_ms = min(self.from_ms, from_ms), max(self.to_ms, to_ms)


@dataclass(slots=True)
class Work:
    """What is to be written at one go."""

    acks: dict[str, Ack] = field(default_factory=dict)  # the latest of each epoch says it all
    corrupt: dict[int, str] = field(default_factory=dict)
    announced: list[tuple[list[Packed], "Future[list[int]]"]] = field(default_factory=list)
    batches: deque[Packed] = field(default_factory=deque)
    gaps: list[Gap] = field(default_factory=list)

    @property
    def is_empty(self) -> bool:
        """Tell whether there is nothing to do."""
        return not (self.acks or self.corrupt or self.announced or self.batches or self.gaps)

    @property
    def size_bytes(self) -> int:
        """Give about how much is to be written."""
        announced = sum(len(b.columns) + 200 for batches, _ in self.announced for b in batches)
        gaps = 200 * len(self.gaps)
        return announced + gaps + sum(len(batch.columns) + 200 for batch in self.batches)

    def pieces(self) -> Iterator["Work"]:
        """Give it in small parts, first what makes room; what is done must be dropped."""
        if self.acks or self.corrupt:
            yield Work(acks=dict(self.acks), corrupt=dict(self.corrupt))
        for announced in list(self.announced):
            yield Work(announced=[announced])
        if self.gaps:
            yield Work(gaps=list(self.gaps))
        for batch in list(self.batches):
            yield Work(batches=deque([batch]))

    def drop(self, piece: "Work") -> None:
        """Take a part away that is done."""
        for epoch in piece.acks:
            del self.acks[epoch]
        for batch in piece.corrupt:
            del self.corrupt[batch]
        self.announced = [one for one in self.announced if one not in piece.announced]
        if piece.gaps:
            self.gaps = []
        for _ in piece.batches:
            self.batches.popleft()
