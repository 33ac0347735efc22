"""The journal of all that was asked and done: each entry hashes the one before, and none changes.

entry ─► hash(before, entry) ─► table ─► untold ─► spool ─► told
"""

import hashlib
import sqlite3
from collections.abc import Iterable, Iterator, Sequence

import msgspec

from lode_edge.errors import EdgeError
from lode_wire.orders import Evidence, encode_evidence
from lode_wire.records import Stage

MAX_ENTRIES = 500_000  # then the oldest tenth is cut off behind a seal

TABLES = (
    """create table journal (
        number integer primary key,
        at_ms integer not null,
        command text not null,
        sequence integer not null,
        stage integer not null,
        target text not null,      -- the device, where an entry of a lease is about one
        reason text not null,
        evidence text not null,
        before blob not null,      -- the hash of the entry before
        hash blob not null
    )""",
    "create index journal_command on journal (command, target)",
    "create table untold (number integer primary key)",
    # What lies behind the seal may be cut off; its last hash is where the chain then begins.
    "create table seal (upto integer not null, hash blob not null)",
    "insert into seal values (0, zeroblob(32))",
    """create trigger journal_stays before update on journal
    begin select raise(abort, 'the journal is never changed'); end""",
    """create trigger journal_is_kept before delete on journal
    when old.number > (select upto from seal)
    begin select raise(abort, 'the journal is never cut before its seal'); end""",
)


_UNTOLD = """select number, at_ms, command, sequence, stage, target, reason, evidence from journal
    where number in (select number from untold order by number limit ?)
    order by number"""
_OF_COMMAND = """select number, at_ms, command, sequence, stage, target, reason, evidence
    from journal where command = ? and target = '' order by number desc"""
_CHAIN = """select number, at_ms, command, sequence, stage, target, reason, evidence, before, hash
    from journal order by number"""


class JournalError(EdgeError):
    """The journal is not what was written."""


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One step: of a command, by its id, or of the agent's own, whose id begins with `local:`."""

    number: int = 0
    at_ms: int
    command: str
    sequence: int
    stage: Stage
    target: str = ""
    reason: str = ""
    evidence: str = ""


class Journal:
    """The journal within the store's file."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        last = db.execute("select number, hash from journal order by number desc").fetchone()
        self._last: tuple[int, bytes] = last or db.execute("select upto, hash from seal").fetchone()

    def write(self, entry: Entry, evidence: Evidence) -> Entry:
        """Append an entry, within a transaction; its number and evidence are filled in."""
        number, before = self._last[0] + 1, self._last[1]
        evidence = msgspec.structs.replace(evidence, entry=number, target=entry.target)
        told = encode_evidence(evidence)
        written = msgspec.structs.replace(entry, number=number, evidence=told)
        fingerprint = _hash(before, written)
        self._db.execute(
            "insert into journal values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (*msgspec.structs.astuple(written), before, fingerprint),
        )
        self._db.execute("insert into untold values (?)", (number,))
        self._last = (number, fingerprint)
        return written

    def untold(self, limit: int) -> Sequence[Entry]:
        """List the oldest of what the spool has not taken yet."""
        rows = self._db.execute(_UNTOLD, (limit,))
        return [_entry(row) for row in rows]

    def told(self, numbers: Iterable[int]) -> None:
        """Note what the spool has taken, within a transaction."""
        self._db.executemany("delete from untold where number = ?", [(n,) for n in numbers])
        if self._last[0] - self._sealed() > MAX_ENTRIES:
            self._cut(self._last[0] - MAX_ENTRIES * 9 // 10)

    def of_command(self, command: str) -> Iterator[Entry]:
        """Give what was said of a command as a whole, the latest first."""
        return map(_entry, self._db.execute(_OF_COMMAND, (command,)))

    def tell_again(self, entry: Entry) -> None:
        """Have an entry told once more, within a transaction."""
        self._db.execute("insert or ignore into untold values (?)", (entry.number,))

    def _sealed(self) -> int:
        return int(self._db.execute("select upto from seal").fetchone()[0])

    def _cut(self, upto: int) -> None:
        """Cut off the oldest entries, as far as they are told."""
        first = self._db.execute("select min(number) from untold").fetchone()[0]
        upto = upto if first is None else min(upto, first - 1)
        row = self._db.execute("select hash from journal where number = ?", (upto,)).fetchone()
        if row is not None:
            self._db.execute("update seal set upto = ?, hash = ?", (upto, row[0]))
            self._db.execute("delete from journal where number <= ?", (upto,))


def verify(db: sqlite3.Connection) -> int:
    """Check the whole chain; give how many entries it has.

    Raises:
        JournalError: an entry was changed, left out or put in; the message names it.
    """
    number, before = db.execute("select upto, hash from seal").fetchone()
    count = 0
    for row in db.execute(_CHAIN):
        entry = _entry(row[:8])
        if entry.number != number + 1 or row[8] != before or row[9] != _hash(before, entry):
            raise JournalError(f"journal: entry {entry.number} is not what was written")
        number, before, count = entry.number, row[9], count + 1
    return count


def _hash(before: bytes, entry: Entry) -> bytes:
    return hashlib.sha256(before + msgspec.msgpack.encode(msgspec.structs.astuple(entry))).digest()


def _entry(row: Sequence[object]) -> Entry:
    return msgspec.convert(dict(zip(Entry.__struct_fields__, row, strict=True)), Entry)
