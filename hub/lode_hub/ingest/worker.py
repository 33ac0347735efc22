"""An ingest worker: its partitions, their sessions, the pipeline, presence and housekeeping.

Ownership ─► one Ingress a partition ─► Inbox ─► Pipeline ─► on_committed, on_findings
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import structlog

from lode_hub.committed import Finding
from lode_hub.errors import DatabaseError, SettingsError
from lode_hub.ingest import metrics
from lode_hub.ingest.gmqtt_link import GmqttLink
from lode_hub.ingest.inbox import Inbox, Incoming
from lode_hub.ingest.ingress import Address, Delivery, Ingress, MakeLink, Session
from lode_hub.ingest.ownership import Ownership
from lode_hub.ingest.pipeline import OnCommitted, Pipeline
from lode_hub.ingest.presence import Presences
from lode_hub.ingest.quarantine import Watch
from lode_hub.ingest.writer import Written
from lode_hub.store import Store, leases, retention, trust
from lode_hub.trust.known import Known
from lode_wire import topics

OnFindings = Callable[[Sequence[Finding]], Awaitable[None]]
OnOwned = Callable[[frozenset[int]], Awaitable[None]]

HOUSEKEEPING = "housekeeping"
"""The lease of what is done once for all workers' tables."""

_WATCH_S = 10.0
_RETRY_S = 2.0
_MAX_SESSIONS = 8  # database connections: two lanes, leases, presence, housekeeping, and air
_log = structlog.get_logger(__name__)


async def _nothing(_: object) -> None:
    return


@dataclass(frozen=True, kw_only=True, slots=True)
class WorkerSettings:
    """What a worker needs: a database, brokers to try in turn, and a name.

    The name is unique among workers that live at the same time; one that stays the same over a
    restart takes its partitions back at once instead of waiting for its old leases to expire.
    """

    database_url: str
    name: str
    brokers: Sequence[Address]
    make_link: MakeLink = GmqttLink


