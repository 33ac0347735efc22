"""The hub's doors as they are served: every route, the dashboard, the guard, a real socket."""

import asyncio
import secrets
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from starlette.routing import BaseRoute, Mount, WebSocketRoute

from lode_hub import api
from lode_hub.access import Access
from lode_hub.actions import Actions
from lode_hub.app import dashboards, listening, server_of
from lode_hub.health import Health, PartState
from lode_hub.live import Live
from lode_hub.notify.links import Links
from lode_hub.queries import Queries
from lode_hub.settings import AccessSettings, TrustSettings
from lode_hub.store import Store
from lode_hub.trust.ca import Authority
from lode_hub.trust.enrol import Broker, Trust
from tests.hub.app.opened import until
from tests.hub.queries.mine import Mine

SCRAPE = "scrape-token"


@dataclass
class Doors:
    """Where to knock."""

    app: FastAPI
    access: Access
    mine: Mine
    url: str
    live: Live
    actions: Actions
    links: Links
    parts: dict[str, PartState] = field(default_factory=dict)

    @asynccontextmanager
    async def client(
        self, name: str = "ada", role: str = "operator"
    ) -> AsyncIterator[httpx.AsyncClient]:
        """Log a new person in."""
        login = {"name": name, "password": await self.access.add(name, role)}
        async with httpx.AsyncClient(base_url=self.url, timeout=20) as client:
            answer = await client.post("/api/v1/session", json=login)
            assert answer.status_code == 201, answer.text
            yield client

    def routes(self) -> list[tuple[str, str]]:
        """List (method, path) of everything that is served; WS for a WebSocket."""
        return sorted(set(_walk(self.app.routes, "")))


def _walk(routes: list[BaseRoute], prefix: str) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for route in routes:
        if hasattr(route, "original_router"):  # FastAPI's included router
            inner = prefix + route.include_context.prefix  # type: ignore[attr-defined]
            found += _walk(route.original_router.routes, inner)
            continue
        path = prefix + getattr(route, "path", "")
        if isinstance(route, Mount):
            found += _walk(route.routes, path) or [("GET", f"{path}/x"), ("WS", f"{path}/x")]
        elif isinstance(route, WebSocketRoute):
            found.append(("WS", path))
        else:
            found += [(method, path) for method in getattr(route, "methods", None) or {"GET"}]
    return found


@asynccontextmanager
async def serve(store: Store, database: str, *, has_dashboard: bool) -> AsyncIterator[Doors]:
    """Serve everything on a free port; the dashboard only once in a process."""
    with tempfile.TemporaryDirectory() as home:
        async with _serve(store, database, Path(home), has_dashboard=has_dashboard) as doors:
            yield doors


def trusting(store: Store, folder: Path) -> Trust:
    """Give what lets agents in."""
    told = Broker(urls=["mqtts://hub.test:8883"], login="certificate")
    authority = Authority.open(folder)
    return Trust(store, folder, authority, TrustSettings(), told, command_keys=lambda: b"")


@asynccontextmanager
async def _serve(
    store: Store, database: str, home: Path, *, has_dashboard: bool
) -> AsyncIterator[Doors]:
    access = Access(store, AccessSettings(attempts=3, address_attempts=100))
    links = Links(secrets.token_bytes(32), 3600)
    queries, actions, live = Queries(store), Actions(store, access, links=links), Live(database)
    parts: dict[str, PartState] = {}
    found = dashboards() if has_dashboard else ()
    app = api.build(
        queries=queries,
        actions=actions,
        live=live,
        access=access,
        health=Health(queries, lambda: parts),
        trust=trusting(store, home / "trust"),
        mounts=[partial(mount, queries=queries, actions=actions, live=live) for mount in found],
    )
    socket = listening("127.0.0.1", 0)
    url = f"http://127.0.0.1:{socket.getsockname()[1]}"
    server = server_of(api.guarded(app, access, public_url=url, metrics_token=SCRAPE))
    tasks = [asyncio.create_task(live.run()), asyncio.create_task(server.serve([socket]))]

    async def is_up() -> bool:
        return server.started and live.is_connected

    await until(is_up, 20, "the doors to open")
    try:
        yield Doors(app, access, Mine(store), url, live, actions, links, parts)
    finally:
        server.should_exit = True
        await tasks[1]
        tasks[0].cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@pytest.fixture
async def doors(store: Store, postgres: str) -> AsyncIterator[Doors]:
    """Serve everything but the dashboard."""
    async with serve(store, postgres, has_dashboard=False) as served:
        yield served
