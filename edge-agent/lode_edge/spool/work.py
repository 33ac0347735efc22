"""What the spool has to do, what it holds, and what it could not keep."""

from collections import deque
from concurrent.futures import Future
from dataclasses import dataclass, field

from lode_wire.codec import Packed
from lode_wire.messages import Ack
from lode_wire.records import Gap


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
