"""Nobody passes without a session: the outermost layer around pages, API and WebSockets.

request ─► open path? ─► origin ours? ─► session (cookie or bearer)? ─► the app, with a Person
               │              └─ no: 403        └─ no: 401, or to the login page
               └─ GET /healthz, /login, /ack/TOKEN, POST /api/v1/session, /api/v1/enrolment,
                  a programme's webhook
"""

import hmac
import json
import re
import time
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from http import HTTPStatus
from http.cookies import CookieError, SimpleCookie
from typing import Any, Protocol
from urllib.parse import quote, urlsplit

from lode_hub.access.people import Person
from lode_hub.errors import UnavailableError

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

COOKIE = "lode_session"
OPEN = frozenset(
    {("GET", "/healthz"), ("HEAD", "/healthz"), ("GET", "/login"), ("HEAD", "/login")}
    | {("POST", "/login"), ("POST", "/api/v1/session")}
    # An agent's token or certificate speaks for it.
    | {("POST", "/api/v1/enrolment"), ("POST", "/api/v1/enrolment/renewal")}
)
"""What needs no session."""

OPEN_LINK = re.compile(r"/ack/[A-Za-z0-9_-]{38}")
"""Nor does an acknowledge link, by GET, HEAD or POST: its token speaks for a person."""

OPEN_CALL = re.compile(r"/api/v1/energy/[^/]+/programmes/[^/]+/webhook")
"""Nor does a POST of a call: the programme's secret signs it."""

MAX_BODY_BYTES = 1 << 20
_MOST_DIGITS = 12

_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_RECHECK_S = 1.0  # how stale a WebSocket's session may be when a message comes in
_RECHECK_SENDING_S = 15.0  # and when only we talk
_POLICY_VIOLATION = 1008

_PAGE_POLICY = (
    # NiceGUI's pages carry inline scripts and styles, and Vue compiles their templates.
    "default-src 'self' 'unsafe-inline' 'unsafe-eval' data: blob:; connect-src 'self' ws: wss:; "
    "base-uri 'self'; form-action 'self'; frame-ancestors 'none'; object-src 'none'"
)
_HEADERS = {
    b"x-content-type-options": b"nosniff",
    b"x-frame-options": b"DENY",
    b"referrer-policy": b"same-origin",
    b"content-security-policy": _PAGE_POLICY.encode(),
    b"cross-origin-opener-policy": b"same-origin",
}


class Sessions(Protocol):
    """What the guard asks about a token."""

    async def person(self, token: str) -> Person | None:
        """Tell whose living session it is."""


