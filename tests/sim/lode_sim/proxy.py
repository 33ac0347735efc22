"""A bad link on order: a TCP proxy that can lose, hold, delay, throttle, corrupt and cut.

client ──► reader ──► (due, bytes) queue ──► writer ──► server, and the same the other way round
"""

import asyncio
import enum
import random
import socket
from collections.abc import Sequence
from typing import Self

from lode_sim.control import Order
from lode_sim.errors import OrderError
from lode_sim.port import Port, reset, stream_port

CHUNK_BYTES = 65_536
QUEUE_CHUNKS = 64
CONNECT_S = 10.0


class Mode(enum.StrEnum):
    """What the link does with bytes."""

    PASS = "pass"
    BLACKHOLE = (
        "blackhole"  # bytes and FINs go nowhere, connections stay; torn ones are reset after
    )
    HOLD = "hold"  # nothing moves; all of it goes on afterwards, as after a routing hiccup
    DELAY = "delay"  # the value: seconds, each way
    THROTTLE = "throttle"  # the value: bytes per second, each way and connection
    CORRUPT = "corrupt"  # the value: share of chunks in which one byte is flipped
    CUT = "cut"  # open connections are reset, new ones at once
    RESET = "reset"  # open connections are reset once; the mode stays as it was


_DEFAULTS = {Mode.DELAY: 0.2, Mode.THROTTLE: 10_000.0, Mode.CORRUPT: 0.05}


class Proxy:
    """A TCP proxy in front of one server; `async with Proxy(host, port) as proxy: ...`."""

    def __init__(
        self, to_host: str, to_port: int, *, host: str = "127.0.0.1", port: int = 0, seed: int = 0
    ) -> None:
        self.to_host = to_host
        self.to_port = to_port
        self.host = host
        self.port = port
        self.mode = Mode.PASS
        self.value = 0.0
        self.accepted = 0  # connections, since the start
        self.passed_bytes = 0
        self.lost_bytes = 0
        self.random = random.Random(seed)
        self.moved = asyncio.Event()  # set and replaced at each change of mode
        self._port: Port | None = None
        self._links: set[_Link] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self.stop()

    async def start(self) -> None:
        """Listen; `port` is then the true one."""
        self._port = stream_port(self.host, self.port, self._accept)
        self._port.open()
        self.port = self._port.port

    async def stop(self) -> None:
        """Stop listening and reset every connection."""
        if self._port:
            self._port.close()
            self._port = None
        self._cut()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def set(self, mode: str, value: float | None = None) -> None:
        """Change what the link does, at once and for all connections.

        Raises:
            OrderError: when there is no such mode, or the value makes no sense.
        """
        wanted = _parse(mode)
        if wanted is Mode.RESET:
            self._cut()
            return
        number = _DEFAULTS.get(wanted, 0.0) if value is None else value
        if wanted in _DEFAULTS and not number > 0:
            raise OrderError(f"link {wanted.value} {number}: the value must be above 0")
        self.mode, self.value = wanted, number
        if wanted is Mode.CUT:
            self._cut()
        elif wanted is not Mode.BLACKHOLE:
            for link in tuple(self._links):
                if link.is_torn:
                    link.cut()
        self.moved.set()
        self.moved = asyncio.Event()

    def obey(self, order: Order) -> Sequence[str]:
        """Carry out an order from the control socket: `link` with a mode and a value, or `status`.

        Raises:
            OrderError: when it makes no sense.
        """
        if order.do == "link":
            try:
                value = float(order.value) if order.value else None
            except ValueError:
                raise OrderError(f"link {order.mode} {order.value!r}: not a number") from None
            self.set(order.mode, value)
        elif order.do != "status":
            raise OrderError(f"order {order.do!r}: unknown here; one of link, status")
        value_text = f" {self.value:g}" if self.mode in _DEFAULTS else ""
        return [
            f"link {self.mode.value}{value_text}: {len(self._links)} connections, "
            f"{self.passed_bytes} bytes passed, {self.lost_bytes} lost"
        ]

    @property
    def connections(self) -> int:
        """How many connections are open."""
        return len(self._links)

    def _cut(self) -> None:
        for link in tuple(self._links):
            link.cut()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted += 1
        if self.mode is Mode.CUT:
            reset(writer.transport)
            return
        link = _Link(self, reader, writer)
        self._links.add(link)
        task = asyncio.get_running_loop().create_task(self._run(link))
        link.task = task
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _run(self, link: "_Link") -> None:
        try:
            await link.run()
        finally:
            link.end()
            self._links.discard(link)


