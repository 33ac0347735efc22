"""What is missing: kept beside the batches until the hub can be told, neighbours merged.

    evicted, expired, corrupt, never written ─► add ─► waiting ─► take ─► a batch of Gap records

Only exact neighbours are merged, because the hub takes a gap's word for every number in it.
"""

import sqlite3
from typing import Any

from lode_wire.records import Gap, GapReason

_NEAR_MS = 10_000  # gaps without numbers that lie closer than this are one
_KEPT = 1000  # gaps that were told are kept for whoever asks, up to this many


def add(db: sqlite3.Connection, gap: Gap) -> None:
    """Note a gap, as part of a neighbour that still waits where there is one."""
    for neighbour in _neighbours(db, gap):
        _merge(db, neighbour, gap)
        return
    db.execute(
        "insert into gap (epoch, reason, from_seq, to_seq, from_ms, to_ms, records, detail,"
        " found_ms) values (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            *(gap.epoch, int(gap.reason), gap.from_seq, gap.to_seq, gap.from_ms, gap.to_ms),
            *(gap.records, gap.detail, gap.at_ms),
        ),
    )


def waiting(db: sqlite3.Connection) -> int:
    """Count the gaps that wait to be told."""
    count: int = db.execute("select count(*) from gap where spooled is null").fetchone()[0]
    return count


def take(db: sqlite3.Connection, limit: int, *, spooled: int) -> list[Gap]:
    """Take the oldest waiting gaps as records for the batch of this number."""
    rows = db.execute(
        "select id, found_ms, epoch, reason, from_seq, to_seq, from_ms, to_ms, records, detail"
        " from gap where spooled is null order by id limit ?",
        (limit,),
    ).fetchall()
    db.executemany("update gap set spooled = ? where id = ?", [(spooled, row[0]) for row in rows])
    db.execute(
        "delete from gap where spooled is not null and id <="
        " (select id from gap where spooled is not null order by id desc limit 1 offset ?)",
        (_KEPT,),
    )
    return [gap_of(row[1:]) for row in rows]


def gap_of(row: tuple[Any, ...]) -> Gap:
    """Make a record of a row: found_ms, epoch, reason, from and to seq and ms, records, detail.

    Raises:
        ValueError: the reason is none.
    """
    return Gap(
        at_ms=row[0],
        epoch=row[1],
        reason=GapReason(row[2]),
        from_seq=row[3],
        to_seq=row[4],
        from_ms=row[5],
        to_ms=row[6],
        records=row[7],
        detail=row[8],
    )


def _neighbours(db: sqlite3.Connection, gap: Gap) -> list[int]:
    """Find a waiting gap that this one continues, in front or behind."""
    if gap.from_seq is None or gap.to_seq is None:
        found = db.execute(
            "select id from gap where spooled is null and epoch = ? and reason = ? and detail = ?"
            " and from_seq is null and from_ms - ? <= ? and to_ms + ? >= ? limit 1",
            (gap.epoch, int(gap.reason), gap.detail, _NEAR_MS, gap.to_ms, _NEAR_MS, gap.from_ms),
        )
    else:
        found = db.execute(
            "select id from gap where spooled is null and epoch = ? and reason = ? and detail = ?"
            " and (to_seq = ? or from_seq = ?) limit 1",
            (gap.epoch, int(gap.reason), gap.detail, gap.from_seq - 1, gap.to_seq + 1),
        )
    return [row[0] for row in found.fetchall()]


def _merge(db: sqlite3.Connection, neighbour: int, gap: Gap) -> None:
    # min(a, b) and max(a, b) are null when either is: then the other one's word is not enough.
    db.execute(
        "update gap set from_seq = min(from_seq, ?), to_seq = max(to_seq, ?),"
        " from_ms = min(from_ms, ?), to_ms = max(to_ms, ?), records = records + ? where id = ?",
        (gap.from_seq, gap.to_seq, gap.from_ms, gap.to_ms, gap.records, neighbour),
    )
