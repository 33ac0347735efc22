"""What can still be read of a damaged spool file, and what is missing from it."""

import bisect
import contextlib
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, Self

from lode_edge.spool import schema
from lode_edge.spool.gaps import gap_of
from lode_edge.spool.schema import EPOCH_ROOM
from lode_wire import codec
from lode_wire.codec import Header
from lode_wire.errors import DecodeError
from lode_wire.records import Gap, GapReason

_SPARE = 64  # ordinals left for epochs that only their batches still name


class Epoch(NamedTuple):
    """What a damaged file still says of an epoch."""

    ordinal: int
    last_seq: int
    mark: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Wreck:
    """A damaged file."""

    path: Path
    epochs: dict[str, Epoch]
    noted: str  # the epoch as the note beside the file says; empty when that is gone, too
    life: tuple[bool, int] | None  # whether its last stop was clean, and its last commit

    @classmethod
    def found(cls, path: Path) -> Self:
        """Look at a damaged file."""
        epochs: dict[str, Epoch] = {}
        life, noted = None, ""
        with contextlib.suppress(OSError, UnicodeDecodeError):
            noted = path.with_name("spool.epoch").read_text(encoding="ascii").strip()
        with contextlib.suppress(sqlite3.Error), contextlib.closing(sqlite3.connect(path)) as db:
            for ordinal, name, last_seq, mark, crc in db.execute("select * from epoch"):
                if schema.epoch_crc(ordinal, name, last_seq, mark) == crc:
                    epochs[name] = Epoch(ordinal, last_seq, mark)
            clean, committed_ms = db.execute("select is_clean, committed_ms from life").fetchone()
            life = (bool(clean), int(committed_ms))
        return cls(path=path, epochs=epochs, noted=noted, life=life)

    @property
    def spare_ordinal(self) -> int:
        """Give the first ordinal for an epoch that only its batches still name."""
        return 1 + max((known.ordinal for known in self.epochs.values()), default=0)

    @property
    def next_ordinal(self) -> int:
        """Give the ordinal for the epoch that begins now."""
        return self.spare_ordinal + _SPARE

    def batches(self, agent: str) -> Iterator[tuple[Header, bytes]]:
        """Give every batch that is whole, from both ends towards the damage."""
        with contextlib.suppress(sqlite3.Error), self._open() as db:
            seen = -1
            with contextlib.suppress(sqlite3.Error):
                for batch, payload in _walk(db, "id > ? order by id", -1):
                    seen = batch
                    yield from _checked(payload, agent)
                return
            for batch, payload in _walk(db, "id < ? order by id desc", 1 << 62):
                if batch <= seen:
                    return
                yield from _checked(payload, agent)

    def gaps(self) -> list[Gap]:
        """List the gaps that the hub has not been told of."""
        found: list[Gap] = []
        with contextlib.suppress(sqlite3.Error, ValueError), self._open() as db:
            rows = db.execute(
                "select found_ms, epoch, reason, from_seq, to_seq, from_ms, to_ms, records, detail"
                " from gap where spooled is null order by id"
            )
            found.extend(gap_of(row) for row in rows)
        return found

    def accounted(self, epoch: str) -> set[int]:
        """List the numbers of an epoch that a gap has already accounted for."""
        numbers: set[int] = set()
        with contextlib.suppress(sqlite3.Error), self._open() as db:
            rows = db.execute(
                "select from_seq, to_seq from gap where epoch = ? and from_seq is not null",
                (epoch,),
            )
            for first, last in rows:
                numbers.update(range(first, min(last, first + 10_000_000) + 1))
        return numbers

    def _open(self) -> contextlib.closing[sqlite3.Connection]:
        return contextlib.closing(sqlite3.connect(self.path))


@dataclass(slots=True)
class Saved:
    """Which batches were saved of a wreck, by epoch and seq, with the times they span."""

    spans: dict[str, dict[int, tuple[int, int]]] = field(default_factory=dict)

    def add(self, rows: Sequence[tuple[int, Header, bytes]]) -> None:
        """Note batches as saved."""
        for _, header, _ in rows:
            self.spans.setdefault(header.epoch, {})[header.seq] = (header.from_ms, header.to_ms)

    @property
    def batches(self) -> int:
        """Count the batches."""
        return sum(map(len, self.spans.values()))

    def missing(self, wreck: Wreck, now_ms: int) -> Iterator[Gap]:
        """Say what is missing: by number where the wreck tells its last one, else in general."""
        for epoch in dict.fromkeys([*wreck.epochs, *self.spans, wreck.noted]):
            if not epoch:
                continue
            spans, known = self.spans.get(epoch, {}), wreck.epochs.get(epoch)
            first, last = (known.mark + 1, known.last_seq) if known else (1, max(spans, default=0))
            held, whole = spans.keys() | wreck.accounted(epoch), sorted(spans)
            for start, end in _holes(first, last, held):
                times = _around(spans, whole, (start, end), now_ms)
                yield _gap(epoch, now_ms, (start, end), times, "could not be read")
            if known is None:
                newest = max((span[1] for span in spans.values()), default=None)
                yield _gap(epoch, now_ms, (None, None), (newest, now_ms), f"all beyond {last}")


def _walk(db: sqlite3.Connection, where: str, start: int) -> Iterator[tuple[int, bytes]]:
    place = start
    while True:
        row = db.execute(
            f"select id, payload from batch where {where} limit 1",  # noqa: S608 -- from above
            (place,),
        ).fetchone()
        if row is None:
            return
        yield row
        place = row[0]


def _checked(payload: object, agent: str) -> Iterator[tuple[Header, bytes]]:
    # The payload's own checked header counts, not the row, which may be what is damaged.
    if not isinstance(payload, bytes):
        return
    with contextlib.suppress(DecodeError):
        header = codec.peek(payload)
        if header.agent == agent and header.seq < EPOCH_ROOM:
            yield header, payload


def _holes(first: int, last: int, held: set[int]) -> Iterator[tuple[int, int]]:
    start = first
    for seq in sorted(seq for seq in held if first <= seq <= last):
        if start < seq:
            yield start, seq - 1
        start = seq + 1
    if start <= last:
        yield start, last


def _around(
    spans: dict[int, tuple[int, int]], whole: list[int], hole: tuple[int, int], now_ms: int
) -> tuple[int | None, int]:
    """Bound the time of missing numbers by their saved neighbours."""
    before, after = bisect.bisect_left(whole, hole[0]), bisect.bisect_right(whole, hole[1])
    return (
        spans[whole[before - 1]][0] if before else None,
        spans[whole[after]][1] if after < len(whole) else now_ms,
    )


def _gap(
    epoch: str,
    now_ms: int,
    seqs: tuple[int | None, int | None],
    times: tuple[int | None, int | None],
    detail: str,
) -> Gap:
    return Gap(
        at_ms=now_ms,
        epoch=epoch,
        reason=GapReason.SALVAGED,
        from_seq=seqs[0],
        to_seq=seqs[1],
        from_ms=times[0],
        to_ms=times[1],
        records=None,
        detail=detail,
    )
