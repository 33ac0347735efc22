"""What must outlive the agent's end: what is wished, what was sent, what was promised and told.

    begin ─► put, drop, write ─► commit (synced) ─► marks (synced) ─► only then is anything sent

It is a file of its own beside the spool's (docs/decisions/005): the spool's is replaced when it
breaks and forgets what is old. The highest sequence seen is kept a second time, in a file that
does not break with this one. It is written after the commit, so that what the disk did not take
was not seen, and before anything is sent, so that nothing that was sent is ever taken anew.
"""

import contextlib
import os
import sqlite3
from collections.abc import Mapping
from pathlib import Path
from typing import Generic, TypeVar, cast

import msgspec
import structlog

from lode_edge.control import journal
from lode_edge.control.journal import Journal
from lode_edge.errors import EdgeError

APPLICATION_ID = 0x4C4F4443  # "LODC"
VERSION = 1
_FILE, _MARKS = "control.db", "control.marks"
_DAY_MS = 86_400_000

_TABLES = (
    """create table kept (
        shelf text not null,
        key text not null,
        body text not null,
        primary key (shelf, key)
    ) without rowid""",
    *journal.TABLES,
)

_T = TypeVar("_T", bound=msgspec.Struct)

log = structlog.get_logger(__name__)


class StoreError(EdgeError):
    """The store takes no writes now, or is broken."""


class Life(msgspec.Struct, frozen=True, kw_only=True):
    """Since when there is this file, and until when what was before it is not known."""

    agent: str
    born_ms: int
    forgot_until_ms: int = 0  # until then every rig counts as having used up its starts


class Shelf(Generic[_T]):
    """Things of one kind by key: in memory, and in the file as of the last commit."""

    def __init__(self, db: sqlite3.Connection, name: str, kind: type[_T]) -> None:
        self._db, self._name = db, name
        rows = db.execute("select key, body from kept where shelf = ?", (name,))
        decoder = msgspec.json.Decoder(kind)
        self._things = {key: decoder.decode(body) for key, body in rows}

    @property
    def all(self) -> Mapping[str, _T]:
        """Give everything on the shelf."""
        return self._things

    def get(self, key: str) -> _T | None:
        """Give what lies under a key."""
        return self._things.get(key)

    def put(self, key: str, thing: _T) -> None:
        """Lay something down in place of what was there, within a transaction."""
        body = msgspec.json.encode(thing).decode()
        self._db.execute("insert or replace into kept values (?, ?, ?)", (self._name, key, body))
        self._things[key] = thing

    def drop(self, key: str) -> None:
        """Take something away, within a transaction."""
        if self._things.pop(key, None) is not None:
            self._db.execute("delete from kept where shelf = ? and key = ?", (self._name, key))


class Marks(msgspec.Struct, frozen=True, kw_only=True):
    """The highest sequence seen of each key."""

    highest: dict[str, int] = {}


