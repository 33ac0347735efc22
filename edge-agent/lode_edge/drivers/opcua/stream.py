"""One device behind an OPC UA server: subscribed to, watched, and its gaps filled.

session ─► find nodes ─► subscribe ─► history since the last value ─► live ─┐
   ▲                                                                         │
   └──────────── lost connection, lost subscription, silence ◄───────────────┘
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import structlog
from asyncua import ua
from asyncua.ua.uaerrors import UaError

from lode_edge.clock import SYSTEM, Clock
from lode_edge.drivers.acting import Abilities, Deed, Posture
from lode_edge.drivers.driver import DeviceEntry, Facts
from lode_edge.drivers.opcua.hands import Hands
from lode_edge.drivers.opcua.history import pages
from lode_edge.drivers.opcua.nodes import find, node_map
from lode_edge.drivers.opcua.readings import Kind, Readings
from lode_edge.drivers.opcua.security import PLAIN, Security, check
from lode_edge.drivers.opcua.server import (
    Access,
    Server,
    Session,
    Troubles,
    end_if_cancelled,
    translated,
)
from lode_edge.drivers.opcua.subscription import KEEP_ALIVE_MAX_S, Plan, Subscription
from lode_edge.drivers.opcua.told import ToldFile
from lode_edge.drivers.opcua.values import Told, utc
from lode_edge.errors import DriverError, EdgeError, TimedOut
from lode_wire.orders import Change, Intent
from lode_wire.records import Quality, Record

_RETRY_FIRST_S, _RETRY_MAX_S = 0.1, 30.0
_CLOCK_EVERY_S = 60.0
_SLOW_MS = 1000  # an answer later than this says nothing of a clock

_CURRENT_TIME = ua.NodeId.from_string("i=2258")
Emit = Callable[[Sequence[Record]], None]
log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Ear:
    """What is being listened to: a subscription, and how far the server's clock is ahead."""

    subscription: Subscription
    ahead_ms: int = 0


