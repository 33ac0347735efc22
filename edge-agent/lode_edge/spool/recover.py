"""Opening a spool whatever has become of it: whole, killed, damaged, or not there.

whole   ─► use it
damaged ─► set aside ─► new file, new epoch ─► copy what can be read ─► note what cannot
"""

import secrets
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import structlog

from lode_edge.clock import SYSTEM, Clock
from lode_edge.spool import schema
from lode_edge.spool.errors import BrokenFileError, NoRoomError, SpoolError, named
from lode_edge.spool.file import SpoolFile
from lode_edge.spool.room import Limits
from lode_edge.spool.wreck import Saved, Wreck
from lode_wire.codec import Header

_FILE, _NOTE = "spool.db", "spool.epoch"
_COPIED = 100  # rows copied in one transaction

log = structlog.get_logger()


@dataclass(frozen=True, kw_only=True, slots=True)
class Origin:
    """Whose spool it is, where it lies, and by which limits and clock it lives."""

    directory: Path
    agent: str
    limits: Limits = field(default_factory=Limits)
    clock: Clock = SYSTEM


def open_file(origin: Origin) -> SpoolFile:
    """Open the spool of a directory; make a new one when there is none or it is damaged.

    Raises:
        NoRoomError: the disk takes no writes; try again.
        SpoolError: the directory cannot be used, or the spool is another agent's.
    """
    path = origin.directory / _FILE
    fresh = path.with_name(f"{_FILE}.new")
    if path.exists():
        _remove(fresh)  # a salvage that was cut short begins anew
    elif fresh.exists():
        fresh.rename(path)  # a salvage that was cut short at its last step
    else:
        return _new(path, origin, ordinal=1)
    try:
        return _whole(path, origin)
    except BrokenFileError as error:
        reason = str(error)
    log.error("spool file broke", reason=reason)
    _rebuild(path, fresh, origin)
    return _whole(path, origin)


def _whole(path: Path, origin: Origin) -> SpoolFile:
    db = None
    try:
        db = schema.connect(path)
        if schema.is_new(db):  # killed, or out of room, before its tables were there
            db.close()
            _remove(path)
            return _new(path, origin, ordinal=1)
        schema.check(db, path)
        _check_owner(db, path, origin.agent)
        return _opened(db, path, origin)
    except (sqlite3.Error, SpoolError) as error:
        if db is not None:
            db.close()
        if isinstance(error, sqlite3.Error):
            raise named(error, path) from error
        raise


def _check_owner(db: sqlite3.Connection, path: Path, agent: str) -> None:
    owner = db.execute("select agent from life").fetchone()[0]
    if owner != agent:
        raise SpoolError(
            f"spool {path}: belongs to agent {owner}, not {agent};"
            " use another data_dir or move it away"
        )


def _new(path: Path, origin: Origin, *, ordinal: int) -> SpoolFile:
    epoch, now_ms = secrets.token_hex(16), origin.clock.now_ms()
    try:
        db = schema.connect(path)
        schema.create(db, agent=origin.agent, epoch=epoch, now_ms=now_ms, ordinal=ordinal)
        # Beside the file, because a file may become so broken that its epoch cannot be read.
        path.with_name(_NOTE).write_text(f"{epoch}\n", encoding="ascii")
        return _opened(db, path, origin)
    except sqlite3.Error as error:
        raise named(error, path) from error
    except OSError as error:
        raise NoRoomError(f"spool {path}: {error.strerror}; free space on its disk") from error


def _opened(db: sqlite3.Connection, path: Path, origin: Origin) -> SpoolFile:
    return SpoolFile(db, path, agent=origin.agent, limits=origin.limits, clock=origin.clock)


def _rebuild(path: Path, fresh: Path, origin: Origin) -> None:
    """Read a broken file out into a fresh one, then put that in its place."""
    wreck = Wreck.found(path)
    file = _new(fresh, origin, ordinal=wreck.next_ordinal)
    ordinals = {epoch: known.ordinal for epoch, known in wreck.epochs.items()}
    saved = Saved()
    rows: list[tuple[int, Header, bytes]] = []
    for header, payload in wreck.batches(origin.agent):
        ordinal = ordinals.setdefault(header.epoch, wreck.spare_ordinal + len(ordinals))
        rows.append((ordinal, header, payload))
        if len(rows) == _COPIED:
            saved.add(_copied(file, rows))
            rows = []
    saved.add(_copied(file, rows))
    with file.transaction():
        for gap in [*wreck.gaps(), *saved.missing(wreck, origin.clock.now_ms())]:
            file.add_gap(gap)
    if wreck.life is not None:
        file.inherit_life(*wreck.life)
    log.warning("spool salvaged", batches=saved.batches, old=list(ordinals), new=file.epoch)
    file.close(is_clean=False)
    _set_aside(path, origin.clock.now_ms())
    fresh.rename(path)


def _copied(
    file: SpoolFile, rows: Sequence[tuple[int, Header, bytes]]
) -> Sequence[tuple[int, Header, bytes]]:
    """Copy rows, and give those for which there was room."""
    for _ in range(2):
        try:
            with file.transaction():
                file.adopt(rows)
        except NoRoomError:
            if not file.make_room(sum(len(payload) + 200 for _, _, payload in rows)):
                break
        else:
            return rows
    return []


def _set_aside(path: Path, now_ms: int) -> None:
    """Rename a broken file, and drop the one that broke before it."""
    for older in path.parent.glob(f"{path.name}.broken-*"):
        older.unlink(missing_ok=True)
    for suffix in ("-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
    path.rename(path.with_name(f"{path.name}.broken-{now_ms}"))


def _remove(path: Path) -> None:
    for suffix in ("", "-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
