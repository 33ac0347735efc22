"""Ask a rig one question: one connection per command, as cgminer's API has it."""

import asyncio

import msgspec

from lode_edge.errors import BadAnswer, Refused, TimedOut

PORT = 4028
MAX_REPLY_BYTES = 1 << 20


async def ask(host: str, port: int, command: str, *, parameter: str = "", deadline: float) -> bytes:
    """Send a command and return the whole reply, by `deadline` on the loop's clock.

    Raises:
        TimedOut: the reply was not complete by then.
        Refused: there was no connection, or it ended without an answer.
        BadAnswer: the reply was longer than MAX_REPLY_BYTES.
    """
    question = {"command": command} | ({"parameter": parameter} if parameter else {})
    place = f"{host}:{port} {command}"
    return await exchange(host, port, msgspec.json.encode(question), place, deadline=deadline)


async def exchange(host: str, port: int, request: bytes, place: str, *, deadline: float) -> bytes:
    """Send a request as it is and return the whole reply; errors name the `place`.

    Raises:
        TimedOut: the reply was not complete by then.
        Refused: there was no connection, or it ended without an answer.
        BadAnswer: the reply was longer than MAX_REPLY_BYTES.
    """
    loop = asyncio.get_running_loop()
    talk = _Exchange(request, loop.create_future())
    try:
        async with asyncio.timeout_at(deadline):
            await loop.create_connection(lambda: talk, host, port)
            await talk.ended
    except TimeoutError as error:
        raise TimedOut(f"{place}: no complete answer in time, {talk.size} bytes") from error
    except OSError as error:
        raise Refused(f"{place}: no connection: {error.strerror or error}") from error
    finally:
        talk.close()
    return _checked(talk, place)


def _checked(talk: "_Exchange", place: str) -> bytes:
    if talk.size > MAX_REPLY_BYTES:
        raise BadAnswer(f"{place}: more than {MAX_REPLY_BYTES} bytes")
    if talk.size == 0:
        raise Refused(f"{place}: closed without an answer: {talk.error or 'no reason given'}")
    return bytes(talk.reply)


class _Exchange(asyncio.Protocol):
    """One question and its answer, which ends with a NUL, a closed connection, or its last brace.

    The last brace counts because some rigs send no NUL and keep the connection open for seconds.
    """

    def __init__(self, request: bytes, ended: "asyncio.Future[None]") -> None:
        self.reply = bytearray()
        self.ended = ended
        self.error: Exception | None = None
        self._request = request
        self._transport: asyncio.Transport | None = None

    @property
    def size(self) -> int:
        return len(self.reply)

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 -- TCP gives nothing else
        self._transport = transport
        transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        self.reply += data
        if self.size > MAX_REPLY_BYTES or data.endswith(b"\x00") or self._is_closed():
            self._end()

    def connection_lost(self, exc: Exception | None) -> None:
        self.error = exc
        self._end()

    def _is_closed(self) -> bool:
        """Tell whether as many braces have closed as have opened."""
        if not self.reply.endswith((b"}", b"}\n", b"}\r\n")):
            return False
        return self.reply.count(b"{") == self.reply.count(b"}")

    def _end(self) -> None:
        if not self.ended.done():
            self.ended.set_result(None)
