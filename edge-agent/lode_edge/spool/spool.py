"""The spool as the rest of the agent sees it: a queue that is on disk before anyone else sees it.

    put ─► queue (bounded) ─► every 0.1 s: pack ─► number ─► insert ─► commit ─► visible to readers
    acknowledge ─────────────────────────────────► delete ─┘

One thread does all the writing, in groups. A full disk or a stalled one stops neither it nor the
poller: what cannot be written is held while it is little, then counted, and noted as a gap as soon
as that can be written.
"""

import contextlib
import errno
import fcntl
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from typing import IO, Self

import structlog

from lode_edge.spool.errors import BrokenFileError, NoRoomError, SpoolError
from lode_edge.spool.packing import packed
from lode_edge.spool.priority import priority_of
from lode_edge.spool.reader import Reader
from lode_edge.spool.recover import Origin, open_file
from lode_edge.spool.work import Depth, Unwritten, Work
from lode_wire.codec import Packed
from lode_wire.messages import Ack
from lode_wire.records import Gap, GapReason, Record

_GROUP_S = 0.1  # a commit waits this long for company; the promise is 0.2 s
_HURRY_RECORDS = 2000  # this many do not wait
_IDLE_S = 1.0
_HELD_BYTES = 2 << 20  # packed, while the disk takes nothing
_MEASURE_S = 5.0
_EXPIRE_S = 60.0
_GAPS_S = 1.0  # gaps that come closer together than this travel together

log = structlog.get_logger()


