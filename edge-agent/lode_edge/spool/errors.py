"""What can go wrong with the spool.

SpoolError            the agent cannot start with this spool: say so and stop
├── NoRoomError       nothing could be written now: keep it, and try again
└── BrokenFileError   the file is damaged: set it aside and save what can be read
"""

import sqlite3

from lode_edge.errors import EdgeError

_BROKEN = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}


class SpoolError(EdgeError):
    """The spool cannot be used."""


class NoRoomError(SpoolError):
    """The disk is full, at its limit, or does not take writes now."""


class BrokenFileError(SpoolError):
    """The spool's file is damaged."""


def named(error: sqlite3.Error, path: object) -> SpoolError:
    """Say in the spool's terms what SQLite has said."""
    code = getattr(error, "sqlite_errorcode", None)
    # The lower eight bits are the error, the upper ones its variety.
    if code is None or code & 0xFF in _BROKEN:
        return BrokenFileError(f"spool {path}: {error}; it is set aside and read out")
    return NoRoomError(f"spool {path}: {error}; free space on its disk")
