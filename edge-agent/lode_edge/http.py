"""HTTP/1.1 as devices speak it: one request per connection, bounded in size and time.

A redirect is given back as it is, never followed, and nothing is asked twice but for a login.
"""

import asyncio
import contextlib
import hashlib
import re
import secrets
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

import h11

from lode_edge.errors import BadAnswer, Denied, Refused, TimedOut, Unsupported

if TYPE_CHECKING:  # the drivers import this
    from lode_edge.drivers.driver import Login

MAX_BODY_BYTES = 1 << 20
_READ_BYTES = 64 << 10
_OK = range(200, 300)
_NO_LOGIN = (401, 403)
_NOT_THERE = (404, 405, 501)
_HASHES = {"MD5": hashlib.md5, "SHA-256": hashlib.sha256}
_PARAMETER = re.compile(r'(\w+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,]+))')


class Body(Protocol):
    """What is too long to be held whole; it can be sent again from its beginning."""

    @property
    def size(self) -> int:
        """Give its length in bytes."""

    def blocks(self) -> AsyncGenerator[bytes, None]:
        """Give it block by block.

        Raises:
            DriverError: it cannot be had whole; the request is broken off.
        """


@dataclass(frozen=True, slots=True)
class Response:
    """What a device answered; header names are in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes

    def good(self, place: str) -> bytes:
        """Give the body of a success.

        Raises:
            Denied: the login was refused.
            Unsupported: there is no such thing.
            BadAnswer: the device says that it failed.
        """
        if self.status in _OK:
            return self.body
        if self.status in _NO_LOGIN:
            raise Denied(f"{place}: HTTP {self.status}: login refused; check its secrets")
        if self.status in _NOT_THERE:
            raise Unsupported(f"{place}: HTTP {self.status}: not offered")
        raise BadAnswer(f"{place}: HTTP {self.status}")


@dataclass(slots=True)
class _Challenge:
    """A digest challenge, and how often it has been answered."""

    realm: str
    nonce: str
    algorithm: str
    opaque: str | None
    has_qop: bool
    count: int = 0


@dataclass(slots=True)
class Web:
    """One web port of one device; it remembers how to answer the device's digest challenge."""

    host: str
    port: int
    login: "Login | None" = None
    _challenge: _Challenge | None = field(default=None, repr=False)

    async def request(
        self,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | Body = b"",
        deadline: float,
    ) -> Response:
        """Ask once, by `deadline` on the loop's clock; log in by digest where the device wants it.

        Raises:
            TimedOut: the answer was not whole by then.
            Refused: there was no connection, or it broke before the whole answer had come.
            BadAnswer: what came is no HTTP, or longer than MAX_BODY_BYTES.
        """
        place = f"{self.host}:{self.port} {method} {path}"
        try:
            async with asyncio.timeout_at(deadline):
                return await self._logged_in(place, method, path, dict(headers or {}), body)
        except TimeoutError as error:
            raise TimedOut(f"{place}: no complete answer in time") from error

    async def _logged_in(
        self, place: str, method: str, path: str, headers: dict[str, str], body: bytes | Body
    ) -> Response:
        """Answer a challenge once; a nonce of before may have become stale meanwhile."""
        tried = self._authorization(method, path)
        response = await self._once(place, method, path, headers | tried, body)
        if response.status != 401 or self.login is None:  # noqa: PLR2004 -- HTTP's own number
            return response
        self._challenge = _challenge(response.headers.get("www-authenticate", ""))
        if self._challenge is None:
            return response
        tried = self._authorization(method, path)
        return await self._once(place, method, path, headers | tried, body)

    async def _once(
        self, place: str, method: str, path: str, headers: dict[str, str], body: bytes | Body
    ) -> Response:
        size = len(body) if isinstance(body, bytes) else body.size
        request = h11.Request(
            method=method,
            target=path,
            headers=[
                ("Host", self.host if ":" not in self.host else f"[{self.host}]"),
                ("Connection", "close"),
                *([("Content-Length", str(size))] if size or method != "GET" else []),
                *headers.items(),
            ],
        )
        talk = h11.Connection(h11.CLIENT)
        sent = talk.send(request) or b""
        if isinstance(body, bytes):
            sent += (talk.send(h11.Data(data=body)) or b"") + (talk.send(h11.EndOfMessage()) or b"")
        try:
            reader, writer = await asyncio.open_connection(self.host, self.port)
        except OSError as error:
            raise Refused(f"{place}: no connection: {error.strerror or error}") from error
        try:
            writer.write(sent)
            if isinstance(body, bytes):
                return await _answer(reader, talk, place)
            return await _answer_to_long(reader, writer, talk, body, place)
        except h11.RemoteProtocolError as error:
            raise BadAnswer(f"{place}: no HTTP: {error}") from error
        except OSError as error:
            raise Refused(f"{place}: the connection broke: {error.strerror or error}") from error
        finally:
            writer.transport.abort()

    def _authorization(self, method: str, path: str) -> dict[str, str]:
        if self._challenge is None or self.login is None:
            return {}
        return {"Authorization": _digest(self._challenge, self.login, method, path)}