class Spool:
    """A spool at work. Every method may be called from any thread."""

    def __init__(
        self,
        origin: Origin,
        *,
        devices: Sequence[str] = (),
        queue_records: int = 20_000,
        lag_s: float = 0.0,
    ) -> None:
        """Open the spool and begin to write.

        `lag_s` says how long before it is put a record may have been observed.

        Raises:
            NoRoomError: the disk takes no writes; try again.
            SpoolError: the directory cannot be used, is in use, or is another agent's.
        """
        self._origin, self._clock = origin, origin.clock
        self._lock_file = _locked(origin)
        self.on_commit: list[Callable[[], None]] = []
        self.on_new_epoch: list[Callable[[], None]] = []
        self.is_online = False  # gaps are told one by one while offline only merge
        self._records, self._queue_records = deque[Record](), queue_records
        self._unwritten, self._unwritten_ever = Unwritten(), 0
        self._work = Work()
        self._heard: Ack | None = None  # what the hub said last
        self._lock = threading.Lock()
        self._has_work, self._hurry = threading.Event(), threading.Event()
        self._is_closing, self._is_suspect, self._is_full = False, False, False
        self._due = dict.fromkeys((_MEASURE_S, _EXPIRE_S, _GAPS_S), 0.0)
        try:
            self._file = open_file(origin)
            self._file.begin_life(int(lag_s * 1000))
            with self._file.transaction():
                self.numbers: Mapping[str, int] = self._file.numbers(devices)
        except SpoolError:
            self._lock_file.close()
            raise
        self._depth = self._measured()
        self._thread = threading.Thread(target=self._run, name="spool", daemon=True)
        self._thread.start()

    @property
    def depth(self) -> Depth:
        """Give what the spool held after its last commit."""
        return self._depth

    def put(self, records: Sequence[Record]) -> None:
        """Hand records over; never waits. What the queue has no room for is counted as a gap."""
        with self._lock:
            taken = records[: max(0, self._queue_records - len(self._records))]
            self._records.extend(taken)
            rest = records[len(taken) :]
            if rest:
                times = [record.at_ms for record in rest]
                self._lose(len(rest), min(times), max(times))
            is_many = len(self._records) >= _HURRY_RECORDS
        self._has_work.set()
        if is_many:
            self._hurry.set()

    def announce(self, records: Sequence[Record]) -> "Future[list[int]]":
        """Commit records that are never evicted in this life; the result is their batches' ids."""
        batches = [found for found in packed(records) if isinstance(found, Packed)]
        future: Future[list[int]] = Future()
        with self._lock:
            self._work.announced.append((batches, future))
        self._wake()
        return future

    def flush(self) -> "Future[list[int]]":
        """Commit all that was put before; the result comes when that is done."""
        return self.announce(())

    def acknowledge(self, ack: Ack) -> None:
        """Delete what the hub has committed."""
        with self._lock:
            self._work.acks[ack.epoch] = ack
        self._heard = ack
        self._has_work.set()

    def is_heard(self, batch: int) -> bool:
        """Tell whether the hub has said that it committed a batch of the present epoch."""
        ack, depth = self._heard, self._depth
        if ack is None or ack.epoch != depth.epoch:
            return False
        seq = batch - depth.base
        return 0 < seq <= ack.mark or any(first <= seq <= last for first, last in ack.sack)

    def set_corrupt(self, batch: int, reason: str) -> None:
        """Take a batch out of the way that failed its check when it was to be sent."""
        with self._lock:
            self._work.corrupt[batch] = reason
        self._has_work.set()

    def set_suspect(self) -> None:
        """Have the whole file checked, because a reader found it damaged."""
        self._is_suspect = True
        self._wake()

    def reader(self) -> Reader:
        """Open a reader of what is committed.

        Raises:
            SpoolError: the file cannot be read now.
        """
        return Reader(self._file.path)

    def close(self) -> None:
        """Write all that was put, and close in good order."""
        self._is_closing = True
        self._wake()
        self._thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _wake(self) -> None:
        self._hurry.set()
        self._has_work.set()

    def _lose(self, records: int, from_ms: int, to_ms: int) -> None:
        self._unwritten.add(records, from_ms, to_ms)
        self._unwritten_ever += records

    def _run(self) -> None:
        is_last = False
        while not is_last:
            self._has_work.wait(_IDLE_S)
            self._hurry.wait(_GROUP_S)
            self._has_work.clear()
            self._hurry.clear()
            is_last = self._is_closing
            self._step()
        self._end()

    def _step(self) -> None:
        work = self._collected()
        try:
            if self._is_suspect:
                self._reopen()
            self._commit(work)
            work = Work()  # it is done: what fails from here on must not do it again
            self._keep_house()
        except NoRoomError as error:
            self._hold(work, error)
        except BrokenFileError as error:
            log.error("spool file broke while in use", reason=str(error))  # noqa: TRY400 -- said
            self._is_suspect = True
            self._hold(work, error)
        except Exception:
            log.exception("spool dropped what it could not write")
            for batch in work.batches:
                self._lose(batch.n, batch.from_ms, batch.to_ms)
        else:
            if self._is_full:
                log.info("spool took writes again")
            self._is_full = False

    def _collected(self) -> Work:
        """Take what is to be done, with the records packed."""
        with self._lock:
            work, self._work = self._work, Work()
            records, self._records = self._records, deque()
            unwritten, self._unwritten = self._unwritten, Unwritten()
        if unwritten.records:
            times = (unwritten.from_ms, unwritten.to_ms)
            work.gaps.append(self._gap(GapReason.DISK_FULL, times, unwritten.records, ""))
        for found in packed(records):
            if isinstance(found, Packed):
                work.batches.append(found)
            else:
                record, error = found
                log.error("record dropped", kind=record.tag, reason=str(error))
                times = (record.at_ms, record.at_ms)
                work.gaps.append(self._gap(GapReason.CORRUPT, times, 1, f"{record.tag}: {error}"))
        return work

    def _commit(self, work: Work) -> None:
        if work.is_empty and not (self.is_online and self._file.gaps_waiting()):
            return
        self._file.make_room(work.size_bytes)
        try:
            self._write(work)
        except NoRoomError:
            # Piece by piece, each of which fits into the log that the disk has already given.
            for piece in work.pieces():
                self._file.shorten_log()
                self._file.make_room(piece.size_bytes)
                self._write(piece)
                work.drop(piece)

    def _write(self, work: Work) -> None:
        now_s, ids = self._clock.mono_s(), list[list[int]]()
        with self._file.transaction():
            for ack in work.acks.values():
                self._file.acknowledge(ack.epoch, ack.mark, ack.sack)
            for batch, reason in work.corrupt.items():
                self._file.set_corrupt(batch, reason)
            self._file.append(work.batches)
            ids.extend(self._file.append(batches) for batches, _ in work.announced)
            for gap in work.gaps:
                self._file.add_gap(gap)
            if self.is_online and self._is_due(_GAPS_S, now_s):
                self._file.spool_gaps()
        self._file.spared |= frozenset(id_ for numbers in ids for id_ in numbers)
        self._depth = self._measured()
        for (_, future), numbers in zip(work.announced, ids, strict=True):
            future.set_result(numbers)
        for told in self.on_commit:
            told()

    def _keep_house(self) -> None:
        now_s = self._clock.mono_s()
        if self._is_due(_MEASURE_S, now_s):
            self._file.measure()
            self._file.give_back()
        if self._is_due(_EXPIRE_S, now_s):
            self._file.expire()

    def _is_due(self, every_s: float, now_s: float) -> bool:
        if now_s < self._due[every_s]:
            return False
        self._due[every_s] = now_s + every_s
        return True

    def _hold(self, work: Work, error: SpoolError) -> None:
        """Keep for the next attempt what could not be written now, as far as it is little."""
        if not self._is_full:
            log.warning("spool takes no writes", reason=str(error))
        self._is_full = True
        kept_bytes = sum(len(batch.columns) for batch in work.batches)
        with self._lock:
            while kept_bytes > _HELD_BYTES:
                gone = min(work.batches, key=lambda batch: priority_of(batch.kind))
                work.batches.remove(gone)
                kept_bytes -= len(gone.columns)
                self._lose(gone.n, gone.from_ms, gone.to_ms)
            newer, self._work = self._work, work
            work.acks.update(newer.acks)
            work.corrupt.update(newer.corrupt)
            work.announced.extend(newer.announced)
            self._merge_gaps(work)
        self._depth = self._measured()

    def _merge_gaps(self, work: Work) -> None:
        """Make one of the gaps without numbers, so that a long time without room stays small."""
        full = [gap for gap in work.gaps if gap.reason == GapReason.DISK_FULL]
        work.gaps = [gap for gap in work.gaps if gap.reason != GapReason.DISK_FULL][-1000:]
        for gap in full:
            self._unwritten.add(gap.records or 0, gap.from_ms or 0, gap.to_ms or 0)

    def _reopen(self) -> None:
        old = self._file.epoch
        with contextlib.suppress(SpoolError):
            self._file.close(is_clean=False)
        self._file = open_file(self._origin)
        if self._file.epoch != old:
            with self._file.transaction():
                self._file.keep_numbers(dict(self.numbers))
        self._file.begin_life(None)
        self._is_suspect = False
        if self._file.epoch != old:
            log.warning("spool began a new epoch", old=old, new=self._file.epoch)
            self._depth = self._measured()
            for told in self.on_new_epoch:
                told()

    def _end(self) -> None:
        left = self._work.batches or self._work.announced or self._unwritten.records
        for _, future in self._work.announced:
            future.cancel()
        try:
            self._file.close(is_clean=not left)
        except SpoolError as error:
            log.warning("spool not closed in order", reason=str(error))
        self._lock_file.close()

    def _measured(self) -> Depth:
        oldest = None
        with contextlib.suppress(SpoolError):
            oldest = self._file.oldest()
        file = self._file
        return Depth(
            epoch=file.epoch,
            head=file.base + file.last_seq,
            base=file.base,
            batches=file.totals.batches,
            records=file.totals.records,
            size_bytes=file.totals.size_bytes,
            oldest_ms=oldest and oldest[0],
            oldest_created_ms=oldest and oldest[1],
            evicted_batches=file.evicted,
            unwritten_records=self._unwritten_ever,
            is_full=self._is_full,
        )

    def _gap(self, reason: GapReason, times: tuple[int, int], records: int, detail: str) -> Gap:
        return Gap(
            at_ms=self._clock.now_ms(),
            epoch=self._file.epoch,
            reason=reason,
            from_seq=None,
            to_seq=None,
            from_ms=times[0],
            to_ms=times[1],
            records=records,
            detail=detail,
        )


def _locked(origin: Origin) -> IO[str]:
    """Take the directory for this process alone, until the result is closed."""
    path = origin.directory / "spool.lock"
    try:
        origin.directory.mkdir(parents=True, exist_ok=True)
        held = path.open("a", encoding="ascii")
    except OSError as error:
        kind = NoRoomError if error.errno == errno.ENOSPC else SpoolError
        raise kind(f"spool {path}: {error.strerror}; correct data_dir or its rights") from error
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        held.close()
        raise SpoolError(f"spool {path}: another agent is using it; stop that one") from error
    return held
