"""The pages of alerts on a real hub's queries and actions: what the stand-ins promise holds."""

import os

import httpx
from fastapi import FastAPI
from nicegui import Client, ui
from nicegui.functions.navigate import Navigate
from nicegui.functions.notify import notify
from nicegui.testing import User
from nicegui.testing.general import nicegui_reset_globals

from lode_hub.access import Access
from lode_hub.actions import Actions
from lode_hub.queries import Queries
from lode_hub.settings import AccessSettings
from lode_ui.dashboard import mount
from tests.hub.app.opened import store
from tests.hub.queries.mine import Mine
from tests.ui.reading import seen, until
from tests.ui.serve import Guarded
from tests.ui.world import Someone, StandInLive, World

__all__ = ["store"]
PATHS = {
    "/alerts": "1 critical alert",
    "/alerts/1": "too hot",
    "/silences": "There is none.",
    "/alarm-figures": "0 alarms told",
}


async def test_every_page_is_filled_by_the_real_hub(store, monkeypatch):
    mine = Mine(store)
    rig = await mine.device(await mine.agent("north-1", "north"), "rig-017")
    await mine.alert(rig)
    access = Access(store, AccessSettings())
    monkeypatch.setenv("NICEGUI_USER_SIMULATION", "true")
    with nicegui_reset_globals():
        app = FastAPI()
        queries, actions = Queries(store), Actions(store, access)
        mount(app, queries=queries, actions=actions, live=StandInLive(World(rigs=0)))
        transport = httpx.ASGITransport(Guarded(app, Someone("mira", "viewer")))
        try:
            async with (
                app.router.lifespan_context(app),
                httpx.AsyncClient(transport=transport, base_url="http://test") as http,
            ):
                user = User(http)
                for path, words in PATHS.items():
                    await user.open(path)
                    await until(lambda words=words: words in seen(user))
        finally:
            os.environ.pop("NICEGUI_USER_SIMULATION", None)
            ui.navigate, ui.notify = Navigate(), notify
            Client.page_routes.clear()
