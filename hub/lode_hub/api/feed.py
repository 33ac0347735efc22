"""Live states of rigs for WebSockets: one read of the database a second, whoever listens.

Live ─► at most once a second: pulse of all rigs ─► what changed ─► each subscriber's own dict
"""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import msgspec
from fastapi import APIRouter, WebSocket, WebSocketDisconnect

from lode_hub.errors import UnavailableError
from lode_hub.live import Change, Live
from lode_hub.queries import Queries
from lode_hub.queries.nouns import RigPulse

PERIOD_S = 1.0
QUIET_S = 3.0
"""Without any change the rigs are looked at this often, for time alone makes a rig silent."""

MAX_SUBSCRIBERS = 200
_TRY_LATER = 1013


class Subscriber:
    """What one listener has not been told yet: at most one state a rig."""

    def __init__(self) -> None:
        self.rigs: dict[int, RigPulse] = {}
        self.gone: set[int] = set()
        self.alerts: set[int] = set()
        self.commands: set[str] = set()
        self._told = asyncio.Event()

    def tell(self, rigs: dict[int, RigPulse], gone: set[int], change: Change) -> None:
        """Add news."""
        self.rigs.update(rigs)
        self.gone |= gone
        self.alerts |= change.alerts
        self.commands |= change.commands
        if rigs or gone or change.alerts or change.commands:
            self._told.set()

    async def message(self) -> bytes:
        """Wait for news and give them as JSON."""
        await self._told.wait()
        self._told.clear()
        news = {
            "at_ms": time.time_ns() // 1_000_000,
            "rigs": list(self.rigs.values()),
            "gone": sorted(self.gone),
            "alerts": sorted(self.alerts),
            "commands": sorted(self.commands),
        }
        self.rigs, self.gone, self.alerts, self.commands = {}, set(), set(), set()
        return msgspec.json.encode(news)


class Feed:
    """Reads for all subscribers together, and not at all when there is none."""

    def __init__(self, queries: Queries, live: Live) -> None:
        self._queries = queries
        self._live = live
        self._known: dict[int, RigPulse] = {}
        self._subscribers: set[Subscriber] = set()
        self._wanted = asyncio.Event()

    @property
    def is_full(self) -> bool:
        """Whether no more subscribers fit."""
        return len(self._subscribers) >= MAX_SUBSCRIBERS

    @asynccontextmanager
    async def subscribe(self) -> AsyncIterator[Subscriber]:
        """Give everything first, and then what changes."""
        subscriber = Subscriber()
        if self._subscribers:
            subscriber.tell(self._known, set(), Change())
        else:
            self._known = {}  # nobody has kept it fresh
        self._subscribers.add(subscriber)
        self._wanted.set()
        try:
            yield subscriber
        finally:
            self._subscribers.discard(subscriber)

    async def run(self) -> None:
        """Read and tell. Never ends."""
        while True:
            await self._wanted.wait()
            async with self._live.subscribe() as changes:
                await self._read(Change())
                while self._subscribers:
                    begun = time.monotonic()
                    change = Change()
                    with suppress(TimeoutError):
                        async with asyncio.timeout(QUIET_S):
                            change = await anext(changes)
                    await self._read(change)
                    await asyncio.sleep(max(0.0, begun + PERIOD_S - time.monotonic()))
            self._wanted.clear()
            if self._subscribers:  # one came while the last one left
                self._wanted.set()

    async def _read(self, change: Change) -> None:
        try:
            now = {rig.device_id: rig for rig in await self._queries.pulse()}
        except UnavailableError:
            return  # it is read again in a moment
        changed = {key: rig for key, rig in now.items() if self._known.get(key) != rig}
        gone = self._known.keys() - now.keys()
        self._known = now
        for subscriber in self._subscribers:
            subscriber.tell(changed, gone, change)


@asynccontextmanager
async def running(feed: Feed) -> AsyncIterator[None]:
    """Let the feed run."""
    task = asyncio.create_task(feed.run(), name="live states")
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def routes(feed: Feed) -> APIRouter:
    """Give the WebSocket."""
    router = APIRouter()

    @router.websocket("/live")
    async def live(socket: WebSocket) -> None:
        await socket.accept()
        if feed.is_full:
            await socket.close(_TRY_LATER)
            return
        async with feed.subscribe() as subscriber:
            hearing = asyncio.create_task(_hear(socket))
            telling = asyncio.create_task(_tell(socket, subscriber))
            try:
                await asyncio.wait({hearing, telling}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for task in (hearing, telling):
                    task.cancel()
                await asyncio.gather(hearing, telling, return_exceptions=True)

    return router


async def _hear(socket: WebSocket) -> None:
    with suppress(WebSocketDisconnect):
        while True:
            await socket.receive_text()


async def _tell(socket: WebSocket, subscriber: Subscriber) -> None:
    with suppress(WebSocketDisconnect, RuntimeError):
        while True:
            await socket.send_text((await subscriber.message()).decode())
            await asyncio.sleep(PERIOD_S)
