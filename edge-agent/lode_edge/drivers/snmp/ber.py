"""BER as SNMP uses it (X.690, RFC 3416): definite lengths, and nothing that is not exactly so.

A reader goes through one value's bytes and refuses what does not fit: what is malformed raises
`Malformed`, whatever it is, and nothing is read beyond its end.
"""

from dataclasses import dataclass
from typing import Final

Oid = tuple[int, ...]

INTEGER: Final = 0x02
OCTETS: Final = 0x04
NULL: Final = 0x05
OID: Final = 0x06
SEQUENCE: Final = 0x30
ADDRESS: Final = 0x40
COUNTER32, GAUGE32, TICKS, COUNTER64 = 0x41, 0x42, 0x43, 0x46
OPAQUE: Final = 0x44
NO_OBJECT, NO_INSTANCE, END_OF_VIEW = 0x80, 0x81, 0x82
ABSENT: Final = frozenset({NO_OBJECT, NO_INSTANCE, END_OF_VIEW})
_UNSIGNED = {COUNTER32: 4, GAUGE32: 4, TICKS: 4, COUNTER64: 8}
_MAX_ARCS = 128
_LONG = 0x80


class Malformed(ValueError):  # noqa: N818 -- reads as what it is
    """Bytes that are not what they should be."""


@dataclass(frozen=True, slots=True)
class Value:
    """A value with its tag: an int, bytes, an OID, or None where there is none."""

    tag: int
    content: int | bytes | Oid | None = None


class Reader:
    """Reads values one after another from bytes."""

    def __init__(self, data: bytes) -> None:
        self._data = memoryview(data)
        self._at = 0

    @property
    def is_done(self) -> bool:
        """Tell whether everything has been read."""
        return self._at == len(self._data)

    def take(self) -> tuple[int, bytes]:
        """Read a tag and its content."""
        tag, length = self._byte(), self._byte()
        if length & _LONG:
            count = length & 0x7F
            if not 1 <= count <= 4:  # noqa: PLR2004 -- a datagram needs two
                raise Malformed("a length of no length")
            length = int.from_bytes(self._bytes(count), "big")
        return tag, self._bytes(length)

    def need(self, tag: int) -> bytes:
        """Read the content of a value that must have this tag."""
        found, content = self.take()
        if found != tag:
            raise Malformed(f"tag 0x{found:02X} where 0x{tag:02X} was expected")
        return content

    def inner(self, tag: int) -> "Reader":
        """Read a value that has values in it."""
        return Reader(self.need(tag))

    def integer(self) -> int:
        """Read an INTEGER."""
        return read_int(self.need(INTEGER))

    def end(self) -> None:
        """Make sure that nothing follows."""
        if not self.is_done:
            raise Malformed("something follows where nothing should")

    def _byte(self) -> int:
        return self._bytes(1)[0]

    def _bytes(self, count: int) -> bytes:
        if len(self._data) - self._at < count:
            raise Malformed("it ends too early")
        self._at += count
        return bytes(self._data[self._at - count : self._at])


def read_int(content: bytes) -> int:
    """Read a signed integer of 32 bits; agents are seen to write one byte more than it takes."""
    number = int.from_bytes(content, "big", signed=True)
    if not 1 <= len(content) <= 5 or not -(1 << 31) <= number < 1 << 31:  # noqa: PLR2004
        raise Malformed(f"an integer of {len(content)} bytes")
    return number


def read_oid(content: bytes) -> Oid:
    """Read an object identifier."""
    arcs: list[int] = []
    arc = 0
    for n, byte in enumerate(content):
        if arc == 0 and byte == _LONG and (n == 0 or not content[n - 1] & _LONG):
            raise Malformed("an OID with an arc that begins with nothing")
        arc = (arc << 7) | (byte & 0x7F)
        if arc > 0xFFFFFFFF:  # noqa: PLR2004 -- RFC 2578
            raise Malformed("an OID with an arc that is too large")
        if not byte & _LONG:
            arcs.append(arc)
            arc = 0
    if not content or content[-1] & _LONG or len(arcs) >= _MAX_ARCS:
        raise Malformed("an OID that is empty, too long or without an end")
    first = min(arcs[0] // 40, 2)
    return (first, arcs[0] - 40 * first, *arcs[1:])


def read_value(reader: Reader) -> Value:
    """Read the value of a variable binding."""
    tag, content = reader.take()
    if tag == INTEGER:
        return Value(tag, read_int(content))
    if tag in _UNSIGNED:
        return Value(tag, _unsigned(content, _UNSIGNED[tag]))
    if tag in (OCTETS, OPAQUE) or (tag == ADDRESS and len(content) == 4):  # noqa: PLR2004 -- IPv4
        return Value(tag, content)
    if tag == OID:
        return Value(tag, read_oid(content))
    if (tag == NULL or tag in ABSENT) and not content:
        return Value(tag)
    raise Malformed(f"a value with tag 0x{tag:02X} and {len(content)} bytes")


def _unsigned(content: bytes, size: int) -> int:
    """Read an unsigned integer; agents are seen to leave out the leading zero."""
    if not 1 <= len(content) <= size + 1 or (len(content) > size and content[0]):
        raise Malformed(f"an unsigned integer of {len(content)} bytes")
    return int.from_bytes(content, "big")


def write(tag: int, content: bytes) -> bytes:
    """Write a tag, a length and the content."""
    size = len(content)
    if size < _LONG:
        return bytes((tag, size)) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, _LONG | len(length))) + length + content


def write_int(number: int, tag: int = INTEGER) -> bytes:
    """Write a signed integer in as few bytes as it takes."""
    size = (number.bit_length() if number >= 0 else (number + 1).bit_length()) // 8 + 1
    return write(tag, number.to_bytes(size, "big", signed=True))


def write_oid(oid: Oid) -> bytes:
    """Write an object identifier."""
    content = b"".join(_arc(arc) for arc in (40 * oid[0] + oid[1], *oid[2:]))
    return write(OID, content)


def write_value(value: Value) -> bytes:
    """Write the value of a variable binding."""
    content = value.content
    if isinstance(content, int):
        return write_int(content, value.tag)
    if isinstance(content, tuple):
        return write_oid(content)
    return write(value.tag, content or b"")


def _arc(arc: int) -> bytes:
    groups = [arc & 0x7F]
    while arc := arc >> 7:
        groups.append(_LONG | (arc & 0x7F))
    return bytes(reversed(groups))
