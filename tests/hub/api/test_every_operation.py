"""Every operation of the API's own document: who may, and what a hostile request gets.

Never a 500, and every refusal says in application/problem+json what is wrong.
"""

import time
from collections.abc import AsyncIterator

import httpx
import pytest
from psycopg import sql

from lode_hub.access import Person
from lode_hub.access.guard import Receive, Scope, Send
from lode_hub.store import Store
from tests.hub.api.doors import Doors
from tests.hub.api.operations import Operation, beyond, example, hostile_bodies, operations

JSON = {"Content-Type": "application/json"}

_STRANGE_TEXTS = ("a\x00b", "%\x7f\u202e\U0001f525'; --")

# What somebody without any right may still do: ask for what is worked out and not kept, be told of
# their own, and knock with a token or a signature, which has a right of its own.
_FOR_ALL = {
    "POST /api/v1/energy/{site}/programmes/{name}/webhook",
    "POST /api/v1/energy/{site}/plan/preview",
    "POST /api/v1/energy/{site}/bill",
    "POST /api/v1/rules/{name}/tryout",
    "POST /api/v1/energy/{site}/simulation",
    "POST /api/v1/enrolment",
    "POST /api/v1/enrolment/renewal",
    "POST /api/v1/ways/{number}/test",
    "DELETE /api/v1/ways/{number}",
}
# Whoever may look is told that there is no such thing, before whether they might have done it.
_OF_WHAT_IS_NOT_THERE = {
    "POST /api/v1/commands/{command_id}/release",
    "POST /api/v1/approvals/{command_id}/approve",
    "POST /api/v1/approvals/{command_id}/decline",
    "POST /api/v1/curtailments",
    "POST /api/v1/curtailments/{curtailment_id}/release",
    "POST /api/v1/energy/accounts/{number}/proof",
}
# Where the schema alone does not say enough for a request that could be done.
_SAID: dict[str, object] = {
    "PUT /api/v1/schedules/{name}": {"time_zone": "Etc/UTC", "layers": []},
    "POST /api/v1/energy/{site}/accounts": {"kind": "day", "from_ms": 0, "until_ms": 86_400_000},
    "POST /api/v1/commands": {"intent": {"action": "sleep"}, "device_id": 1},
}


