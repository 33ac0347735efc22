"""The spool's file: its tables, and how SQLite is to treat it.

Commits are synchronous, so neither kill -9 nor a power cut loses a committed batch on a disk that
keeps what it has synced; a number that was given is therefore never given again.
"""

import sqlite3
import zlib
from pathlib import Path

from lode_edge.spool.errors import BrokenFileError

APPLICATION_ID = 0x4C4F4445  # "LODE"
VERSION = 1
PAGE_BYTES = 4096
WAL_PAGES = 128  # checkpoint early: a long log could not be written back to a full disk
WAL_BYTES = 2 * WAL_PAGES * PAGE_BYTES

# A batch's id holds its epoch's ordinal above its number, so that ids rise with age.
EPOCH_ROOM = 1 << 40

_TABLES = """
create table epoch (
    ordinal integer primary key,   -- numbers are given in the newest; older ones are salvaged
    name text not null unique,
    last_seq integer not null,
    mark integer not null,         -- the hub has committed everything up to here
    crc integer not null           -- of the other columns: SQLite does not notice a flipped bit
);
create table life (
    agent text not null,
    is_clean integer not null,     -- the last stop was in good order
    committed_ms integer not null, -- when something was last committed
    clock_s real not null          -- for how long the spool has been open, over all its runs
);
create table batch (
    id integer primary key,        -- epoch ordinal * 2^40 + seq
    priority integer not null,
    kind text not null,
    n integer not null,
    from_ms integer not null,
    to_ms integer not null,
    created_ms integer not null,
    created_s real not null,       -- by life.clock_s
    size_bytes integer not null,
    payload blob not null
);
create index batch_priority on batch (priority);
create table gap (
    id integer primary key,
    epoch text not null,
    reason integer not null,
    from_seq integer,
    to_seq integer,
    from_ms integer,
    to_ms integer,
    records integer,
    detail text not null,
    found_ms integer not null,
    spooled integer                -- the seq of the batch that tells the hub; null while waiting
);
create table corrupt (
    id integer primary key,
    epoch text not null,
    seq integer not null,
    found_ms integer not null,
    reason text not null,
    payload blob not null
);
create table ballast (
    zeros blob not null            -- written and deleted to make the file larger
);
create table device (
    number integer primary key,
    name text not null unique
);
"""


def connect(path: Path) -> sqlite3.Connection:
    """Open a spool's file for writing, or make an empty one.

    Raises:
        sqlite3.Error: it cannot be opened, or is no database.
    """
    db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=5.0)
    try:
        db.execute(f"pragma page_size = {PAGE_BYTES}")
        db.execute("pragma auto_vacuum = incremental")
        db.execute("pragma journal_mode = wal")
        db.execute("pragma synchronous = full")
        db.execute(f"pragma wal_autocheckpoint = {WAL_PAGES}")
        db.execute(f"pragma journal_size_limit = {WAL_BYTES}")
        # Debian's SQLite writes zeros over what is deleted; a full disk has no room for them.
        db.execute("pragma secure_delete = off")
        db.execute("pragma cache_size = -1024")
    except sqlite3.Error:
        db.close()
        raise
    return db


def create(db: sqlite3.Connection, *, agent: str, epoch: str, now_ms: int, ordinal: int) -> None:
    """Lay out the tables and begin an epoch.

    Raises:
        sqlite3.Error: the disk does not take it.
    """
    db.execute("begin immediate")
    for statement in _TABLES.split(";\n"):
        db.execute(statement)
    db.execute("insert into life values (?, 1, ?, 0)", (agent, now_ms))
    db.execute(
        "insert into epoch values (?, ?, 0, 0, ?)",
        (ordinal, epoch, epoch_crc(ordinal, epoch, 0, 0)),
    )
    db.execute(f"pragma application_id = {APPLICATION_ID}")
    db.execute(f"pragma user_version = {VERSION}")
    db.execute("commit")


def is_new(db: sqlite3.Connection) -> bool:
    """Tell whether a file has no tables yet."""
    return not db.execute("select count(*) from sqlite_master").fetchone()[0]


def check(db: sqlite3.Connection, path: Path) -> None:
    """Make sure that a file is a whole spool.

    Raises:
        BrokenFileError: it is not.
        sqlite3.Error: it is so broken that SQLite cannot say.
    """
    ids = [
        db.execute(f"pragma {name}").fetchone()[0] for name in ("application_id", "user_version")
    ]
    if ids != [APPLICATION_ID, VERSION]:
        raise BrokenFileError(
            f"spool {path}: application and version {ids}, no spool of this agent"
        )
    said = db.execute("pragma integrity_check(1)").fetchone()[0]
    if said != "ok":
        raise BrokenFileError(f"spool {path}: {said}")
    rows = db.execute("select ordinal, name, last_seq, mark, crc from epoch").fetchall()
    if not rows or any(epoch_crc(*row[:4]) != row[4] for row in rows):
        raise BrokenFileError(f"spool {path}: the epoch's checksum does not match")
    newest, seq = max(row[0] for row in rows), max(rows)[2]
    last = db.execute("select max(id) from batch").fetchone()[0]
    if last is not None and last > newest * EPOCH_ROOM + seq:
        raise BrokenFileError(f"spool {path}: batch {last % EPOCH_ROOM} is beyond the last, {seq}")


def epoch_crc(ordinal: int, name: str, last_seq: int, mark: int) -> int:
    """Give the checksum of an epoch's row."""
    return zlib.crc32(f"{ordinal} {name} {last_seq} {mark}".encode())
