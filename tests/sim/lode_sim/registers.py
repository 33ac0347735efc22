"""A Modbus device that is nothing but registers and coils, on TCP or on a serial line.

It stands for a fan's drive, a relay board or a meter of any make, and keeps the order of what it
was asked, so that a test can tell who came between whom.
"""

import asyncio
import os
import struct
import tty
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import TypeVar

_BITS, _WORDS, _WRITES = (1, 2), (3, 4), (5, 6, 15, 16)
_ILLEGAL_FUNCTION, _ILLEGAL_ADDRESS, _NO_SUCH_UNIT = 1, 2, 11

_T = TypeVar("_T", int, bool)
Mangle = Callable[[bytes], bytes | None]


@dataclass(kw_only=True)
class Device:
    """Units 1 to n of registers and coils; `mangle` makes of an answer what goes on the wire.

    `log` is (unit, function, register) of every request, in the order of their coming. Registers
    in `stuck` take a write and keep what they had.
    """

    words: dict[int, int] = field(default_factory=dict)
    coils: dict[int, bool] = field(default_factory=dict)
    units: int = 1
    delay_s: float = 0.0
    mangle: Mangle | None = None
    stuck: set[int] = field(default_factory=set)
    log: list[tuple[int, int, int]] = field(default_factory=list)

    async def answer(self, unit: int, pdu: bytes) -> bytes | None:
        """Answer a request (function and data); None when no such unit is on a serial line."""
        function, register = struct.unpack_from(">BH", pdu)
        self.log.append((unit, function, register))
        await asyncio.sleep(self.delay_s)
        if not 1 <= unit <= self.units:
            return None
        try:
            return self._done(function, register, pdu)
        except KeyError:
            return bytes((function | 0x80, _ILLEGAL_ADDRESS))

    def _done(self, function: int, register: int, pdu: bytes) -> bytes:
        (count,) = struct.unpack_from(">H", pdu, 3)
        if function in _BITS:
            bits = sum(self.coils[register + n] << n for n in range(count))
            size = (count + 7) // 8
            return bytes((function, size)) + bits.to_bytes(size, "little")
        if function in _WORDS:
            words = (self.words[register + n] for n in range(count))
            return bytes((function, 2 * count)) + struct.pack(f">{count}H", *words)
        if function not in _WRITES:
            return bytes((function | 0x80, _ILLEGAL_FUNCTION))
        self._write(function, register, count, pdu[6:])
        return pdu[:5]

    def _write(self, function: int, register: int, count: int, data: bytes) -> None:
        if function == 5:
            self._put(self.coils, register, count == 0xFF00)
        elif function == 6:
            self._put(self.words, register, count)
        elif function == 15:
            bits = int.from_bytes(data, "little")
            for n in range(count):
                self._put(self.coils, register + n, bool(bits >> n & 1))
        else:
            for n, word in enumerate(struct.unpack(f">{count}H", data)):
                self._put(self.words, register + n, word)

    def _put(self, memory: dict[int, _T], register: int, value: _T) -> None:
        if register not in memory:
            raise KeyError(register)
        if register not in self.stuck:
            memory[register] = value


@asynccontextmanager
async def on_tcp(device: Device) -> AsyncIterator[str]:
    """Serve Modbus TCP; gives `host:port`."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            transaction, _, length, unit = struct.unpack(">HHHB", await reader.readexactly(7))
            pdu = await device.answer(unit, await reader.readexactly(length - 1))
            pdu = pdu or bytes((0x83, _NO_SUCH_UNIT))
            frame = struct.pack(">HHHB", transaction, 0, len(pdu) + 1, unit) + pdu
            sent = device.mangle(frame) if device.mangle else frame
            if sent is not None:
                writer.write(sent)

    async with _served(talk) as port:
        yield f"127.0.0.1:{port}"


@asynccontextmanager
async def on_rtu_tcp(device: Device) -> AsyncIterator[str]:
    """Serve RTU frames through TCP, as a serial server does; gives `rtu://host:port`."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await _speak(device, reader, writer.write)

    async with _served(talk) as port:
        yield f"rtu://127.0.0.1:{port}"


@asynccontextmanager
async def on_serial(device: Device, *, is_echoing: bool = False) -> AsyncIterator[str]:
    """Serve a pseudo serial line; gives `serial:/dev/pts/n`."""
    line = Pty()
    reader = await line.reader()

    def write(data: bytes) -> None:
        os.write(line.master, data)

    task = asyncio.ensure_future(_speak(device, reader, write, is_echoing=is_echoing))
    try:
        yield f"serial:{line.path}"
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError, asyncio.IncompleteReadError, OSError):
            await task
        line.close()


class Pty:
    """A pseudo terminal: `path` is opened by the one side, `master` is the other."""

    def __init__(self) -> None:
        self.master, self._slave = os.openpty()
        tty.setraw(self.master)
        tty.setraw(self._slave)
        self.path = os.ttyname(self._slave)
        self._transport: asyncio.BaseTransport | None = None

    async def reader(self) -> asyncio.StreamReader:
        """Give what the other side sends."""
        reader = asyncio.StreamReader()
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(os.dup(self.master), "rb", 0)
        )
        return reader

    def close(self) -> None:
        """Hang up; a program that has it open sees the line break."""
        if self._transport is not None:
            self._transport.close()
        for end in (self.master, self._slave):
            with suppress(OSError):
                os.close(end)


async def _speak(
    device: Device,
    reader: asyncio.StreamReader,
    write: Callable[[bytes], object],
    *,
    is_echoing: bool = False,
) -> None:
    while True:
        frame = await reader.readexactly(7)
        more = 2 + frame[6] if frame[1] in {15, 16} else 1
        frame += await reader.readexactly(more)
        if crc16(frame):
            continue
        if is_echoing:
            write(frame)
        pdu = await device.answer(frame[0], frame[1:-2])
        if pdu is None:
            continue
        answer = sealed(frame[:1] + pdu)
        sent = device.mangle(answer) if device.mangle else answer
        if sent:
            write(sent)


def sealed(frame: bytes) -> bytes:
    """Put the checksum behind a frame."""
    return frame + crc16(frame).to_bytes(2, "little")


def crc16(data: bytes) -> int:
    """Compute CRC-16/MODBUS bit by bit, as the specification writes it."""
    crc = 0xFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ 0xA001 if crc & 1 else crc >> 1
    return crc


@asynccontextmanager
async def _served(
    talk: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
) -> AsyncIterator[int]:
    talks: set[asyncio.Task[None] | None] = set()

    async def quietly(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        talks.add(asyncio.current_task())
        with suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            await talk(reader, writer)
        writer.transport.abort()

    server = await asyncio.start_server(quietly, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        running = [task for task in talks if task is not None]
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