class _Link:
    """One client connection and its twin to the server."""

    def __init__(
        self, proxy: Proxy, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.is_torn = False  # bytes of it are lost: it can never make sense again
        self.task: asyncio.Task[None] | None = None
        self._is_orderly = False
        self._proxy = proxy
        self._client = (reader, writer)
        self._writers = [writer]

    async def run(self) -> None:
        """Carry bytes both ways until both ends have ended, or one broke."""
        await self._while_mode(Mode.BLACKHOLE, Mode.HOLD)  # a SYN goes nowhere either
        try:
            async with asyncio.timeout(CONNECT_S):
                server = await asyncio.open_connection(self._proxy.to_host, self._proxy.to_port)
        except (OSError, TimeoutError):
            return
        self._writers.append(server[1])
        for writer in self._writers:
            connection: socket.socket = writer.get_extra_info("socket")
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            async with asyncio.TaskGroup() as both:
                both.create_task(self._carry(self._client[0], server[1]))
                both.create_task(self._carry(server[0], self._client[1]))
            self._is_orderly = True
        except* OSError:
            pass  # one end broke: both are reset

    def cut(self) -> None:
        """Reset both ends and stop."""
        for writer in self._writers:
            reset(writer.transport)
        if self.task:
            self.task.cancel()

    def end(self) -> None:
        """Let go of both ends: in order when both have ended, else with a reset."""
        for writer in self._writers:
            if self._is_orderly:
                writer.close()
            else:
                reset(writer.transport)

    async def _while_mode(self, *modes: Mode) -> None:
        while self._proxy.mode in modes:
            await self._proxy.moved.wait()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        queue: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(QUEUE_CHUNKS)
        async with asyncio.TaskGroup() as ends:
            ends.create_task(self._read(reader, queue))
            ends.create_task(self._write(writer, queue))

    async def _read(
        self, reader: asyncio.StreamReader, queue: asyncio.Queue[tuple[float, bytes]]
    ) -> None:
        proxy = self._proxy
        loop = asyncio.get_running_loop()
        while True:
            await self._while_mode(Mode.HOLD)
            chunk = await reader.read(CHUNK_BYTES)
            if proxy.mode is Mode.BLACKHOLE:
                self._lose(chunk)
                if not chunk:  # even the end goes unnoticed on the other side
                    await self._while_mode(Mode.BLACKHOLE)
                    raise ConnectionResetError
                continue
            delay_s = proxy.value if proxy.mode is Mode.DELAY else 0.0
            await queue.put((loop.time() + delay_s, chunk))
            if not chunk:
                return

    async def _write(
        self, writer: asyncio.StreamWriter, queue: asyncio.Queue[tuple[float, bytes]]
    ) -> None:
        proxy = self._proxy
        loop = asyncio.get_running_loop()
        while True:
            due_s, chunk = await queue.get()
            await asyncio.sleep(max(due_s - loop.time(), 0))
            await self._while_mode(Mode.HOLD)
            if proxy.mode is Mode.BLACKHOLE:  # what was still on its way is lost too
                self._lose(chunk)
                continue
            if not chunk:
                writer.write_eof()
                return
            if proxy.mode is Mode.CORRUPT and proxy.random.random() < proxy.value:
                chunk = _flip(chunk, proxy.random)
            await self._pour(writer, chunk)

    async def _pour(self, writer: asyncio.StreamWriter, chunk: bytes) -> None:
        proxy = self._proxy
        while chunk:
            if proxy.mode is Mode.BLACKHOLE:
                self._lose(chunk)
                return
            size = len(chunk)
            if proxy.mode is Mode.THROTTLE:
                size = max(int(proxy.value / 20), 1)
            writer.write(chunk[:size])
            await writer.drain()
            proxy.passed_bytes += len(chunk[:size])
            chunk = chunk[size:]
            if proxy.mode is Mode.THROTTLE:
                await asyncio.sleep(size / proxy.value)

    def _lose(self, chunk: bytes) -> None:
        self.is_torn = True
        self._proxy.lost_bytes += len(chunk)


def _flip(chunk: bytes, source: random.Random) -> bytes:
    at = source.randrange(len(chunk))
    return chunk[:at] + bytes([chunk[at] ^ (1 << source.randrange(8))]) + chunk[at + 1 :]


def _parse(mode: str) -> Mode:
    try:
        return Mode(mode)
    except ValueError:
        raise OrderError(f"link {mode!r}: unknown; one of {', '.join(Mode)}") from None
