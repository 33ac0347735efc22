"""Rigs at all their ports that refuse, or keep silent to, what they are told to."""

import asyncio
import contextlib
import json
import re
from collections.abc import AsyncIterator, Callable
from pathlib import Path

from tests.edge.drivers.conftest import INVALID
from tests.edge.drivers.doors import API, WEB

from lode_edge.clock import Clock
from lode_edge.drivers import DeviceEntry
from lode_edge.drivers.asic import AsicDriver
from lode_edge.drivers.driver import Login
from lode_sim import addresses
from lode_sim.port import stream_port

GOLDEN = Path(__file__).resolve().parents[2] / "golden"
SECRET = "hunter2"
SILENCE = 0


class Rig:
    """A rig that answers, but for what it `refuses`: with these bytes, this status, or SILENCE."""

    def __init__(self, replies: dict[str, bytes]) -> None:
        self.replies = replies
        self.refuses: dict[str, bytes | int] = {}
        self.asked: list[str] = []

    async def line(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked = await reader.read(4096)
        if asked.startswith(b"{"):
            command = json.loads(asked)["command"]
            self.asked.append(command)
            said = self.refuses.get(command, self.replies.get(command, INVALID))
            writer.write(said if isinstance(said, bytes) else await silence(reader))
        writer.close()

    async def page(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        path = head.split(" ")[1]
        length = re.search(r"content-length: (\d+)", head, re.IGNORECASE)
        await reader.readexactly(int(length.group(1)) if length else 0)
        self.asked.append(path)
        status = self.refuses.get(path, 200 if path in self.replies else 404)
        if status == SILENCE:
            await silence(reader)
        data = self.replies.get(path, b"") if status == 200 else b""
        writer.write(f"HTTP/1.1 {status} X\r\nContent-Length: {len(data)}\r\n\r\n".encode() + data)
        writer.close()


async def silence(reader: asyncio.StreamReader) -> bytes:
    """Say nothing until the other end gives up."""
    return await reader.read()


@contextlib.asynccontextmanager
async def ports() -> AsyncIterator[Callable[[Rig], str]]:
    """Serve rigs at their usual ports, all moved; gives how, which gives `host:port` of the API."""
    with contextlib.ExitStack() as stack:
        base = stack.enter_context(addresses.claim())

        def start(rig: Rig) -> str:
            host = addresses.rig_host(base, 1)
            for number, handler in ((API, rig.line), (WEB, rig.page)):
                port = stream_port(host, number, handler)
                port.open()
                stack.callback(port.reset)
                stack.callback(port.close)
            return f"{host}:{API}"

        yield start


def driver_of(address: str, clock: Clock | None = None, *, timeout_s: float = 5.0) -> AsicDriver:
    login = Login(username="root", password=SECRET)
    entry = DeviceEntry(
        name="rig-1", driver="asic", address=address, kind="rig", timeout_s=timeout_s, login=login
    )
    return AsicDriver(entry, 3, clock=clock or Clock())


def of_lines(case: str, **pages: bytes) -> Rig:
    """Make a rig of a golden case's answers on 4028."""
    files = (GOLDEN / case).glob("*.json")
    return Rig({p.stem: p.read_bytes() for p in files if p.stem != "expected"} | pages)


def of_pages(case: str) -> Rig:
    """Make a rig of a golden case's pages."""
    web = GOLDEN / case / "web"
    return Rig(
        {f"/{p.relative_to(web).with_suffix('')}": p.read_bytes() for p in web.rglob("*.json")}
    )
