"""A batch of records as one payload: columns, compressed, framed, checked.

    records ─► pack ─► Packed ─► frame(agent, epoch, seq) ─► payload
    payload ─► decode ─► Batch(header, columns) ─► records()

A payload is `LODE`, a version byte, a zero byte, the header's length (u16), a CRC32C (u32) over all
that follows, the header (msgpack) and the columns (a msgpack map, zstd). Numbers are little-endian.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import google_crc32c
import msgspec
import zstandard

from lode_wire import records
from lode_wire.columns import Column, Field, fields_of
from lode_wire.errors import DecodeError, EncodeError

VERSION = 1
MAX_PAYLOAD_BYTES = 4 << 20
MAX_DECODED_BYTES = 64 << 20
MAX_RECORDS = 1_000_000

_PREAMBLE = struct.Struct("<4sBBHI")
_MAGIC = b"LODE"
_LEVEL = 3  # zstd: the knee of size against time on telemetry


class Header(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Who sent a batch, as which number, and what it holds."""

    agent: str
    epoch: str
    seq: int
    kind: str
    n: int
    from_ms: int
    to_ms: int


@dataclass(frozen=True, slots=True)
class Packed:
    """Records of one kind, encoded but not yet numbered."""

    kind: str
    n: int
    from_ms: int
    to_ms: int
    columns: bytes


@dataclass(frozen=True, slots=True)
class Batch:
    """A decoded batch: its header and its columns by field name."""

    header: Header
    columns: dict[str, Column]

    def records(self) -> list[records.Record]:
        """List the records, one object each; for arrays use the columns.

        Raises:
            DecodeError: a value is none that its field may hold.
        """
        kind, fields = _schema(self.header.kind)
        lists = [fields[name].values(column) for name, column in self.columns.items()]
        names = list(self.columns)
        try:
            return [kind(**dict(zip(names, row, strict=True))) for row in zip(*lists, strict=True)]
        except (TypeError, ValueError) as error:
            raise DecodeError(f"records {self.header.kind}: {error}") from error


_R = TypeVar("_R", bound=records.Record)
_FIELDS: dict[str, dict[str, Field]] = {tag: fields_of(k) for tag, k in records.KINDS.items()}
_COLUMNS = msgspec.msgpack.Decoder(dict[str, memoryview])
_HEADER = msgspec.msgpack.Decoder(Header)


def pack(batch: Sequence[_R]) -> Packed:
    """Encode records of one kind, at least one.

    Raises:
        EncodeError: the records are none, of several kinds, too many, or a value breaks its type.
    """
    if not batch or len(batch) > MAX_RECORDS:
        raise EncodeError(f"batch: {len(batch)} records, expected 1 to {MAX_RECORDS}")
    kind = type(batch[0])
    if any(type(record) is not kind for record in batch):
        raise EncodeError(f"batch: records of several kinds, the first a {kind.__name__}")
    columns = {
        name: field.encode([getattr(record, name) for record in batch])
        for name, field in _FIELDS[kind.tag].items()
    }
    data = msgspec.msgpack.encode(columns)
    if len(data) > MAX_DECODED_BYTES:
        raise EncodeError(f"batch: {len(data)} bytes, more than {MAX_DECODED_BYTES}")
    times = [record.at_ms for record in batch]
    packed = zstandard.ZstdCompressor(level=_LEVEL).compress(data)
    return Packed(kind.tag, len(batch), min(times), max(times), packed)


def frame(packed: Packed, *, agent: str, epoch: str, seq: int) -> bytes:
    """Number a packed batch and make it a payload.

    Raises:
        EncodeError: the payload would exceed MAX_PAYLOAD_BYTES.
    """
    header = msgspec.msgpack.encode(
        Header(agent, epoch, seq, packed.kind, packed.n, packed.from_ms, packed.to_ms)
    )
    content = header + packed.columns
    if _PREAMBLE.size + len(content) > MAX_PAYLOAD_BYTES:
        raise EncodeError(f"payload: {len(content)} bytes, more than {MAX_PAYLOAD_BYTES}")
    crc = google_crc32c.value(content)
    return _PREAMBLE.pack(_MAGIC, VERSION, 0, len(header), crc) + content


def peek(payload: bytes) -> Header:
    """Check a payload's frame and CRC, and read its header.

    Raises:
        DecodeError: it is no whole payload of this version.
    """
    return _open(payload)[0]


def decode(payload: bytes) -> Batch:
    """Decode a payload into columns, every one of them checked for its length.

    Raises:
        DecodeError: the payload breaks the contract; the message names the place.
    """
    header, content = _open(payload)
    _, fields = _schema(header.kind)
    try:
        columns = _COLUMNS.decode(_decompress(content))
    except (msgspec.MsgspecError, ValueError, RecursionError, MemoryError) as error:
        raise DecodeError(f"columns: {error}") from error
    for name in columns:
        if name not in fields:
            raise DecodeError(f"columns: {header.kind} has no field {name!r}")
    for field in fields.values():
        if field.is_required and field.name not in columns:
            raise DecodeError(f"columns: {header.kind} misses {field.name!r}")
    return Batch(header, {name: fields[name].decode(columns[name], header.n) for name in columns})


def _open(payload: bytes) -> tuple[Header, memoryview]:
    if not _PREAMBLE.size < len(payload) <= MAX_PAYLOAD_BYTES:
        raise DecodeError(
            f"payload: {len(payload)} bytes, expected {_PREAMBLE.size + 1} to {MAX_PAYLOAD_BYTES}"
        )
    magic, version, zero, length, crc = _PREAMBLE.unpack_from(payload)
    if magic != _MAGIC or zero:
        raise DecodeError(f"payload: begins with {payload[:6]!r}, expected {_MAGIC!r}, version, 0")
    if version != VERSION:
        raise DecodeError(f"payload: version {version}, expected {VERSION}; update the hub")
    content = payload[_PREAMBLE.size :]
    if google_crc32c.value(content) != crc:
        raise DecodeError("payload: the CRC32C does not match; truncated or altered on the way")
    try:
        header = _HEADER.decode(content[:length])
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise DecodeError(f"header: {error}") from error
    if not (0 < header.n <= MAX_RECORDS and header.seq > 0):
        raise DecodeError(f"header: {header.n} records as number {header.seq}")
    return header, memoryview(content)[length:]


def _decompress(content: memoryview) -> bytes:
    try:
        # Asked first, because a frame that states its size is given that much memory at once.
        size = zstandard.frame_content_size(content)
        if not 0 <= size <= MAX_DECODED_BYTES:
            raise DecodeError(f"columns: {size} bytes decoded, more than {MAX_DECODED_BYTES}")
        whole = zstandard.ZstdDecompressor(max_window_size=MAX_DECODED_BYTES)
        data: bytes = whole.decompress(content, allow_extra_data=False)
    except zstandard.ZstdError as error:
        raise DecodeError(f"columns: {error}") from error
    return data


def _schema(tag: str) -> tuple[Any, dict[str, Field]]:
    kind = records.KINDS.get(tag)
    if kind is None:
        raise DecodeError(f"header: unknown kind {tag!r}")
    return kind, _FIELDS[tag]
