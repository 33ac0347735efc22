"""One connection to a site's broker, shared by the devices that speak there."""

import asyncio
import contextlib
import secrets
import weakref
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from typing import Protocol

from paho.mqtt import client as paho

from lode_edge.drivers.mqtt.link import Link, LinkError, Message, Server, keep
from lode_wire.records import Quality

_BROKERS: "weakref.WeakValueDictionary[tuple[Server, int], Broker]" = weakref.WeakValueDictionary()
_SUBSCRIBED_AT_ONCE = 100  # filters in one packet


class Listener(Protocol):
    """A device that speaks on a broker."""

    filters: Sequence[str]

    def heard(self, message: Message) -> None:
        """Take a message that one of the filters lets through."""


class Broker:
    """A connection that lives while anybody listens."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self._listeners: set[Listener] = set()
        self._exact: defaultdict[str, set[Listener]] = defaultdict(set)
        self._wild: defaultdict[str, set[Listener]] = defaultdict(set)
        self._task: asyncio.Task[None] | None = None
        self._link: Link | None = None
        # A name of its own at each start: two agents may listen to one broker.
        self._client_id = f"lode-{secrets.token_hex(8)}"

    @classmethod
    def shared(cls, server: Server) -> "Broker":
        """Give the one connection of this server and login in the running loop."""
        key = (server, id(asyncio.get_running_loop()))
        broker = _BROKERS.get(key)
        if broker is None:
            broker = _BROKERS[key] = cls(server)
        return broker

    @property
    def silence(self) -> Quality:
        """Say why nothing is heard: there is no connection, or nobody speaks."""
        return Quality.REFUSED if self._link is None else Quality.TIMED_OUT

    @contextlib.asynccontextmanager
    async def joined(self, listener: Listener) -> AsyncIterator[None]:
        """Listen, over every loss of the connection, until left."""
        self._add(listener)
        try:
            if self._task is None:
                self._task = asyncio.create_task(keep(self._make, self._live))
            elif self._link is not None:
                # A refusal here ends the connection, and every filter is asked for anew.
                with contextlib.suppress(LinkError):
                    await self._subscribe(self._link, listener.filters)
            yield
        finally:
            self._remove(listener)
            if not self._listeners and self._task is not None:
                self._task.cancel()
                await asyncio.wait([self._task])
                self._task = None

    def _make(self) -> Link:
        return Link(self.server, self._client_id, self._received)

    async def _live(self, link: Link) -> None:
        self._link = link
        try:
            await self._subscribe(link, [*self._exact, *self._wild])
            await link.lost()
        finally:
            self._link = None

    async def _subscribe(self, link: Link, filters: Sequence[str]) -> None:
        for first in range(0, len(filters), _SUBSCRIBED_AT_ONCE):
            some = filters[first : first + _SUBSCRIBED_AT_ONCE]
            await link.subscribe([(name, 1) for name in some])

    def _received(self, message: Message) -> None:
        found = set(self._exact.get(message.topic, ()))
        for name, listeners in self._wild.items():
            if paho.topic_matches_sub(name, message.topic):
                found |= listeners
        for listener in found:
            listener.heard(message)

    def _add(self, listener: Listener) -> None:
        self._listeners.add(listener)
        for name in listener.filters:
            (self._wild if set(name) & set("+#") else self._exact)[name].add(listener)

    def _remove(self, listener: Listener) -> None:
        self._listeners.discard(listener)
        for name in listener.filters:
            for kind in (self._exact, self._wild):
                if name in kind:
                    kind[name].discard(listener)
                    if not kind[name]:
                        del kind[name]
