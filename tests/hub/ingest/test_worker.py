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
from lode_hub.store import Store
from lode_wire import messages, topics
from lode_wire.messages import Presence
from tests.hub.ingest.agents import Agent, devices, readings
from tests.hub.ingest.talk import Speaker

ROOT = Path(__file__).resolve().parents[3]


class Edge:
    """An agent with a spool in memory: sends again what the hub has not said to have."""

    def __init__(self, broker, site):
        self.agent = Agent(name=f"{site}-agent", site=site)
        self.speaker = Speaker(broker.agent, self.agent.name, topics.ack(self.agent.name))
        self.spool: dict[int, tuple[str, bytes]] = {}
        self.echoes: list[messages.Ack] = []
        self.mark = 0
        self.sent = 0
        self.last_ack = time.monotonic()
        self.longest_silence_s = 0.0

    def add(self, records):
        seq = len(self.spool) + 1
        topic = topics.batch(self.agent.partition, self.agent.name, records[0].topic)
        self.spool[seq] = (topic, self.agent.payload(records, seq))

    def turn(self):
        """Hear acknowledgements, send what is new, and after a while what is not acknowledged."""
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
        if self.mark < self.sent and time.monotonic() - self.last_ack > 3.0:
            self.sent = self.mark
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


async def eventually(condition, what, within_s=20.0):
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
        edge.add(readings(10, now_ms - 600_000 + 1000 * turn))


async def test_a_name_too_long_is_refused():
    with pytest.raises(SettingsError, match="49 characters"):
        Worker(WorkerSettings(database_url="", name="x" * 49, brokers=[]))


async def test_from_the_agent_to_the_domains(store, one_broker):
    committed, owned = [], []

    async def on_committed(group):
        committed.extend(group)

    async def on_owned(partitions):
        owned.append(partitions)

    settings = WorkerSettings(database_url=store.pool.conninfo, name="w1", brokers=[one_broker.hub])
    working = asyncio.create_task(
        Worker(settings, on_committed=on_committed, on_owned=on_owned).run()
    )
    edges = [Edge(one_broker, "north"), Edge(one_broker, "south")]
    begin(edges)
    for turn in range(20):
        feed(edges, turn)
    presence = Presence(
        agent=edges[0].agent.name, partition=edges[0].agent.partition, is_online=True,
        boot="b", epoch="e1", sent_ms=time.time_ns() // 1_000_000,
    )  # fmt: skip
    await drive(edges, lambda: all(edge.is_done for edge in edges), 40)
    await check_all_stored_once(store, edges)
    assert owned[-1] == frozenset(range(64))
    assert sum(len(one.at_ms) for one in committed) == 400

    edges[0].speaker.say(topics.presence(presence.agent), messages.encode(presence), retain=True)
    await drive(edges, lambda: bool(edges[0].echoes), 10)
    echo = edges[0].echoes[0]
    assert (echo.echo_ms, echo.mark) == (presence.sent_ms, 22)

    async def is_online():
        found = await ask(store, "select is_online from agent where name = %s", presence.agent)
        return found == [(True,)]

    await eventually(is_online, "presence written")
    working.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await working
    assert await owners(store) == {}, "leases are given back"
    for edge in edges:
        edge.speaker.stop()


@pytest.mark.slow
async def test_two_workers_one_stopped_one_killed(store, broker):
    """A zombie owner, then a dead one: taken over within 10 s, nothing lost or doubled."""
    database = store.pool.conninfo
    sites = ["north", "south", "east", "west"]
    with contextlib.ExitStack() as stack:
        first = stack.enter_context(worker("first", database, broker))

        async def all_owned_by_first():
            return await owners(store) == {"first": 64}

        await eventually(all_owned_by_first, "first owns all")
        stack.enter_context(worker("second", database, broker))

        async def shared():
            return await owners(store) == {"first": 32, "second": 32}

        await eventually(shared, "a fair share each")
        edges = [Edge(broker, site) for site in sites]
        begin(edges)
        turns = 0
        stopped_at = time.monotonic() + 2.0
        resumed_at, killed_at, end_at = stopped_at + 14, stopped_at + 18, stopped_at + 30
        steps = [
            (stopped_at, lambda: first.send_signal(signal.SIGSTOP)),
            (resumed_at, lambda: first.send_signal(signal.SIGCONT)),
            (killed_at, first.kill),
        ]

        def each_turn():
            nonlocal turns
            if time.monotonic() < end_at and all(len(e.spool) - e.mark < 200 for e in edges):
                feed(edges, turns)
                turns += 1
            if steps and time.monotonic() > steps[0][0]:
                steps.pop(0)[1]()

        await drive(
            edges,
            lambda: time.monotonic() > end_at and all(edge.is_done for edge in edges),
            80,
            each_turn,
        )
        await check_all_stored_once(store, edges)
        assert max(edge.longest_silence_s for edge in edges) < 10.0
        assert await owners(store) == {"second": 64}
        for edge in edges:
            edge.speaker.stop()


async def test_a_worker_outlives_its_database_and_its_broker(store, one_broker):
    settings = WorkerSettings(database_url=store.pool.conninfo, name="w1", brokers=[one_broker.hub])
    working = asyncio.create_task(Worker(settings).run())
    edges = [Edge(one_broker, "north")]
    begin(edges)
    feed(edges, 0)
    await drive(edges, lambda: edges[0].is_done, 30)
    other = await Store.open(store.pool.conninfo)
    for turn in range(1, 4):
        async with other.pool.connection() as conn:
            await conn.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity "
                "where application_name like 'lode-ingest/%'"
            )
        await one_broker.program.stop()
        await one_broker.program.start()
        feed(edges, turn)
        await drive(edges, lambda: edges[0].is_done, 40)
    await check_all_stored_once(store, edges)
    await other.close()
    working.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await working
    edges[0].speaker.stop()
