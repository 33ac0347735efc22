"""The dashboard as a person without a browser sees it, and as one with a browser does."""

import contextlib
import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from nicegui import Client, ui
from nicegui.functions.navigate import Navigate
from nicegui.functions.notify import notify
from nicegui.testing import User
from nicegui.testing.general import nicegui_reset_globals
from playwright.sync_api import expect, sync_playwright

from lode_ui.dashboard import mount
from tests.ui.serve import Guarded
from tests.ui.world import Someone, StandInActions, StandInLive, StandInQueries, World

ROOT = Path(__file__).resolve().parent.parent.parent
CHROMIUM = "/usr/bin/chromium"
expect.set_options(timeout=30_000)  # a page beside other tests on two cores may take long
FLAGS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-sync"]
FLAGS += ["--disable-background-networking", "--disable-component-update"]


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def visit() -> Callable[[World, Someone], contextlib.AbstractAsyncContextManager[User]]:
    """Open the dashboard on a world, without a browser."""
    return _visit


@asynccontextmanager
async def _visit(world: World, person: Someone = Someone()) -> AsyncIterator[User]:  # noqa: B008
    with nicegui_reset_globals():
        os.environ["NICEGUI_USER_SIMULATION"] = "true"
        app = FastAPI()
        mount(
            app,
            queries=StandInQueries(world),
            actions=StandInActions(world),
            live=StandInLive(world),
        )
        transport = httpx.ASGITransport(Guarded(app, person))
        try:
            async with (
                app.router.lifespan_context(app),
                httpx.AsyncClient(transport=transport, base_url="http://test") as http,
            ):
                yield User(http)
        finally:
            os.environ.pop("NICEGUI_USER_SIMULATION", None)
            ui.navigate, ui.notify = Navigate(), notify
            Client.page_routes.clear()  # else the reset forgets our modules, too


@dataclass
class Served:
    """A dashboard in a process of its own."""

    settings: dict[str, object]
    process: subprocess.Popen[str] | None = None
    port: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it; again on the same port after a stop."""
        command = [sys.executable, "-m", "tests.ui.serve"]
        settings = json.dumps({**self.settings, "port": self.port})
        self.process = subprocess.Popen(
            [*command, settings], cwd=ROOT, stdout=subprocess.PIPE, text=True
        )
        assert self.process.stdout
        self.port = json.loads(self.process.stdout.readline())

    def stop(self) -> None:
        """Kill it, as a power cut would."""
        if self.process:
            self.process.kill()
            self.process.communicate()
        self.process = None

    def control(self, what: str, **values: object) -> dict[str, object]:
        """Change its world, or ask what was done in it."""
        request = urllib.request.Request(
            f"{self.url}/test/{what}",
            data=json.dumps(values).encode(),
            headers={"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer)


@pytest.fixture
def launch() -> Iterator[Callable[..., Served]]:
    """Start dashboards that end with the test."""
    with _launcher() as start:
        yield start


@pytest.fixture(scope="module")
def launch_for_module() -> Iterator[Callable[..., Served]]:
    """Start dashboards that end with the module."""
    with _launcher() as start:
        yield start


@contextlib.contextmanager
def _launcher() -> Iterator[Callable[..., Served]]:
    running: list[Served] = []

    def start(**settings: object) -> Served:
        served = Served(settings)
        running.append(served)
        served.start()
        return served

    yield start
    for served in running:
        served.stop()


@pytest.fixture(scope="module")  # not longer: asyncio tests cannot run while it does
def browser():
    """Run Debian's Chromium once for a module's tests."""
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture
def look(browser):
    """Open a page of a dashboard in a browser; at the end it must not have complained."""
    contexts = []
    complaints: list[str] = []

    def opened(served: Served, path: str = "/", *, width: int = 1440, scheme: str = "light"):
        context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("dialog", lambda dialog: complaints.append(f"dialog: {dialog.message}"))
        page.goto(served.url + path)
        page.wait_for_selector(".lode-main")
        return page

    yield opened
    for context in contexts:
        context.close()
    assert complaints == []
