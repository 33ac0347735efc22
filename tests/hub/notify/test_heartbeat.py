"""The heartbeat: heard while the hub is well, and silent when it is not."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from pydantic import ValidationError
from structlog.testing import capture_logs

from lode_hub.app import Hub
from lode_hub.notify import Notifier, Secret, Senders
from lode_hub.notify.heartbeat import Heartbeat
from lode_hub.settings import HubSettings
from lode_hub.settings_notify import HeartbeatSettings
from lode_sim.messengers import Messenger, Reply, gateway

TOKEN = "5ecret-ping"


@contextlib.asynccontextmanager
async def beating(heartbeat: Heartbeat) -> AsyncIterator[None]:
    task = asyncio.create_task(heartbeat.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def until(holds, what: str) -> None:
    deadline = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < deadline, what
        await asyncio.sleep(0.01)


async def test_it_is_heard_while_the_hub_is_well_and_only_then():
    wrong: list[str] = []
    asked = 0

    async def ask() -> list[str]:
        nonlocal asked
        asked += 1
        return wrong

    async with gateway() as server:
        heartbeat = Heartbeat(Secret(value=f"{server.url}/ping/{TOKEN}"), 0.02, ask)
        with capture_logs() as logs:
            async with beating(heartbeat):
                await until(lambda: len(server.requests) >= 3, "beats")
                wrong.append("database")
                await until(lambda: any(line["event"] == "no heartbeat" for line in logs), "a word")
                silent, before = asked + 5, len(server.requests)
                await until(lambda: asked >= silent, "five more looks")
                assert len(server.requests) == before
                wrong.clear()
                await until(lambda: len(server.requests) > before, "beats again")
    assert [line["reason"] for line in logs] == ["wrong: database"]
    assert {(one.method, one.path) for one in server.requests} == {("GET", f"/ping/{TOKEN}")}


async def test_what_is_not_taken_is_said_once_without_the_address(tmp_path: Path):
    async def well() -> list[str]:
        return []

    def moved(_: object) -> Reply:
        return Reply(status=302, headers={"Location": f"http://127.0.0.1:1/{TOKEN}"})

    file = tmp_path / "url"
    with capture_logs() as logs:
        async with Messenger(moved) as server, beating(Heartbeat(Secret(file=file), 0.02, well)):
            await until(lambda: logs, "a word about the file")
            file.write_text(f"{server.url}/ping/{TOKEN}\n")
            await until(lambda: len(server.requests) >= 3, "calls")
    assert [line["event"] for line in logs] == ["no heartbeat"] * 2
    assert "check its url_file" in logs[0]["reason"]
    assert "answered 302" in logs[1]["reason"]
    assert TOKEN not in str(logs)


def test_it_needs_one_address():
    with pytest.raises(ValidationError, match="set url_file"):
        HeartbeatSettings()
    with pytest.raises(ValidationError, match="set url_file"):
        HeartbeatSettings(url="https://a.example", url_file="b")


async def test_a_notifier_that_hangs_is_wrong(store, tmp_path: Path):
    hub = Hub(HubSettings(data_dir=tmp_path), show=str)
    hub._parts.start("notifier", asyncio.Event().wait)
    hub._notifier = notifier = Notifier(store, Senders(()))
    await notifier.dispatch()
    assert hub.states()["notifier"].is_well
    notifier._dispatched_s -= 100
    assert "no outbox gone through for 100 s" in hub.states()["notifier"].trouble
    await hub._parts.stop()
