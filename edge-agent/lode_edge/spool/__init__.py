"""What has been read, on disk until the hub has committed it."""

from lode_edge.spool.errors import BrokenFileError, NoRoomError, SpoolError
from lode_edge.spool.reader import Reader, Stored
from lode_edge.spool.recover import Origin
from lode_edge.spool.room import Limits, free_bytes
from lode_edge.spool.schema import EPOCH_ROOM
from lode_edge.spool.spool import Spool
from lode_edge.spool.work import Depth

__all__ = [
    "EPOCH_ROOM",
    "BrokenFileError",
    "Depth",
    "Limits",
    "NoRoomError",
    "Origin",
    "Reader",
    "Spool",
    "SpoolError",
    "Stored",
    "free_bytes",
]
