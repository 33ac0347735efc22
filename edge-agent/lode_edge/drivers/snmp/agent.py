"""Asking one SNMP agent over UDP: one question at a time, and only its own answer counts.

A question is sent again when no answer comes; a set never is. What is no answer to this question,
late, doubled, forged or broken, is passed over.
"""

import asyncio
import random
from collections.abc import Sequence

from lode_edge.drivers.driver import Login
from lode_edge.drivers.snmp import ber, message
from lode_edge.drivers.snmp.ber import Malformed, Oid, Value
from lode_edge.drivers.snmp.message import Binding, Pdu
from lode_edge.drivers.snmp.security import Community, Security, User
from lode_edge.errors import BadAnswer, DriverError, Refused, TimedOut, Unsupported

PORT = 161
AT_ONCE = 20  # objects in one question: an agent need not take more than 484 bytes
_REPETITIONS = 20
_WALK_MAX = 4000
_TRIES = 3
_REPORTS_MAX = 6  # about who speaks, before an answer comes
_QUEUE = 64  # datagrams that wait to be looked at
_CANNOT = frozenset({"noAccess", "notWritable", "noCreation", "noSuchName", "readOnly"})


class Agent:
    """An SNMP agent; the socket is made when it is needed."""

    def __init__(self, host: str, port: int, login: Login | None) -> None:
        self.place = f"{host}:{port}"
        self._address = (host, port)
        self._security: Security = (
            User(login.username, login.password)
            if login is not None and login.username
            else Community(login.password if login is not None else "public")
        )
        self._line: _Line | None = None
        self._number = random.SystemRandom().randrange(1, 1 << 30)

    async def get(self, oids: Sequence[Oid], deadline: float) -> dict[Oid, Value | None]:
        """Read objects by `deadline` on the loop's clock; None for one that the agent failed on.

        Raises:
            DriverError: no answer, or none that makes sense.
        """
        found: dict[Oid, Value | None] = {}
        queue = [list(oids[n : n + AT_ONCE]) for n in range(0, len(oids), AT_ONCE)]
        while queue:
            asked = queue.pop(0)
            answer = await self._exchange(self._question(message.GET, asked), deadline)
            if answer.status == message.TOO_BIG and len(asked) > 1:
                middle = len(asked) // 2
                queue[:0] = [asked[:middle], asked[middle:]]
            elif answer.status == message.GEN_ERR and 1 <= answer.index <= len(asked):
                found[asked.pop(answer.index - 1)] = None
                queue[:0] = [asked] if asked else []
            else:
                self._require(answer)
                found.update(answer.bindings)
        return found

    async def walk(self, column: Oid, deadline: float) -> dict[Oid, Value]:
        """Read all objects of a column.

        Raises:
            DriverError: no answer, none that makes sense, or no end to it.
        """
        found: dict[Oid, Value] = {}
        last, repetitions = column, _REPETITIONS
        while len(found) <= _WALK_MAX:
            question = self._question(message.GET_BULK, [last], repetitions)
            answer = await self._exchange(question, deadline)
            if answer.status == message.TOO_BIG and repetitions > 1:
                repetitions //= 2
                continue
            self._require(answer)
            for oid, value in answer.bindings:
                if oid[: len(column)] != column or value.tag in ber.ABSENT:
                    return found
                if oid <= last:
                    raise BadAnswer(f"{self.place}: goes in circles at {_text(oid)}")
                found[oid] = value
                last = oid
            if not answer.bindings:
                return found
        raise BadAnswer(f"{self.place}: has no end to {_text(column)}")

    async def set(self, oid: Oid, number: int, deadline: float) -> None:
        """Write an integer; it is sent once.

        Raises:
            Unsupported: the agent does not let us write it.
            Unreachable: no answer; it may or may not have been written.
            BadAnswer: the agent refused it.
        """
        binding = (oid, Value(ber.INTEGER, number))
        answer = await self._exchange(self._pdu(message.SET, (binding,)), deadline, tries=1)
        if answer.error in _CANNOT or any(v.tag in ber.ABSENT for _, v in answer.bindings):
            raise Unsupported(
                f"{self.place}: {_text(oid)} cannot be written ({answer.error}); give the device "
                "a login that may write, if it can be switched at all"
            )
        self._require(answer)

    def close(self) -> None:
        """Let go of the socket; the next question makes another."""
        if self._line is not None:
            self._line.transport.close()
            self._line = None

    def _question(self, kind: int, oids: Sequence[Oid], repetitions: int = 0) -> Pdu:
        bindings = tuple((oid, Value(ber.NULL)) for oid in oids)
        return self._pdu(kind, bindings, repetitions)

    def _pdu(self, kind: int, bindings: tuple[Binding, ...], repetitions: int = 0) -> Pdu:
        self._number = self._number % 0x7FFFFFFE + 1
        return Pdu(kind=kind, request=self._number, index=repetitions, bindings=bindings)

    def _require(self, answer: Pdu) -> None:
        if answer.status:
            at = (
                answer.bindings[answer.index - 1][0]
                if 0 < answer.index <= len(answer.bindings)
                else ()
            )
            raise BadAnswer(f"{self.place}: {answer.error} {_text(at)}".rstrip())

    async def _exchange(self, pdu: Pdu, deadline: float, *, tries: int = _TRIES) -> Pdu:
        """Ask until it answers, and make known to it who we are."""
        line: _Line | None = None
        try:
            async with asyncio.timeout_at(deadline):
                line = await self._connected()
                for _ in range(_REPORTS_MAX):
                    answer = await self._told(line, pdu, deadline, tries)
                    if answer.kind != message.REPORT:
                        return answer
                    self._security.heed(self.place, answer)
        except TimeoutError as error:
            raise self._silence(line) from error
        except OSError as error:
            self.close()
            raise Refused(f"{self.place}: no connection: {error.strerror or error}") from error
        raise BadAnswer(f"{self.place}: reports without end about who we are")

    def _silence(self, line: "_Line | None") -> DriverError:
        if line is not None and line.passed_over:
            return BadAnswer(f"{self.place}: no answer to what was asked: {line.passed_over}")
        return TimedOut(f"{self.place}: no answer in time; is its community or login right?")

    async def _told(self, line: "_Line", pdu: Pdu, deadline: float, tries: int) -> Pdu:
        """Send a question, again when no answer comes, and give the answer to it."""
        loop = asyncio.get_running_loop()
        line.passed_over = ""
        wait_s = max(0.0, deadline - loop.time()) / tries
        for left in reversed(range(tries)):
            line.send(self._security.seal(pdu))
            until = deadline if left == 0 else loop.time() + wait_s
            try:
                async with asyncio.timeout_at(until):
                    return await self._answer(line, pdu)
            except TimeoutError:
                if left == 0:
                    raise
        raise TimeoutError

    async def _answer(self, line: "_Line", pdu: Pdu) -> Pdu:
        while True:
            data = await line.receive()
            try:
                answer = self._security.open(data, pdu)
                _check(answer, pdu)
            except Malformed as error:
                line.passed_over = str(error)
                continue
            return answer

    async def _connected(self) -> "_Line":
        if self._line is None or self._line.transport.is_closing():
            loop = asyncio.get_running_loop()
            # A connected socket: the kernel passes on only what comes from the agent.
            _, self._line = await loop.create_datagram_endpoint(_Line, remote_addr=self._address)
        self._line.forget()
        return self._line


