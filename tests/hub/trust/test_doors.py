"""The doors: agents come in by token or certificate, people by session and right."""

import httpx

from tests.hub.api.doors import Doors, doors
from tests.hub.trust.people import new_key, request

__all__ = ["doors"]


async def knock(doors: Doors, path: str, body: object, **more) -> httpx.Response:
    async with httpx.AsyncClient(base_url=doors.url, timeout=20) as client:
        return await client.post(f"/api/v1/{path}", json=body, **more)


async def test_an_admin_invites_and_the_agent_comes_in(doors: Doors) -> None:
    async with doors.client("root", "admin") as admin:
        made = await admin.post("/api/v1/enrolments/north-1/token", json={"site": "north"})
        assert made.status_code == 201
        assert made.headers["cache-control"] == "no-store"
        token = made.json()["token"]
        said = {"token": token, "request": request(new_key())}
        answer = await knock(doors, "enrolment", said)
        assert answer.status_code == 201, answer.text
        assert answer.headers["cache-control"] == "no-store"
        assert answer.json()["agent"] == "north-1"
        (row,) = (await admin.get("/api/v1/enrolments")).json()
        assert (row["agent"], row["enrolled_from"]) == ("north-1", "127.0.0.1")
        assert row["certificate_ends_at"] is not None
        assert "nonce" not in row
        again = await knock(doors, "enrolment", {**said, "request": request(new_key())})
        assert again.status_code == 401
        assert token not in again.text
        assert (await admin.delete("/api/v1/enrolments/north-1")).status_code == 204
        assert (await admin.delete("/api/v1/enrolments/nobody")).status_code == 404
        (row,) = (await admin.get("/api/v1/enrolments")).json()
        assert row["revoked_at"] is not None


async def test_nobody_else_invites_or_throws_out(doors: Doors) -> None:
    for role in ("viewer", "operator", "trader", "auditor"):
        async with doors.client(f"a-{role}", role) as client:
            made = await client.post("/api/v1/enrolments/north-1/token", json={"site": "north"})
            assert made.status_code == 403, role
            assert (await client.delete("/api/v1/enrolments/north-1")).status_code == 403, role


async def test_an_admin_of_one_site_invites_there_only(doors: Doors) -> None:
    login = {"name": "ann", "password": await doors.access.add("ann", "admin", ["north"])}
    async with httpx.AsyncClient(base_url=doors.url, timeout=20) as client:
        assert (await client.post("/api/v1/session", json=login)).status_code == 201
        for site, status in (("south", 403), ("north", 201)):
            made = await client.post("/api/v1/enrolments/a-1/token", json={"site": site})
            assert made.status_code == status


async def test_strangers_see_nothing(doors: Doors) -> None:
    async with httpx.AsyncClient(base_url=doors.url, timeout=20) as client:
        assert (await client.get("/api/v1/enrolments")).status_code == 401
        made = await client.post("/api/v1/enrolments/north-1/token", json={"site": "north"})
        assert made.status_code == 401
        assert (await client.delete("/api/v1/enrolments/north-1")).status_code == 401


NONSENSE = [
    ("enrolment", {}, 422),
    ("enrolment", {"token": "x", "request": "y" * 20_000}, 422),
    ("enrolment", {"token": "x" * 1000, "request": "y"}, 422),
    ("enrolment", {"token": "a.b", "request": "nonsense"}, 400),
    ("enrolment/renewal", {"certificate": "x", "nonce": "n" * 16, "signature": "!"}, 400),
    ("enrolment/renewal", {"certificate": "x", "nonce": "n" * 16, "signature": "YQ=="}, 400),
    ("enrolment/renewal", {"certificate": "x", "nonce": "n", "signature": "YQ=="}, 422),
]


async def test_nonsense_is_refused_as_that(doors: Doors) -> None:
    for path, body, status in NONSENSE:
        answer = await knock(doors, path, body)
        assert answer.status_code == status, (path, body, answer.text)
        assert answer.headers["content-type"] == "application/problem+json"


async def test_a_page_of_another_site_cannot_knock(doors: Doors) -> None:
    headers = {"origin": "https://evil.test"}
    answer = await knock(doors, "enrolment", {"token": "a", "request": "b"}, headers=headers)
    assert answer.status_code == 403
