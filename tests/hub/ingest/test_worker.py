"""Workers as a whole: leases, sessions, takeover; nothing lost and nothing doubled."""

import asyncio
import contextlib
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lode_hub.errors import SettingsError
from lode_hub.ingest.worker import Worker, WorkerSettings
from lode_wire import messages, topics
from lode_wire.messages import Presence
from tests.hub.ingest.agents import Agent, devices, readings
from tests.hub.ingest.talk import Speaker

ROOT = Path(__file__).resolve().parents[3]


class Edge:
    """An agent with a spool in memory: sends again what the hub has not said to have."""

    def __init__(self, broker, site):
        self.agent = Agent(name=f"{site}-agent", site=site)
        address = broker.agent(self.agent.name)
        self.speaker = Speaker(address, self.agent.name, topics.ack(self.agent.name))
        self.spool: dict[int, tuple[str, bytes]] = {}
        self.echoes: list[messages.Ack] = []
        self.mark = 0
        self.sent = 0
        self.last_ack = self.last_try = time.monotonic()
        self.longest_silence_s = 0.0

    def add(self, records):
        seq = len(self.spool) + 1
        topic = topics.batch(self.agent.partition, self.agent.name, records[0].topic)
        self.spool[seq] = (topic, self.agent.payload(records, seq))

    def turn(self):
        """Hear acknowledgements, send what is new, and after a while what is not acknowledged.

        Once each while, as an agent does: in every turn it would bury what is new under repeats.
        """
        heard, self.speaker.heard[:] = list(self.speaker.heard), []
        for _, payload in heard:
            ack = messages.decode_ack(payload)
            if ack.echo_ms is not None:
                self.echoes.append(ack)
            if ack.mark > self.mark:
                self.longest_silence_s = max(
                    self.longest_silence_s, time.monotonic() - self.last_ack
                )
                self.mark, self.last_ack = ack.mark, time.monotonic()
        if self.mark < self.sent and time.monotonic() - max(self.last_ack, self.last_try) > 3.0:
            self.sent, self.last_try = self.mark, time.monotonic()
        for seq in range(self.sent + 1, min(len(self.spool), self.mark + 64) + 1):
            self.speaker._client.publish(*self.spool[seq], qos=1)
            self.sent = seq

    @property
    def is_done(self):
        return self.mark == len(self.spool)


@contextlib.contextmanager
def worker(name, database, broker):
    command = [sys.executable, "-m", "tests.hub.ingest.work", name, database]
    command += [broker.hub.host, str(broker.hub.port), str(broker.hub.password)]
    process = subprocess.Popen(command, cwd=ROOT)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


async def ask(store, query, *args):
    async with store.pool.connection() as conn:
        return await (await conn.execute(query.encode(), args)).fetchall()


async def eventually(condition, what, within_s=40.0):
    deadline = time.monotonic() + within_s
    while not await condition():
        assert time.monotonic() < deadline, f"not within {within_s} s: {what}"
        await asyncio.sleep(0.05)


async def owners(store):
    found = await ask(
        store,
        "select owner, count(*) from lease where name like 'partition-%%' "
        "and expires_at > now() group by 1 order by 1",
    )
    return dict(found)


async def drive(edges, until, within_s, each_turn=lambda: None):
    deadline = time.monotonic() + within_s
    while not until():
        assert time.monotonic() < deadline, [(e.mark, len(e.spool)) for e in edges]
        for edge in edges:
            edge.turn()
        each_turn()
        await asyncio.sleep(0.02)


async def check_all_stored_once(store, edges):
    for edge in edges:
        found = await ask(
            store,
            "select count(*), count(distinct (r.at, r.device_id)), max(s.mark) "
            "from rig_reading r join source s on s.id = r.source_id "
            "join agent a on a.id = s.agent_id where a.name = %s",
            edge.agent.name,
        )
        count = 10 * (len(edge.spool) - 2)
        assert found == [(count, count, len(edge.spool))]


def begin(edges):
    now_ms = time.time_ns() // 1_000_000
    for edge in edges:
        edge.add([edge.agent.birth(10, now_ms)])
        edge.add(devices(10, now_ms))


def feed(edges, turn):
    now_ms = time.time_ns() // 1_000_000
    for edge in edges:
        edge.add(readings(10, now_ms - 600_000 + 100 * turn))


async def test_a_name_too_long_is_refused():
    with pytest.raises(SettingsError, match="49 characters"):
        Worker(WorkerSettings(database_url="", name="x" * 49, brokers=[]))


