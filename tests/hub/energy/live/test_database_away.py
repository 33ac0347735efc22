"""The planner while the database refuses everybody, or its disk is full: it orders once it can."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
import structlog

from lode_hub.energy.live import planner
from tests.hub.away import full, refusing
from tests.hub.energy.live.conftest import ADA

ALL = [f"rig-{n:02}" for n in range(1, 11)]


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr(planner, "LOOK_S", 0.1)
    monkeypatch.setattr(planner, "SETTLE_S", 0.01)
    monkeypatch.setattr(planner, "_RETRY_S", 0.1)


@contextlib.asynccontextmanager
async def at_work(site) -> AsyncIterator[list]:
    """Let the planner act, and give what it logs."""
    await site.desk.set_planner(ADA, "north", "act")
    with structlog.testing.capture_logs() as logs:
        task = asyncio.create_task(site.planner.run())
        try:
            await until(lambda: _planned(site))
            yield logs
            assert not task.done()
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task


async def until(holds: Callable[[], Awaitable[bool]]) -> None:
    deadline = time.monotonic() + 40
    while True:
        with contextlib.suppress(Exception):  # the pool has yet to come back
            if await holds():
                return
        assert time.monotonic() < deadline, holds
        await asyncio.sleep(0.02)


async def _planned(site) -> bool:
    return await site.queries.planner.plan("north") is not None


async def _waits(logs) -> bool:
    return any(each["event"] == "planner waits" for each in logs)


async def _many(looks) -> bool:
    return len(looks) > 3


async def _asleep(site) -> bool:
    # In any order: what was learned of each rig since has changed it.
    return bool(await site.orders()) and sorted(await site.asleep()) == ALL


async def _kept(site) -> bool:
    return len(await site.mine.run("select 1 from energy_plan where is_sent")) == 1


async def test_orders_that_found_a_full_disk_go_out_once_there_is_room(
    site, postgres, quick, monkeypatch
):
    look, looks = site.planner.look, []
    monkeypatch.setattr(site.planner, "look", lambda cause: looks.append(cause) or look(cause))
    async with at_work(site) as logs:
        async with full(postgres, "command"):
            await site.price(5000.0)
            await until(lambda: _waits(logs))
            looks.clear()
            await until(lambda: _many(looks))
            assert await site.orders() == []
        await until(lambda: _asleep(site))
        await until(lambda: _kept(site))
        assert len(await site.orders()) == 1
    (told,) = [each for each in logs if each["event"] == "planner waits"]
    assert told["reason"] == "database: its disk is full; make room there"


async def test_a_database_that_refuses_everybody_is_waited_for(site, postgres, quick, monkeypatch):
    monkeypatch.setattr(site.store.pool, "timeout", 0.3)
    async with at_work(site) as logs:
        await site.price(5000.0)
        async with refusing(postgres):
            await until(lambda: _waits(logs))
        await until(lambda: _asleep(site))
        await until(lambda: _kept(site))
        assert len(await site.orders()) == 1
    assert len([each for each in logs if each["event"] == "planner waits"]) <= 2
    assert not any("exc_info" in each for each in logs)
