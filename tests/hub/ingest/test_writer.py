"""The writer: what a group of batches leaves in the database."""

import pytest

from lode_hub.ingest.check import check
from lode_hub.ingest.writer import Writer
from tests.hub.ingest.agents import NOW_MS, Agent, devices, readings


@pytest.fixture
def agent():
    return Agent()


async def rows(store, query, *args):
    async with store.pool.connection() as conn:
        return await (await conn.execute(query, args)).fetchall()


def facts(agent, count):
    return [agent.incoming([agent.birth(count)]), agent.incoming(devices(count))]


async def test_readings_arrive_once(store, agent):
    writer = Writer(store)
    group = [check(one) for one in [*facts(agent, 3), agent.incoming(readings(3))]]
    written = await writer.write(group)
    assert len(written.taken) == 3
    assert not written.unfit
    again = await writer.write(group)
    assert again.repeated == 3
    assert not again.committed
    assert await rows(store, "select count(*), sum(hashrate_ths) from rig_reading") == [(3, 303.0)]
    assert await rows(store, "select mark from source") == [(3,)]
    (committed,) = written.committed
    assert committed.kind == "rig"
    assert committed.at_ms.tolist() == [NOW_MS] * 3
