"""One Modbus connection, shared by the units behind it and asked one thing at a time.

    poll ─► a turn for each request ─┐
                                     ├─► question ─► line ─► answer, exactly the one asked for
    write ─► one turn for the whole ─┘

Silence and bad answers end a network connection, so that a late answer never meets the next
question. A serial line cannot be ended: there a unit that was silent is not asked for anything
whose answer looks the same, until its late answer would have come.
"""

import asyncio
import weakref
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from lode_edge.drivers.modbus.frames import Ask, Question, Rtu, Write
from lode_edge.drivers.modbus.line import Line
from lode_edge.drivers.modbus.place import Place, place_of
from lode_edge.errors import DriverError, Refused, TimedOut
from lode_edge.turns import Turns

_LATE_S = 1.0  # after a question was given up, its answer may still come; at least
_BUSES: "weakref.WeakValueDictionary[tuple[Place, int], Bus]" = weakref.WeakValueDictionary()

Exchange = Callable[[Ask | Write], Awaitable[bytes]]


class Bus:
    """A connection to one place, made when it is needed."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self._turns = Turns()
        self._framing = place.framing()
        self._line: Line | None = None
        self._answered_s = 0.0
        self._late: dict[tuple[int, bytes], float] = {}

    @classmethod
    def shared(cls, address: str) -> "Bus":
        """Give the one bus of this address in the running loop.

        Raises:
            EdgeError: the address is none.
        """
        key = (place_of(address), id(asyncio.get_running_loop()))
        bus = _BUSES.get(key)
        if bus is None:
            bus = _BUSES[key] = cls(key[0])
        return bus

    async def read(self, asked: Ask, *, deadline: float) -> bytes:
        """Read registers: 2 * count bytes, or coils: 8 to a byte; by `deadline` (loop's clock).

        Raises:
            TimedOut: no answer came by then, or the gateway's unit gave none.
            Refused: there was no connection, or it broke.
            Unsupported: the device has no such function or register.
            BadAnswer: the answer was not the one asked for, or the device failed.
        """
        try:
            async with asyncio.timeout_at(deadline), self._turns.to_read():
                return await self._exchange(asked)
        except TimeoutError as error:
            raise TimedOut(f"{self._named(asked)}: no answer in time") from error

    @asynccontextmanager
    async def writing(self, *, deadline: float) -> AsyncIterator[Exchange]:
        """Keep one turn for a whole write: what is asked in it has nothing in between.

        Raises:
            TimedOut: it did not end by `deadline`; a write in it may or may not have been done.
        """
        try:
            async with asyncio.timeout_at(deadline), self._turns.to_write():
                yield self._exchange
        except TimeoutError as error:
            raise TimedOut(f"{self.place}: the write did not end in time") from error

    def close(self) -> None:
        """End the connection; the next request makes a new one."""
        if self._line is not None:
            self._line.close()
            self._line = None

    async def _exchange(self, asked: Ask | Write) -> bytes:
        try:
            answer = await self._answer(asked)
        except TimeoutError:
            raise  # the system's own, of a connection that is not made: said as ours
        except OSError as error:
            reason = error.strerror or error
            raise Refused(f"{self._named(asked)}: no connection: {reason}") from error
        if isinstance(answer, DriverError):
            raise type(answer)(f"{self._named(asked)}: {answer}")
        return answer

    async def _answer(self, asked: Ask | Write) -> bytes | DriverError:
        loop = asyncio.get_running_loop()
        question = asked.question
        line = self._line
        if line is None or line.is_lost:
            line = self._line = await self.place.open(self._framing)
        begin_s = loop.time()
        while (free_s := self._free_s(line, asked)) > begin_s:
            await asyncio.sleep(free_s - begin_s)  # bytes that come meanwhile make it longer
            begin_s = loop.time()
        try:
            return await line.ask(question)
        except asyncio.CancelledError:
            line.give_up()
            self._expect_late(question, loop.time(), begin_s)
            raise
        finally:
            self._answered_s = loop.time()

    def _free_s(self, line: Line, asked: Ask | Write) -> float:
        """Say from when on this may be asked."""
        free_s = self._answered_s + asked.gap_s if asked.gap_s else 0.0
        silent_s = self.place.silent_s
        if silent_s or line.clutter_s:
            free_s = max(free_s, line.heard_s + max(silent_s, line.clutter_s))
        if self._late:
            free_s = max(free_s, self._late.get(asked.question.shape, 0.0))
        return free_s

    def _expect_late(self, question: Question, now_s: float, begin_s: float) -> None:
        """Remember a question that was given up, where its answer could be mistaken."""
        framing = self._framing
        if not isinstance(framing, Rtu):
            return
        self._late = {shape: until_s for shape, until_s in self._late.items() if until_s > now_s}
        framing.late = [late for late in framing.late if late.shape in self._late]
        if question.shape not in self._late:
            framing.late.append(question)
        self._late[question.shape] = now_s + max(_LATE_S, now_s - begin_s)

    def _named(self, asked: Ask | Write) -> str:
        return f"{self.place} unit {asked.unit} register 0x{asked.register:04X}"
