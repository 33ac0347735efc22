"""One answer per question and change, for everyone."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from lode_ui.feed import ENTRIES, QUIET_S, Feed


class Changes:
    """Tells of changes when told to; can break."""

    def __init__(self) -> None:
        self.queue: asyncio.Queue[Exception | None] = asyncio.Queue()
        self.subscriptions = 0

    @asynccontextmanager
    async def subscribe(self) -> AsyncIterator[AsyncIterator[object]]:
        self.subscriptions += 1

        async def changes() -> AsyncIterator[object]:
            while True:
                broken = await self.queue.get()
                if broken:
                    raise broken
                yield object()

        yield changes()


class Question:
    def __init__(self) -> None:
        self.asked = 0
        self.error: Exception | None = None
        self.gate = asyncio.Event()
        self.gate.set()

    async def __call__(self) -> int:
        self.asked += 1
        await self.gate.wait()
        if self.error:
            raise self.error
        return self.asked


@pytest.fixture
def changes() -> Changes:
    return Changes()


@pytest.fixture
async def feed(changes, clock):
    feed = Feed(changes, clock=clock)
    yield feed
    await feed.stop()


async def test_ten_pages_ask_once(feed):
    question = Question()
    question.gate.clear()
    asking = [asyncio.create_task(feed.ask("sites", question)) for _ in range(10)]
    await asyncio.sleep(0)
    question.gate.set()
    assert await asyncio.gather(*asking) == [1] * 10


async def test_an_answer_serves_a_second_and_longer_while_nothing_changes(feed, clock):
    question = Question()
    await feed.ask("sites", question)
    clock.now += 0.9
    await feed.ask("sites", question)
    clock.now += 2
    assert await feed.ask("sites", question) == 1
    feed.beat += 1
    assert await feed.ask("sites", question) == 2
    clock.now += QUIET_S  # time alone makes readings stale
    assert await feed.ask("sites", question) == 3


async def test_a_slow_series_may_serve_longer_than_a_beat(feed, clock):
    question = Question()
    await feed.ask("series", question, period_s=30)
    clock.now += 29
    feed.beat += 1
    assert await feed.ask("series", question, period_s=30) == 1
    clock.now += 2
    assert await feed.ask("series", question, period_s=30) == 2


async def test_a_failure_is_shared_for_a_second_and_then_tried_again(feed, clock):
    question = Question()
    question.error = OSError("away")
    for _ in range(5):
        with pytest.raises(OSError, match="away"):
            await feed.ask("sites", question)
    assert question.asked == 1
    question.error = None
    clock.now += 1.1
    assert await feed.ask("sites", question) == 2


async def test_who_stops_waiting_does_not_stop_the_others(feed):
    question = Question()
    question.gate.clear()
    one, two = (asyncio.create_task(feed.ask("sites", question)) for _ in range(2))
    await asyncio.sleep(0)
    one.cancel()
    question.gate.set()
    assert await two == 1


async def test_what_was_just_done_is_seen_at_once(feed):
    question = Question()
    await feed.ask("alerts", question)
    await feed.stir()
    assert await feed.ask("alerts", question) == 2


async def test_answers_are_kept_for_a_bounded_number_of_questions(feed):
    for number in range(ENTRIES + 50):
        await feed.ask(number, Question())
    assert len(feed._entries) == ENTRIES


async def test_a_change_wakes_the_pages(feed, changes):
    await feed.start()
    seen = await feed.next_beat(0)
    waiting = asyncio.create_task(feed.next_beat(seen))
    await changes.queue.put(None)
    async with asyncio.timeout(3):
        assert await waiting == seen + 1


async def test_a_lost_subscription_is_taken_up_again(feed, changes):
    await feed.start()
    seen = await feed.next_beat(0)
    await changes.queue.put(ConnectionError("gone"))
    async with asyncio.timeout(4):
        assert await feed.next_beat(seen) > seen  # what was missed counts as a change
    assert changes.subscriptions == 2


async def test_a_change_right_after_an_answer_is_not_left_for_the_quiet_beat(feed, changes):
    question = Question()
    await feed.start()
    await feed.ask("command", question)
    seen = await feed.next_beat(0)
    await changes.queue.put(None)
    seen = await feed.next_beat(seen)
    await feed.ask("command", question)  # too young to be asked again: the clock stands still
    async with asyncio.timeout(QUIET_S / 2):
        assert await feed.next_beat(seen) == seen + 1
