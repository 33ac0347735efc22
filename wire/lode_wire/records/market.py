"""What an exchange says. `venue_ms` is the venue's clock; prices and sizes are exact decimals."""

import enum
from typing import ClassVar

import msgspec

from lode_wire.columns import I64
from lode_wire.records.base import Record


class Side(enum.IntEnum):
    """The aggressor's side of a trade, or a book's side."""

    UNKNOWN = 0
    BUY = 1
    SELL = 2


class Level(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """A price level; size 0 deletes it."""

    price: str
    size: str


class Trade(Record, frozen=True, kw_only=True):
    """A trade as the venue printed it."""

    tag: ClassVar[str] = "trade"
    topic: ClassVar[str] = "exchange_data"

    venue: str
    symbol: str
    venue_ms: I64 | None
    trade_id: str
    side: Side
    price: str
    size: str


class BookDelta(Record, frozen=True, kw_only=True):
    """Changed levels of a book; `first` and `last` are the venue's sequence numbers."""

    tag: ClassVar[str] = "book_delta"
    topic: ClassVar[str] = "exchange_data"

    venue: str
    symbol: str
    venue_ms: I64 | None
    first: I64 | None
    last: I64 | None
    bids: tuple[Level, ...]
    asks: tuple[Level, ...]


class BookSnapshot(Record, frozen=True, kw_only=True):
    """A whole book down to some depth, best levels first."""

    tag: ClassVar[str] = "book"
    topic: ClassVar[str] = "exchange_data"

    venue: str
    symbol: str
    venue_ms: I64 | None
    last: I64 | None
    bids: tuple[Level, ...]
    asks: tuple[Level, ...]


class BookGap(Record, frozen=True, kw_only=True):
    """The venue's sequence broke: what is missing, until the next snapshot mends it."""

    tag: ClassVar[str] = "book_gap"
    topic: ClassVar[str] = "exchange_data"

    venue: str
    symbol: str
    expected: I64 | None
    got: I64 | None
    reason: str


class Candle(Record, frozen=True, kw_only=True):
    """A venue's own candle; `at_ms` is when it was read, `open_ms` when it began."""

    tag: ClassVar[str] = "candle"
    topic: ClassVar[str] = "exchange_data"

    venue: str
    symbol: str
    open_ms: I64
    interval_s: I64
    open: str
    high: str
    low: str
    close: str
    volume: str
    is_closed: bool