class Guard:
    """ASGI middleware that lets only known people through, and says who they are.

    Args:
        app: what it guards.
        sessions: who knows the tokens.
        public_url: how people reach us; its origin counts as ours besides the Host header's.
        metrics_token: lets a machine read /metrics; empty: nobody but people.
    """

    def __init__(
        self, app: App, *, sessions: Sessions, public_url: str = "", metrics_token: str = ""
    ) -> None:
        self._app = app
        self._sessions = sessions
        self._public = urlsplit(public_url)
        self._metrics_token = metrics_token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Judge one request or WebSocket."""
        if scope["type"] == "http":
            await self._http(scope, receive, self._with_headers(send))
        elif scope["type"] == "websocket":
            await self._websocket(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        method, path = scope["method"], scope["path"]
        if method not in _SAFE and not self._is_from_us(scope):
            await _refuse(send, HTTPStatus.FORBIDDEN, "request: it comes from another site's page")
            return
        if not _is_small(scope):
            text = f"request: its body is not declared, or has more than {MAX_BODY_BYTES} bytes"
            await _refuse(send, HTTPStatus.REQUEST_ENTITY_TOO_LARGE, text)
            return
        if is_open(method, path) or self._is_scraper(scope):
            await self._app(scope, receive, send)
            return
        try:
            person = await self._person(scope)
        except UnavailableError as error:
            await _refuse(send, HTTPStatus.SERVICE_UNAVAILABLE, str(error), [_RETRY])
            return
        if person is not None:
            await self._app(_known(scope, person), receive, send)
        elif method in {"GET", "HEAD"} and b"text/html" in _header(scope, b"accept"):
            await _to_login(scope, send)
        else:
            text = "session: nobody is logged in; log in at /login or POST /api/v1/session"
            await _refuse(send, HTTPStatus.UNAUTHORIZED, text, [_BEARER])

    async def _websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            person = await self._person(scope) if self._is_from_us(scope) else None
        except UnavailableError:
            person = None
        if person is None:
            await receive()
            # Before the handshake this becomes a 403.
            await send({"type": "websocket.close", "code": _POLICY_VIOLATION})
            return
        watched = _Watched(scope, receive, send, self._person)
        await self._app(_known(scope, person), watched.receive, watched.send)

    async def _person(self, scope: Scope) -> Person | None:
        return await self._sessions.person(token_of(scope))

    def _is_from_us(self, scope: Scope) -> bool:
        """Tell whether a page of ours, or no browser at all, sent this."""
        origin = _header(scope, b"origin").decode("latin-1")
        if not origin:
            # Browsers send Origin with every unsafe method and WebSocket; older ones at least this.
            return _header(scope, b"sec-fetch-site") in {b"", b"same-origin", b"none"}
        parts = urlsplit(origin)
        if (parts.scheme, parts.netloc) == (self._public.scheme, self._public.netloc):
            return True
        scheme = {"ws": "http", "wss": "https"}.get(scope["scheme"], scope["scheme"])
        host = _header(scope, b"host").decode("latin-1")
        return (parts.scheme, parts.netloc) == (scheme, host)

    def _is_scraper(self, scope: Scope) -> bool:
        if not self._metrics_token or (scope["method"], scope["path"]) != ("GET", "/metrics"):
            return False
        return hmac.compare_digest(_bearer(scope), self._metrics_token.encode())

    def _with_headers(self, send: Send) -> Send:
        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = list(message.get("headers", ()))
                present = {name.lower() for name, _ in headers}
                headers += [(n, v) for n, v in _HEADERS.items() if n not in present]
                if self._public.scheme == "https":
                    headers.append((b"strict-transport-security", b"max-age=31536000"))
                message = {**message, "headers": headers}
            await send(message)

        return sending


class _Watched:
    """A WebSocket whose session is looked at again while it is open, and that ends with it."""

    def __init__(
        self,
        scope: Scope,
        receive: Receive,
        send: Send,
        ask: Callable[[Scope], Awaitable[Person | None]],
    ) -> None:
        self._scope = scope
        self._receive = receive
        self._send = send
        self._ask = ask
        self._checked_s = time.monotonic()
        self._is_over = False

    async def receive(self) -> Message:
        message = await self._receive()
        if message["type"] == "websocket.receive" and not await self._lives(_RECHECK_S):
            return {"type": "websocket.disconnect", "code": _POLICY_VIOLATION}
        return message

    async def send(self, message: Message) -> None:
        if message["type"] == "websocket.send" and not await self._lives(_RECHECK_SENDING_S):
            return
        if not self._is_over:
            await self._send(message)

    async def _lives(self, within_s: float) -> bool:
        if not self._is_over and time.monotonic() - self._checked_s > within_s:
            try:
                person = await self._ask(self._scope)
            except UnavailableError:
                return True  # asked again at the next message
            self._checked_s = time.monotonic()
            if person is None:
                self._is_over = True
                await self._send({"type": "websocket.close", "code": _POLICY_VIOLATION})
        return not self._is_over


def is_open(method: str, path: str) -> bool:
    """Tell whether a request needs no session."""
    if (method, path) in OPEN:
        return True
    if method == "POST" and OPEN_CALL.fullmatch(path):
        return True
    return method in {"GET", "HEAD", "POST"} and OPEN_LINK.fullmatch(path) is not None


_RETRY = (b"retry-after", b"2")
_BEARER = (b"www-authenticate", b"Bearer")


def token_of(scope: Scope) -> str:
    """Give the session token a request carries: the bearer's, or the cookie's."""
    bearer = _bearer(scope)
    if bearer:
        return bearer.decode("latin-1")
    cookies: SimpleCookie = SimpleCookie()
    try:
        cookies.load(_header(scope, b"cookie").decode("latin-1"))
    except CookieError:
        return ""
    return cookies[COOKIE].value if COOKIE in cookies else ""


def _bearer(scope: Scope) -> bytes:
    scheme, _, token = _header(scope, b"authorization").partition(b" ")
    return token.strip() if scheme.lower() == b"bearer" else b""


def _is_small(scope: Scope) -> bool:
    length = _header(scope, b"content-length") or b"0"
    is_open_ended = bool(_header(scope, b"transfer-encoding"))
    is_number = length.isdigit() and len(length) < _MOST_DIGITS
    return not is_open_ended and is_number and int(length) <= MAX_BODY_BYTES


def _known(scope: Scope, person: Person) -> Scope:
    return {**scope, "state": {**scope.get("state", {}), "person": person}}


def _header(scope: Scope, name: bytes) -> bytes:
    return next((value for key, value in scope["headers"] if key == name), b"")


async def _to_login(scope: Scope, send: Send) -> None:
    target = scope["path"] + (f"?{scope['query_string'].decode()}" if scope["query_string"] else "")
    where = "/login" if target == "/" else f"/login?next={quote(target, safe='')}"
    headers = [(b"location", where.encode()), (b"cache-control", b"no-store")]
    await send({"type": "http.response.start", "status": HTTPStatus.SEE_OTHER, "headers": headers})
    await send({"type": "http.response.body", "body": b""})


async def _refuse(
    send: Send, status: HTTPStatus, detail: str, more: Iterable[tuple[bytes, bytes]] = ()
) -> None:
    body = json.dumps({"title": status.phrase, "status": status, "detail": detail}).encode()
    headers = [(b"content-type", b"application/problem+json"), (b"cache-control", b"no-store")]
    headers += [(b"content-length", str(len(body)).encode()), *more]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
