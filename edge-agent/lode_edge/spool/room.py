"""How large the spool may be, and what goes first when it is.

The limit lies below the free space by a reserve, because on a full disk SQLite can neither delete
nor write its log back, and the spool could not even drain.
"""

import os
import sqlite3
from dataclasses import dataclass
from pathlib import Path

from lode_edge.spool.priority import Priority
from lode_edge.spool.schema import EPOCH_ROOM, PAGE_BYTES, WAL_BYTES

_LEAST_BYTES = 8 << 20  # a spool of this size may use the reserve
_FULL_RATIO, _EASED_RATIO = 0.96, 0.93  # evict from the one down to the other


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


def excess_pages(db: sqlite3.Connection, limit_pages: int) -> int:
    """Give how many pages must become free, 0 while there is room."""
    pages, free = (
        db.execute(f"pragma {name}").fetchone()[0] for name in ("page_count", "freelist_count")
    )
    used = pages - free
    if used <= limit_pages * _FULL_RATIO:
        return 0
    return int(used - limit_pages * _EASED_RATIO)


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
