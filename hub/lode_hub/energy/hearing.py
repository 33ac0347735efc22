"""Listen to topics at other people's MQTT brokers: a session of its own for each document.

document ─► Ingress (QoS 1, kept by the broker while we are away) ─► a short queue ─► take ─► ack

A message is acknowledged once it is kept or refused, so that none is lost with a hub that dies.
"""

import asyncio
import contextlib
import hashlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace

import structlog

from lode_hub.energy.topic import topic
from lode_hub.errors import UnavailableError
from lode_hub.ingest.ingress import Address, Delivery, Ingress, MakeLink, Session

MAX_BYTES = 256 << 10
MAX_WAITING = 64
MAX_TOPICS = 200
PAUSE_S = 0.05
"""Between two messages of a topic: what comes faster waits at the broker."""

_RETRY_S = 2.0
_log = structlog.get_logger(__name__)

Key = tuple[str, int | None, str]
"""A document: its kind, its site's number, its name."""

Take = Callable[[Delivery], Awaitable[None]]
"""Keeps a message, or refuses it; raises UnavailableError to be asked again."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """Where a document's messages are told; another revision or password is another place.

    `ca` is who has signed the broker's certificate, as PEM; empty: whom the system trusts.
    """

    url: str
    revision: int
    password: str
    ca: str = ""

    def __repr__(self) -> str:
        """Leave the password out."""
        return f"Place({self.url!r}, {self.revision})"


class Hearing:
    """Keeps a session for each place that is wanted.

    Args:
        make: opens a connection.
        suffix: of this hub's database, so that no other hub's session is ours.
    """

    def __init__(self, make: MakeLink, suffix: str) -> None:
        self._make = make
        self._suffix = suffix
        self._ears: dict[Key, tuple[Place, _Ear, asyncio.Task[None]]] = {}

    async def follow(self, wanted: Mapping[Key, tuple[Place, Take]]) -> None:
        """Listen to these and to no others from now on."""
        for key, (place, _, task) in list(self._ears.items()):
            is_wanted = key in wanted and wanted[key][0] == place
            if task.done() and not task.cancelled():
                _log.error("listening failed", document=key, reason=str(task.exception()))
            if not is_wanted or task.done():
                del self._ears[key]
                await _end(task)
        for key, (place, take) in wanted.items():
            if key not in self._ears and len(self._ears) < MAX_TOPICS:
                ear = _Ear(self._session(key, place), place, self._make, take)
                self._ears[key] = (place, ear, asyncio.create_task(ear.run()))

    def trouble(self, key: Key) -> str:
        """Say why a document's topic is not listened to now; empty while it is."""
        if key not in self._ears:
            return f"more than {MAX_TOPICS} topics; remove one"
        ingress = self._ears[key][1].ingress
        return "" if ingress.is_connected else ingress.trouble or "not connected yet"

    async def close(self) -> None:
        """Listen to none."""
        await self.follow({})

    def _session(self, key: Key, place: Place) -> Session:
        # By the address, too: at another topic the session must not bring the old one's messages.
        name = hashlib.sha256(repr((key, place.url)).encode()).hexdigest()[:16]
        return Session(client_id=f"lode-{name}-{self._suffix}", topic=topic(place.url))


class _Ear:
    """One session, and the messages that wait to be taken."""

    def __init__(self, session: Session, place: Place, make: MakeLink, take: Take) -> None:
        address = Address.of(place.url, password=place.password or None, ca=place.ca)
        self.ingress = Ingress(session, [address], self._put, make=make)
        self._take = take
        self._waiting: asyncio.Queue[Delivery] = asyncio.Queue()  # the session is paused in time

    async def run(self) -> None:
        """Listen until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.ingress.run())
            tasks.create_task(self._work())

    def _put(self, delivery: Delivery) -> None:
        # Of one that is too large enough is kept to see that it is.
        self._waiting.put_nowait(replace(delivery, payload=delivery.payload[: MAX_BYTES + 1]))
        if self._waiting.qsize() >= MAX_WAITING:
            self.ingress.pause()

    async def _work(self) -> None:
        while True:
            delivery = await self._waiting.get()
            await self._taken(delivery)
            delivery.ack()
            if self._waiting.qsize() < MAX_WAITING // 2:
                self.ingress.resume()
            await asyncio.sleep(PAUSE_S)

    async def _taken(self, delivery: Delivery) -> None:
        """Take a message, however often it needs asking."""
        is_told = False
        while True:
            try:
                await self._take(delivery)
            except UnavailableError as error:
                if not is_told:
                    _log.warning("message waits", topic=delivery.topic, reason=str(error))
                is_told = True
                await asyncio.sleep(_RETRY_S)
            else:
                return


async def _end(task: asyncio.Task[None]) -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError, Exception):
        await task
