"""What a spool holds, for whoever asks while its agent runs or not."""

import sqlite3
from pathlib import Path
from typing import Any

from sqlite_utils import Database

from lode_edge.spool.errors import SpoolError
from lode_edge.spool.schema import EPOCH_ROOM
from lode_wire.records import GapReason


def inspect(directory: Path, now_ms: int) -> dict[str, Any]:
    """Describe the spool of a directory: depth, oldest, gaps, bytes, epoch, mark, kinds.

    Raises:
        SpoolError: there is none, or it cannot be read.
    """
    path = directory / "spool.db"
    if not path.exists():
        raise SpoolError(f"spool {path}: there is no such file; has the agent ever run?")
    # A closed spool has no log beside it, and reading it must not make one.
    mode = "mode=ro" if path.with_name("spool.db-wal").exists() else "mode=ro&immutable=1"
    try:
        db = Database(sqlite3.connect(f"file:{path}?{mode}", uri=True))
        try:
            return _described(db, path, now_ms)
        finally:
            db.close()
    except sqlite3.Error as error:
        raise SpoolError(f"spool {path}: {error}; start its agent, which repairs it") from error


def _described(db: Database, path: Path, now_ms: int) -> dict[str, Any]:
    [life], epochs = (
        db.query("select * from life"),
        list(db.query("select * from epoch order by ordinal desc")),
    )
    [depth] = db.query(
        "select count(*) batches, coalesce(sum(n), 0) records, coalesce(sum(size_bytes), 0) bytes,"
        " min(from_ms) oldest_ms, min(created_ms) since_ms from batch"
    )
    [gaps] = db.query(
        "select count(*) n, coalesce(sum(spooled is null), 0) waiting,"
        " coalesce(sum(records), 0) records from gap"
    )
    since_ms = depth.pop("since_ms")
    return {
        "agent": life["agent"],
        "epoch": epochs[0]["name"],
        "mark": epochs[0]["mark"],
        "last_seq": epochs[0]["last_seq"],
        **depth,
        "lag_s": 0.0 if since_ms is None else max(0, now_ms - since_ms) / 1000,
        "file_bytes": path.stat().st_size,
        "gaps": gaps["n"],
        "gaps_waiting": gaps["waiting"],
        "gap_records": gaps["records"],
        "corrupt": db["corrupt"].count,
        "salvaged": _salvaged(db, epochs),
        "kinds": list(db.query(_KINDS)),
        "latest_gaps": [_named(row) for row in db.query(_LATEST)],
    }


_KINDS = """
select kind, count(*) batches, sum(n) records, sum(size_bytes) bytes, min(from_ms) oldest_ms
from batch group by kind order by kind
"""

_LATEST = """
select epoch, reason, from_seq, to_seq, from_ms, to_ms, records, detail, found_ms,
       spooled is not null is_spooled
from gap order by id desc limit 20
"""


def _salvaged(db: Database, epochs: list[dict[str, Any]]) -> int:
    """Count the batches of older epochs."""
    base = epochs[0]["ordinal"] * EPOCH_ROOM
    count: int = db["batch"].count_where("id <= ?", [base])
    return count


def _named(row: dict[str, Any]) -> dict[str, Any]:
    reason = GapReason(row["reason"]).name.lower()
    return {**row, "reason": reason, "is_spooled": bool(row["is_spooled"])}
