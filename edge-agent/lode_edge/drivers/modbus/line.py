"""The wire: at most one question at a time on it."""

import asyncio
from collections.abc import Callable

from lode_edge.drivers.modbus.frames import Framing, Question
from lode_edge.errors import BadAnswer, DriverError, NotNow, Refused

_CLUTTER_S = 0.05  # without a byte, after which a bad answer is over


class Line(asyncio.Protocol):
    """A connection to one or more units.

    A network connection ends with a bad answer or with a question given up: what would come next
    on it could not be trusted. A serial line stays, and what comes unasked on it is passed over;
    `write` sends on it.
    """

    def __init__(self, framing: Framing, write: Callable[[bytes], object] | None = None) -> None:
        self.is_lost = False
        self.heard_s = 0.0  # when the last byte came
        self.clutter_s = 0.0  # how long it must be silent, beside the usual
        self._framing = framing
        self._write = write
        self._is_serial = write is not None
        self._transport: asyncio.BaseTransport | None = None
        self._question: Question | None = None
        self._answer: asyncio.Future[bytes | DriverError] | None = None
        self._buffer = b""

    def ask(self, question: Question) -> "asyncio.Future[bytes | DriverError]":
        """Send a question; the future is its answer.

        Raises:
            OSError: the connection is lost.
        """
        if self._write is None or self.is_lost:
            raise ConnectionResetError("closed by the other side")
        self._question, self._buffer, self.clutter_s = question, b"", 0.0
        self._answer = asyncio.get_running_loop().create_future()
        self._write(self._framing.frame(question))
        return self._answer

    def give_up(self) -> None:
        """Wait no more for the answer."""
        self._question = self._answer = None
        self._end()

    def close(self) -> None:
        """End the connection."""
        self.is_lost = True
        if isinstance(self._transport, asyncio.WriteTransport):
            self._transport.abort()
        elif self._transport is not None:
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:  # noqa: D102
        self._transport = transport
        if isinstance(transport, asyncio.WriteTransport):
            self._write = transport.write

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: D102
        self.is_lost = True
        self._settle(Refused(f"the connection broke: {exc or 'closed by the other side'}"))

    def data_received(self, data: bytes) -> None:  # noqa: D102
        self.heard_s = asyncio.get_running_loop().time()
        if self._question is None:
            self._end()  # nobody asked: it could be taken for an answer
            return
        self._buffer += data
        answer = self._framing.read(self._question, self._buffer)
        if isinstance(answer, BadAnswer) and not isinstance(answer, NotNow):
            self._end()
        if answer is not None:
            self._settle(answer)

    def _end(self) -> None:
        if self._is_serial:
            self.clutter_s = _CLUTTER_S
        else:
            self.close()

    def _settle(self, answer: bytes | DriverError) -> None:
        waiting, self._question, self._answer = self._answer, None, None
        if waiting is not None and not waiting.done():
            waiting.set_result(answer)
