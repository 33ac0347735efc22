"""The guard alone, around an application that lets everything through."""

from collections.abc import Iterable
from typing import Any

import pytest

from lode_hub.access import Person
from lode_hub.access import guard as module
from lode_hub.access.guard import MAX_BODY_BYTES, Guard
from lode_hub.errors import UnavailableError

ADA = Person(name="ada", role="operator")
US = "https://lode.example"


class Sessions:
    def __init__(self) -> None:
        self.tokens = {"good": ADA}
        self.is_away = False

    async def person(self, token: str) -> Person | None:
        if self.is_away:
            raise UnavailableError("database: away")
        return self.tokens.get(token)


class Inner:
    """Notes who came through; echoes on WebSockets until they end."""

    def __init__(self) -> None:
        self.came: list[Any] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.came.append(scope.get("state", {}).get("person"))
        if scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.accept"})
            while (await receive())["type"] == "websocket.receive":
                await send({"type": "websocket.send", "text": "echo"})
            return
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"in"})


class Stage:
    def __init__(self) -> None:
        self.sessions, self.inner = Sessions(), Inner()
        self.guard = Guard(
            self.inner, sessions=self.sessions, public_url=US, metrics_token="scrape"
        )

    async def ask(
        self, method: str = "GET", path: str = "/", kind: str = "http", **headers: str
    ) -> tuple[int, dict[str, str]]:
        scope = {
            "type": kind, "method": method, "path": path, "scheme": "http", "query_string": b"a=1",
            "headers": [(b"host", b"hub:8420"), *encoded(headers)],
        }  # fmt: skip
        sent: list[Any] = []
        incoming = iter([{"type": "websocket.connect"}, {"type": "websocket.disconnect"}])

        async def receive() -> Any:
            return next(incoming)

        async def send(message: Any) -> None:
            sent.append(message)

        await self.guard(scope, receive, send)
        if kind == "websocket":
            return (101 if sent[0]["type"] == "websocket.accept" else sent[0]["code"]), {}
        return sent[0]["status"], {k.decode(): v.decode() for k, v in sent[0]["headers"]}


def encoded(headers: dict[str, str]) -> Iterable[tuple[bytes, bytes]]:
    return [(k.replace("_", "-").encode(), v.encode()) for k, v in headers.items()]


@pytest.fixture
def stage() -> Stage:
    return Stage()


GOOD = {"cookie": "lode_session=good"}


async def test_who_is_logged_in_passes_and_is_known(stage: Stage) -> None:
    assert (await stage.ask(**GOOD))[0] == 200
    assert (await stage.ask(authorization="Bearer good"))[0] == 200
    assert stage.inner.came == [ADA, ADA]


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"cookie": "lode_session="},
        {"cookie": "lode_session=bad"},
        {"cookie": "other=good"},
        {"cookie": "\x00;;lode_session"},
        {"authorization": "Bearer bad", **GOOD},
        {"authorization": "Basic good"},
        {"authorization": "Bearer scrape"},
    ],
)
async def test_nobody_else_passes(stage: Stage, headers: dict[str, str]) -> None:
    status, answer = await stage.ask(path="/api/v1/rigs", **headers)
    assert status == 401
    assert answer["content-type"] == "application/problem+json"
    assert (await stage.ask(kind="websocket", path="/ws", **headers))[0] == 1008
    assert stage.inner.came == []


async def test_a_person_without_session_is_led_to_the_login(stage: Stage) -> None:
    status, answer = await stage.ask(path="/rigs/7", accept="text/html,*/*")
    assert (status, answer["location"]) == (303, "/login?next=%2Frigs%2F7%3Fa%3D1")


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/healthz"), ("GET", "/login"), ("POST", "/login")]
)
async def test_the_doors_that_are_open(stage: Stage, method: str, path: str) -> None:
    assert (await stage.ask(method, path))[0] == 200
    for other in ("/healthz/", "/login/x", "/LOGIN", "//login", "/login%2f"):
        assert (await stage.ask(method, other))[0] == 401


