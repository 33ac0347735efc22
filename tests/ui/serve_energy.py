"""The dashboard on the hub's own queries, actions and a real database, for a browser.

python -m tests.ui.serve_energy URL ─► a site with two rigs, then prints its port and serves
"""

import asyncio
import json
import socket
import sys

import uvicorn
from fastapi import FastAPI

from lode_hub.access import Access
from lode_hub.actions import Actions
from lode_hub.queries import Queries
from lode_hub.settings import AccessSettings
from lode_hub.store import Store
from lode_ui.dashboard import mount
from tests.hub.queries.mine import Mine
from tests.ui.serve import Guarded
from tests.ui.world import Someone, StandInLive, World


async def serve(url: str) -> None:
    store = await Store.open(url)
    await store.migrate()
    mine, access = Mine(store), Access(store, AccessSettings())
    agent = await mine.agent()
    for name in ("rig-1", "rig-2"):
        await mine.device(agent, name)
    await mine.device(agent, "main", kind=2)
    await access.add("ada", "admin")
    app = FastAPI()
    live = StandInLive(World(rigs=0))
    mount(app, queries=Queries(store), actions=Actions(store, access), live=live)
    listening = socket.create_server(("127.0.0.1", 0))
    guarded = Guarded(app, Someone("ada", "admin"))
    server = uvicorn.Server(uvicorn.Config(guarded, log_level="warning"))
    print(json.dumps(listening.getsockname()[1]), flush=True)
    await server.serve(sockets=[listening])


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1]))
