"""The grid's side over HTTP: a server of prices, and a VTN of OpenADR 3 with its token door.

request ─► fault? ─► pages by path, or programs, events, reports ─► answer
"""

import asyncio
import hashlib
import itertools
from dataclasses import dataclass, field
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

import h11
import msgspec

from lode_sim.port import Port, stream_port

PATIENCE_S = 30.0
PAGE = 50
_NAMED = ("programID", "eventID", "clientName")
_NEEDED = {*_NAMED, "resources"}


@dataclass(frozen=True, slots=True)
class Asked:
    """One request as it came."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes

    @property
    def path(self) -> str:
        """The target without its query."""
        return urlsplit(self.target).path

    @property
    def query(self) -> dict[str, str]:
        """The query's last values by name."""
        return {name: values[-1] for name, values in parse_qs(urlsplit(self.target).query).items()}


@dataclass(slots=True)
class Told:
    """One answer."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


class _Door:
    """Listens on loopback and answers one request a connection."""

    def __init__(self, *, host: str = "127.0.0.1", port: int = 0) -> None:
        self.asked: list[Asked] = []
        self.fault: Told | None = None  # what is answered instead
        self.is_silent = False
        self._address = host, port
        self._port: Port | None = None

    async def __aenter__(self) -> Self:
        self._port = stream_port(*self._address, self._serve)
        self._port.open()
        return self

    async def __aexit__(self, *_error: object) -> None:
        assert self._port is not None
        self._port.close()

    @property
    def url(self) -> str:
        """Where it is."""
        assert self._port is not None
        return f"http://127.0.0.1:{self._port.port}"

    def answer(self, asked: Asked) -> Told:
        """Give the answer to a request."""
        raise NotImplementedError

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(PATIENCE_S):
                await self._one(reader, writer)
        except (OSError, TimeoutError, h11.RemoteProtocolError):
            pass  # a client that breaks off
        finally:
            writer.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        talk, head, body = h11.Connection(h11.SERVER), None, bytearray()
        while True:
            event = talk.next_event()
            if event is h11.NEED_DATA:
                talk.receive_data(await reader.read(65_536))
            elif isinstance(event, h11.Request):
                head = event
            elif isinstance(event, h11.Data):
                body += event.data
            else:
                break
        if head is None:
            return
        headers = {name.decode(): value.decode() for name, value in head.headers}
        asked = Asked(head.method.decode(), head.target.decode(), headers, bytes(body))
        self.asked.append(asked)
        if self.is_silent:
            await reader.read()  # until the client leaves
            return
        told = self.fault or self.answer(asked)
        size = {"content-length": str(len(told.body)), "connection": "close"}
        listed = [(k.encode(), v.encode()) for k, v in {**told.headers, **size}.items()]
        writer.write(talk.send(h11.Response(status_code=told.status, headers=listed)) or b"")
        writer.write(talk.send(h11.Data(data=told.body)) or b"")
        writer.write(talk.send(h11.EndOfMessage()) or b"")
        await writer.drain()


class PriceServer(_Door):
    """Serves pages of prices by path, with an ETag that follows their content."""

    def __init__(self, *, host: str = "127.0.0.1", port: int = 0) -> None:
        super().__init__(host=host, port=port)
        self.pages: dict[str, bytes] = {}

    def answer(self, asked: Asked) -> Told:
        """Give the page, or say that it is as the client has it."""
        page = self.pages.get(asked.path)
        if page is None:
            return Told(404)
        etag = f'"{hashlib.sha256(page).hexdigest()[:16]}"'
        if asked.headers.get("if-none-match") == etag:
            return Told(304, headers={"etag": etag})
        return Told(200, page, {"etag": etag})


class VtnServer(_Door):
    """A VTN: programs, events page by page, reports by their names; its tokens run out.

    `drops` answers are lost after what was asked for is done. The pages are of 50 at the most.
    """

    def __init__(self, *, client_id: str = "ven", client_secret: str = "") -> None:
        super().__init__()
        self.programs: list[dict[str, Any]] = []
        self.events: list[dict[str, Any]] = []
        self.reports: list[dict[str, Any]] = []
        self.tokens: set[str] = set()
        self.drops = 0
        self._client = (client_id, client_secret)
        self._number = itertools.count(1)

    def answer(self, asked: Asked) -> Told:
        """Answer as the specification's paths say."""
        if asked.path == "/auth/token":
            return self._token(asked)
        bearer = asked.headers.get("authorization", "").removeprefix("Bearer ")
        if self._client[1] and bearer not in self.tokens:
            return Told(401)
        if asked.method not in {"POST", "PUT"}:
            return self._page(asked)
        told = self._report(asked)
        if self.drops:
            self.drops -= 1
            return Told(503)
        return told

    def _page(self, asked: Asked) -> Told:
        lists = {"/programs": self.programs, "/events": self.events, "/reports": self.reports}
        skip, limit = int(asked.query.get("skip", 0)), int(asked.query.get("limit", PAGE))
        if asked.path not in lists or not 0 <= limit <= PAGE:
            return Told(400 if asked.path in lists else 404)
        which = {name: asked.query[name] for name in _NAMED if name in asked.query}
        found = [one for one in lists[asked.path] if which.items() <= one.items()]
        return Told(200, msgspec.json.encode(found[skip : skip + limit]))

    def _report(self, asked: Asked) -> Told:
        """Take a new report, or one instead of another; a name is taken once."""
        said = msgspec.json.decode(asked.body)
        if _NEEDED - set(said):
            return Told(400)
        if asked.method == "PUT":
            found = [one for one in self.reports if asked.path == f"/reports/{one['id']}"]
            if not found:
                return Told(404)
            found[0].update(said)
            return Told(200, msgspec.json.encode(found[0]))
        names = ("eventID", "clientName", "reportName")
        if any(all(one[name] == said[name] for name in names) for one in self.reports):
            return Told(409)
        self.reports.append(said | {"id": f"report-{next(self._number)}"})
        return Told(201, msgspec.json.encode(self.reports[-1]))

    def _token(self, asked: Asked) -> Told:
        form = {name: values[-1] for name, values in parse_qs(asked.body.decode()).items()}
        if (form.get("client_id"), form.get("client_secret")) != self._client:
            return Told(401, b'{"error": "invalid_client"}')
        token = f"token-{next(self._number)}"
        self.tokens.add(token)
        said = {"access_token": token, "token_type": "Bearer", "expires_in": 3600}
        return Told(200, msgspec.json.encode(said))