class Worker:
    """One ingest worker.

    `on_committed` gets what was committed, group by group; `on_findings` what ingest itself finds;
    `on_owned` hears, at every change, which partitions are ours.
    """

    def __init__(
        self,
        settings: WorkerSettings,
        *,
        on_committed: OnCommitted = _nothing,
        on_findings: OnFindings = _nothing,
        on_owned: OnOwned = _nothing,
    ) -> None:
        if not 0 < len(settings.name) <= leases.MAX_NAME_CHARS:
            raise SettingsError(
                f"worker name {settings.name!r}: {len(settings.name)} characters, "
                f"expected 1 to {leases.MAX_NAME_CHARS}"
            )
        self._settings = settings
        self._on_committed = on_committed
        self._on_findings = on_findings
        self._on_owned = on_owned
        self._sessions: dict[int, tuple[Ingress, asyncio.Task[None]]] = {}
        self._ending: set[asyncio.Task[None]] = set()
        self._watch = Watch()
        self._agent_ids: dict[str, int] = {}
        self._owned_changed = asyncio.Event()
        self._inbox = Inbox(pause=self._pause, resume=self._resume)

    async def run(self) -> None:
        """Work until cancelled; then give the partitions back."""
        store = await self._open()
        self._ownership = Ownership(store, self._settings.name, self._change)
        self._known = Known(store, self._settings.database_url)
        async with store.pool.connection() as conn:
            self._suffix = await trust.session_suffix(conn)
        self._pipeline = Pipeline(
            store,
            self._inbox,
            publish=self._publish,
            on_committed=self._on_committed,
            on_written=self._count,
            clock_offset_ms=self._offset_ms,
            known=self._known,
        )
        self._presences = Presences(
            store,
            publish=self._publish_presence,
            owns=lambda partition: partition in self._ownership.partitions,
            cursor=self._pipeline.cursor,
            credit=lambda: self._pipeline.room,
        )
        try:
            await self._run(store)
        finally:
            await self._ownership.give_back()
            await asyncio.gather(*self._ending, return_exceptions=True)
            await store.close()

    async def _open(self) -> Store:
        while True:
            try:
                return await Store.open(
                    self._settings.database_url,
                    max_size=_MAX_SESSIONS,
                    name=leases.SESSIONS + self._settings.name,
                    # A worker stopped or cut off in mid-transaction must not hold its locks long.
                    settings={"idle_in_transaction_session_timeout": "30s"},
                )
            except DatabaseError as error:
                _log.warning("database not reached", reason=str(error))
                await asyncio.sleep(_RETRY_S)

    async def _run(self, store: Store) -> None:
        house = partial(retention.keep_house, store)
        alone = partial(leases.alone, store, HOUSEKEEPING, self._settings.name, house)
        name = self._settings.name.replace(".", "_")  # nats-server takes no dots
        self._hall = Ingress(
            Session(
                client_id=f"hub-presence-{name}-{self._suffix}",
                topic=topics.presence("+"),
                qos=0,
                is_clean=True,
            ),
            self._settings.brokers,
            self._presences.note,
            make=self._settings.make_link,
        )
        async with asyncio.TaskGroup() as tasks:
            for work in (
                self._pipeline.run,
                self._ownership.run,
                self._presences.run,
                self._known.run,
                self._hall.run,
                self._tell_owned,
                self._report,
                alone,
            ):
                tasks.create_task(_for_ever(work))

    def _change(self, gained: set[int], lost: set[int]) -> None:
        for number in lost & self._sessions.keys():
            _, task = self._sessions.pop(number)
            task.cancel()
            self._ending.add(task)
            task.add_done_callback(self._ending.discard)
        for number in gained - self._sessions.keys():
            ingress = Ingress(
                Session(
                    client_id=f"hub-p{number:02d}-{self._suffix}", topic=topics.batches(number)
                ),
                self._settings.brokers,
                partial(self._deliver, number),
                make=self._settings.make_link,
                may_connect=partial(self._ownership.holds, number),
            )
            if self._inbox.is_full:
                ingress.pause()
            self._sessions[number] = (ingress, asyncio.create_task(_for_ever(ingress.run)))
        self._presences.taken_over(frozenset(gained))
        self._owned_changed.set()
        metrics.PARTITIONS.set(len(self._sessions))

    def _deliver(self, number: int, delivery: Delivery) -> None:
        self._inbox.put(
            Incoming(number, delivery.topic, delivery.payload, delivery.received_ms, delivery.ack)
        )

    def _publish(self, number: int, topic: str, payload: bytes) -> None:
        if number in self._sessions:
            self._sessions[number][0].publish(topic, payload)

    def _offset_ms(self, agent: str) -> float | None:
        return self._presences.offset_ms(agent)

    def _publish_presence(self, topic: str, payload: bytes) -> None:
        self._hall.publish(topic, payload)

    def _pause(self) -> None:
        for ingress, _ in self._sessions.values():
            ingress.pause()

    def _resume(self) -> None:
        for ingress, _ in self._sessions.values():
            ingress.resume()

    async def _tell_owned(self) -> None:
        while True:
            await self._owned_changed.wait()
            self._owned_changed.clear()
            try:
                await self._on_owned(self._ownership.partitions)
            except Exception:
                self._owned_changed.set()  # whoever did not hear it is told again
                raise

    def _count(self, written: Written) -> None:
        now_ms = time.time_ns() // 1_000_000
        self._agent_ids |= written.agent_ids
        for fit in written.taken:
            self._watch.count(self._agent_ids[fit.header.agent], now_ms, fit=1)
        for unfit in written.unfit:
            agent_id = self._agent_ids.get(unfit.agent or "")
            if agent_id is not None:
                self._watch.count(agent_id, now_ms, unfit=1, reason=unfit.reason)

    async def _report(self) -> None:
        while True:
            await asyncio.sleep(_WATCH_S)
            metrics.CONNECTED.set(sum(i.is_connected for i, _ in self._sessions.values()))
            findings = self._watch.findings(time.time_ns() // 1_000_000)
            if findings:
                await self._on_findings(findings)


async def _for_ever(work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    # The supervisor of the worker's parts: each is begun again, whatever ended it.
    while True:
        try:
            await work()
        except Exception:
            _log.exception("part of the worker ended")
        await asyncio.sleep(_RETRY_S)
