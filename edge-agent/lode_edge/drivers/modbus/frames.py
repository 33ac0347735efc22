"""Requests and answers as bytes: what is asked, and the two ways in which it is framed.

    TCP   [ transaction u16 ][ 0 u16 ][ length u16 ][ unit u8 ][ function u8 ][ ... ]
    RTU                                             [ unit u8 ][ function u8 ][ ... ][ CRC16 ]

An answer that is not exactly the one asked for is a bad answer.
"""

import functools
import struct
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from lode_edge.errors import BadAnswer, DriverError, NotNow, TimedOut, Unsupported

_COILS = (1, 2)
_ERROR_BIT = 0x80
_NOISE = 3  # bytes before an answer that a line may make when it changes its direction

# Modbus Application Protocol V1.1b3, section 7.
_NOT_OFFERED = {1: "illegal function", 2: "illegal data address", 3: "illegal data value"}
_BUSY = {5: "accepted, and takes long", 6: "busy"}
_FAILED = {4: "the device failed", 7: "not acknowledged", 8: "memory parity error"}
_NOT_THERE = {10: "gateway path unavailable", 11: "gateway target did not respond"}


class Question(NamedTuple):
    """What is sent to a unit, how its answer begins, and how long that is."""

    unit: int
    pdu: bytes
    head: bytes
    size: int

    @property
    def shape(self) -> tuple[int, bytes]:
        """What an answer shows of its question: two of one shape could be taken for another."""
        return self.unit, self.head


@dataclass(frozen=True)
class Ask:
    """A range of registers of one unit, and how long the bus is left alone before it is asked."""

    unit: int
    function: int
    register: int
    count: int
    gap_s: float = 0.0

    @functools.cached_property
    def question(self) -> Question:
        """Write it; the answer's rest is the registers' bytes, or the coils' bits."""
        size = (self.count + 7) // 8 if self.function in _COILS else 2 * self.count
        pdu = struct.pack(">BHH", self.function, self.register, self.count)
        return Question(self.unit, pdu, bytes((self.function, size)), 2 + size)


@dataclass(frozen=True)
class Write:
    """Values for registers (functions 6, 16) or coils (5, 15: 0 or 1) of one unit."""

    unit: int
    function: int
    register: int
    values: tuple[int, ...]
    gap_s: float = 0.0

    @functools.cached_property
    def question(self) -> Question:
        """Write it; its answer repeats its beginning."""
        place = struct.pack(">BH", self.function, self.register)
        count = len(self.values)
        match self.function:
            case 5:
                pdu = place + (b"\xff\x00" if self.values[0] else b"\x00\x00")
            case 6:
                pdu = place + struct.pack(">H", self.values[0])
            case 15:
                bits = sum(bool(value) << n for n, value in enumerate(self.values))
                size = (count + 7) // 8
                pdu = place + struct.pack(">HB", count, size) + bits.to_bytes(size, "little")
            case _:
                pdu = place + struct.pack(f">HB{count}H", count, 2 * count, *self.values)
        return Question(self.unit, pdu, pdu[:5], 5)


class Framing(Protocol):
    """How questions are sent and answers are told apart."""

    def frame(self, question: Question) -> bytes:
        """Make what is sent; it is the question that `read` reads the answer of."""

    def read(self, question: Question, data: bytes) -> bytes | DriverError | None:
        """Give the answer's rest, or what is wrong with it; None while it is too short."""


class Mbap:
    """The framing of Modbus TCP: a transaction's number tells a late answer from the right one."""

    _HEADER = struct.Struct(">HHHBB")
    _BEFORE = struct.Struct(">HHHB")

    def __init__(self) -> None:
        self._transaction = 0
        self._expected = b""

    def frame(self, question: Question) -> bytes:
        """Make what is sent."""
        self._transaction = self._transaction % 0xFFFF + 1
        before, unit, pdu = self._BEFORE.pack, question.unit, question.pdu
        self._expected = before(self._transaction, 0, question.size + 1, unit) + question.head
        return before(self._transaction, 0, len(pdu) + 1, unit) + pdu

    def read(self, question: Question, data: bytes) -> bytes | DriverError | None:
        """Give the answer's rest, or what is wrong with it; None while it is too short."""
        if len(data) == question.size + 7 and data.startswith(self._expected):
            return data[len(self._expected) :]
        return self._odd(question, data)

    def _odd(self, question: Question, data: bytes) -> bytes | DriverError | None:
        """Say what is wrong with what is not the answer, or not yet."""
        if len(data) < self._HEADER.size:
            return None
        said, protocol, length, unit, function = self._HEADER.unpack_from(data)
        if (said, protocol, unit) != (self._transaction, 0, question.unit):
            return BadAnswer(f"an answer to something else begins {data[:12].hex(' ')}")
        is_error = function == question.pdu[0] | _ERROR_BIT
        expected = 3 if is_error else question.size + 1
        if length != expected or (not is_error and function != question.pdu[0]):
            return BadAnswer(f"function {function} in {length} bytes, expected {expected}")
        whole = 6 + length
        if len(data) > whole or not (is_error or _begins(data[7:], question.head)):
            return BadAnswer(f"{len(data)} bytes that begin {data[:12].hex(' ')}")
        return verdict(question, data[7:whole]) if len(data) == whole else None


