"""One Modbus TCP connection, shared by the units behind it and asked one thing at a time.

    [ transaction u16 ][ 0 u16 ][ length u16 ][ unit u8 ][ function u8 ][ ... ]

An answer that is not exactly the one asked for is a bad answer, and it ends the connection: what
would come next on it could not be trusted to belong to the next question. So does silence.
"""

import asyncio
import struct
import weakref
from dataclasses import dataclass
from typing import NamedTuple

from lode_edge.errors import BadAnswer, DriverError, Refused, TimedOut, Unsupported

PORT = 502
_HEADER = struct.Struct(">HHHBB")
_REQUEST = struct.Struct(">HHHBBHH")
_ERROR_BIT = 0x80
_BUSES: "weakref.WeakValueDictionary[tuple[str, int, int], Bus]" = weakref.WeakValueDictionary()

# Modbus Application Protocol V1.1b3, section 7.
_NOT_OFFERED = {1: "illegal function", 2: "illegal data address", 3: "illegal data value"}
_NOT_THERE = {10: "gateway path unavailable", 11: "gateway target did not respond"}


@dataclass(frozen=True, slots=True)
class Ask:
    """A range of registers of one unit, and how long the bus is left alone before it is asked."""

    unit: int
    function: int
    register: int
    count: int
    gap_s: float = 0.0


class _Question(NamedTuple):
    """What is on its way, and how the answer must look."""

    transaction: int
    asked: Ask
    answer: "asyncio.Future[bytes | DriverError]"


class Bus:
    """A connection to one host and port, made when it is needed."""

    def __init__(self, host: str, port: int) -> None:
        self.host, self.port = host, port
        self._lock = asyncio.Lock()
        self._line: _Line | None = None
        self._transaction = 0
        self._answered_s = 0.0

    @classmethod
    def shared(cls, host: str, port: int) -> "Bus":
        """Give the one bus of this host and port in the running loop."""
        key = (host, port, id(asyncio.get_running_loop()))
        bus = _BUSES.get(key)
        if bus is None:
            bus = _BUSES[key] = cls(host, port)
        return bus

    async def read(self, asked: Ask, *, deadline: float) -> bytes:
        """Read registers: 2 * count bytes, by `deadline` on the loop's clock.

        Raises:
            TimedOut: no answer came by then, or the gateway's unit gave none.
            Refused: there was no connection, or it broke.
            Unsupported: the device has no such function or register.
            BadAnswer: the answer was not the one asked for, or the device failed.
        """
        place = f"{self.host}:{self.port} unit {asked.unit} register 0x{asked.register:04X}"
        try:
            async with asyncio.timeout_at(deadline), self._lock:
                answer = await self._exchange(asked)
        except TimeoutError as error:
            raise TimedOut(f"{place}: no answer in time") from error
        except OSError as error:
            raise Refused(f"{place}: no connection: {error.strerror or error}") from error
        if isinstance(answer, DriverError):
            raise type(answer)(f"{place}: {answer}")
        return answer

    def close(self) -> None:
        """End the connection; the next read makes a new one."""
        if self._line is not None:
            self._line.close()
            self._line = None

    async def _exchange(self, asked: Ask) -> bytes | DriverError:
        loop = asyncio.get_running_loop()
        if self._line is None or self._line.is_lost:
            _, self._line = await loop.create_connection(_Line, self.host, self.port)
        rest_s = self._answered_s + asked.gap_s - loop.time()
        if asked.gap_s and rest_s > 0:
            await asyncio.sleep(rest_s)
        self._transaction = self._transaction % 0xFFFF + 1
        question = _Question(self._transaction, asked, loop.create_future())
        try:
            self._line.ask(question)
            return await question.answer
        except asyncio.CancelledError:
            self.close()  # a late answer must not meet the next question
            raise
        finally:
            self._answered_s = loop.time()


class _Line(asyncio.Protocol):
    """The wire: at most one question at a time."""

    def __init__(self) -> None:
        self.is_lost = False
        self._transport: asyncio.Transport | None = None
        self._question: _Question | None = None
        self._buffer = b""

    def ask(self, question: _Question) -> None:
        if self._transport is None or self.is_lost:
            raise ConnectionResetError("closed by the other side")
        self._question, self._buffer = question, b""
        asked = question.asked
        header = (question.transaction, 0, 6, asked.unit, asked.function)
        self._transport.write(_REQUEST.pack(*header, asked.register, asked.count))

    def close(self) -> None:
        self.is_lost = True
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 -- TCP gives nothing else
        self._transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        self.is_lost = True
        self._settle(Refused(f"the connection broke: {exc or 'closed by the other side'}"))

    def data_received(self, data: bytes) -> None:
        if self._question is None:
            self.close()  # nobody asked: what follows could be taken for an answer
            return
        self._buffer += data
        answer = understood(self._question.transaction, self._question.asked, self._buffer)
        if isinstance(answer, BadAnswer):
            self.close()
        if answer is not None:
            self._settle(answer)

    def _settle(self, answer: bytes | DriverError) -> None:
        question, self._question = self._question, None
        if question is not None and not question.answer.done():
            question.answer.set_result(answer)


def understood(transaction: int, asked: Ask, data: bytes) -> bytes | DriverError | None:
    """Give the registers' bytes, or what is wrong with the answer; None while it is too short."""
    if len(data) < _HEADER.size:
        return None
    said, protocol, length, unit, function = _HEADER.unpack_from(data)
    if (said, protocol, unit) != (transaction, 0, asked.unit):
        return BadAnswer(f"an answer to something else begins {data[:12].hex(' ')}")
    size = 2 * asked.count
    if function == asked.function | _ERROR_BIT:
        return _exception(data)
    if function != asked.function or length != size + 3:
        return BadAnswer(f"function {function} in {length} bytes, expected {size + 3}")
    whole = _HEADER.size + 1 + size
    if len(data) > _HEADER.size and (data[_HEADER.size] != size or len(data) > whole):
        return BadAnswer(f"{data[_HEADER.size]} bytes of registers, expected {size}")
    return data[_HEADER.size + 1 :] if len(data) == whole else None


def _exception(data: bytes) -> DriverError | None:
    if len(data) <= _HEADER.size:
        return None
    code = data[_HEADER.size]
    if code in _NOT_OFFERED:
        return Unsupported(f"exception {code}, {_NOT_OFFERED[code]}")
    if code in _NOT_THERE:
        return TimedOut(f"exception {code}, {_NOT_THERE[code]}")
    return BadAnswer(f"exception {code}: the device failed or is busy")
