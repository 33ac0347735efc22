"""Whose turn it is on a bus or a device: one at a time, and writes before reads.

A poll takes a turn for each of its requests, so a write waits for at most the request that is
under way. A write keeps its turn over all its requests (read, change, write, read back), so that
nothing comes between them.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Turns:
    """The turns of one bus or device."""

    __slots__ = ("_is_taken", "_readers", "_writers")

    def __init__(self) -> None:
        self._is_taken = False
        # Lists: a mine has ten thousand of these, mostly empty, and a deque takes 600 bytes.
        self._writers: list[asyncio.Future[None]] = []
        self._readers: list[asyncio.Future[None]] = []

    @asynccontextmanager
    async def to_read(self) -> AsyncIterator[None]:
        """Take a turn for one request of a poll, after all writes that wait."""
        await self._take(self._readers)
        try:
            yield
        finally:
            self._give()

    @asynccontextmanager
    async def to_write(self) -> AsyncIterator[None]:
        """Take a turn for a whole write, before all reads that wait."""
        await self._take(self._writers)
        try:
            yield
        finally:
            self._give()

    async def _take(self, line: "list[asyncio.Future[None]]") -> None:
        if not self._is_taken:
            self._is_taken = True
            return
        turn = asyncio.get_running_loop().create_future()
        line.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._give()  # it was given to us in the same moment
            raise

    def _give(self) -> None:
        for line in (self._writers, self._readers):
            while line:
                turn = line.pop(0)
                if not turn.done():
                    turn.set_result(None)
                    return
        self._is_taken = False
