"""How large the spool may be, and what goes first when it is.

On a full disk SQLite can neither insert nor delete nor write its log back, so that a spool could
not even drain. Therefore the file grows only here, in steps, while the disk has more than a reserve
left: zeros are written out to the file itself, then freed. All else is written to pages, and to a
log, that the disk has already given.
"""

import os
import sqlite3
from dataclasses import dataclass
from pathlib import Path

from lode_edge.spool.priority import Priority
from lode_edge.spool.schema import EPOCH_ROOM, PAGE_BYTES, WAL_BYTES, WAL_PAGES

_LEAST_BYTES = 8 << 20  # a spool of this size may use the reserve
_STEP_PAGES = 512
_LOG_PAGES = WAL_PAGES * 3 // 2
_SPARE_PAGES = 48  # left free beside what is to be written: for deletions, gaps and the index


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """What the spool may take of its disk."""

    max_bytes: int = 2 << 30
    reserve_bytes: int = 256 << 20
    max_age_s: float = 60 * 86400.0  # by the spool's own clock, which does not jump


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """What eviction must know of a batch."""

    id: int
    n: int
    from_ms: int
    to_ms: int
    size_bytes: int

    @property
    def seq(self) -> int:
        """Give the batch's number within its epoch."""
        return self.id % EPOCH_ROOM


def free_bytes(path: Path) -> int:
    """Give what the disk under a path has left for us.

    Raises:
        OSError: the path is not there.
    """
    disk = os.statvfs(path)
    return int(disk.f_bavail * disk.f_frsize)


def allowed_pages(db: sqlite3.Connection, directory: Path, limits: Limits) -> int:
    """Give the size the file may grow to as the disk is now, in pages; never below its size."""
    disk = os.statvfs(directory)
    free, total = disk.f_bavail * disk.f_frsize, disk.f_blocks * disk.f_frsize
    pages: int = db.execute("pragma page_count").fetchone()[0]
    size = pages * PAGE_BYTES
    reserve = max(min(limits.reserve_bytes, total // 10), WAL_BYTES)
    small = min(_LEAST_BYTES, size + max(0, free - 2 * WAL_BYTES))
    allowed = min(limits.max_bytes, max(small, size + free - reserve))
    return max(pages, allowed // PAGE_BYTES)


def page_counts(db: sqlite3.Connection) -> tuple[int, int]:
    """Give the file's pages, and how many of them are free."""
    pages, free = (
        db.execute(f"pragma {name}").fetchone()[0] for name in ("page_count", "freelist_count")
    )
    return pages, free


def short_of(db: sqlite3.Connection, size_bytes: int) -> int:
    """Give how many more pages must be free before so many bytes can be written; 0: none."""
    _, free = page_counts(db)
    return max(0, pages_of(size_bytes) + _SPARE_PAGES - free)


def grow(db: sqlite3.Connection, pages: int, allowed: int) -> None:
    """Make the file larger, by so many pages or a step, up to what is allowed.

    Raises:
        sqlite3.Error: the disk is fuller than it was.
    """
    if pages <= 0:
        return
    has, _ = page_counts(db)
    most = min(allowed, has + max(pages, _STEP_PAGES))
    # Two pages are lost to the row itself and, now and then, to the map of pages.
    zeros = (most - has - 2) * (PAGE_BYTES - 4)
    if zeros <= 0:
        return
    db.execute(f"pragma max_page_count = {most}")
    try:
        db.execute("insert into ballast values (zeroblob(?))", (zeros,))
        write_log_back(db)
        db.execute("delete from ballast")
        write_log_back(db)
    finally:
        pin(db)


def take_log(db: sqlite3.Connection, allowed: int) -> None:
    """Have the disk give the log its space now, because there may be none later.

    Raises:
        sqlite3.Error: it does not.
    """
    grow(db, max(0, _LOG_PAGES + _SPARE_PAGES - page_counts(db)[1]), allowed)
    pages = min(_LOG_PAGES, page_counts(db)[1] - 2)
    if pages > 0:
        db.execute("insert into ballast values (zeroblob(?))", (pages * (PAGE_BYTES - 4),))
        db.execute("delete from ballast")
        write_log_back(db)


def pin(db: sqlite3.Connection) -> None:
    """Have the file keep its size, whatever is written."""
    db.execute(f"pragma max_page_count = {page_counts(db)[0]}")


def write_log_back(db: sqlite3.Connection) -> None:
    """Write the log back to the file and begin it anew, in the space it has.

    Raises:
        sqlite3.Error: the disk does not take it.
    """
    db.execute("pragma wal_checkpoint(restart)").fetchall()


def pages_of(size_bytes: int) -> int:
    """Give how many pages a batch of this size takes, its row included."""
    return size_bytes // PAGE_BYTES + 1


def victims(db: sqlite3.Connection, spared: frozenset[int], limit: int) -> list[Row]:
    """List the batches that go first: the oldest of the lowest priority there is."""
    for priority in (Priority.TELEMETRY, Priority.ENERGY, Priority.EVENT):
        found = db.execute(
            "select id, n, from_ms, to_ms, size_bytes from batch where priority = ?"
            " order by id limit ?",
            (priority, limit + len(spared)),
        )
        rows = [_row(row) for row in found.fetchall() if row[0] not in spared]
        if rows:
            return rows[:limit]
    return []


def expired(db: sqlite3.Connection, before_s: float, limit: int) -> list[Row]:
    """List the oldest batches made before a moment of the spool's clock."""
    found = db.execute(
        "select id, n, from_ms, to_ms, size_bytes, created_s, priority from batch"
        " order by id limit ?",
        (limit,),
    )
    return [_row(r) for r in found.fetchall() if r[5] < before_s and r[6] < Priority.KEPT]


def _row(row: tuple[int, ...]) -> Row:
    return Row(id=row[0], n=row[1], from_ms=row[2], to_ms=row[3], size_bytes=row[4])
