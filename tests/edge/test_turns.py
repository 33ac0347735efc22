"""A write waits for at most one request, keeps its turn, and a cancelled wait harms nobody."""

import asyncio

from hypothesis import given, settings
from hypothesis import strategies as st

from lode_edge.turns import Turns


async def test_a_write_goes_before_every_waiting_read():
    turns, order = Turns(), []

    async def read(n):
        async with turns.to_read():
            order.append(n)
            await asyncio.sleep(0)

    async def write():
        async with turns.to_write():
            order.append("write")

    async with asyncio.TaskGroup() as tasks, turns.to_read():
        for n in range(5):
            tasks.create_task(read(n))
        await asyncio.sleep(0)
        tasks.create_task(write())
        await asyncio.sleep(0)
    assert order == ["write", 0, 1, 2, 3, 4]


@settings(deadline=None, max_examples=200)
@given(st.lists(st.tuples(st.booleans(), st.integers(0, 3), st.booleans()), max_size=25))
def test_never_two_at_once_and_nobody_waits_for_ever(steps):
    async def play():
        turns, inside = Turns(), 0

        async def user(is_write, rounds):
            nonlocal inside
            async with turns.to_write() if is_write else turns.to_read():
                inside += 1
                assert inside == 1
                for _ in range(rounds):
                    await asyncio.sleep(0)
                inside -= 1

        tasks = []
        for is_write, rounds, is_cancelled in steps:
            task = asyncio.create_task(user(is_write, rounds))
            tasks.append(task)
            await asyncio.sleep(0)
            if is_cancelled and not task.done() and inside == 0:
                task.cancel()
            elif is_cancelled and len(tasks) > 1 and inside:
                waiting = asyncio.create_task(user(is_write, 0))
                await asyncio.sleep(0)
                waiting.cancel()
                await asyncio.gather(waiting, return_exceptions=True)
        async with asyncio.timeout(30):
            await asyncio.gather(*tasks, return_exceptions=True)
        async with asyncio.timeout(30), turns.to_read():
            pass

    asyncio.run(play())
