"""The pipeline under trouble: a database that goes, poison, back-pressure, slow domains."""

import asyncio
import contextlib
import os
import signal
import tempfile
from pathlib import Path

import psycopg
import pytest

from lode_hub.database import EmbeddedPostgres
from lode_hub.ingest.inbox import Inbox
from lode_hub.ingest.pipeline import COMMITTED_QUEUE, Pipeline
from lode_hub.store import Store
from lode_wire import codec, messages
from tests.hub.ingest.agents import NOW_MS, Agent, devices, readings
from tests.hub.ingest.talk import until


class Running:
    """A pipeline at work, and what came out of it."""

    def __init__(self, store, **options):
        self.pauses = []
        self.acks = []
        self.committed = []
        limits = {key: options.pop(key) for key in ("max_bytes", "max_count") if key in options}
        self.inbox = Inbox(
            pause=lambda: self.pauses.append(True),
            resume=lambda: self.pauses.append(False),
            **limits,
        )
        self.said = []
        options.setdefault("on_committed", self.keep)
        self.pipeline = Pipeline(store, self.inbox, publish=self.publish, **options)

    def publish(self, partition, topic, payload):
        self.said.append((partition, topic, messages.decode_ack(payload)))

    async def keep(self, committed):
        self.committed += committed

    def put(self, agent, records, seq=None):
        self.inbox.put(agent.incoming(records, seq, acks=self.acks))

    async def settled(self, within_s=30.0):
        await until(lambda: self.inbox.count == 0, "all finished", within_s)

    @contextlib.asynccontextmanager
    async def at_work(self):
        task = asyncio.create_task(self.pipeline.run())
        try:
            yield self
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task


async def ask(store, query, *args):
    async with store.pool.connection() as conn:
        return await (await conn.execute(query.encode(), args)).fetchall()


def begin(running, agent, count=1):
    running.put(agent, [agent.birth(count)])
    running.put(agent, devices(count))


async def test_acknowledges_after_the_commit_and_says_what_is_committed(store):
    agent = Agent()
    async with Running(store).at_work() as running:
        begin(running, agent)
        running.put(agent, readings(1))
        running.put(agent, readings(1, NOW_MS + 1), seq=9)
        await running.settled()
    assert len(running.acks) == 4
    partition, topic, said = running.said[-1]
    assert (partition, topic) == (agent.partition, "lode/v1/ack/north-1")
    assert (said.agent, said.epoch, said.mark, said.sack) == ("north-1", "e1", 3, ((9, 9),))
    assert said.credit > 0
    assert said.echo_ms is None
    assert [one.kind for one in running.committed] == ["rig"]
    assert len(running.committed[0].at_ms) == 2


async def test_a_repetition_is_acknowledged_again_and_stored_once(store):
    agent = Agent()
    async with Running(store).at_work() as running:
        begin(running, agent)
        for _ in range(3):
            running.put(agent, readings(1), seq=3)
            await running.settled()
    assert len(running.acks) == 5
    assert [said.mark for _, _, said in running.said][-1] == 3
    assert await ask(store, "select count(*) from rig_reading") == [(1,)]


async def test_a_redelivery_meanwhile_waits_for_the_same_end(store):
    agent = Agent()
    running = Running(store)
    incoming = agent.incoming([agent.birth(0)], acks=running.acks)
    for _ in range(3):
        running.inbox.put(incoming)
    assert running.inbox.count == 1
    async with running.at_work():
        await running.settled()
    assert len(running.acks) == 3


async def test_poison_is_found_and_the_rest_is_committed(store):
    """What passes the check and breaks the transaction: the check can't know it all."""
    agent = Agent()
    running = Running(store)
    begin(running, agent, 20)
    async with store.pool.connection() as conn:
        # A rule of the database that only one reading of many breaks.
        await conn.execute("alter table rig_reading add check (hashrate_ths <> 105.0)")
    for i in range(20):
        running.put(agent, [readings(20, NOW_MS + i)[i]])
    async with running.at_work():
        await running.settled()
    assert await ask(store, "select count(*) from rig_reading") == [(19,)]
    ((reason, payload),) = await ask(store, "select reason, payload from quarantine")
    assert "CheckViolation" in reason
    assert codec.decode(payload).records()[0].hashrate_ths == 105.0
    assert len(running.acks) == 22
    assert await ask(store, "select mark from source") == [(22,)]


