"""Send commands until their agents answer; one process of all hubs does it, by lease.

order ─NOTIFY─► due ─► seal (sequence, signature; kept) ─► publish, QoS 1 ─► again ... ─► answered
                 ▲                                           │
   presence ─────┘                                           └─► expired: a finding
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import structlog

from lode_hub import alerts
from lode_hub.commands import keys, troubles
from lode_hub.ingest.ingress import Address, Delivery, Ingress, MakeLink, Session
from lode_hub.live import Live
from lode_hub.store import Store, commands, commands_findings, commands_queue, leases, trust
from lode_hub.store.commands_queue import Due, Unsealed
from lode_hub.waiting import told
from lode_wire import messages, records, seal, topics
from lode_wire.errors import DecodeError

LEASE = "commands"
WINDOW = 16
"""So many commands of one agent are under way at once; the next waits for an answer."""

RESEND_S = (1.0, 2.0, 4.0, 8.0, 15.0)
"""How long to wait for an answer before the n-th repeat; the last for all further ones."""

LOOK_S = 1.0
GRACE_S = 15.0
"""How long after its end a command's answer may still be on its way."""

EARLY_MS = 5_000
"""So much before it was ordered a command is good, for an agent whose clock is a little behind."""

RESEAL_AHEAD_MS = 60_000
MAX_FINDINGS = 500
_HOUSE_S = 3600.0
_MAX_AGENTS = 100_000

_log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Sent:
    """When and how often these very bytes of a command were sent by this process."""

    sequence: int
    at_s: float
    times: int


class Dispatcher:
    """Seals and sends what is ordered, and tells the alerts what became of it.

    Args:
        store: where the commands are.
        live: tells of new ones at once.
        data_dir: where the signing key is.
        brokers: to be tried in turn.
        make_link: which MQTT client.
        name: unique among the hubs that live.
    """

    def __init__(
        self,
        store: Store,
        live: Live,
        data_dir: Path,
        brokers: Sequence[Address],
        *,
        make_link: MakeLink,
        name: str,
    ) -> None:
        self._store = store
        self._live = live
        self._signer = keys.Signer(data_dir)
        self._name = name
        self._changed = asyncio.Event()
        self._to_tell = asyncio.Event()
        self._sent: dict[str, _Sent] = {}
        self._boots: dict[str, str] = {}  # of the agents that are online
        self._is_back: set[str] = set()
        self._housed_s = 0.0
        self._brokers = brokers
        self._make_link = make_link

    async def run(self) -> None:
        """Work whenever this process holds the lease. Never ends."""
        await leases.alone(self._store, LEASE, self._name, self._work)

    async def _work(self) -> None:
        self._sent.clear()
        async with self._store.pool.connection() as conn:
            suffix = await trust.session_suffix(conn)
        self._ingress = Ingress(
            # Presence says who has just come, and can have at once what waits.
            Session(
                client_id=f"hub-commands-{suffix}",
                topic=topics.presence("+"),
                qos=0,
                is_clean=True,
            ),
            self._brokers,
            self._hear,
            make=self._make_link,
        )
        async with asyncio.TaskGroup() as tasks:
            for work in (self._ingress.run, self._listen, self._send, self._tell):
                tasks.create_task(work())

    async def _listen(self) -> None:
        async with self._live.subscribe() as changes:
            async for change in changes:
                if change.commands or change.is_all:
                    self._changed.set()
                    self._to_tell.set()

    def _hear(self, delivery: Delivery) -> None:
        try:
            presence = messages.decode_presence(delivery.payload)
        except DecodeError:
            return  # ingest says it
        if not presence.is_online:
            self._boots.pop(presence.agent, None)
        elif self._boots.get(presence.agent) != presence.boot and len(self._boots) < _MAX_AGENTS:
            self._boots[presence.agent] = presence.boot
            self._is_back.add(presence.agent)
            self._changed.set()

    async def _send(self) -> None:
        while True:
            await told(self._changed, LOOK_S)
            if self._ingress.is_connected:
                await self._send_due()
            await self._end()

    async def _send_due(self) -> None:
        back, self._is_back = self._is_back, set()
        async with self._store.pool.connection() as conn:
            found = await commands_queue.due(conn, WINDOW)
        self._sent = {due.id: self._sent[due.id] for due in found if due.id in self._sent}
        for due in found:
            sealed = due if due.sealed is not None else await self._seal(due.id)
            if sealed is not None and self._is_its_turn(sealed, is_back=due.agent in back):
                self._publish(sealed)

    def _is_its_turn(self, due: Due, *, is_back: bool) -> bool:
        sent = self._sent.get(due.id)
        if sent is None or sent.sequence != due.sequence or is_back:
            return True
        wait_s = RESEND_S[min(sent.times, len(RESEND_S)) - 1]
        return time.monotonic() - sent.at_s >= wait_s

    def _publish(self, due: Due) -> None:
        topic = topics.command(due.agent)
        if due.sealed is None or not self._ingress.publish(topic, due.sealed, qos=1):
            return
        sent = self._sent.get(due.id)
        times = sent.times + 1 if sent and sent.sequence == due.sequence else 1
        self._sent[due.id] = _Sent(due.sequence or 0, time.monotonic(), times)

    async def _seal(self, command_id: str) -> Due | None:
        key = self._signer.key()
        async with self._store.pool.connection() as conn, conn.transaction():
            found = await commands_queue.unsealed(conn, command_id)
            if found is None:
                return None
            ahead_ms = RESEAL_AHEAD_MS * 100**found.reseals if found.reseals else 0
            sequence = await commands_queue.next_sequence(conn, found.agent_id, ahead_ms)
            await commands.announce(conn, [command_id])
            later = await commands_queue.overtaken_by(conn, command_id)
            if later is not None:
                await commands_queue.supersede(conn, command_id, later)
                return None
            payload = seal.encode(seal.seal(_command(found, sequence), key))
            await commands_queue.sealed(conn, command_id, sequence, payload)
        return Due(id=found.id, agent=found.agent, sealed=payload, sequence=sequence)

    async def _end(self) -> None:
        async with self._store.pool.connection() as conn, conn.transaction():
            ended = await commands_queue.expire(conn, GRACE_S)
            now_ms = time.time_ns() // 1_000_000
            findings = [troubles.unanswered(one, now_ms) for one in ended if not one.was_proposed]
            await commands_findings.add(conn, findings)
            if ended:
                await commands.announce(conn, [one.id for one in ended])
            if time.monotonic() - self._housed_s > _HOUSE_S or not self._housed_s:
                self._housed_s = time.monotonic()
                await commands_queue.keep_house(conn)

    async def _tell(self) -> None:
        while True:
            await told(self._to_tell, LOOK_S)
            async with self._store.pool.connection() as conn:
                found = await commands_findings.waiting(conn, MAX_FINDINGS)
            if not found:
                continue
            # Told first and forgotten then: a crash between the two repeats, and loses nothing.
            findings = [finding for _, finding in found]
            await alerts.take(self._store, findings, time.time_ns() // 1_000_000)
            async with self._store.pool.connection() as conn:
                await commands_findings.done(conn, [number for number, _ in found])
            self._to_tell.set()


def _command(found: Unsealed, sequence: int) -> records.Command:
    return records.Command(
        at_ms=found.created_ms,
        id=found.id,
        actor=found.actor,
        agent=found.agent,
        sequence=sequence,
        not_before_ms=found.created_ms - EARLY_MS,
        expires_ms=found.expires_ms,
        target=found.target,
        action=found.action,
        body=found.body,
        key="",
        signature=b"",
    )
