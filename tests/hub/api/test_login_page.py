"""The login page, as a browser without scripts sees it."""

import re

import httpx
import pytest

from lode_hub.access.page import inside
from tests.hub.api.doors import Doors


@pytest.fixture
async def browser(doors: Doors):
    async with httpx.AsyncClient(base_url=doors.url, headers={"Accept": "text/html"}) as client:
        yield client


async def test_a_person_logs_in_and_goes_on_where_they_wanted(
    doors: Doors, browser: httpx.AsyncClient
) -> None:
    password = await doors.access.add("ada", "viewer")
    sent = await browser.get("/api/v1/rigs?site=1")
    page = await browser.get(sent.headers["location"])
    assert page.status_code == 200
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert "<script" not in page.text
    assert 'name="next" value="/api/v1/rigs?site=1"' in page.text

    form = {"name": "ada", "password": password, "next": "/api/v1/rigs?site=1"}
    entered = await browser.post("/login", data=form, headers={"Origin": doors.url})
    assert (entered.status_code, entered.headers["location"]) == (303, "/api/v1/rigs?site=1")
    first = browser.cookies["lode_session"]
    assert (await browser.get("/api/v1/rigs?site=1")).status_code == 200

    await browser.post("/login", data=form, headers={"Origin": doors.url})
    assert browser.cookies["lode_session"] != first
    browser.cookies.set("lode_session", first)
    assert (await browser.get("/api/v1/rigs")).status_code == 303  # rotated: the old one is over


async def test_a_wrong_password_is_told_kindly_and_kept_out(
    doors: Doors, browser: httpx.AsyncClient
) -> None:
    await doors.access.add("ada", "viewer")
    for status in (401, 401, 401, 429):
        form = {"name": "ada", "password": "wrong", "next": "/fleet"}
        page = await browser.post("/login", data=form)
        assert page.status_code == status
        assert 'value="ada"' in page.text
        assert 'value="/fleet"' in page.text
        assert "lode_session" not in browser.cookies
    said = re.search(r'role="alert"[^>]*>([^<]*)', page.text)
    assert said is not None
    assert said[1] == "Too many attempts. Try again in 5 minutes."


@pytest.mark.parametrize("evil", ['"><script>alert(1)</script>', "' onfocus='x", "${name}"])
async def test_nothing_that_is_typed_becomes_markup(browser: httpx.AsyncClient, evil: str) -> None:
    page = await browser.post("/login", data={"name": evil, "password": evil, "next": evil})
    assert page.status_code == 401
    assert "<script" not in page.text
    assert "onfocus='x" not in page.text


@pytest.mark.parametrize(
    ("body", "status"),
    [(b"", 401), (b"\xff\xfe=%00", 401), (b"a=1&" * 9, 401), (b"name=" + b"x" * 9000, 400)],
)
async def test_a_broken_form_is_only_a_failed_login(
    browser: httpx.AsyncClient, body: bytes, status: int
) -> None:
    assert (await browser.post("/login", content=body)).status_code == status


@pytest.mark.parametrize(
    ("target", "kept"),
    [
        ("/api/v1/rigs?site=1", True), ("/", True), ("//evil.example", False), ("/\\evil", False),
        ("https://evil.example", False), ("/a\\b", False), ("/a\r\nb", False), ("", False),
        ("/login", False), ("javascript:x", False),
    ],
)  # fmt: skip
def test_a_login_leads_nowhere_else(target: str, kept: bool) -> None:
    assert inside(target) == (target if kept else "/")


async def test_logging_out_ends_the_session(doors: Doors) -> None:
    async with doors.client() as ada:
        cookie = ada.cookies["lode_session"]
        answer = await ada.post("/logout")
        assert (answer.status_code, answer.headers["location"]) == (303, "/login")
        assert "lode_session" not in ada.cookies
        bearer = {"Authorization": f"Bearer {cookie}"}
        assert (await ada.get("/api/v1/session", headers=bearer)).status_code == 401
