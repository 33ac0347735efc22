"""Sites for tests: on addresses that no other test uses, and with a client for each protocol."""

import asyncio
import contextlib
import json
import struct
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lode_sim import addresses
from lode_sim.rig import Clocks
from lode_sim.simulator import Simulator
from lode_sim.site import Plan

PATIENCE_S = 30.0


@pytest.fixture
def base() -> Iterator[str]:
    with addresses.claim() as claimed:
        yield claimed


@pytest.fixture
def simulator(base: str, tmp_path: Path) -> Callable[..., Simulator]:
    """Give a function that makes a simulator, to be entered with `async with`."""

    def make(*models: str, rigs: int = 0, truth: bool = False, **plan: object) -> Simulator:
        count = rigs or len(models)
        drawn = Plan(rigs=count, base=base, models=models, **plan)  # type: ignore[arg-type]
        file = tmp_path / "truth.jsonl" if truth else None
        return Simulator(drawn, tmp_path, truth=file)

    return make


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now_s = 1_000.0

    def __call__(self) -> float:
        return self.now_s

    def clocks(self) -> Clocks:
        return Clocks(monotonic=self, wall=lambda: 1_700_000_000.0 + self.now_s)


@pytest.fixture
def clock() -> Clock:
    return Clock()


async def ask_raw(host: str, request: bytes, port: int = 4028) -> bytes:
    """Send a request to a rig and give all it says until it ends the connection."""
    async with asyncio.timeout(PATIENCE_S):
        reader, writer = await asyncio.open_connection(host, port)
        writer.write(request)
        reply = await reader.read()
        writer.close()
        await writer.wait_closed()
    return reply


async def ask(host: str, command: str) -> dict[str, object]:
    """Ask a rig a command and give its reply, which must be JSON and a NUL byte."""
    reply = await ask_raw(host, json.dumps({"command": command}).encode())
    assert reply.endswith(b"\x00")
    return json.loads(reply[:-1])


class MeterClient:
    """Reads registers over Modbus TCP."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    @classmethod
    async def connect(cls, host: str, port: int = 5020) -> "MeterClient":
        return cls(*await asyncio.open_connection(host, port))

    async def read(self, start: int, count: int, *, function: int = 4, unit: int = 1) -> bytes:
        """Give the response: function code, byte count, data."""
        request = struct.pack(">HHHBBHH", 7, 0, 6, unit, function, start, count)
        self.writer.write(request)
        async with asyncio.timeout(PATIENCE_S):
            head = await self.reader.readexactly(7)
            transaction, protocol, length, answered = struct.unpack(">HHHB", head)
            assert (transaction, protocol, answered) == (7, 0, unit)
            return await self.reader.readexactly(length - 1)

    async def float(self, register: int) -> float:
        response = await self.read(register, 2)
        assert response[:2] == b"\x04\x04"
        value: float = struct.unpack(">f", response[2:])[0]
        return value

    async def close(self) -> None:
        self.writer.close()
        with contextlib.suppress(ConnectionError):
            await self.writer.wait_closed()


async def until(holds: Callable[[], bool], patience_s: float = PATIENCE_S) -> None:
    """Wait until something is so, or fail."""
    deadline_s = time.monotonic() + patience_s
    while not holds():
        assert time.monotonic() < deadline_s, "waited in vain"
        await asyncio.sleep(0.005)
