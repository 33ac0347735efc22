"""What is asked of an agent and what it answers: RFC 3416's PDUs, in version 2c's envelope.

SEQUENCE { version 1, community, PDU { request id, error status, error index, bindings } }
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from lode_edge.drivers.snmp import ber
from lode_edge.drivers.snmp.ber import Malformed, Oid, Reader, Value

GET, GET_NEXT, RESPONSE, SET, GET_BULK, REPORT = 0xA0, 0xA1, 0xA2, 0xA3, 0xA5, 0xA8
MAX_BINDINGS: Final = 512
_V2C = 1

ERRORS = (
    *("noError", "tooBig", "noSuchName", "badValue", "readOnly", "genErr", "noAccess"),
    *("wrongType", "wrongLength", "wrongEncoding", "wrongValue", "noCreation"),
    *("inconsistentValue", "resourceUnavailable", "commitFailed", "undoFailed"),
    *("authorizationError", "notWritable", "inconsistentName"),
)
TOO_BIG, GEN_ERR = 1, 5

Binding = tuple[Oid, Value]


@dataclass(frozen=True, kw_only=True, slots=True)
class Pdu:
    """A request or a response. For GET_BULK, `status` is non-repeaters, `index` repetitions."""

    kind: int
    request: int
    status: int = 0
    index: int = 0
    bindings: tuple[Binding, ...] = ()

    @property
    def error(self) -> str:
        """Name what went wrong."""
        return ERRORS[self.status] if 0 <= self.status < len(ERRORS) else f"error {self.status}"


def asked(kind: int, request: int, oids: Sequence[Oid], *, repetitions: int = 0) -> Pdu:
    """Make a request for the values of these objects."""
    bindings = tuple((oid, Value(ber.NULL)) for oid in oids)
    return Pdu(kind=kind, request=request, index=repetitions, bindings=bindings)


def write_pdu(pdu: Pdu) -> bytes:
    """Write a PDU."""
    bindings = b"".join(
        ber.write(ber.SEQUENCE, ber.write_oid(oid) + ber.write_value(value))
        for oid, value in pdu.bindings
    )
    head = b"".join(map(ber.write_int, (pdu.request, pdu.status, pdu.index)))
    return ber.write(pdu.kind, head + ber.write(ber.SEQUENCE, bindings))


def read_pdu(reader: Reader) -> Pdu:
    """Read a PDU.

    Raises:
        Malformed: it is malformed.
    """
    kind, content = reader.take()
    if kind not in (GET, GET_NEXT, RESPONSE, SET, GET_BULK, REPORT):
        raise Malformed(f"no PDU: tag 0x{kind:02X}")
    inner = Reader(content)
    request, status, index = inner.integer(), inner.integer(), inner.integer()
    rows = inner.inner(ber.SEQUENCE)
    inner.end()
    bindings: list[Binding] = []
    while not rows.is_done:
        if len(bindings) == MAX_BINDINGS:
            raise Malformed(f"more than {MAX_BINDINGS} bindings")
        row = rows.inner(ber.SEQUENCE)
        bindings.append((ber.read_oid(row.need(ber.OID)), ber.read_value(row)))
        row.end()
    return Pdu(kind=kind, request=request, status=status, index=index, bindings=tuple(bindings))


def write_v2c(community: bytes, pdu: Pdu) -> bytes:
    """Write a message of version 2c."""
    content = ber.write_int(_V2C) + ber.write(ber.OCTETS, community) + write_pdu(pdu)
    return ber.write(ber.SEQUENCE, content)


def read_v2c(data: bytes) -> tuple[bytes, Pdu]:
    """Read a message of version 2c: its community and what is in it.

    Raises:
        Malformed: it is malformed, or of another version.
    """
    outer = Reader(data)
    message = outer.inner(ber.SEQUENCE)
    outer.end()
    version = message.integer()
    if version != _V2C:
        raise Malformed(f"version {version}, not 2c")
    community = message.need(ber.OCTETS)
    pdu = read_pdu(message)
    message.end()
    return community, pdu
