"""The hub's pipeline: rig readings a second, against a raw binary COPY of the same rows.

payloads (made beforehand) ─► inbox ─► check ─► one transaction a group ─► committed
the same rows ─► COPY into the same table, in groups of the same size
"""

import asyncio
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import msgspec
import numpy as np
import uvloop

from lode_hub.ingest.check import Fit, Readings, check
from lode_hub.ingest.group import Numbers, Placed, gather
from lode_hub.ingest.inbox import Inbox, Incoming
from lode_hub.ingest.lane import LONGEST_GROUP_RECORDS
from lode_hub.ingest.pipeline import Pipeline
from lode_hub.store import Store, partitions, readings
from lode_hub.store.agents import Source
from lode_wire import codec, topics
from lode_wire.records import Birth, Device, DeviceKind, Record
from tests import databases
from tests.bench.figure import Figure
from tests.bench.wire_bench import readings as fleet

AGENTS = 8
RIGS = 250
POLLS = 300
INTERVAL_MS = 2_000
POLLS_A_BATCH = 2
PARTITION = 7
AIM_RATIO = 0.6


@dataclass(frozen=True)
class Load:
    """What is sent: facts first, then readings."""

    facts: list[Incoming]
    batches: list[Incoming]
    rows: int


def run() -> Iterator[Figure]:
    """Measure the pipeline and a raw COPY in one run."""
    load = make_load()
    with databases.server("embedded", on_disk=True) as server, databases.fresh(*server) as url:
        piped_s, raw_s = uvloop.run(measure(url, load))
    yield Figure(
        name="ingest: pipeline",
        value=load.rows / piped_s,
        unit="readings/s",
        ratio=raw_s / piped_s,
        against=f"a raw COPY of the same rows (aim {AIM_RATIO})",
    )
    yield Figure(name="ingest: raw COPY", value=load.rows / raw_s, unit="readings/s")


async def measure(url: str, load: Load) -> tuple[float, float]:
    """Give the seconds of the pipeline and of the raw COPY."""
    store = await Store.open(url)
    await store.migrate()
    async with store.pool.connection() as conn:
        await partitions.Partitions().ahead(conn)
        piped_s = await pipe(store, load)
        found = await conn.execute("select count(*) from rig_reading")
        assert await found.fetchone() == (load.rows,)
        await conn.execute("truncate rig_reading")
    raw_s = await copy(store, load)
    await store.close()
    return piped_s, raw_s


async def nothing(_: object) -> None:
    """Take what is committed, as no domain at all."""


async def pipe(store: Store, load: Load) -> float:
    """Push everything through the pipeline, as fast as it takes it."""
    flowing, written = asyncio.Event(), asyncio.Condition()
    flowing.set()
    # No more at once than the agents' windows and a broker would let through.
    inbox = Inbox(pause=flowing.clear, resume=flowing.set, max_count=AGENTS * 64)

    async def wake() -> None:
        async with written:
            written.notify_all()

    async def push(listed: Sequence[Incoming]) -> None:
        for one in listed:
            await flowing.wait()
            inbox.put(one)
        async with written:
            await written.wait_for(lambda: not inbox.count)

    wakes: list[asyncio.Future[None]] = []
    pipeline = Pipeline(
        store,
        inbox,
        publish=lambda *_: None,
        on_committed=nothing,
        on_written=lambda _: wakes.append(asyncio.ensure_future(wake())),
    )
    running = asyncio.create_task(pipeline.run())
    await push(load.facts)
    begun = time.perf_counter()
    await push(load.batches)
    took_s = time.perf_counter() - begun
    running.cancel()
    await asyncio.gather(running, *wakes, return_exceptions=True)
    return took_s


async def copy(store: Store, load: Load) -> float:
    """COPY the same rows, already decoded, in groups as large as the pipeline's."""
    source = Source(source_id=1, agent_id=1, site_id=None)
    numbers = Numbers({number: number for number in range(1, RIGS + 1)})
    groups: list[readings.Rows] = []
    placed: list[Placed] = []
    for one in load.batches:
        fit = check(one)
        assert isinstance(fit, Fit)
        assert isinstance(fit.content, Readings)
        ids = numbers.ids(fit.content.numbers)
        assert ids is not None
        placed.append(Placed(fit, source, fit.content, ids))
        if sum(len(p.device_ids) for p in placed) >= LONGEST_GROUP_RECORDS:
            groups += gather(placed, {})
            placed = []
    groups += gather(placed, {})
    begun = time.perf_counter()
    async with store.pool.connection() as conn:
        for rows in groups:
            await readings.append(conn, rows)
    return time.perf_counter() - begun


def make_load() -> Load:
    """Make what some agents send in ten minutes."""
    begin_ms = (time.time_ns() // 1_000_000) // 86_400_000 * 86_400_000
    facts: list[Incoming] = []
    by_agent: list[list[Incoming]] = []
    for agent in range(AGENTS):
        name = f"agent-{agent}"
        facts.append(_incoming(name, 1, [_birth(begin_ms)]))
        facts.append(_incoming(name, 2, _devices(begin_ms)))
        by_agent.append(_batches(name, begin_ms))
    batches = [batch for turn in zip(*by_agent, strict=True) for batch in turn]
    return Load(facts, batches, AGENTS * RIGS * POLLS)


def _batches(agent: str, begin_ms: int) -> list[Incoming]:
    made = []
    rng = np.random.default_rng(7)
    plain = fleet(RIGS)
    for seq, poll in enumerate(range(0, POLLS, POLLS_A_BATCH), start=3):
        records: list[Record] = []
        for turn in range(POLLS_A_BATCH):
            at_ms = begin_ms + (poll + turn) * INTERVAL_MS
            phase = rng.integers(0, INTERVAL_MS, RIGS).tolist()
            records += [
                _moved(record, number, at_ms + phase[number - 1])
                for number, record in enumerate(plain, start=1)
            ]
        made.append(_incoming(agent, seq, records))
    return made


def _moved(record: Record, number: int, at_ms: int) -> Record:
    return msgspec.structs.replace(record, rig=number, at_ms=at_ms)


def _incoming(agent: str, seq: int, records: Sequence[Record]) -> Incoming:
    payload = codec.frame(codec.pack(records), agent=agent, epoch="e", seq=seq)
    topic = topics.batch(PARTITION, agent, records[0].topic)
    return Incoming(PARTITION, topic, payload, time.time_ns() // 1_000_000, lambda: None)


def _birth(at_ms: int) -> Birth:
    site = next(f"site-{i}" for i in range(10_000) if topics.partition_of(f"site-{i}") == PARTITION)
    return Birth(
        at_ms=at_ms, boot="b", site=site, version="0", config_hash="", hostname="h", devices=RIGS
    )


def _devices(at_ms: int) -> list[Device]:
    return [
        Device(
            at_ms=at_ms,
            number=number,
            name=f"rig-{number}",
            kind=DeviceKind.RIG,
            driver="asic",
            address=f"10.0.0.{number}",
        )
        for number in range(1, RIGS + 1)
    ]