def _check(answer: Pdu, asked: Pdu) -> None:
    """Make sure that it is an answer to what was asked.

    Raises:
        Malformed: it is not.
    """
    if answer.kind == message.REPORT:
        return
    if answer.kind != message.RESPONSE or answer.request != asked.request:
        raise Malformed("an answer to another question")
    if answer.status:
        return
    if asked.kind == message.GET_BULK:
        if len(answer.bindings) > asked.index:
            raise Malformed("more than was asked for")
    elif [oid for oid, _ in answer.bindings] != [oid for oid, _ in asked.bindings]:
        raise Malformed("other objects than were asked for")


def _text(oid: Oid) -> str:
    return ".".join(map(str, oid))


class _Line(asyncio.DatagramProtocol):
    """A socket to one agent."""

    transport: asyncio.DatagramTransport

    def __init__(self) -> None:
        self.passed_over = ""  # why the last datagram did not count
        self._heard: asyncio.Queue[bytes | Exception] = asyncio.Queue(_QUEUE)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]

    def datagram_received(self, data: bytes, addr: object) -> None:  # noqa: ARG002 -- asyncio's
        if not self._heard.full():
            self._heard.put_nowait(data)

    def error_received(self, exc: Exception) -> None:
        if not self._heard.full():
            self._heard.put_nowait(exc)

    def send(self, data: bytes) -> None:
        """Send a datagram."""
        self.transport.sendto(data)

    async def receive(self) -> bytes:
        """Wait for a datagram."""
        heard = await self._heard.get()
        if isinstance(heard, Exception):
            raise heard
        return heard

    def forget(self) -> None:
        """Throw away what came for questions before."""
        while not self._heard.empty():
            self._heard.get_nowait()