class Rtu:
    """The framing of serial lines: a checksum, and nothing that numbers the questions.

    An adapter of a 2-wire line may repeat what we send before the answer; reads, whose answer
    never looks like the question, show whether it does. `late` holds questions that were given
    up: an answer to one of them is passed over.
    """

    def __init__(self) -> None:
        self.late: list[Question] = []
        self._is_echoing = False
        self._sent = b""

    def frame(self, question: Question) -> bytes:
        """Make what is sent."""
        frame = bytes((question.unit,)) + question.pdu
        self._sent = frame + crc16(frame).to_bytes(2, "little")
        return self._sent

    def read(self, question: Question, data: bytes) -> bytes | DriverError | None:
        """Give the answer's rest, or what is wrong with it; None while it is too short."""
        rest = self._after_echo(question, data)
        rest = None if rest is None else self._after_late(question, rest)
        if rest is None:
            return None
        first: BadAnswer | None = None
        for start in range(min(len(rest), _NOISE) + 1):
            found = self._at(question, rest[start:])
            if not isinstance(found, BadAnswer) or isinstance(found, NotNow):
                return found
            first = first or found
        return first

    def _after_echo(self, question: Question, data: bytes) -> bytes | None:
        is_read = question.pdu[0] not in {5, 6}
        if not (is_read or self._is_echoing):
            return data
        if data.startswith(self._sent):
            self._is_echoing = True
            return data[len(self._sent) :]
        if len(data) < len(self._sent) and self._sent.startswith(data):
            answer = self._at(question, data)
            return data if answer is not None and not isinstance(answer, BadAnswer) else None
        if is_read:
            self._is_echoing = False
        return data

    def _after_late(self, question: Question, data: bytes) -> bytes | None:
        """Drop whole answers to former questions; None while one is still coming."""
        for late in [late for late in self.late if late.shape != question.shape]:
            head = bytes((late.unit,)) + late.head
            if not data or not _begins(data, head):
                continue
            if _begins(data, bytes((question.unit,)) + question.head):
                return None  # it may still become either
            whole = late.size + 3
            if len(data) < whole:
                return None
            if crc16(data[:whole]) == 0:
                data = data[whole:]
        return data

    @staticmethod
    def _at(question: Question, data: bytes) -> bytes | DriverError | None:
        """Read the answer that begins with the first byte."""
        if len(data) < 2:  # noqa: PLR2004 -- unit and function
            is_other = data[:1] not in {b"", bytes((question.unit,))}
            return BadAnswer(f"an answer of unit {data[0]}") if is_other else None
        is_error = data[1] == question.pdu[0] | _ERROR_BIT
        head = data[1:2] if is_error else question.head
        if not _begins(data, bytes((question.unit,)) + head):
            return BadAnswer(f"an answer to something else begins {data[:8].hex(' ')}")
        whole = 5 if is_error else question.size + 3
        if len(data) < whole:
            return None
        if crc16(data[:whole]):
            return BadAnswer("the checksum is wrong")
        return verdict(question, data[1 : whole - 2])


def verdict(question: Question, pdu: bytes) -> bytes | DriverError:
    """Give what follows the head of a whole answer, or what the device complains of."""
    if len(pdu) == question.size and pdu.startswith(question.head):
        return pdu[len(question.head) :]
    code = pdu[1]
    if code in _NOT_OFFERED:
        return Unsupported(f"exception {code}, {_NOT_OFFERED[code]}")
    if code in _NOT_THERE:
        return TimedOut(f"exception {code}, {_NOT_THERE[code]}")
    if code in _BUSY:
        return NotNow(f"exception {code}, {_BUSY[code]}")
    return BadAnswer(f"exception {code}, {_FAILED.get(code, 'which the protocol does not know')}")


def _begins(data: bytes, head: bytes) -> bool:
    """Tell whether data begins with the head, as far as it goes."""
    return data[: len(head)] == head[: len(data)]


def crc16(data: bytes) -> int:
    """Compute the checksum of a frame; over a frame with its checksum it is 0."""
    crc = 0xFFFF
    for byte in data:
        crc = crc >> 8 ^ _CRC[(crc ^ byte) & 0xFF]
    return crc


def _crc_of(byte: int) -> int:
    for _ in range(8):
        byte = byte >> 1 ^ 0xA001 if byte & 1 else byte >> 1
    return byte


_CRC = tuple(_crc_of(byte) for byte in range(256))
