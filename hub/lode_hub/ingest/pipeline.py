"""From deliveries to acknowledgements.

deliver ─► inbox ─► check ─► lane of the agent ─► written ─┬─► PUBACK, then Ack to each agent
   ▲ pause, resume ──┘       (two, so that one packs       └─► on_committed (bounded queue)
                              while the other commits)
"""

import asyncio
import time
import zlib
from collections.abc import Awaitable, Callable, Sequence

import structlog

from lode_hub.committed import Committed
from lode_hub.ingest import metrics
from lode_hub.ingest.acks import ack
from lode_hub.ingest.check import Checked, check
from lode_hub.ingest.inbox import Inbox
from lode_hub.ingest.lane import Lane
from lode_hub.ingest.writer import Written
from lode_hub.store import Store
from lode_hub.store.cursor import Cursor
from lode_hub.trust.known import Known
from lode_wire import messages, topics

LANES = 2
COMMITTED_QUEUE = 16

_SLICE_S = 0.0005  # how long checking may keep the event loop: a COPY is fed through it too
_log = structlog.get_logger(__name__)

Publish = Callable[[int, str, bytes], None]
OnCommitted = Callable[[Sequence[Committed]], Awaitable[None]]
OnWritten = Callable[[Written], None]


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


class Pipeline:
    """Takes deliveries of any number of sessions, and commits them group by group."""

    def __init__(  # noqa: PLR0913 -- whom it hears, asks and tells
        self,
        store: Store,
        inbox: Inbox,
        *,
        publish: Publish,
        on_committed: OnCommitted,
        on_written: OnWritten = lambda _: None,
        clock_offset_ms: Callable[[str], float | None] = lambda _: None,
        known: Known | None = None,
    ) -> None:
        self._inbox = inbox
        self._publish = publish
        self._on_committed = on_committed
        self._on_written = on_written
        self._clock_offset_ms = clock_offset_ms
        self._known = known
        self._lanes = [Lane(store, self._finish) for _ in range(LANES)]
        self._committed: asyncio.Queue[list[Committed]] = asyncio.Queue(COMMITTED_QUEUE)

    async def run(self) -> None:
        """Work until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._check())
            tasks.create_task(self._hand_over())
            for lane in self._lanes:
                tasks.create_task(lane.run())

    @property
    def room(self) -> int:
        """How many more batches it takes before it slows the brokers down."""
        return self._inbox.room

    def cursor(self, agent: str, epoch: str) -> Cursor | None:
        """Give the last known cursor of an agent's epoch."""
        return self._lane_of(agent).writer.cursor(agent, epoch)

    async def _check(self) -> None:
        begun = time.monotonic()
        while True:
            incoming = await self._inbox.get()
            upward = topics.parse(incoming.topic)
            agent = upward.agent if upward is not None else ""
            checked = check(
                incoming, clock_offset_ms=self._clock_offset_ms(agent), known=self._known
            )
            await self._lane_of(agent).add(checked)
            if time.monotonic() - begun > _SLICE_S:
                await asyncio.sleep(0)
                begun = time.monotonic()

    def _lane_of(self, agent: str) -> Lane:
        return self._lanes[zlib.crc32(agent.encode()) % LANES]

    async def _finish(self, written: Written, group: Sequence[Checked]) -> None:
        self._acknowledge(written, group)
        self._on_written(written)
        if written.committed:
            await self._committed.put(written.committed)
        metrics.INBOX_BYTES.set(self._inbox.size_bytes)
        metrics.INBOX_COUNT.set(self._inbox.count)
        metrics.COMMITTED_QUEUE.set(self._committed.qsize())

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
        _count(written)

    async def _hand_over(self) -> None:
        while True:
            committed = await self._committed.get()
            try:
                await self._on_committed(committed)
            except Exception:  # the supervisor of the domains: their trouble must not stop ingest
                _log.exception("committed readings not taken", groups=len(committed))


def _count(written: Written) -> None:
    for fit in written.taken:
        metrics.READINGS.labels(fit.header.kind).inc(fit.header.n)
    metrics.BATCHES.labels("taken").inc(len(written.taken))
    metrics.BATCHES.labels("repeated").inc(written.repeated)
    metrics.BATCHES.labels("quarantined").inc(len(written.unfit))