async def _answer_to_long(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    talk: h11.Connection,
    body: Body,
    place: str,
) -> Response:
    """Listen while sending: who refuses a long body may say so before its end."""
    sending = asyncio.create_task(_send(writer, talk, body))
    hearing = asyncio.create_task(_answer(reader, talk, place))
    try:
        await asyncio.wait((sending, hearing), return_when=asyncio.FIRST_COMPLETED)
        if sending.done():
            sending.result()
        return await hearing
    finally:
        sending.cancel()
        hearing.cancel()
        await asyncio.gather(sending, hearing, return_exceptions=True)


async def _send(writer: asyncio.StreamWriter, talk: h11.Connection, body: Body) -> None:
    with contextlib.suppress(OSError):  # the other end has closed; what it said is being read
        async with contextlib.aclosing(body.blocks()) as blocks:
            async for block in blocks:
                writer.write(talk.send(h11.Data(data=block)) or b"")
                await writer.drain()
        writer.write(talk.send(h11.EndOfMessage()) or b"")


async def _answer(reader: asyncio.StreamReader, talk: h11.Connection, place: str) -> Response:
    head, body = None, bytearray()
    while not isinstance(event := await _event(reader, talk, place, head), h11.EndOfMessage):
        if isinstance(event, h11.Response):
            head = event
        elif isinstance(event, h11.Data):
            body += event.data
        if len(body) > MAX_BODY_BYTES:
            raise BadAnswer(f"{place}: more than {MAX_BODY_BYTES} bytes")
    if head is None:
        raise BadAnswer(f"{place}: no HTTP answer")
    headers = {k.decode("latin-1"): v.decode("latin-1") for k, v in head.headers}
    return Response(head.status_code, headers, bytes(body))


async def _event(
    reader: asyncio.StreamReader, talk: h11.Connection, place: str, head: h11.Response | None
) -> h11.Event:
    """Read until something has come whole."""
    while (event := talk.next_event()) is h11.NEED_DATA:
        data = await reader.read(_READ_BYTES)
        if not data and not (head and _ends_with_connection(head)):
            if head is None and not b"HTTP/".startswith(talk.trailing_data[0][:5]):
                raise BadAnswer(f"{place}: no HTTP answer")
            raise Refused(f"{place}: the connection ended before the answer did")
        talk.receive_data(data)
    if not isinstance(event, h11.Event):
        raise BadAnswer(f"{place}: no HTTP answer")
    return event


def _ends_with_connection(head: h11.Response) -> bool:
    """Tell whether only the end of the connection ends the body."""
    names = {name for name, _ in head.headers}
    return not names & {b"content-length", b"transfer-encoding"}


def _challenge(header: str) -> _Challenge | None:
    """Read `WWW-Authenticate`; None when it is no digest that we can answer."""
    scheme, _, rest = header.strip().partition(" ")
    said = {name.lower(): quoted or bare for name, quoted, bare in _PARAMETER.findall(rest)}
    algorithm = said.get("algorithm", "MD5").upper()
    qop = said.get("qop")
    can_answer = qop is None or "auth" in re.split(r"[\s,]+", qop)
    if scheme.lower() != "digest" or algorithm not in _HASHES or not can_answer:
        return None
    return _Challenge(
        realm=said.get("realm", ""),
        nonce=said.get("nonce", ""),
        algorithm=algorithm,
        opaque=said.get("opaque"),
        has_qop=qop is not None,
    )


def _digest(challenge: _Challenge, login: "Login", method: str, path: str) -> str:
    """Answer a challenge (RFC 7616, quality of protection `auth` or none)."""

    def hashed(*parts: str) -> str:
        return _HASHES[challenge.algorithm](":".join(parts).encode()).hexdigest()

    challenge.count += 1
    known = hashed(login.username, challenge.realm, login.password)
    asked = hashed(method, path)
    said = {"username": login.username, "realm": challenge.realm, "nonce": challenge.nonce}
    said |= {"uri": path}
    plain = {"algorithm": challenge.algorithm}
    if challenge.has_qop:
        count, own = f"{challenge.count:08x}", secrets.token_hex(8)
        plain |= {"qop": "auth", "nc": count}
        said |= {"cnonce": own}
        said["response"] = hashed(known, challenge.nonce, count, own, "auth", asked)
    else:
        said["response"] = hashed(known, challenge.nonce, asked)
    if challenge.opaque is not None:
        said["opaque"] = challenge.opaque
    pairs = [f'{name}="{value}"' for name, value in said.items()]
    return "Digest " + ", ".join(pairs + [f"{name}={value}" for name, value in plain.items()])