async def test_garbage_is_quarantined_and_the_stream_goes_on(store):
    agent = Agent()
    async with Running(store).at_work() as running:
        begin(running, agent)
        for i in range(5):
            running.inbox.put(agent.wrap(b"garbage %d" % i, "state", acks=running.acks))
        running.put(agent, readings(1))
        await running.settled()
    assert len(running.acks) == 8
    assert await ask(store, "select count(*) from rig_reading") == [(1,)]
    found = await ask(
        store,
        "select agent, count(*), max(length(payload)) from quarantine group by 1",
    )
    assert found == [("north-1", 5, 9)]


async def test_a_large_payload_is_described_and_not_kept(store):
    agent = Agent()
    async with Running(store).at_work() as running:
        running.inbox.put(agent.wrap(bytes((1 << 20) + 1), "state"))
        await running.settled()
    assert await ask(store, "select size_bytes, payload from quarantine") == [(1048577, None)]


async def test_pauses_when_full_and_flows_again(store):
    agent = Agent()
    running = Running(store, max_count=10)
    begin(running, agent)
    for i in range(18):
        running.put(agent, readings(1, NOW_MS + i))
    assert running.pauses == [True]
    assert running.pipeline.room == 0
    async with running.at_work():
        await running.settled()
    assert running.pauses == [True, False]
    assert await ask(store, "select count(*) from rig_reading") == [(18,)]


async def test_slow_domains_slow_ingest_and_lose_nothing(store):
    agent = Agent()
    may_go = asyncio.Event()
    seen = []

    async def slow(committed):
        await may_go.wait()
        seen.extend(committed)

    count = COMMITTED_QUEUE + 8
    async with Running(store, on_committed=slow).at_work() as running:
        begin(running, agent)
        for i in range(count):
            running.put(agent, readings(1, NOW_MS + i))
            with contextlib.suppress(AssertionError):
                await until(lambda: running.inbox.count == 0, "taken", within_s=0.3)
        may_go.set()
        await running.settled()
        await until(lambda: sum(len(one.at_ms) for one in seen) == count, "all handed over")


async def test_failing_domains_do_not_stop_ingest(store):
    agent = Agent()

    async def broken(_):
        raise RuntimeError("a detector's bug")

    async with Running(store, on_committed=broken).at_work() as running:
        begin(running, agent)
        for i in range(3):
            running.put(agent, readings(1, NOW_MS + i))
            await running.settled()
    assert await ask(store, "select count(*) from rig_reading") == [(3,)]


async def test_connections_that_break_cost_nothing(store):
    agent = Agent()
    async with Running(store).at_work() as running:
        begin(running, agent)
        await running.settled()
        for i in range(10):
            running.put(agent, readings(1, NOW_MS + i))
            async with await psycopg.AsyncConnection.connect(store.pool.conninfo) as other:
                await other.execute(
                    "select pg_terminate_backend(pid) from pg_stat_activity where "
                    "datname = current_database() and pid <> pg_backend_pid()"
                )
        await running.settled()
    assert await ask(store, "select count(*), count(distinct at) from rig_reading") == [(10, 10)]
    assert await ask(store, "select mark from source") == [(12,)]


@pytest.fixture
async def killable():
    """A database server of its own."""
    home = Path(tempfile.mkdtemp(prefix="lode-pg-"))
    os.chmod(home, 0o755)  # noqa: PTH101
    server = EmbeddedPostgres(home / "pg")
    try:
        yield server, await server.start()
    finally:
        await server.stop()


@pytest.mark.slow
async def test_database_killed_again_and_again(killable):
    server, url = killable
    store = await Store.open(url)
    await store.migrate()
    agents = [Agent(f"north-{i}") for i in range(3)]
    async with Running(store).at_work() as running:
        for agent in agents:
            begin(running, agent, 5)
        for turn in range(4):
            for i in range(40):
                for agent in agents:
                    at_ms = NOW_MS - 200_000 + 1000 * (40 * turn + i)  # none in the future
                    running.put(agent, readings(5, at_ms))
                await asyncio.sleep(0.01)
                if i == 20:
                    await until(lambda: server.postmaster_pid is not None, "the database is back")
                    os.kill(server.postmaster_pid, signal.SIGKILL)
        await running.settled(within_s=60)
    count, distinct = (await ask(store, "select count(*), count(distinct (at, device_id)) "
                                        "from rig_reading"))[0]  # fmt: skip
    assert (count, distinct) == (2400, 2400)
    assert await ask(store, "select distinct mark from source") == [(162,)]
    assert len(running.acks) == 3 * 162
    (rolled,) = (await ask(store, "select sum(n) from rig_1m"))[0]
    assert rolled == 2400
    await store.close()
