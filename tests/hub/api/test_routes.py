"""Nothing is open: every route that is served, asked without a session."""

import json
import re
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from lode_hub.access.guard import OPEN


@dataclass
class Served:
    """What the other process serves."""

    url: str
    routes: list[list[str]]
    password: str

    @property
    def sockets(self) -> str:
        return self.url.replace("http", "ws")


@pytest.fixture
def served(postgres: str) -> Iterator[Served]:
    command = [sys.executable, "-m", "tests.hub.api.served", postgres]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as process:
        assert process.stdin
        assert process.stdout
        yield Served(**json.loads(process.stdout.readline()))
        process.stdin.close()
    assert process.returncode == 0


@pytest.fixture
async def ada(served: Served) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=served.url, timeout=20) as client:
        login = {"name": "ada", "password": served.password}
        assert (await client.post("/api/v1/session", json=login)).status_code == 201
        yield client


async def refuses(url: str, **headers: str) -> bool:
    try:
        async with connect(url, additional_headers=headers):
            return False
    except (InvalidStatus, ConnectionClosed):
        return True


@pytest.mark.slow
async def test_every_route_needs_a_session(served: Served) -> None:
    paths = {path for _, path in served.routes}
    assert {"/api/v1/rigs", "/api/v1/live", "/metrics", "/fleet", "/_lode/fleet"} <= paths
    async with httpx.AsyncClient(base_url=served.url, timeout=20) as nobody:
        for method, route in served.routes:
            path = re.sub(r"{[^}]*}", "1", route)
            if method == "WS":
                assert await refuses(served.sockets + path), path
            elif (method, path) not in OPEN:
                answer = await nobody.request(method, path)
                assert answer.status_code == 401, (method, path)
                answer = await nobody.request(method, path, headers={"Accept": "text/html"})
                expected = 303 if method in {"GET", "HEAD"} else 401
                assert answer.status_code == expected, (method, path)
            answer = await nobody.request("OPTIONS", path)
            assert answer.status_code == 401, path


async def test_the_dashboards_sockets_need_one_too(served: Served, ada: httpx.AsyncClient) -> None:
    path = "/_nicegui_ws/socket.io/?EIO=4&transport="
    async with httpx.AsyncClient(base_url=served.url) as nobody:
        assert (await nobody.get(path + "polling")).status_code == 401
    cookie = {"Cookie": f"lode_session={ada.cookies['lode_session']}"}
    for url in (f"{served.sockets}{path}websocket", f"{served.sockets}/api/v1/live"):
        assert await refuses(url)
        assert not await refuses(url, **cookie)
        assert not await refuses(url, Origin=served.url, **cookie)
        assert await refuses(url, Origin="https://evil.example", **cookie)


async def test_who_is_logged_in_sees_pages_until_they_log_out(ada: httpx.AsyncClient) -> None:
    for path in ("/", "/fleet", "/agents", "/alerts", "/api/v1/openapi.json"):
        assert (await ada.get(path)).status_code == 200, path
    assert (await ada.delete("/api/v1/session")).status_code == 204
    assert (await ada.get("/fleet", headers={"Accept": "text/html"})).status_code == 303


async def test_no_other_sites_page_may_act(ada: httpx.AsyncClient) -> None:
    for origin in ("https://evil.example", "null"):
        for path in ("/api/v1/alerts/1/acknowledge", "/logout", "/login"):
            answer = await ada.post(path, headers={"Origin": origin})
            assert answer.status_code == 403
    assert (await ada.get("/api/v1/session")).status_code == 200
