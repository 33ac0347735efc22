"""One answer per question and change, shared by all open pages of this process.

live change ─► beat (≤ 1/s) ─► pages ask ─► one query runs, all of them get its answer
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar, cast

import structlog

from lode_ui.hub import Live

T = TypeVar("T")

PERIOD_S = 1.0
"""No page is refreshed, and no question asked, more often than this."""

QUIET_S = 5.0
"""With no change at all, pages still ask this often: time alone makes readings stale."""

QUERY_TIMEOUT_S = 10.0
ENTRIES = 512

log = structlog.get_logger()


@dataclass(slots=True)
class _Entry:
    task: asyncio.Task[Any]
    asked: float
    beat: int


class Feed:
    """Counts the beats of changed data, and keeps the answers of the current one."""

    def __init__(self, live: Live, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._live = live
        self._clock = clock
        self._entries: OrderedDict[Hashable, _Entry] = OrderedDict()
        self._beaten = asyncio.Condition()
        self._listener: asyncio.Task[None] | None = None
        self._is_owed = False  # an answer from before the last change was given, being young
        self.beat = 0

    async def start(self) -> None:
        """Begin to listen for changes."""
        self._listener = asyncio.create_task(self._listen(), name="dashboard feed")

    async def stop(self) -> None:
        """Stop listening, and end the queries that still run."""
        tasks = [entry.task for entry in self._entries.values()]
        if self._listener:
            tasks.append(self._listener)
        self._listener = None
        self._entries.clear()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def next_beat(self, seen: int) -> int:
        """Wait until something has changed since the beat `seen`, or QUIET_S at the longest."""
        async with self._beaten:
            with suppress(TimeoutError):
                async with asyncio.timeout(QUIET_S):
                    await self._beaten.wait_for(lambda: self.beat != seen)
            return self.beat

    async def ask(
        self, key: Hashable, fetch: Callable[[], Awaitable[T]], *, period_s: float = PERIOD_S
    ) -> T:
        """Give the answer to `key`, from another page's question when that is fresh enough.

        An answer is fresh for `period_s`, and after that as long as nothing has changed, for a
        little less than QUIET_S at most. A failure is shared like an answer, so that a dead
        database is asked once a period and not once a page.
        """
        entry = self._entries.get(key)
        if entry is None or not self._is_fresh(entry, period_s):
            task = asyncio.create_task(_timed(fetch), name=f"dashboard query {key}")
            task.add_done_callback(_see_exception)
            entry = _Entry(task, self._clock(), self.beat)
            self._keep(key, entry)
        elif period_s <= PERIOD_S and entry.beat != self.beat:
            self._is_owed = True
        return cast(T, await asyncio.shield(entry.task))

    async def stir(self) -> None:
        """Forget all answers, because something was just done that changes them."""
        for key in [key for key, entry in self._entries.items() if entry.task.done()]:
            del self._entries[key]
        await self._turn()

    def _is_fresh(self, entry: _Entry, period_s: float) -> bool:
        if not entry.task.done():
            return True
        age_s = self._clock() - entry.asked
        if age_s < period_s:
            return True
        failed = entry.task.cancelled() or entry.task.exception() is not None
        is_current = entry.beat == self.beat and age_s < QUIET_S - PERIOD_S
        return is_current and not failed

    def _keep(self, key: Hashable, entry: _Entry) -> None:
        self._entries[key] = entry
        self._entries.move_to_end(key)
        while len(self._entries) > ENTRIES:
            self._entries.popitem(last=False)

    async def _listen(self) -> None:
        while True:
            try:
                async with self._live.subscribe() as changes:
                    await self._turn()
                    async for _ in changes:
                        await self._turn()
                        await asyncio.sleep(PERIOD_S)
                        if self._is_owed:
                            self._is_owed = False
                            await self._turn()
            except Exception as error:  # the feed outlives every failure of what it listens to
                log.warning("live changes were lost", error=type(error).__name__)
            await asyncio.sleep(PERIOD_S)

    async def _turn(self) -> None:
        async with self._beaten:
            self.beat += 1
            self._beaten.notify_all()


async def _timed(fetch: Callable[[], Awaitable[T]]) -> T:
    async with asyncio.timeout(QUERY_TIMEOUT_S):
        return await fetch()


def _see_exception(task: asyncio.Task[Any]) -> None:
    # Every asker may have gone: the exception counts as seen, or asyncio would complain.
    if not task.cancelled():
        task.exception()