@pytest.fixture
async def admin(doors: Doors) -> AsyncIterator[httpx.AsyncClient]:
    """Ask the app itself, as an administrator: the guard in front is proved by its own tests."""
    await doors.access.add("root", "admin")
    person = Person(name="root", role="admin")

    async def known(scope: Scope, receive: Receive, send: Send) -> None:
        await doors.app({**scope, "state": {"person": person}}, receive, send)

    transport = httpx.ASGITransport(known, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://hub.test") as client:
        yield client


@pytest.fixture
def every(doors: Doors) -> list[Operation]:
    found = operations(doors.app.openapi())
    assert len(found) > 90
    return found


def sound(operation: Operation, answer: httpx.Response, sent: str) -> str:
    """Say what is wrong with an answer; empty when nothing is."""
    place = f"{operation.name} <- {sent[:90]!r}: {answer.status_code}"
    if answer.status_code >= 500:
        return place
    if answer.status_code >= 400:
        if answer.headers["content-type"] != "application/problem+json":
            return f"{place} as {answer.headers['content-type']}"
        said = answer.json()
        if said["status"] != answer.status_code or not said["title"] or not said["detail"]:
            return f"{place} says {said}"
        if str(answer.status_code) not in operation.answers | {"422"}:
            return f"{place} is not in the document: {said['detail'][:120]}"
    return ""


async def test_a_parameter_beyond_its_limits_is_refused_by_name(
    every: list[Operation], admin: httpx.AsyncClient
) -> None:
    wrong = []
    for operation in every:
        for one in operation.parameters:
            if one["in"] == "header":
                continue
            for value in beyond(one["schema"]):
                if one["in"] == "path" and not value:
                    continue
                is_path = one["in"] == "path"
                url = operation.url(**({one["name"]: value} if is_path else {}))
                query = operation.query(**({} if is_path else {one["name"]: value}))
                body = None if operation.body is None else example(operation.body)
                answer = await admin.request(operation.method, url, params=query, json=body)
                sent = f"{one['name']}={value}"
                if answer.status_code != 422 or one["name"] not in answer.json()["detail"]:
                    wrong.append(f"{operation.name} <- {sent[:90]}: {answer.status_code}")
                wrong += filter(None, [sound(operation, answer, sent)])
    assert not wrong, "\n".join(wrong)


async def test_no_text_in_a_url_breaks_an_operation(
    every: list[Operation], admin: httpx.AsyncClient
) -> None:
    wrong = []
    for operation in every:
        for one in operation.parameters:
            schema = one["schema"]
            shapes = [schema, *schema.get("anyOf", ())]
            if one["in"] == "header" or not any(s.get("type") == "string" for s in shapes):
                continue
            is_path = one["in"] == "path"
            body = None if operation.body is None else example(operation.body)
            for text in _STRANGE_TEXTS:
                url = operation.url(**({one["name"]: text} if is_path else {}))
                query = operation.query(**({} if is_path else {one["name"]: text}))
                answer = await admin.request(operation.method, url, params=query, json=body)
                wrong += filter(None, [sound(operation, answer, f"{one['name']}={text}")])
    assert not wrong, "\n".join(wrong)


async def test_no_body_breaks_an_operation(
    every: list[Operation], admin: httpx.AsyncClient
) -> None:
    wrong = []
    for operation in every:
        for body in hostile_bodies(operation.body) if operation.body is not None else ():
            answer = await admin.request(
                operation.method,
                operation.url(),
                params=operation.query(),
                content=body,
                headers=JSON,
            )
            wrong += filter(None, [sound(operation, answer, body)])
    assert not wrong, "\n".join(wrong)


async def test_what_is_not_there_is_said_so_whatever_is_asked_of_it(
    every: list[Operation], admin: httpx.AsyncClient
) -> None:
    """An empty hub, the largest number that each limit allows."""
    wrong = []
    for operation in every:
        largest = {
            one["name"]: str(one["schema"]["maximum"])
            for one in operation.of("path")
            if "maximum" in one["schema"]
        }
        body = None if operation.body is None else example(operation.body)
        answer = await admin.request(
            operation.method, operation.url(**largest), params=operation.query(), json=body
        )
        wrong += filter(None, [sound(operation, answer, "an example")])
        is_read_of_one = operation.method == "get" and operation.path.endswith("}") and largest
        if is_read_of_one and answer.status_code != 404:
            wrong.append(f"{operation.name}: {answer.status_code} of what is not there")
    assert not wrong, "\n".join(wrong)


async def test_who_has_no_right_changes_nothing(
    every: list[Operation], doors: Doors, store: Store
) -> None:
    """A regulator looks: what would change something is refused, and no row is written."""
    device = await doors.mine.device(await doors.mine.agent(site="x"), "rig-1")
    assert device == 1
    wrong = []
    async with doors.client("reg", "regulator") as regulator:
        before = await _rows(store)
        for operation in every:
            if operation.name in _FOR_ALL or operation.method == "get":
                continue
            known = None if operation.body is None else example(operation.body)
            body = _SAID.get(operation.name, known)
            answer = await regulator.request(
                operation.method, operation.url(), params=operation.query(), json=body
            )
            expected = 404 if operation.name in _OF_WHAT_IS_NOT_THERE else 403
            if answer.status_code != expected:
                wrong.append(f"{operation.name}: {answer.status_code} {answer.text[:200]}")
        assert await _rows(store) == before
    assert not wrong, "\n".join(wrong)


async def _rows(store: Store) -> dict[str, int]:
    """Count the rows of every table of the hub's."""
    found = {}
    async with store.pool.connection() as conn:
        cursor = await conn.execute(
            "select relname from pg_class join pg_namespace n on n.oid = relnamespace"
            " where nspname = 'public' and relkind = 'r'"
        )
        for (name,) in await cursor.fetchall():
            count = sql.SQL("select count(*) from {}").format(sql.Identifier(name))
            (found[name],) = await (await conn.execute(count)).fetchone() or (0,)
    assert len(found) > 30
    return found


async def test_what_a_person_writes_is_refused_as_theirs_when_it_cannot_be_kept(
    doors: Doors, admin: httpx.AsyncClient
) -> None:
    """A zero character is no text of the database's: said so, and nothing of it was done."""
    device = await doors.mine.device(await doors.mine.agent(), "rig-1")
    alert = await doors.mine.alert(device)
    until_ms = (time.time_ns() // 1_000_000) + 3_600_000
    span = {"starts_ms": until_ms - 3_600_000, "ends_ms": until_ms}
    asked: list[tuple[str, str, dict[str, object]]] = [
        ("POST", f"alerts/{alert}/acknowledge", {"note": "a\0b"}),
        ("POST", f"alerts/{alert}/resolve", {"note": "a\0b"}),
        ("POST", f"alerts/{alert}/shelve", {"note": "a\0b", "until_ms": until_ms}),
        ("POST", "silences", {"rule": "rig-hot", "comment": "a\0b", **span}),
        ("POST", "maintenance", {"site": "north", "note": "a\0b", **span}),
        ("PUT", "devices/1/maintenance", {"note": "a\0b"}),
    ]
    for method, path, body in asked:
        answer = await admin.request(method, f"/api/v1/{path}", json=body)
        assert answer.status_code == 400, (path, answer.text)
        assert "0x00" in answer.json()["detail"] or "zero" in answer.json()["detail"], path
    assert (await admin.get(f"/api/v1/alerts/{alert}")).json()["state"] == "open"
    assert (await admin.get("/api/v1/silences")).json() == []
    assert (await admin.get("/api/v1/maintenance")).json() == []
