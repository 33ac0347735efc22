"""Everything that is written to a spool's file. One thread uses it; readers have their own.

append      number ─► frame ─► insert        in one transaction, visible to nobody before
acknowledge delete what the hub has committed, and nothing else
evict       delete what finds no room, and note the gap
"""

import contextlib
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path

from lode_edge.clock import Clock
from lode_edge.spool import gaps, room, schema
from lode_edge.spool.errors import NoRoomError, named
from lode_edge.spool.priority import priority_of
from lode_edge.spool.room import Limits, Row
from lode_edge.spool.schema import EPOCH_ROOM
from lode_edge.spool.work import Totals
from lode_wire import codec
from lode_wire.codec import Header, Packed
from lode_wire.errors import DecodeError
from lode_wire.records import Gap, GapReason

_CHUNK = 200  # rows deleted at a time, so that the log stays short
_KEPT_CORRUPT = 100
_KEPT_PAGES = 1024  # empty, for the next time
_SKIPPED = 4096  # numbers, after a kill: more than there are batches in a log


class SpoolFile:
    """A spool's open file."""

    def __init__(
        self, db: sqlite3.Connection, path: Path, *, agent: str, limits: Limits, clock: Clock
    ) -> None:
        self.path, self.agent, self.limits = path, agent, limits
        self._db, self._clock = db, clock
        newest = db.execute(
            "select ordinal, name, last_seq from epoch order by ordinal desc limit 1"
        ).fetchone()
        self.ordinal: int = newest[0]
        self.epoch: str = newest[1]
        self.last_seq: int = newest[2]
        self.spared: frozenset[int] = frozenset()  # ids that eviction passes over
        self.evicted = 0  # batches, since it was opened
        total = db.execute("select count(*), sum(n), sum(size_bytes) from batch").fetchone()
        self.totals = Totals(*(number or 0 for number in total))
        clock_s: float = db.execute("select clock_s from life").fetchone()[0]
        self._clock_zero_s = clock.mono_s() - clock_s
        self._allowed_pages = 0
        self.measure()
        room.pin(db)
        with contextlib.suppress(NoRoomError), self._named():
            room.take_log(db, self._allowed_pages)

    @property
    def clock_s(self) -> float:
        """Give for how long the spool has been open, over all its runs."""
        return self._clock.mono_s() - self._clock_zero_s

    @property
    def base(self) -> int:
        """Give what the current epoch adds to a seq to make it an id."""
        return self.ordinal * EPOCH_ROOM

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """Do all or nothing, the counters included.

        Raises:
            NoRoomError: the disk did not take it; nothing has changed.
            BrokenFileError: the file is damaged.
        """
        before = (self.last_seq, self.totals, self.evicted)
        try:
            self._db.execute("begin immediate")
            yield
            self._db.execute(
                "update life set committed_ms = ?, clock_s = ?",
                (self._clock.now_ms(), self.clock_s),
            )
            self._db.execute("commit")
        except BaseException as error:
            self.last_seq, self.totals, self.evicted = before
            with contextlib.suppress(sqlite3.Error):
                self._db.execute("rollback")
            if isinstance(error, sqlite3.Error):
                raise named(error, self.path) from error
            raise

    def append(self, batches: Sequence[Packed]) -> list[int]:
        """Number batches and store them, within a transaction; give their ids."""
        ids = []
        for packed in batches:
            seq = self.last_seq + 1
            payload = codec.frame(packed, agent=self.agent, epoch=self.epoch, seq=seq)
            self.last_seq = seq
            self.totals = self.totals.plus(1, packed.n, len(payload))
            self._db.execute(
                "insert into batch values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    *(self.base + seq, priority_of(packed.kind), packed.kind, packed.n),
                    *(packed.from_ms, packed.to_ms, self._clock.now_ms(), self.clock_s),
                    *(len(payload), payload),
                ),
            )
            ids.append(self.base + seq)
        if ids:
            self._update_epoch(self.ordinal, last_seq=self.last_seq)
        return ids

    def spool_gaps(self, limit: int = 500) -> bool:
        """Make a batch of the gaps that wait, within a transaction; False when none does."""
        found = gaps.take(self._db, limit, spooled=self.last_seq + 1)
        if found:
            self.append([codec.pack(found)])
        return bool(found)

    def acknowledge(self, epoch: str, mark: int, sack: Sequence[tuple[int, int]]) -> None:
        """Delete what the hub has committed of an epoch, within a transaction."""
        row = self._db.execute("select ordinal from epoch where name = ?", (epoch,)).fetchone()
        if row is None:
            return
        base = row[0] * EPOCH_ROOM
        for first, last in [(1, mark), *sack]:
            self._delete(base + first, base + min(last, EPOCH_ROOM - 1))
        self._update_epoch(row[0], mark=mark)

    def add_gap(self, gap: Gap) -> None:
        """Note what is missing, within a transaction."""
        gaps.add(self._db, gap)

    def gaps_waiting(self) -> int:
        """Count the gaps the hub has not been told of."""
        return gaps.waiting(self._db)

    def set_corrupt(self, batch: int, reason: str) -> None:
        """Take a batch that fails its check out of the way, within a transaction.

        When only its place is wrong (the payload is whole and says another number), it is put
        right instead.
        """
        row = self._db.execute(
            "select payload, n, from_ms, to_ms, size_bytes from batch where id = ?", (batch,)
        ).fetchone()
        if row is None or self._put_right(batch, row[0]):
            return
        ordinal, seq = divmod(batch, EPOCH_ROOM)
        epoch = self._epoch_name(ordinal)
        self._db.execute(
            "insert into corrupt (epoch, seq, found_ms, reason, payload) values (?, ?, ?, ?, ?)",
            (epoch, seq, self._clock.now_ms(), reason, row[0]),
        )
        self._db.execute(
            "delete from corrupt where id <= (select max(id) from corrupt) - ?", (_KEPT_CORRUPT,)
        )
        self._delete(batch, batch)
        times = (row[2], row[3]) if row[2] <= row[3] else (None, None)
        self._note(epoch, GapReason.CORRUPT, (seq, seq), times, row[1])

    def make_room(self, size_bytes: int) -> bool:
        """Grow, else evict, until so many bytes find room; False when nothing is left to go.

        Raises:
            NoRoomError: the disk takes no writes at all.
            BrokenFileError: the file is damaged.
        """
        short = room.short_of(self._db, size_bytes)
        if short and room.page_counts(self._db)[0] < self._allowed_pages:
            with contextlib.suppress(NoRoomError), self._named():
                room.grow(self._db, short, self._allowed_pages)
            short = room.short_of(self._db, size_bytes)
        if short:
            # Some more, so that it is not needed at every commit.
            self._evict_pages(short + self._allowed_pages // 50)
        return room.short_of(self._db, size_bytes) == 0

    def expire(self) -> None:
        """Evict what is older than the age limit by the spool's own clock.

        Raises:
            NoRoomError: the disk takes no writes.
            BrokenFileError: the file is damaged.
        """
        while rows := room.expired(self._db, self.clock_s - self.limits.max_age_s, _CHUNK):
            self._evict([row for row in rows if row.id not in self.spared], GapReason.EXPIRED)
            if len(rows) < _CHUNK:
                return

    def measure(self) -> None:
        """Set the limit anew from what the disk has left.

        Raises:
            NoRoomError: the disk cannot be asked.
            BrokenFileError: the file is damaged.
        """
        with self._named():
            self._allowed_pages = room.allowed_pages(self._db, self.path.parent, self.limits)

    def give_back(self, pages: int = 256) -> None:
        """Return up to so many pages to the disk, when a large part of the file is empty.

        Raises:
            NoRoomError: the disk takes no writes.
            BrokenFileError: the file is damaged.
        """
        with self._named():
            total, free = room.page_counts(self._db)
            if free * 2 > total and free > _KEPT_PAGES + pages:
                self._db.execute(f"pragma incremental_vacuum({pages})").fetchall()
                room.pin(self._db)

    def shorten_log(self) -> None:
        """Write the log back and begin it anew, so that the next write needs no new space."""
        with contextlib.suppress(sqlite3.Error):
            room.write_log_back(self._db)

    def oldest(self) -> tuple[int, int] | None:
        """Give when the oldest batch was observed and stored (Unix ms), if there is one.

        Raises:
            BrokenFileError: the file is damaged.
        """
        with self._named():
            found = self._db.execute("select from_ms, created_ms from batch order by id limit 1")
            row: tuple[int, int] | None = found.fetchone()
        return row

    def numbers(self, names: Sequence[str]) -> dict[str, int]:
        """Give each device its number in this epoch, within a transaction."""
        self._db.executemany(
            "insert into device (name) values (?) on conflict (name) do nothing",
            [(name,) for name in names],
        )
        known = dict(self._db.execute("select name, number from device").fetchall())
        return {name: known[name] for name in names}

    def keep_numbers(self, numbers: dict[str, int]) -> None:
        """Begin an epoch with numbers that are in use, within a transaction."""
        self._db.executemany("insert into device (name, number) values (?, ?)", numbers.items())

    def adopt(self, rows: Sequence[tuple[int, Header, bytes]]) -> None:
        """Take over batches of older epochs, by ordinal, under their old numbers.

        Within a transaction.
        """
        for ordinal, header, payload in rows:
            self._db.execute(
                "insert or ignore into epoch values (?, ?, 0, 0, ?)",
                (ordinal, header.epoch, schema.epoch_crc(ordinal, header.epoch, 0, 0)),
            )
            self._db.execute(
                "insert or ignore into batch values (?, ?, ?, ?, ?, ?, ?, 0, ?, ?)",
                (
                    *(ordinal * EPOCH_ROOM + header.seq, priority_of(header.kind), header.kind),
                    *(header.n, header.from_ms, header.to_ms, self._clock.now_ms()),
                    *(len(payload), payload),
                ),
            )
            self._update_epoch(ordinal, last_seq=header.seq)

    def inherit_life(self, is_clean: bool, committed_ms: int) -> None:
        """Take over how the file before this one was left, as the last thing before closing."""
        self._db.execute("update life set is_clean = ?, committed_ms = ?", (is_clean, committed_ms))

    def begin_life(self, lag_ms: int | None) -> None:
        """Mark the file as in use; when its last user was killed, note what that may have cost.

        Numbers are skipped then, because a damaged log may have taken back batches that the hub
        has already got, and a number given twice would be a record lost without a word.

        Records may have been observed `lag_ms` before they could have been committed. None: it is
        the process itself that goes on, and nothing was lost.

        Raises:
            NoRoomError: the disk does not take it.
            BrokenFileError: the file is damaged.
        """
        is_clean, committed_ms = self._db.execute(
            "select is_clean, committed_ms from life"
        ).fetchone()
        now_ms = self._clock.now_ms()
        with self.transaction():
            if not is_clean and lag_ms is not None:
                times = (min(committed_ms, now_ms) - lag_ms, max(committed_ms, now_ms))
                skipped = (self.last_seq + 1, self.last_seq + _SKIPPED)
                self._note(self.epoch, GapReason.UNCLEAN_STOP, skipped, times, None)
                self.last_seq += _SKIPPED
                self._update_epoch(self.ordinal, last_seq=self.last_seq)
            self._db.execute("update life set is_clean = 0")

    def close(self, *, is_clean: bool) -> None:
        """Write the log back and close; a clean close says so in the file."""
        try:
            if is_clean:
                with self.transaction():
                    self._db.execute("update life set is_clean = 1")
        finally:
            self._db.close()

    @contextlib.contextmanager
    def _named(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise named(error, self.path) from error
        except OSError as error:
            raise NoRoomError(
                f"spool {self.path}: {error.strerror}; look after its disk"
            ) from error

    def _evict_pages(self, pages: int) -> int:
        """Evict until so many pages are free, or nothing is left that may go; give how many."""
        freed = 0
        while freed < pages:
            rows = _enough(room.victims(self._db, self.spared, _CHUNK), pages - freed)
            if not rows:
                break
            self._evict(rows, GapReason.EVICTED)
            freed += sum(room.pages_of(row.size_bytes) for row in rows)
        return freed

    def _evict(self, rows: Sequence[Row], reason: GapReason) -> None:
        with self.transaction():
            for row in rows:
                self._delete(row.id, row.id)
                epoch = self._epoch_name(row.id // EPOCH_ROOM)
                self._note(epoch, reason, (row.seq, row.seq), (row.from_ms, row.to_ms), row.n)
            self.evicted += len(rows)

    def _note(
        self,
        epoch: str,
        reason: GapReason,
        seqs: tuple[int | None, int | None],
        times: tuple[int | None, int | None],
        records: int | None,
    ) -> None:
        gap = Gap(
            at_ms=self._clock.now_ms(),
            epoch=epoch,
            reason=reason,
            from_seq=seqs[0],
            to_seq=seqs[1],
            from_ms=times[0],
            to_ms=times[1],
            records=records,
        )
        gaps.add(self._db, gap)

    def _delete(self, first: int, last: int) -> None:
        if first > last:
            return
        gone = self._db.execute(
            "delete from batch where id between ? and ? returning n, size_bytes", (first, last)
        ).fetchall()
        self.totals = self.totals.plus(
            -len(gone), -sum(row[0] for row in gone), -sum(row[1] for row in gone)
        )

    def _put_right(self, batch: int, payload: bytes) -> bool:
        try:
            header = codec.peek(payload)
        except DecodeError:
            return False
        found = self._db.execute("select ordinal from epoch where name = ?", (header.epoch,))
        row = found.fetchone()
        if row is None or header.agent != self.agent:
            return False
        right = row[0] * EPOCH_ROOM + header.seq
        if right != batch:
            self._delete(right, right)  # the same batch again, if it is there at all
            self._db.execute("update batch set id = ? where id = ?", (right, batch))
        return True

    def _epoch_name(self, ordinal: int) -> str:
        row = self._db.execute("select name from epoch where ordinal = ?", (ordinal,)).fetchone()
        return self.epoch if row is None else str(row[0])

    def _update_epoch(self, ordinal: int, *, last_seq: int = 0, mark: int = 0) -> None:
        name, old_seq, old_mark = self._db.execute(
            "select name, last_seq, mark from epoch where ordinal = ?", (ordinal,)
        ).fetchone()
        values = (max(last_seq, old_seq), max(mark, old_mark))
        self._db.execute(
            "update epoch set last_seq = ?, mark = ?, crc = ? where ordinal = ?",
            (*values, schema.epoch_crc(ordinal, name, *values), ordinal),
        )


def _enough(rows: list[Row], pages: int) -> list[Row]:
    """Cut the list off where so many pages are free."""
    taken = 0
    for place, row in enumerate(rows, start=1):
        taken += room.pages_of(row.size_bytes)
        if taken >= pages:
            return rows[:place]
    return rows
