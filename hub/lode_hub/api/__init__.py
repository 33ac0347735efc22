"""The hub's doors for machines and people: REST, WebSocket, health, metrics, login.

Everything is a thin way to Queries and Actions; `guarded` puts the guard around all of it.
"""

from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager

from fastapi import APIRouter, Depends, FastAPI

from lode_hub.access import Access
from lode_hub.access import page as login
from lode_hub.access.guard import Guard
from lode_hub.actions import Actions
from lode_hub.api import (
    ack,
    alarms,
    alerts,
    calls,
    commands,
    energy,
    enrol,
    feed,
    fleet,
    learned,
    planner,
    problems,
    quality,
    session,
    telling,
    watch,
    way,
)
from lode_hub.api.parts import asker
from lode_hub.health import Health
from lode_hub.live import Live
from lode_hub.queries import Queries
from lode_hub.trust.enrol import Trust

PREFIX = "/api/v1"

Mount = Callable[[FastAPI], None]
"""Adds pages to the application, after every other route."""


def build(  # noqa: PLR0913 -- the parts that the doors lead to
    *,
    queries: Queries,
    actions: Actions,
    live: Live,
    access: Access,
    health: Health,
    trust: Trust,
    is_secure: bool = False,
    mounts: Sequence[Mount] = (),
) -> FastAPI:
    """Build the application; it must not be served but behind `guarded`."""
    states = feed.Feed(queries, live)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with feed.running(states):
            yield

    app = FastAPI(
        title="Lode",
        version="1",
        docs_url=None,  # its page loads from elsewhere
        redoc_url=None,
        openapi_url=f"{PREFIX}/openapi.json",
        lifespan=lifespan,
    )
    problems.install(app)
    api = APIRouter(prefix=PREFIX)
    for router in _for_people(queries, actions, trust):
        api.include_router(router, dependencies=[Depends(asker)])
    knocking = (enrol.knocking(trust), calls.routes(actions.webhook), feed.routes(states))
    for router in (*knocking, session.routes(access, is_secure=is_secure)):
        api.include_router(router)
    doors = (watch.routes(queries, health), login.routes(access, is_secure=is_secure))
    for router in (api, *doors, ack.routes(actions.links)):
        app.include_router(router)
    for mount in mounts:
        mount(app)
    return app


def _for_people(queries: Queries, actions: Actions, trust: Trust) -> Iterator[APIRouter]:
    yield fleet.routes(queries)
    yield way.routes(queries)
    yield alerts.routes(queries, actions)
    yield alarms.routes(queries, actions)
    yield telling.routes(queries, actions)
    yield commands.routes(queries, actions)
    yield energy.routes(queries, actions)
    yield planner.routes(queries, actions)
    yield quality.routes(queries)
    yield learned.routes(queries, actions)
    yield enrol.routes(trust, actions)


def guarded(app: FastAPI, access: Access, *, public_url: str, metrics_token: str = "") -> Guard:
    """Put the guard around the application."""
    return Guard(app, sessions=access, public_url=public_url, metrics_token=metrics_token)
