"""Calls by a signed webhook, at the door as it is served: who is let in, and who is not."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from lode_hub.access.limiter import Limiter
from lode_hub.energy.signals import webhook
from lode_hub.store import Store, energy_calls, energy_documents
from tests.hub.api.doors import Doors, doors

__all__ = ["doors"]

KEY = b"a key of thirty-two bytes, no less"
SECRET = "whsec_" + base64.b64encode(KEY).decode()
BODY = 'reduce = "by"\npower_kw = 400\nwebhook_secret = "{}"\n'
H = 3_600_000
DOOR = "/api/v1/energy/north/programmes/ERS/webhook"
CLOSED = "call: not signed by a programme's secret; see docs/energy.md"


class Caller:
    """A programme's machine."""

    def __init__(self, store: Store, client: httpx.AsyncClient) -> None:
        self.store, self.client = store, client
        self.now_s = int(time.time())

    def call(self, event: str = "e1", **more) -> dict:
        begin = self.now_s * 1000 + H
        return {"event": event, "from_ms": begin, "until_ms": begin + H} | more

    async def post(self, said: object, path: str = DOOR, **other) -> httpx.Response:
        body = said if isinstance(said, bytes) else json.dumps(said).encode()
        ident, at = other.get("id", "msg-1"), str(other.get("at", self.now_s))
        signed = f"{ident}.{at}.".encode() + other.get("signed", body)
        digest = hmac.new(other.get("key", KEY), signed, hashlib.sha256).digest()
        headers = {
            "webhook-id": ident, "webhook-timestamp": at,
            "webhook-signature": "v1," + base64.b64encode(digest).decode(),
        } | other.get("headers", {})  # fmt: skip
        headers = {name: value for name, value in headers.items() if value is not None}
        return await self.client.post(path, content=body, headers=headers)

    async def calls(self) -> list[tuple]:
        async with self.store.pool.connection() as conn:
            span = (self.now_s * 1000 - 99 * H, self.now_s * 1000 + 99 * H)
            rows = await energy_calls.calls(conn, "north", span)
        return [(r["event"], r["modification"], r["is_cancelled"], r["way"]) for r in rows]


@pytest.fixture
async def caller(store: Store, doors: Doors, tmp_path: Path) -> AsyncIterator[Caller]:
    (tmp_path / "ers").write_text(SECRET)
    (tmp_path / "plain").write_text("as it is")
    (tmp_path / "empty").write_text("\n")
    (tmp_path / "broken").write_text("whsec_no base64")
    doors.actions.webhook._secrets_dir = tmp_path
    async with store.pool.connection() as conn:
        bodies = {name.title() if name != "ers" else "ERS": BODY.format(name)
                  for name in ("ers", "plain", "empty", "broken", "gone")}  # fmt: skip
        bodies["Unsigned"] = 'reduce = "all"\n'
        for name, body in bodies.items():
            await energy_documents.save(conn, 1, "programme", name, body, person="ada", saved_ms=1)
    async with httpx.AsyncClient(base_url=doors.url, timeout=20) as client:
        yield Caller(store, client)


async def test_a_signed_call_is_taken_once_changed_and_cancelled(caller: Caller) -> None:
    first = await caller.post(caller.call())
    assert first.status_code == 200, first.text
    assert first.json()["refused"] == []
    again = await caller.post(caller.call())
    assert again.json() == first.json()
    assert await caller.calls() == [("e1", 0, False, "webhook")]
    both = [{"event": "e1", "is_cancelled": True}, caller.call("e2", power_kw="much")]
    answer = await caller.post(both, id="msg-2")
    assert len(answer.json()["calls"]) == 1
    assert answer.json()["refused"][0]["line"] == 2
    assert await caller.calls() == [("e1", 1, True, "webhook")]
    async with caller.store.pool.connection() as conn:
        (state,) = await energy_documents.fetches(conn, "programme")
    assert (state["messages"], state["bad"], state["refused"]) == (3, 0, 1)
    assert "power_kw: value 'much'" in state["trouble"]
    replayed = await caller.post(caller.call())  # within its time
    assert replayed.status_code == 400
    assert "an earlier modification says so" in replayed.json()["detail"]
    assert await caller.calls() == [("e1", 1, True, "webhook")]


async def test_a_secret_as_it_is_and_one_of_several_signatures_will_do(caller: Caller) -> None:
    path = DOOR.replace("ERS", "Plain")
    assert (await caller.post(caller.call(), path, key=b"as it is")).status_code == 200
    body, at = json.dumps(caller.call("e2")).encode(), str(caller.now_s)
    good = hmac.new(KEY, f"m.{at}.".encode() + body, hashlib.sha256).digest()
    both = "v1,bm90aGluZw== v1," + base64.b64encode(good).decode()
    answer = await caller.post(body, id="m", at=at, headers={"webhook-signature": both})
    assert answer.status_code == 200


UNSIGNED: tuple[dict, ...] = (

        {"key": b"another"}, {"key": b""}, {"key": SECRET.encode()}, {"signed": b"{}"},
        {"headers": {"webhook-signature": None}}, {"headers": {"webhook-signature": "v1,"}},
        {"headers": {"webhook-id": "other"}}, {"headers": {"webhook-id": None}},
        {"headers": {"webhook-timestamp": None}}, {"headers": {"webhook-timestamp": "1"}},
        {"at": "soon"}, {"at": "-5"}, {"at": "9" * 20}, {"id": "x" * 201},
        {"path": "Unsigned"}, {"path": "Empty", "key": b""}, {"path": "Empty"},
        {"path": "Broken", "key": b""}, {"path": "Gone", "key": b""}, {"path": "Nothing"},
)  # fmt: skip


async def test_what_is_not_signed_is_shut_out_and_told_the_same(
    caller: Caller, doors: Doors
) -> None:
    doors.actions.webhook._failures = Limiter(1000, 300.0)
    for other in UNSIGNED:
        path = DOOR.replace("ERS", other.get("path", "ERS"))
        for at in (path, path.replace("north", "nowhere")):
            said = {name: value for name, value in other.items() if name != "path"}
            answer = await caller.post(caller.call(), at, **said)
            assert (answer.status_code, answer.json()["detail"]) == (401, CLOSED), other
    assert await caller.calls() == []
    async with caller.store.pool.connection() as conn:
        assert await energy_documents.fetches(conn, "programme") == []
    for age_s in (webhook.TOLERANCE_S + 60, -webhook.TOLERANCE_S - 60):
        answer = await caller.post(caller.call(), at=caller.now_s - age_s)
        assert answer.status_code == 401
        assert "set the clock" in answer.json()["detail"]
    assert await caller.calls() == []


async def test_what_is_too_large_or_no_call_is_refused(caller: Caller) -> None:
    large = await caller.post(b" " * (webhook.MAX_BYTES + 1))
    assert (large.status_code, await caller.calls()) == (413, [])
    for body in (b"", b"<xml/>", b"[]"):
        answer = await caller.post(body)
        assert answer.status_code == 400, body
    for method in ("GET", "PUT", "DELETE"):
        assert (await caller.client.request(method, DOOR)).status_code == 401
    evil = await caller.post(caller.call(), headers={"Origin": "https://evil.example"})
    assert (evil.status_code, await caller.calls()) == (403, [])


async def test_who_signs_wrongly_too_often_has_to_wait(caller: Caller) -> None:
    for _ in range(webhook.FAILURES):
        assert (await caller.post(caller.call(), key=b"guess")).status_code == 401
    answer = await caller.post(caller.call())
    assert answer.status_code == 429
    assert int(answer.headers["retry-after"]) > 0