@contextlib.asynccontextmanager
async def working(store, broker, **callbacks):
    settings = WorkerSettings(database_url=store.pool.conninfo, name="w1", brokers=[broker.hub])
    task = asyncio.create_task(Worker(settings, **callbacks).run())
    try:
        yield task
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def test_from_the_agent_to_the_domains(store, one_broker):
    committed, owned = [], []

    async def on_committed(group):
        committed.extend(group)

    async def on_owned(partitions):
        owned.append(partitions)

    edges = [Edge(one_broker, "north"), Edge(one_broker, "south")]
    begin(edges)
    for turn in range(20):
        feed(edges, turn)
    async with working(store, one_broker, on_committed=on_committed, on_owned=on_owned):
        await drive(
            edges,
            lambda: (
                all(edge.is_done for edge in edges) and sum(len(c.at_ms) for c in committed) == 400
            ),
            40,
        )
    await check_all_stored_once(store, edges)
    assert frozenset(range(64)) in owned
    assert await owners(store) == {}, "leases are given back"
    for edge in edges:
        edge.speaker.stop()


async def test_presence_is_answered_and_written(store, one_broker):
    edge = Edge(one_broker, "north")
    presence = Presence(
        agent=edge.agent.name, partition=edge.agent.partition, is_online=True,
        boot="b", epoch="e1", sent_ms=time.time_ns() // 1_000_000,
    )  # fmt: skip

    async def is_online():
        return await ask(store, "select is_online from agent") == [(True,)]

    begin([edge])
    async with working(store, one_broker):
        await drive([edge], lambda: edge.is_done, 20)
        topic = topics.presence(presence.agent)
        edge.speaker.say(topic, messages.encode(presence), retain=True)
        await drive([edge], lambda: bool(edge.echoes), 10)
        await eventually(is_online, "presence written")
    assert (edge.echoes[0].echo_ms, edge.echoes[0].mark) == (presence.sent_ms, 2)
    edge.speaker.stop()


class Drill:
    """Feeds agents while workers come and go."""

    def __init__(self, store, edges):
        self.store, self.edges = store, edges
        self.turns = 0

    def turn(self):
        if all(len(edge.spool) - edge.mark < 200 for edge in self.edges):
            feed(self.edges, self.turns)
            self.turns += 1

    async def until_served(self, **expected):
        """Go on until the leases are so, and then until every agent has been served by them."""
        await self._until(lambda: False, expected)
        since = time.monotonic()
        await self._until(lambda: all(edge.last_ack > since for edge in self.edges), {})

    async def _until(self, holds, expected):
        deadline = time.monotonic() + 60
        while not (holds() or (expected and await owners(self.store) == expected)):
            assert time.monotonic() < deadline, f"never {expected}, or not served"
            await drive(self.edges, iter((False, True)).__next__, 10, self.turn)


@pytest.mark.slow
async def test_two_workers_one_stopped_one_killed(store, broker):
    """A zombie owner, then a dead one: taken over within 10 s, nothing lost or doubled.

    Partitions are handed back to the worker that goes on: killed before it serves them, it would
    make one silence of two, which is longer than either.
    """
    database = store.pool.conninfo

    async def owned(**expected):
        async def is_so():
            return await owners(store) == expected

        await eventually(is_so, f"owners {expected}")

    with contextlib.ExitStack() as stack:
        first = stack.enter_context(worker("first", database, broker))
        await owned(first=64)
        stack.enter_context(worker("second", database, broker))
        await owned(first=32, second=32)
        edges = [Edge(broker, site) for site in ("north", "south", "east", "west")]
        begin(edges)  # once somebody listens: devices come before their readings (decision 2)
        drill = Drill(store, edges)
        await drill.until_served(first=32, second=32)
        first.send_signal(signal.SIGSTOP)
        await drill.until_served(second=64)
        first.send_signal(signal.SIGCONT)
        await drill.until_served(first=32, second=32)
        first.kill()
        await drill.until_served(second=64)
        await drive(edges, lambda: all(edge.is_done for edge in edges), 60)
        await check_all_stored_once(store, edges)
        assert max(edge.longest_silence_s for edge in edges) < 30.0
        for edge in edges:
            edge.speaker.stop()


async def test_a_worker_outlives_its_database_and_its_broker(store, one_broker):
    edge = Edge(one_broker, "north")
    begin([edge])
    feed([edge], 0)
    async with working(store, one_broker):
        await drive([edge], lambda: edge.is_done, 30)
        for turn in range(1, 4):
            await ask(
                store,
                "select pg_terminate_backend(pid) from pg_stat_activity "
                "where application_name like 'lode-ingest/%%' and datname = current_database()",
            )
            await one_broker.program.stop()
            await one_broker.program.start()
            feed([edge], turn)
            await drive([edge], lambda: edge.is_done, 40)
    await check_all_stored_once(store, [edge])
    edge.speaker.stop()
