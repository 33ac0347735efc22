"""The dashboard on a made-up world, as a process of its own, for a browser to look at.

python -m tests.ui.serve '{"rigs": 40}' ─► prints its address, then serves until it is killed
"""

import asyncio
import json
import socket
import sys

import uvicorn
from fastapi import FastAPI, Request
from starlette.types import ASGIApp, Receive, Scope, Send

from lode_ui.dashboard import mount
from tests.ui.world import Someone, StandInActions, StandInLive, StandInQueries, World


class Guarded:
    """Lets everybody in as one person; while `is_shut`, nobody."""

    def __init__(self, app: ASGIApp, person: Someone) -> None:
        self._app = app
        self._person = person

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        state = {**scope.get("state", {}), "person": self._person}
        await self._app({**scope, "state": state}, receive, send)


def application(world: World, person: Someone) -> ASGIApp:
    """Mount the dashboard on the world, behind a guard that knows one person."""
    app = FastAPI()

    @app.post("/test/{what}")
    async def control(what: str, request: Request) -> dict[str, object]:
        values = await request.json()
        if what == "change":
            world.change(values.pop("number"), **values)
        elif what == "away":
            world.is_away = values["is_away"]
        elif what == "tell":
            world.book.tell(values.pop("stage"), **values)
            world.changed.set()
        return {"calls": world.calls, "done": world.done}

    queries, actions, live = StandInQueries(world), StandInActions(world), StandInLive(world)
    mount(app, queries=queries, actions=actions, live=live)
    return Guarded(app, person)


async def serve(settings: dict[str, object]) -> None:
    """Serve on a free port, or on the one that is given."""
    someone = Someone(**settings.pop("person", {}))
    listening = socket.create_server(("127.0.0.1", settings.pop("port", 0)))
    app = application(World(**settings), someone)
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning"))
    print(json.dumps(listening.getsockname()[1]), flush=True)
    await server.serve(sockets=[listening])


if __name__ == "__main__":
    asyncio.run(serve(json.loads(sys.argv[1])))
