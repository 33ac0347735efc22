"""Whose turn it is on a bus or a device: one at a time, and writes before reads.

A poll takes a turn for each of its requests, so a write waits for at most the request that is
under way. A write keeps its turn over all its requests (read, change, write, read back), so that
nothing comes between them.
"""

import asyncio


class Turns:
    """The turns of one bus or device."""

    __slots__ = ("_is_taken", "_readers", "_writers")

    def __init__(self) -> None:
        self._is_taken = False
        # Lists: a mine has ten thousand of these, mostly empty, and a deque takes 600 bytes.
        self._writers: list[asyncio.Future[None]] = []
        self._readers: list[asyncio.Future[None]] = []

    def to_read(self) -> "Turn":
        """Take a turn for one request of a poll, after all writes that wait."""
        return Turn(self, self._readers)

    def to_write(self) -> "Turn":
        """Take a turn for a whole write, before all reads that wait."""
        return Turn(self, self._writers)

    async def take(self, line: "list[asyncio.Future[None]]") -> None:
        """Wait in a line until it is our turn."""
        if not self._is_taken:
            self._is_taken = True
            return
        turn = asyncio.get_running_loop().create_future()
        line.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.give()  # it was given to us in the same moment
            raise

    def give(self) -> None:
        """Give the turn to who waits for it."""
        for line in (self._writers, self._readers):
            while line:
                turn = line.pop(0)
                if not turn.done():
                    turn.set_result(None)
                    return
        self._is_taken = False


class Turn:
    """A turn, held within `async with`; a class, for every request of every poll takes one."""

    __slots__ = ("_line", "_turns")

    def __init__(self, turns: Turns, line: "list[asyncio.Future[None]]") -> None:
        self._turns, self._line = turns, line

    async def __aenter__(self) -> None:
        await self._turns.take(self._line)

    async def __aexit__(self, *_: object) -> None:
        self._turns.give()
