"""Leases: one owner at a time, by the database's clock, over stopped and killed owners."""

import asyncio
import contextlib
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lode_hub.store import Store, agents, leases
from tests.hub.store.rows import fetch

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
async def conn(store):
    async with store.pool.connection() as conn:
        yield conn


async def expire(conn, name):
    await conn.execute(
        "update lease set expires_at = now() - interval '1 s' where name = %s", (name,)
    )


async def test_one_owner_at_a_time(conn):
    assert await leases.acquire(conn, "a", ["x", "y", "z"], 2) == {"x": "", "y": ""}
    assert await leases.acquire(conn, "b", ["x", "y", "z"], 9) == {"z": ""}
    assert await leases.renew(conn, "a", ["x", "y", "z"]) == {"x", "y"}
    await leases.release(conn, "a", ["x", "z"])
    assert await leases.acquire(conn, "b", ["x", "y"], 9) == {"x": ""}


async def test_an_expired_lease_names_whom_it_was_taken_from(conn):
    await leases.acquire(conn, "a", ["x"], 1)
    await expire(conn, "x")
    assert await leases.acquire(conn, "b", ["x"], 1) == {"x": "a"}
    assert await leases.renew(conn, "a", ["x"]) == set()


async def test_an_owner_of_the_same_name_takes_its_own_back(conn):
    await leases.acquire(conn, "a", ["x"], 1)
    assert await leases.acquire(conn, "a", ["x"], 1) == {"x": "a"}


async def test_an_expired_lease_that_nobody_took_is_still_ones_own(conn):
    await leases.acquire(conn, "a", ["x"], 1)
    await expire(conn, "x")
    assert await leases.renew(conn, "a", ["x"]) == {"x"}


async def test_many_at_once_take_each_once(store):
    names = [f"n{i}" for i in range(20)]

    async def take(owner):
        async with store.pool.connection() as conn:
            return set(await leases.acquire(conn, owner, names, 7))

    taken = await asyncio.gather(*(take(f"o{i}") for i in range(6)))
    assert sum(map(len, taken)) == len(set().union(*taken)) <= 20


async def test_workers_that_live_are_counted(conn):
    assert await leases.beat(conn, "a") == 1
    assert await leases.beat(conn, "b") == 2
    await conn.execute("update worker set seen_at = now() - interval '7 s' where name = 'a'")
    assert await leases.beat(conn, "b") == 1


async def test_a_stopped_owner_loses_its_lease_and_its_locks(postgres, store):
    async with store.pool.connection() as conn:
        await agents.resolve(conn, [("agent", 1, "e1")])
    command = [sys.executable, "-m", "tests.hub.store.holder", postgres, "zombie"]
    process = subprocess.Popen(  # noqa: ASYNC220
        command, cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    try:
        line = await asyncio.to_thread(process.stdout.readline)
        assert line == "holding\n"
        process.send_signal(signal.SIGSTOP)
        begun = time.monotonic()
        former = await takeover(store)
        assert former == {"work": "zombie"}
        assert leases.TTL_S - leases.RENEW_S < time.monotonic() - begun < 2 * leases.TTL_S
        async with store.pool.connection() as conn:
            assert await leases.end_sessions(conn, {"zombie"}) == 2
            await conn.execute("set lock_timeout = '3s'")
            await conn.execute("select * from source for update")
        process.send_signal(signal.SIGCONT)
        assert await asyncio.to_thread(process.wait, 10) == 3, "its connections are gone"
        assert await fetch(store, "select owner from lease") == [("new",)]
    finally:
        process.kill()
        process.communicate()


async def takeover(store):
    deadline = time.monotonic() + 40
    while time.monotonic() < deadline:
        async with store.pool.connection() as conn:
            taken = await leases.acquire(conn, "new", ["work"], 1)
        if taken:
            return taken
        await asyncio.sleep(0.1)
    pytest.fail("never taken over")


async def test_alone_works_in_one_place_and_moves_when_it_ends(store):
    working = []

    def work(name):
        async def body():
            working.append(name)
            try:
                await asyncio.Event().wait()
            finally:
                working.remove(name)

        return body

    tasks = {
        name: asyncio.create_task(leases.alone(store, "job", name, work(name))) for name in "ab"
    }
    try:
        await _until(lambda: len(working) == 1)
        (first,) = working
        await asyncio.sleep(2 * leases.RENEW_S)
        assert working == [first]
        tasks[first].cancel()
        await _until(lambda: working and working != [first])
        assert len(working) == 1
    finally:
        for task in tasks.values():
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
    assert not working


async def test_alone_stops_when_the_lease_is_anothers(store):
    working = []

    async def body():
        working.append(1)
        try:
            await asyncio.Event().wait()
        finally:
            working.clear()

    task = asyncio.create_task(leases.alone(store, "job", "a", body))
    await _until(lambda: bool(working))
    async with store.pool.connection() as conn:
        await conn.execute("update lease set owner = 'b'")
    await _until(lambda: not working)
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def test_alone_passes_on_what_its_work_raises(store):
    async def body():
        raise ValueError("a bug")

    with pytest.raises(ValueError, match="a bug"):
        await asyncio.wait_for(leases.alone(store, "job", "a", body), 40)


async def _until(condition, within_s=40.0):
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)


async def test_a_cancellation_that_the_pool_lost_is_kept(store):
    begun, went_on = asyncio.Event(), asyncio.Event()

    async def work():
        async with store.pool.connection():
            begun.set()
            with contextlib.suppress(asyncio.CancelledError):  # as wait_for of Python 3.11 may
                await asyncio.sleep(60)
        went_on.set()

    task = asyncio.ensure_future(work())
    await begun.wait()
    task.cancel()
    await asyncio.wait({task}, timeout=40)
    assert task.cancelled()
    assert not went_on.is_set()


async def test_cleaning_up_after_a_cancellation_may_ask_the_database(store):
    begun, cleaned = asyncio.Event(), []

    async def work():
        try:
            begun.set()
            await asyncio.sleep(60)
        finally:
            async with store.pool.connection() as conn:
                cleaned.append(await leases.beat(conn, "one"))
            cleaned.append("all")

    task = asyncio.ensure_future(work())
    await begun.wait()
    task.cancel()
    await asyncio.wait({task}, timeout=40)
    assert task.cancelled()
    assert cleaned == [1, "all"]


async def test_sessions_of_others_are_left_alone(postgres, store):
    other = await Store.open(postgres, name=leases.SESSIONS + "other")
    async with store.pool.connection() as conn:
        assert await leases.end_sessions(conn, {"oth"}) == 0
        assert await leases.end_sessions(conn, set()) == 0
    async with other.pool.connection() as conn:
        await conn.execute("select 1")
    await other.close()
