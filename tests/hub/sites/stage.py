"""A database for a test, and a small mine in it: one site, an agent or two, some rigs."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator

import pytest

from lode_hub.store import Store
from lode_wire.records import DeviceKind


@pytest.fixture
async def store(postgres: str) -> AsyncIterator[Store]:
    """A store on a fresh database with the schema in it."""
    opened = await Store.open(postgres)
    await opened.migrate()
    yield opened
    await opened.close()


async def add_agent(store: Store, name: str = "north-1", site: str = "north") -> int:
    """Write an agent whose batches were committed just now; give its id."""
    async with store.pool.connection() as conn:
        await conn.execute("insert into site (name) values (%s) on conflict do nothing", (site,))
        cursor = await conn.execute(
            """
            insert into agent (name, partition, site_id, committed_at)
            select %s, 7, id, now() from site where name = %s returning id
            """,
            (name, site),
        )
        row = await cursor.fetchone()
    assert row
    return int(row[0])


async def add_rigs(store: Store, agent_id: int, n: int, **facts: object) -> list[int]:
    """Write n rigs of an agent, `rig-001` onwards unless named; give their ids."""
    row = {
        "rack": "A1", "interval_s": 2.0, "rated_hashrate_ths": 100.0, "rated_boards": 3,
        "rated_fans": 4, "chip_temp_max_c": 95.0, "board_temp_max_c": 80.0, "name": "rig",
        "kind": int(DeviceKind.RIG),
    } | facts  # fmt: skip
    names = [f"{row['name']}-{i + 1:03}" for i in range(n)]
    async with store.pool.connection() as conn:
        cursor = await conn.execute(
            """
            insert into source (agent_id, epoch) values (%s, 'e1')
            on conflict (agent_id, epoch) do update set epoch = 'e1' returning id
            """,
            (agent_id,),
        )
        ((source,),) = await cursor.fetchall()
        cursor = await conn.execute(
            """
            insert into device (agent_id, name, kind, driver, address, profile, vendor, model,
                firmware, serial, mac, rack, interval_s, rated_hashrate_ths, rated_boards,
                rated_fans, chip_temp_max_c, board_temp_max_c, facts_at, facts_source_id, facts_seq)
            select %(agent)s, name, %(kind)s, 'asic', '127.0.0.1', '', 'Bitmain', 'S19', '', '', '',
                %(rack)s, %(interval_s)s, %(rated_hashrate_ths)s, %(rated_boards)s, %(rated_fans)s,
                %(chip_temp_max_c)s, %(board_temp_max_c)s, now(), %(source)s, 1
            from unnest(%(names)s::text[]) with ordinality as n (name, place) order by place
            returning id
            """,
            {
                **row,
                "source": source,
                "agent": agent_id,
                "names": names,
            },
        )
        return [int(found[0]) for found in await cursor.fetchall()]


async def until(condition: object, deadline_s: float = 40.0) -> None:
    """Wait for a condition, a callable that may be async; fail after the deadline."""
    end = time.monotonic() + deadline_s
    while True:
        result = condition()
        if asyncio.iscoroutine(result):
            result = await result
        if result:
            return
        assert time.monotonic() < end, f"not within {deadline_s} s"
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(asyncio.Event().wait(), 0.02)