class OpcuaStream:
    """Listens to one device, and acts on it; others behind the same server share its session."""

    def __init__(
        self,
        entry: DeviceEntry,
        number: int,
        security: Security = PLAIN,
        *,
        folder: Path | None = None,
        clock: Clock = SYSTEM,
    ) -> None:
        check(security)
        if not entry.address.startswith("opc.tcp://"):
            raise EdgeError(f"device {entry.name}: address: write opc.tcp://host:port/path")
        self.address = entry.address
        self._name = entry.name
        self._map = node_map(entry)
        self._key = f"{entry.name} {entry.address} {entry.profile}"
        self._told = None if folder is None else ToldFile.shared(folder)
        before = self._told.until(self._key, self._map.nodes()) if self._told else None
        self._readings = Readings(number, self._map, int(entry.interval_s * 1000), before)
        self._interval_s, self._clock = entry.interval_s, clock
        self._access = Access(
            url=entry.address, login=entry.login, security=security, timeout_s=entry.timeout_s
        )
        self._hands = Hands(self._access, self._map)
        self._ear: _Ear | None = None
        self._error: DriverError | None = None
        self._has_heard = False  # any value, since the last attempt to subscribe

    async def run(self, emit: Emit, learn: Callable[[Facts], None]) -> None:
        """Listen until cancelled, over every loss of the connection."""
        try:
            async with Server.shared(self._access) as server, asyncio.TaskGroup() as tasks:
                tasks.create_task(self._beat(server, emit))
                tasks.create_task(self._listen(server, emit, learn))
        finally:
            if self._told is not None:
                self._told.save()

    async def abilities(self) -> Abilities:
        """Say what the map declares and the server lets be written.

        Raises:
            DriverError: it did not say.
        """
        return await self._hands.abilities()

    async def preview(self, intent: Intent) -> Sequence[Change]:
        """Say what `act` would change; raises as `act` does."""
        return await self._hands.preview(intent)

    async def act(self, intent: Intent) -> Deed:
        """Write it and read it back.

        Raises:
            Unsupported: it is not declared, or not allowed; nothing was changed.
            DriverError: it was not done, or nobody knows (Unreachable).
        """
        return await self._hands.act(intent)

    async def posture(self) -> Posture:
        """Read back how the device is set.

        Raises:
            DriverError: it did not say.
        """
        return await self._hands.posture()

    async def _beat(self, server: Server, emit: Emit) -> None:
        """Once an interval, say again what still holds, or that nothing is known."""
        while True:
            await asyncio.sleep(self._interval_s)
            now_ms = self._clock.now_ms()
            silence_s = self._silence_s()
            if silence_s is not None:
                # What has changed since the server last spoke is on its way to us.
                records: Sequence[Record] = self._readings.hold(now_ms - int(silence_s * 1000))
            else:
                records = self._readings.missed(now_ms, self._why(server))
            if records:
                emit(records)

    async def _listen(self, server: Server, emit: Emit, learn: Callable[[Facts], None]) -> None:
        pause_s = _RETRY_FIRST_S
        while True:
            end_if_cancelled()
            session = await server.session()
            self._has_heard = False
            try:
                await self._follow(session, emit, learn)
            except (*Troubles, DriverError) as trouble:
                self._error = translated(trouble, self.address)
                log.warning("opcua lost", device=self._name, reason=str(self._error))
            pause_s = _RETRY_FIRST_S if self._has_heard else min(2 * pause_s, _RETRY_MAX_S)
            if pause_s > 1.0 and self._error:  # a session that is good for nothing
                session.give_up(self._error)
            if session.lost.is_set():
                self._error = None  # the server knows better now
            await asyncio.sleep(pause_s)

    async def _follow(self, session: Session, emit: Emit, learn: Callable[[Facts], None]) -> None:
        """Listen as long as the session and its subscription last.

        Raises:
            DriverError: either is lost; Troubles: the server refused something.
        """
        nodes = self._map.nodes()
        found = await find(session, self._map.namespace, nodes)
        plan = Plan(
            nodes={name: (nodes[name], place) for name, place in found.items() if place},
            publish_ms=self._map.publish_ms,
            keep_alive_s=min(self._interval_s / 2, KEEP_ALIVE_MAX_S),
        )

        def publish(news: Sequence[Told], is_first: bool) -> None:
            self._has_heard = True
            self._say(emit, news, ear.ahead_ms, "first" if is_first else "live")

        ear = _Ear(Subscription(session, plan, publish, self._interval_s))
        try:
            ear.ahead_ms = await self._ahead_ms(session)
            await ear.subscription.start()
            await self._fill(session, plan, ear, emit)
            self._readings.renew()
            self._refuse(emit, ear, [name for name, place in found.items() if place is None])
            ear.subscription.release()
            self._ear, self._error = ear, None
            learn(Facts(vendor=self._map.vendor, model=self._map.model, profile=self._map.name))
            await self._watch(session, ear)
        finally:
            self._ear = None
            if self._told is not None:
                self._told.rest(self._key, self._readings.moments())
            await ear.subscription.stop()

    async def _watch(self, session: Session, ear: _Ear) -> None:
        """Wait until the session is lost or the subscription silent."""
        subscription = ear.subscription
        clock_due_s = asyncio.get_running_loop().time() + _CLOCK_EVERY_S
        while not session.lost.is_set() and not subscription.ended.is_set():
            end_if_cancelled()
            now = asyncio.get_running_loop().time()
            silence_s = now - subscription.heard_s
            if silence_s > subscription.patience_s:
                raise TimedOut(f"{self.address}: the subscription fell silent; made anew")
            if now >= clock_due_s:
                ear.ahead_ms = await self._ahead_ms(session)
                clock_due_s = now + _CLOCK_EVERY_S
            ends = [asyncio.ensure_future(e.wait()) for e in (session.lost, subscription.ended)]
            try:
                timeout = min(subscription.patience_s - silence_s + 0.01, clock_due_s - now)
                await asyncio.wait(ends, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for end in ends:
                    end.cancel()
        if session.lost.is_set():
            raise session.error
        raise TimedOut(f"{self.address}: the server ended the subscription")

    async def _fill(self, session: Session, plan: Plan, ear: _Ear, emit: Emit) -> None:
        """Tell what the server's history has of the time since the last value."""
        since = {name: self._readings.last(name) for name in plan.nodes}
        gaps = {name: moment for name, moment in since.items() if moment is not None}
        if not gaps:
            return
        try:
            async for page in pages(session, plan.nodes, gaps):
                self._say(emit, page, ear.ahead_ms, "past")
        except UaError as error:
            if session.lost.is_set():
                raise
            log.info("opcua history", device=self._name, reason=str(error))

    def _say(self, emit: Emit, news: Sequence[Told], ahead_ms: int, kind: Kind) -> None:
        records = self._readings.take(news, self._clock.now_ms(), ahead_ms, kind=kind)
        moments = [told.source for told in news if told.source is not None]
        if records and moments and self._told is not None:
            self._told.promise(self._key, max(moments), ahead_ms)
        if records:
            emit(records)

    def _refuse(self, emit: Emit, ear: _Ear, lost: Sequence[str]) -> None:
        """Note the nodes that the server does not have; their values are missing."""
        names = [*lost, *ear.subscription.refused]
        if not names:
            return
        log.warning("opcua nodes refused", device=self._name, nodes=names[:20])
        rows = [Told(name, None, Quality.REFUSED, None) for name in names]
        self._say(emit, rows, ear.ahead_ms, "first")

    async def _ahead_ms(self, session: Session) -> int:
        """Measure by how much the server's clock is before ours; 0 where it does not say."""
        before_ms = self._clock.now_ms()
        node = session.client.get_node(_CURRENT_TIME)
        try:
            value = await node.read_value()
        except UaError:
            return 0
        after_ms = self._clock.now_ms()
        told = utc(value) if isinstance(value, datetime) else None
        if told is None or after_ms - before_ms > _SLOW_MS:
            return 0
        return int(told.timestamp() * 1000) - (before_ms + after_ms) // 2

    def _why(self, server: Server) -> DriverError:
        if self._ear is not None:
            return TimedOut(f"{self.address}: the subscription is silent")
        return self._error or server.error

    def _silence_s(self) -> float | None:
        """Give how long the server has been silent; None when what it said no longer holds."""
        if self._ear is None or not self._ear.subscription.has_spoken:
            return None
        subscription = self._ear.subscription
        silence_s = asyncio.get_running_loop().time() - subscription.heard_s
        return silence_s if silence_s <= subscription.may_be_silent_s else None
