"""From deliveries to acknowledgements; the only place that decides when to try again.

deliver ─► inbox ─► check ─► ready ─► group ─► writer ─┬─► PUBACK, then Ack to each agent
   ▲ pause, resume ──┘                                 ├─► on_committed (bounded queue)
                     database away: the same again ────┘   unfit: quarantined by the writer
                     one batch breaks it: halve, halve, quarantine
"""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence

import psycopg
import psycopg_pool
import structlog

from lode_hub.committed import Committed
from lode_hub.ingest import metrics
from lode_hub.ingest.acks import ack
from lode_hub.ingest.check import Checked, Fit, Unfit, check
from lode_hub.ingest.inbox import Inbox
from lode_hub.ingest.writer import StaleError, Writer, Written
from lode_hub.store import Store
from lode_wire import messages, topics

FULL_GROUP_RECORDS = 5_000
LONGEST_GROUP_RECORDS = 50_000
GROUP_WAIT_S = 0.1
COMMIT_LIMIT_S = 60.0
COMMITTED_QUEUE = 16

_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.1, 3.0
_SLICE_S = 0.005  # how long checking may keep the event loop for itself
_DATA_STATES = ("22", "23")  # SQLSTATE classes: data exception, integrity violation
_log = structlog.get_logger(__name__)

Publish = Callable[[int, str, bytes], None]
OnCommitted = Callable[[Sequence[Committed]], Awaitable[None]]
OnWritten = Callable[[Written], None]


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


class Pipeline:
    """Takes deliveries of any number of sessions, and commits them group by group."""

    def __init__(
        self,
        store: Store,
        inbox: Inbox,
        *,
        publish: Publish,
        on_committed: OnCommitted,
        on_written: OnWritten = lambda _: None,
        clock_offset_ms: Callable[[str], float | None] = lambda _: None,
    ) -> None:
        self.writer = Writer(store)
        self._inbox = inbox
        self._publish = publish
        self._on_committed = on_committed
        self._on_written = on_written
        self._clock_offset_ms = clock_offset_ms
        self._ready: deque[Checked] = deque()
        self._ready_records = 0
        self._changed = asyncio.Condition()
        self._committed: asyncio.Queue[list[Committed]] = asyncio.Queue(COMMITTED_QUEUE)

    async def run(self) -> None:
        """Work until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._check())
            tasks.create_task(self._commit())
            tasks.create_task(self._hand_over())

    @property
    def room(self) -> int:
        """How many more batches it takes before it slows the brokers down."""
        return self._inbox.room

    async def _check(self) -> None:
        begun = time.monotonic()
        while True:
            incoming = await self._inbox.get()
            agent = topics.parse(incoming.topic)
            offset_ms = self._clock_offset_ms(agent.agent) if agent else None
            checked = check(incoming, clock_offset_ms=offset_ms)
            async with self._changed:
                # Decoded rows are larger than payloads; keep only about two groups of them.
                await self._changed.wait_for(
                    lambda: self._ready_records < 2 * LONGEST_GROUP_RECORDS
                )
                self._ready.append(checked)
                self._ready_records += _records(checked)
                self._changed.notify_all()
            if time.monotonic() - begun > _SLICE_S:
                await asyncio.sleep(0)
                begun = time.monotonic()

    async def _commit(self) -> None:
        while True:
            group = await self._group()
            begun = time.monotonic()
            for written, part in await self._write(group):
                self._acknowledge(written, part)
                if written.committed:
                    await self._committed.put(written.committed)
            metrics.COMMIT_S.observe(time.monotonic() - begun)
            metrics.INBOX_BYTES.set(self._inbox.size_bytes)
            metrics.INBOX_COUNT.set(self._inbox.count)
            metrics.COMMITTED_QUEUE.set(self._committed.qsize())

    async def _group(self) -> list[Checked]:
        async with self._changed:
            await self._changed.wait_for(lambda: bool(self._ready))
            try:
                async with asyncio.timeout(GROUP_WAIT_S):
                    await self._changed.wait_for(lambda: self._ready_records >= FULL_GROUP_RECORDS)
            except TimeoutError:
                pass
            group: list[Checked] = []
            size = 0
            while self._ready and (not group or size < LONGEST_GROUP_RECORDS):
                one = self._ready.popleft()
                group.append(one)
                size += _records(one)
            self._ready_records -= size
            self._changed.notify_all()
        return group

    async def _write(self, group: Sequence[Checked]) -> list[tuple[Written, Sequence[Checked]]]:
        pause_s = _FIRST_PAUSE_S
        has_failed = False
        while True:
            try:
                async with asyncio.timeout(COMMIT_LIMIT_S):
                    written = await self.writer.write(group)
            except Exception as error:  # the supervisor of the writer: retry, or find the culprit
                metrics.TRANSACTIONS.labels("failed").inc()
                self.writer.forget()
                if not _is_of_the_data(error):
                    _log.warning("commit failed", batches=len(group), reason=_say(error))
                    await asyncio.sleep(pause_s)
                    pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)
                elif not has_failed:
                    has_failed = True  # what was remembered may have been wrong: once more
                elif len(group) > 1:
                    half = len(group) // 2
                    return [*await self._write(group[:half]), *await self._write(group[half:])]
                else:
                    _log.warning(
                        "batch quarantined", topic=group[0].incoming.topic, reason=_say(error)
                    )
                    group, has_failed = [_poison(group[0], error)], False
            else:
                metrics.TRANSACTIONS.labels("committed").inc()
                return [(written, group)]

    def _acknowledge(self, written: Written, group: Sequence[Checked]) -> None:
        for one in group:
            self._inbox.finish(one.incoming)
        agents = {
            (one.header.agent, one.header.epoch): one.incoming.partition
            for one in group
            if one.header is not None
        }
        for (agent, epoch), partition in agents.items():
            message = ack(
                agent,
                epoch,
                written.cursors[agent, epoch],
                credit=self.room // len(agents),
                hub_ms=_now_ms(),
            )
            self._publish(partition, topics.ack(agent), messages.encode(message))
        for fit in written.taken:
            metrics.READINGS.labels(fit.header.kind).inc(fit.header.n)
        for outcome, count in (
            ("taken", len(written.taken)),
            ("repeated", written.repeated),
            ("quarantined", len(written.unfit)),
        ):
            metrics.BATCHES.labels(outcome).inc(count)
        self._on_written(written)

    async def _hand_over(self) -> None:
        while True:
            committed = await self._committed.get()
            try:
                await self._on_committed(committed)
            except Exception:  # the supervisor of the domains: their trouble must not stop ingest
                _log.exception("committed readings not taken", groups=len(committed))


def _records(checked: Checked) -> int:
    return 1 if checked.header is None else checked.header.n


def _is_of_the_data(error: Exception) -> bool:
    if isinstance(error, StaleError | OSError | TimeoutError | psycopg_pool.PoolTimeout):
        return False
    if isinstance(error, psycopg.Error):
        is_sqlstate = (error.sqlstate or "").startswith(_DATA_STATES)
        return is_sqlstate or isinstance(error, psycopg.DataError)
    return True


def _poison(one: Checked, error: Exception) -> Unfit:
    agent = one.header.agent if isinstance(one, Fit) else one.agent
    return Unfit(one.incoming, agent, one.header, f"transaction: {_say(error)}")


def _say(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".strip().splitlines()[0]