@pytest.mark.parametrize(
    ("headers", "is_ours"),
    [
        ({"origin": "http://hub:8420"}, True),
        ({"origin": US}, True),
        ({}, True),  # no browser: no cookie of somebody else's either
        ({"sec_fetch_site": "same-origin"}, True),
        ({"origin": "http://evil.example"}, False),
        ({"origin": "null"}, False),
        ({"origin": "https://hub:8420"}, False),
        ({"origin": "http://hub:8420.evil.example"}, False),
        ({"origin": "http://hub:9999"}, False),
        ({"sec_fetch_site": "cross-site"}, False),
        ({"sec_fetch_site": "same-site"}, False),
    ],
)
async def test_only_our_own_pages_may_change_things_or_open_sockets(
    stage: Stage, headers: dict[str, str], is_ours: bool
) -> None:
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        assert (await stage.ask(method, "/x", **headers, **GOOD))[0] == (200 if is_ours else 403)
    assert (await stage.ask("POST", "/login", **headers))[0] == (200 if is_ours else 403)
    socket, _ = await stage.ask(kind="websocket", path="/x", **headers, **GOOD)
    assert socket == (101 if is_ours else 1008)


async def test_a_scraper_reads_metrics_and_nothing_else(stage: Stage) -> None:
    assert (await stage.ask("GET", "/metrics", authorization="Bearer scrape"))[0] == 200
    assert (await stage.ask("GET", "/metrics", authorization="Bearer other"))[0] == 401
    assert (await stage.ask("GET", "/api/v1/rigs", authorization="Bearer scrape"))[0] == 401
    assert (await stage.ask("POST", "/metrics", authorization="Bearer scrape"))[0] == 401


async def test_without_a_database_nobody_passes_and_is_told_when_to_return(stage: Stage) -> None:
    stage.sessions.is_away = True
    status, answer = await stage.ask(**GOOD)
    assert (status, answer["retry-after"]) == (503, "2")
    assert (await stage.ask(kind="websocket", path="/x", **GOOD))[0] == 1008
    assert (await stage.ask(path="/healthz"))[0] == 200


async def test_large_and_endless_bodies_are_refused(stage: Stage) -> None:
    for headers in (
        {"content_length": str(MAX_BODY_BYTES + 1)},
        {"content_length": "-1"},
        {"content_length": "9" * 5000},
        {"transfer_encoding": "chunked"},
    ):
        assert (await stage.ask("POST", "/login", **headers))[0] == 413


async def test_every_answer_carries_the_headers_that_protect(stage: Stage) -> None:
    for path in ("/healthz", "/api/v1/rigs"):
        _, answer = await stage.ask(path=path)
        assert answer["x-content-type-options"] == "nosniff"
        assert "frame-ancestors 'none'" in answer["content-security-policy"]
        assert "strict-transport-security" in answer  # for we are reached by https


async def test_an_open_socket_ends_with_its_session(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_RECHECK_S", -1.0)
    sent: list[Any] = []
    messages = ["websocket.connect", "websocket.receive", "websocket.receive", "websocket.receive"]

    async def receive() -> Any:
        if len(messages) == 2:
            stage.sessions.is_away = True  # must not end it
        if len(messages) == 1:
            stage.sessions.is_away = False
            stage.sessions.tokens.clear()
        return {"type": messages.pop(0), "text": "x"}

    async def send(message: Any) -> None:
        sent.append(message["type"])

    scope = {
        "type": "websocket", "path": "/x", "scheme": "ws",
        "headers": [(b"host", b"hub"), (b"cookie", b"lode_session=good")],
    }  # fmt: skip
    await stage.guard(scope, receive, send)
    assert sent == ["websocket.accept", "websocket.send", "websocket.send", "websocket.close"]
