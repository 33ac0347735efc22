"""Presence: a hint that an agent is there, its clock's offset, and an echo that we are.

lode/v1/state/+ ─► note ─┬─► Ack with the echo, at once
                         └─► is_online and offset, written once a second
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

import structlog

from lode_hub.ingest.acks import ack
from lode_hub.ingest.ingress import Delivery
from lode_hub.store import Store, agents, ledger, trouble
from lode_hub.store.cursor import Cursor
from lode_wire import messages, topics
from lode_wire.errors import DecodeError
from lode_wire.messages import Presence

WINDOW_MS = 600_000
JUMP_MS = 2_000
"""An offset that changes by more, twice in a row, is a clock that was set, and not a slow link."""

_WRITE_S = 1.0
_LOOK_S = 2.0
_MAX_AGENTS = 100_000
_log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Clock:
    """An agent's clock minus ours, by the quickest of its messages in ten minutes, in ms."""

    delays: deque[tuple[int, int]] = field(default_factory=deque)  # when, received - sent
    is_doubted: bool = False

    def hear(self, sent_ms: int, received_ms: int) -> None:
        """Take a message in: what it took to come can only be more than the clocks differ."""
        delay = received_ms - sent_ms
        least = self._least()
        is_far = least is not None and abs(delay - least) > JUMP_MS
        if is_far and self.is_doubted:
            self.delays.clear()
        self.is_doubted = is_far
        self.delays.append((received_ms, delay))
        while self.delays[0][0] < received_ms - WINDOW_MS:
            self.delays.popleft()

    @property
    def offset_ms(self) -> float | None:
        """Agent's clock minus the hub's; None before its first message."""
        least = self._least()
        return None if least is None else float(-least)

    def _least(self) -> int | None:
        return min((delay for _, delay in self.delays), default=None)


class Presences:
    """Hears the presence of all agents, and answers and writes for those of our partitions."""

    def __init__(
        self,
        store: Store,
        *,
        publish: Callable[[str, bytes], None],
        owns: Callable[[int], bool],
        cursor: Callable[[str, str], Cursor | None],
        credit: Callable[[], int],
    ) -> None:
        self._store = store
        self._publish = publish
        self._owns = owns
        self._cursor = cursor
        self._credit = credit
        self._clocks: dict[str, Clock] = {}
        self._latest: dict[str, Presence] = {}
        self._unwritten: set[str] = set()
        self._echoes: asyncio.Queue[tuple[Presence, int]] = asyncio.Queue(_MAX_AGENTS)

    def offset_ms(self, agent: str) -> float | None:
        """Give an agent's clock minus the hub's; None when it is not known."""
        clock = self._clocks.get(agent)
        return None if clock is None else clock.offset_ms

    def note(self, delivery: Delivery) -> None:
        """Take a presence message in."""
        try:
            presence = messages.decode_presence(delivery.payload)
        except DecodeError as error:
            _log.info("presence not understood", topic=delivery.topic, reason=str(error))
            return
        agent = presence.agent
        is_theirs = topics.is_name(agent) and delivery.topic == topics.presence(agent)
        if not is_theirs or not 0 <= presence.partition < topics.PARTITIONS:
            _log.info("presence of another", topic=delivery.topic, agent=agent)
            return
        if agent not in self._latest and len(self._latest) >= _MAX_AGENTS:
            return
        self._latest[agent] = presence
        self._unwritten.add(agent)
        # A retained one was sent any time ago; it says nothing of the clock and wants no echo.
        if presence.sent_ms is not None and presence.is_online and not delivery.is_retained:
            clock = self._clocks.setdefault(agent, Clock())
            clock.hear(presence.sent_ms, delivery.received_ms)
            if self._owns(presence.partition) and not self._echoes.full():
                self._echoes.put_nowait((presence, presence.sent_ms))

    def taken_over(self, partitions: frozenset[int]) -> None:
        """Write what is known of the agents of partitions that are ours from now on."""
        self._unwritten |= {a for a, p in self._latest.items() if p.partition in partitions}

    async def run(self) -> None:
        """Answer and write until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._echo())
            tasks.create_task(self._write())

    async def _echo(self) -> None:
        while True:
            presence, sent_ms = await self._echoes.get()
            cursor = self._cursor(presence.agent, presence.epoch)
            if cursor is None:
                cursor = await self._look(presence)
            message = ack(
                presence.agent,
                presence.epoch,
                cursor,
                credit=self._credit(),
                hub_ms=time.time_ns() // 1_000_000,
                echo_ms=sent_ms,
            )
            self._publish(topics.ack(presence.agent), messages.encode(message))

    async def _look(self, presence: Presence) -> Cursor | None:
        try:
            async with asyncio.timeout(_LOOK_S), self._store.pool.connection() as conn:
                return await ledger.look(conn, presence.agent, presence.epoch)
        except trouble.AWAY:
            return None  # the echo still tells the agent that we are here

    async def _write(self) -> None:
        while True:
            await asyncio.sleep(_WRITE_S)
            agents_ = [a for a in self._unwritten if self._owns(self._latest[a].partition)]
            seen = [self._seen(agent) for agent in agents_]
            self._unwritten.clear()
            if not seen:
                continue
            try:
                async with asyncio.timeout(10 * _LOOK_S), self._store.pool.connection() as conn:
                    await agents.seen(conn, seen)
            except trouble.AWAY as error:
                self._unwritten |= set(agents_)
                _log.info("presence not written", agents=len(seen), reason=str(error))

    def _seen(self, agent: str) -> agents.Seen:
        presence = self._latest[agent]
        return agents.Seen(
            agent=agent,
            partition=presence.partition,
            is_online=presence.is_online,
            clock_offset_ms=self.offset_ms(agent),
        )