class Store:
    """The store at work; one task uses it. After a `StoreError` it must be opened anew."""

    def __init__(self, directory: Path, agent: str, now_ms: int) -> None:
        """Open the store; a broken file is set aside, and a new one begins without memory.

        Raises:
            StoreError: the disk takes no writes, or the store is another agent's.
        """
        self.path, self._marks_path = directory / _FILE, directory / _MARKS
        self.was_broken = ""  # why the file before this one was set aside
        try:
            self._db, life = self._opened(agent, now_ms)
            self._begun = False
            self._kept_marks = Shelf(self._db, "marks", Marks)
            self._highest = self._read_marks()
        except sqlite3.Error as error:
            raise StoreError(f"{self.path}: {error}; free space or correct its rights") from error
        if life.agent != agent:
            self._db.close()
            raise StoreError(f"{self.path}: belongs to agent {life.agent}; use another data_dir")
        try:
            self._write_marks()  # a kill may have come between a commit and them
        except StoreError:
            self._db.close()
            raise
        self.life = life
        self.journal = Journal(self._db)

    def shelf(self, name: str, kind: type[_T]) -> Shelf[_T]:
        """Give a shelf of the store; each name is asked for once."""
        return Shelf(self._db, name, kind)

    def begin(self) -> None:
        """Begin a transaction, unless one is under way.

        Raises:
            StoreError: the file cannot be written.
        """
        if self._begun:
            return
        try:
            self._db.execute("begin immediate")
        except sqlite3.Error as error:
            raise StoreError(f"{self.path}: {error}") from error
        self._changes = self._db.total_changes
        self._begun = True

    @property
    def is_changed(self) -> bool:
        """Tell whether the transaction has anything to commit."""
        return self._begun and self._db.total_changes != self._changes

    def commit(self) -> None:
        """End the transaction; what it wrote outlives a power cut from here on.

        Raises:
            StoreError: the disk did not take it, or not the marks after it.
        """
        try:
            self._db.execute("commit")
        except sqlite3.Error as error:
            with contextlib.suppress(sqlite3.Error):
                self._db.execute("rollback")
            raise StoreError(f"{self.path}: {error}; free space on its disk") from error
        finally:
            self._begun = False
        if self._has_new_marks:
            self._write_marks()

    def highest(self, key: str) -> int | None:
        """Give the highest sequence seen of a key; None when there was none."""
        return self._highest.get(key)

    def raise_mark(self, key: str, sequence: int) -> None:
        """Remember a key's highest sequence, within a transaction."""
        self._highest[key] = max(sequence, self._highest.get(key, sequence))
        self._kept_marks.put("", Marks(highest=dict(self._highest)))
        self._has_new_marks = True

    def correct_birth(self, now_ms: int) -> None:
        """Put right a beginning that a wrong clock laid into the future, within a transaction."""
        life = self.life
        if now_ms < life.born_ms:
            forgot_until_ms = min(life.forgot_until_ms, _midnight(now_ms))
            self.life = Life(agent=life.agent, born_ms=now_ms, forgot_until_ms=forgot_until_ms)
            Shelf(self._db, "life", Life).put("", self.life)

    def close(self) -> None:
        """Close the file; what was not committed is gone."""
        self._db.close()

    def _opened(self, agent: str, now_ms: int) -> tuple[sqlite3.Connection, Life]:
        forgot_until_ms = 0
        if self.path.exists() and not _is_new(self.path):
            try:
                return self._checked()
            except (sqlite3.DatabaseError, msgspec.MsgspecError) as error:
                if isinstance(error, sqlite3.OperationalError):
                    raise  # a full disk or a locked file is not a broken one
                self.was_broken = str(error)
            self._set_aside(now_ms)
            forgot_until_ms = _midnight(now_ms)
        db = _connected(self.path)
        life = Life(agent=agent, born_ms=now_ms, forgot_until_ms=forgot_until_ms)
        _lay_out(db, life)
        return db, life

    def _checked(self) -> tuple[sqlite3.Connection, Life]:
        db = _connected(self.path)
        try:
            ids = [
                db.execute(f"pragma {name}").fetchone()[0]
                for name in ("application_id", "user_version")
            ]
            _check(ids == [APPLICATION_ID, VERSION], f"application and version {ids}")
            said = db.execute("pragma integrity_check(1)").fetchone()[0]
            life = Shelf(db, "life", Life).get("")
            _check(said == "ok" and life is not None, str(said))
            for body in db.execute("select body from kept"):
                msgspec.json.decode(body[0])
        except BaseException:
            db.close()
            raise
        return db, cast(Life, life)

    def _set_aside(self, now_ms: int) -> None:
        log.error("control store broke; begun anew without memory", reason=self.was_broken)
        for older in self.path.parent.glob(f"{_FILE}.broken-*"):
            older.unlink(missing_ok=True)
        for suffix in ("-wal", "-shm"):
            self.path.with_name(_FILE + suffix).unlink(missing_ok=True)
        self.path.rename(self.path.with_name(f"{_FILE}.broken-{now_ms}"))

    def _write_marks(self) -> None:
        try:
            _write_synced(self._marks_path, msgspec.json.encode(Marks(highest=self._highest)))
        except OSError as error:
            raise StoreError(f"{self._marks_path}: {error.strerror}; free space") from error
        self._has_new_marks = False

    def _read_marks(self) -> dict[str, int]:
        """Take the higher of what the two files say."""
        kept = self._kept_marks.get("")
        highest = dict(kept.highest) if kept is not None else {}
        with contextlib.suppress(OSError, msgspec.MsgspecError):
            beside = msgspec.json.decode(self._marks_path.read_bytes(), type=Marks)
            for key, sequence in beside.highest.items():
                highest[key] = max(sequence, highest.get(key, sequence))
        return highest


def _midnight(now_ms: int) -> int:
    """Give the end of a day (UTC)."""
    return (now_ms // _DAY_MS + 1) * _DAY_MS


def _check(holds: bool, otherwise: str) -> None:
    if not holds:
        raise sqlite3.DatabaseError(otherwise)


def _connected(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=5.0)
    try:
        db.execute("pragma journal_mode = wal")
        db.execute("pragma synchronous = full")
        db.execute("pragma journal_size_limit = 4194304")
        db.execute("pragma cache_size = -1024")
    except sqlite3.Error:
        db.close()
        raise
    return db


def _is_new(path: Path) -> bool:
    """Tell whether a file has no tables, because the agent was killed while it made it."""
    with contextlib.suppress(sqlite3.DatabaseError), contextlib.closing(_connected(path)) as db:
        return not db.execute("select count(*) from sqlite_master").fetchone()[0]
    return False


def _lay_out(db: sqlite3.Connection, life: Life) -> None:
    db.execute("begin immediate")
    for statement in _TABLES:
        db.execute(statement)
    Shelf(db, "life", Life).put("", life)
    db.execute(f"pragma application_id = {APPLICATION_ID}")
    db.execute(f"pragma user_version = {VERSION}")
    db.execute("commit")


def _write_synced(path: Path, data: bytes) -> None:
    fresh = path.with_name(f"{path.name}.new")
    with fresh.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
