"""Presence: the echo, the clock's offset, and what the table says."""

import asyncio
import contextlib

from lode_hub.ingest.ingress import Delivery
from lode_hub.ingest.presence import WINDOW_MS, Clock, Presences
from lode_hub.store.cursor import Cursor
from lode_wire import messages
from lode_wire.messages import Presence
from tests.hub.ingest.agents import NOW_MS
from tests.hub.ingest.talk import until


def presence(sent_ms=NOW_MS, **changes):
    values = {
        "agent": "north-1", "partition": 7, "is_online": True, "boot": "b", "epoch": "e1",
    } | changes  # fmt: skip
    return Presence(sent_ms=sent_ms, **values)


def delivery(message, received_ms=NOW_MS, topic=None, *, is_retained=False):
    payload = messages.encode(message)
    topic = topic or f"lode/v1/state/{message.agent}"
    return Delivery(topic, payload, received_ms, is_retained, lambda: None)


@contextlib.asynccontextmanager
async def hearing(store, cursor=None, owned=frozenset({7})):
    said = []
    presences = Presences(
        store,
        publish=lambda topic, payload: said.append((topic, messages.decode_ack(payload))),
        owns=lambda partition: partition in owned,
        cursor=lambda _agent, _epoch: cursor,
        credit=lambda: 5,
    )
    task = asyncio.create_task(presences.run())
    try:
        yield presences, said
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def agents(store):
    async with store.pool.connection() as conn:
        found = await conn.execute("select name, is_online, clock_offset_ms from agent order by 1")
        return await found.fetchall()


async def test_echoes_at_once_with_what_is_committed(store):
    async with hearing(store, Cursor(1, mark=4, ahead=[(6, 7)])) as (presences, said):
        presences.note(delivery(presence(NOW_MS - 20)))
        await until(lambda: bool(said), "an echo")
    topic, ack = said[0]
    assert topic == "lode/v1/ack/north-1"
    assert (ack.echo_ms, ack.mark, ack.sack, ack.credit) == (NOW_MS - 20, 4, ((6, 7),), 5)


async def test_an_epoch_never_seen_has_nothing_committed(store):
    async with hearing(store) as (presences, said):
        presences.note(delivery(presence()))
        await until(lambda: bool(said), "an echo")
    assert (said[0][1].mark, said[0][1].sack) == (0, ())


async def test_writes_who_is_there_and_by_how_much_its_clock_is_off(store):
    async with hearing(store) as (presences, _):
        presences.note(delivery(presence(NOW_MS - 5030)))
        presences.note(delivery(presence(NOW_MS - 5000, agent="north-2", is_online=False)))
        await asyncio.wait_for(_written(store, 2), 40)
        assert await agents(store) == [("north-1", True, -5030.0), ("north-2", False, None)]
        assert presences.offset_ms("north-1") == -5030.0


async def _written(store, count):
    while len(await agents(store)) < count:  # noqa: ASYNC110 -- the database tells nobody
        await asyncio.sleep(0.05)


async def test_the_last_will_says_gone_and_keeps_the_offset(store):
    async with hearing(store) as (presences, said):
        presences.note(delivery(presence(NOW_MS - 40)))
        presences.note(delivery(presence(None, is_online=False)))
        await asyncio.wait_for(_written(store, 1), 40)
        assert await agents(store) == [("north-1", False, -40.0)]
    assert len(said) == 1


async def test_a_retained_one_is_old_and_says_nothing_of_the_clock(store):
    async with hearing(store) as (presences, said):
        presences.note(delivery(presence(NOW_MS - 3_600_000), is_retained=True))
        await asyncio.wait_for(_written(store, 1), 40)
        assert await agents(store) == [("north-1", True, None)]
        assert not said


async def test_others_partitions_are_heard_and_taken_over(store):
    owned = set()
    async with hearing(store, owned=owned) as (presences, said):
        presences.note(delivery(presence()))
        await asyncio.sleep(1.5)
        assert (await agents(store), said) == ([], [])
        owned.add(7)
        presences.taken_over(frozenset({7}))
        await asyncio.wait_for(_written(store, 1), 40)


async def test_nobody_speaks_for_another(store):
    async with hearing(store) as (presences, said):
        presences.note(delivery(presence(), topic="lode/v1/state/north-2"))
        presences.note(delivery(presence(partition=99)))
        presences.note(Delivery("lode/v1/state/north-1", b"\xc1", NOW_MS, False, lambda: None))
        presences.note(delivery(presence(agent="north-3")))
        await until(lambda: bool(said), "the good one")
    assert [topic for topic, _ in said] == ["lode/v1/ack/north-3"]


def test_offset_is_that_of_the_quickest_message():
    clock = Clock()
    assert clock.offset_ms is None
    for delay in (500, 20, 900):
        clock.hear(NOW_MS, NOW_MS + delay)
    assert clock.offset_ms == -20
    clock.hear(NOW_MS + WINDOW_MS + 1000, NOW_MS + WINDOW_MS + 1100)
    assert clock.offset_ms == -100, "the quick one is forgotten after ten minutes"


def test_a_clock_that_was_set_is_believed_the_second_time():
    clock = Clock()
    clock.hear(NOW_MS, NOW_MS + 30)
    clock.hear(NOW_MS - 3_600_000, NOW_MS + 30)
    assert clock.offset_ms == -30, "one late message may be a slow link"
    clock.hear(NOW_MS - 3_600_000, NOW_MS + 40)
    assert clock.offset_ms == -3_600_040
