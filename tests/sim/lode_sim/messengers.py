"""Who takes short messages, as far as a sender can tell: Twilio, Telegram, a gateway.

request ─► an answer laid out before, if any ─► login right? ─► receiver right? ─► kept, and said so
"""

import asyncio
import base64
import json
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Self
from urllib.parse import parse_qs

from lode_sim.requests import RequestPort

BODY_LIMIT_BYTES = 1_000_000
MAX_KEPT = 10_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    """What came in."""

    method: str
    path: str  # with its query
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True, kw_only=True, slots=True)
class Reply:
    """What goes out; a status of 0 is silence."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass(frozen=True, kw_only=True, slots=True)
class Text:
    """A message that was taken."""

    to: str
    words: str
    key: str


SILENCE = Reply(status=0)


class Messenger:
    """An HTTP server that keeps messages; `async with Messenger(answer) as messenger: ...`.

    `answers` are given in turn, whatever is asked; then `answer` is asked.
    """

    def __init__(
        self, answer: Callable[[Request], Reply], *, host: str = "127.0.0.1", port: int = 0
    ) -> None:
        self.answers: deque[Reply] = deque()
        self.requests: deque[Request] = deque(maxlen=MAX_KEPT)
        self.host = host
        self.port = port
        self._answer = answer
        self._port: RequestPort | None = None

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://{self.host}:{self.port}"

    async def __aenter__(self) -> Self:
        self._port = RequestPort(self.host, self.port, self._one)
        self.port = self._port.port
        return self

    async def __aexit__(self, *_error: object) -> None:
        if self._port:
            self._port.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        method, path, _ = head[0].split(" ", 2)
        fields = dict(line.split(": ", 1) for line in head[1:] if ": " in line)
        headers = {name.lower(): value for name, value in fields.items()}
        length = int(headers.get("content-length", "0"))
        if not 0 <= length <= BODY_LIMIT_BYTES:
            return False
        body = await reader.readexactly(length)
        request = Request(method=method, path=path, headers=headers, body=body)
        self.requests.append(request)
        reply = self.answers.popleft() if self.answers else self._answer(request)
        if reply.status == 0:
            await reader.read()
            return False
        lines = [f"HTTP/1.1 {reply.status} -", f"Content-Length: {len(reply.body)}"]
        lines += [f"{name}: {value}" for name, value in reply.headers.items()]
        writer.write("\r\n".join([*lines, "", ""]).encode() + reply.body)
        await writer.drain()
        return True


class Twilio(Messenger):
    """Speaks the part of Twilio's API that sends text messages."""

    def __init__(self, account: str, token: str, *, port: int = 0) -> None:
        super().__init__(self._take, port=port)
        self.texts: list[Text] = []
        self._path = f"/2010-04-01/Accounts/{account}/Messages.json"
        self._login = base64.b64encode(f"{account}:{token}".encode()).decode()

    def _take(self, request: Request) -> Reply:
        if request.headers.get("authorization") != f"Basic {self._login}":
            return _json(401, {"code": 20003, "message": "Authenticate", "status": 401})
        if request.method != "POST" or request.path != self._path:
            return _json(404, {"code": 20404, "message": "not found", "status": 404})
        form = {name: values[0] for name, values in parse_qs(request.body.decode()).items()}
        if not form.get("To", "").startswith("+"):
            return _json(400, {"code": 21211, "message": "Invalid 'To' Phone Number"})
        key = request.headers.get("idempotency-key", "")
        self.texts.append(Text(to=form["To"], words=form.get("Body", ""), key=key))
        return _json(201, {"sid": f"SM{len(self.texts):032x}", "status": "queued"})


class Telegram(Messenger):
    """Speaks the part of Telegram's Bot API that sends messages."""

    def __init__(self, token: str, *, port: int = 0) -> None:
        super().__init__(self._take, port=port)
        self.texts: list[Text] = []
        self.blocked: set[str] = set()
        self._path = f"/bot{token}/sendMessage"

    def _take(self, request: Request) -> Reply:
        if request.path != self._path:
            return _refused(401, "Unauthorized")
        asked = json.loads(request.body)
        chat, words = str(asked.get("chat_id", "")), asked.get("text", "")
        if chat in self.blocked:
            return _refused(403, "Forbidden: bot was blocked by the user")
        if not chat.lstrip("-").isdecimal():
            return _refused(400, "Bad Request: chat not found")
        if not 1 <= len(words.encode("utf-16-le")) // 2 <= 4096:
            return _refused(400, "Bad Request: message is too long")
        key = request.headers.get("idempotency-key", "")
        self.texts.append(Text(to=chat, words=words, key=key))
        return _json(200, {"ok": True, "result": {"message_id": len(self.texts)}})

    @staticmethod
    def flooded(after_s: int) -> Reply:
        """Give what Telegram answers to who sends too much."""
        return _json(
            429,
            {
                "ok": False,
                "error_code": 429,
                "description": f"Too Many Requests: retry after {after_s}",
                "parameters": {"retry_after": after_s},
            },
        )


def gateway(*, port: int = 0) -> Messenger:
    """Give a gateway that takes everything; what it was asked is in `requests`."""
    return Messenger(lambda _: Reply(body=b"OK"), port=port)


def _refused(status: int, description: str) -> Reply:
    return _json(status, {"ok": False, "error_code": status, "description": description})


def _json(status: int, table: dict[str, object]) -> Reply:
    headers = {"Content-Type": "application/json"}
    return Reply(status=status, headers=headers, body=json.dumps(table).encode())
