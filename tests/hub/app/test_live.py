"""Changes told to everybody who listens, on a real database."""

import asyncio
import json

from lode_hub.live import Change, Live
from lode_hub.store import Store
from tests.hub.app.opened import until


async def tell(store: Store, channel: str, payload: object) -> None:
    async with store.pool.connection() as conn:
        await conn.execute("select pg_notify(%s, %s)", (channel, json.dumps(payload)))


async def test_each_listener_hears_each_change(store: Store, postgres: str) -> None:
    live = Live(postgres)
    async with live.subscribe() as one, live.subscribe() as other:
        running = asyncio.create_task(live.run())
        assert (await anext(one)).is_all  # it may have missed anything
        assert (await anext(other)).is_all
        await tell(store, "lode_live", {"agents": [1, 2], "sites": [1]})
        expected = Change(agents=frozenset({1, 2}), sites=frozenset({1}))
        async with asyncio.timeout(30):
            assert await anext(one) == expected == await anext(other)
        await tell(store, "lode_alert", {"alerts": [9], "sites": ["north"]})
        async with asyncio.timeout(30):
            assert await anext(one) == Change(alerts=frozenset({9}))
        assert live.subscribers == 2
    assert live.subscribers == 0
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_a_slow_listener_gets_one_change_that_says_all(store: Store, postgres: str) -> None:
    live = Live(postgres)
    running = asyncio.create_task(live.run())
    async with live.subscribe() as quick, live.subscribe() as slow:
        assert (await anext(quick)).is_all
        assert (await anext(slow)).is_all
        for agent in range(3):
            await tell(store, "lode_live", {"agents": [agent], "sites": [7]})
        heard = Change()
        async with asyncio.timeout(30):
            while heard.agents != {0, 1, 2}:
                heard |= await anext(quick)
        assert await anext(slow) == Change(agents=frozenset({0, 1, 2}), sites=frozenset({7}))
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_what_cannot_be_read_means_anything_may_have_changed(
    store: Store, postgres: str
) -> None:
    live = Live(postgres)
    running = asyncio.create_task(live.run())
    async with live.subscribe() as changes:
        assert (await anext(changes)).is_all
        for payload in ({"agents": [], "sites": []}, ["x"], "x"):
            await tell(store, "lode_live", payload)
            async with asyncio.timeout(30):
                assert (await anext(changes)).is_all
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_it_listens_again_when_the_connection_breaks(store: Store, postgres: str) -> None:
    live = Live(postgres)
    running = asyncio.create_task(live.run())
    async with live.subscribe() as changes:
        assert (await anext(changes)).is_all
        async with store.pool.connection() as conn:
            await conn.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity "
                "where application_name = 'lode-live' and datname = current_database()"
            )
        async with asyncio.timeout(30):
            assert (await anext(changes)).is_all
        assert live.is_connected
        await tell(store, "lode_alert", {"alerts": [1], "sites": []})
        async with asyncio.timeout(30):
            assert (await anext(changes)).alerts == {1}
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)

    async def is_told() -> bool:
        return not live.is_connected

    await until(is_told, 1, "the end to be told")
