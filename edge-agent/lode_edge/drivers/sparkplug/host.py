"""A Sparkplug host application on a site's broker, shared by the devices it is asked for."""

import asyncio
import contextlib
import re
import secrets
import socket
import weakref
from collections import defaultdict
from collections.abc import AsyncIterator
from typing import Protocol

import msgspec
import structlog

from lode_edge.clock import SYSTEM, Clock
from lode_edge.drivers.mqtt.link import Link, LinkError, Message, Server, keep
from lode_edge.drivers.sparkplug.payload import DataType, Metric, Payload, decode, encode
from lode_edge.drivers.sparkplug.session import (
    NAMESPACE,
    REBIRTH,
    News,
    Place,
    Session,
    parse,
)
from lode_edge.errors import BadAnswer
from lode_wire.records import Quality

_TICK_S = 0.2
_HOSTS: "weakref.WeakValueDictionary[tuple[Server, int], Host]" = weakref.WeakValueDictionary()

log = structlog.get_logger(__name__)


class Listener(Protocol):
    """A device of an edge node, or the node itself."""

    place: Place

    def told(self, news: News) -> None:
        """Take what is said of it."""


def host_id() -> str:
    """Say under which name this machine is a host: the one to give edge nodes as primary host."""
    name = re.sub(r"[^A-Za-z0-9_.-]", "-", socket.gethostname())
    return f"lode-{name}"


class Host:
    """A connection that lives while anybody listens; edge nodes see it by its STATE."""

    def __init__(self, server: Server, *, clock: Clock = SYSTEM) -> None:
        self.server = server
        self.bad_payloads = 0
        self.rebirths_asked = 0
        self._clock = clock
        self._state_topic = f"{NAMESPACE}/STATE/{host_id()}"
        self._since_ms = 0
        self._listeners: defaultdict[Place, set[Listener]] = defaultdict(set)
        self._sessions: dict[Place, Session] = {}
        self._task: asyncio.Task[None] | None = None
        self._link: Link | None = None
        self._client_id = f"lode-host-{secrets.token_hex(6)}"

    @classmethod
    def shared(cls, server: Server) -> "Host":
        """Give the one host of this server and login in the running loop."""
        key = (server, id(asyncio.get_running_loop()))
        host = _HOSTS.get(key)
        if host is None:
            host = _HOSTS[key] = cls(server)
        return host

    @property
    def silence(self) -> Quality:
        """Say why nothing is heard of a node: there is no broker, or the node is not born."""
        return Quality.REFUSED if self._link is None else Quality.TIMED_OUT

    def session(self, place: Place) -> Session | None:
        """Give what is known of an edge node."""
        return self._sessions.get(place.edge)

    @contextlib.asynccontextmanager
    async def joined(self, listener: Listener) -> AsyncIterator[None]:
        """Listen, over every loss of the connection, until left."""
        edge = listener.place.edge
        is_new = edge not in self._sessions
        self._listeners[edge].add(listener)
        session = self._sessions.setdefault(edge, Session())
        try:
            if self._task is None:
                self._task = asyncio.create_task(keep(self._make, self._live))
            elif self._link is not None and is_new:
                with contextlib.suppress(LinkError):
                    await self._link.subscribe([_filter(edge)])
            elif session.is_born and self._link is not None:
                self._ask(self._link, edge)  # it was born before this one listened
            yield
        finally:
            self._listeners[edge].discard(listener)
            if not self._listeners[edge]:
                del self._listeners[edge], self._sessions[edge]
            if not self._listeners and self._task is not None:
                self._task.cancel()
                await asyncio.wait([self._task])
                self._task = None

    def _make(self) -> Link:
        self._since_ms = self._clock.now_ms()
        return Link(self.server, self._client_id, self._received, will=self._state(online=False))

    async def _live(self, link: Link) -> None:
        try:
            await link.subscribe([(self._state_topic, 1), *map(_filter, self._sessions)])
            link.publish(self._state(online=True))
            self._link = link
            lost = asyncio.ensure_future(link.lost())
            while not lost.done():
                self._tick(link)
                await asyncio.wait([lost], timeout=_TICK_S)
        finally:
            self._link = None
            link.publish(self._state(online=False))
            for place, session in self._sessions.items():
                self._tell(place, session.forget())

    def _state(self, *, online: bool) -> Message:
        said = msgspec.json.encode({"online": online, "timestamp": self._since_ms})
        return Message(topic=self._state_topic, payload=said, qos=1, is_retained=True)

    def _tick(self, link: Link) -> None:
        now_s = self._clock.mono_s()
        for place, session in self._sessions.items():
            self._tell(place, session.tick(now_s))
            if session.wants_rebirth(now_s):
                self._ask(link, place)

    def _ask(self, link: Link, edge: Place) -> None:
        """Ask an edge node to be born again."""
        self.rebirths_asked += 1
        at_ms = self._clock.now_ms()
        wish = Metric(name=REBIRTH, timestamp=at_ms, datatype=DataType.BOOLEAN, raw=True)
        payload = encode(Payload(timestamp=at_ms, metrics=[wish]))
        link.publish(Message(topic=edge.topic("NCMD"), payload=payload))

    def _received(self, message: Message) -> None:
        if message.topic == self._state_topic:
            self._own_state(message)
            return
        found = parse(message.topic)
        session = self._sessions.get(found[1].edge) if found else None
        if found is None or session is None or message.is_retained:
            return  # a command, or a message that an edge node may not retain
        verb, place = found
        try:
            payload = decode(message.payload)
        except BadAnswer as error:
            if not self.bad_payloads:
                log.warning("bad payload", topic=message.topic[:200], reason=str(error))
            self.bad_payloads += 1
            return
        now_s = self._clock.mono_s()
        self._tell(place.edge, session.take(verb, place.device, payload, now_s))

    def _own_state(self, message: Message) -> None:
        """Contradict the will of our own last connection when it comes late."""
        if b"false" in message.payload and self._link is not None:
            self._link.publish(self._state(online=True))

    def _tell(self, edge: Place, news: list[News]) -> None:
        for one in news:
            for listener in tuple(self._listeners.get(edge, ())):
                if listener.place.device == one.device:
                    listener.told(one)


def _filter(edge: Place) -> tuple[str, int]:
    return f"{NAMESPACE}/{edge.group}/+/{edge.node}/#", 1
