"""The WebSocket of live states."""

import asyncio
import json
from typing import Any

from websockets.asyncio.client import ClientConnection, connect

from tests.hub.api.doors import Doors
from tests.hub.app.opened import until


async def opened(doors: Doors, name: str = "ada") -> ClientConnection:
    async with doors.client(name) as ada:
        token = ada.cookies["lode_session"]
    url = doors.url.replace("http", "ws") + "/api/v1/live"
    return await connect(url, additional_headers={"Authorization": f"Bearer {token}"})


async def hear(socket: ClientConnection) -> dict[str, Any]:
    async with asyncio.timeout(30):
        said: dict[str, Any] = json.loads(await socket.recv())
        return said


async def test_everything_first_and_then_what_changed(doors: Doors) -> None:
    agent = await doors.mine.agent()
    rigs = [await doors.mine.device(agent, f"rig-{n}") for n in range(3)]
    for rig in rigs:
        await doors.mine.reads(rig, power_w=3000)
    socket = await opened(doors)
    first = await hear(socket)
    assert [rig["device_id"] for rig in first["rigs"]] == rigs
    assert first["rigs"][0]["state"] == "mining"
    assert first["rigs"][0]["fan_rpm"] is None

    await doors.mine.run("update rig_last set power_w = 5 where device_id = %(rig)s", rig=rigs[1])
    await doors.mine.run("select pg_notify('lode_live', '{\"agents\":[1],\"sites\":[1]}')")
    changed = await hear(socket)
    assert [(rig["device_id"], rig["power_w"]) for rig in changed["rigs"]] == [(rigs[1], 5.0)]

    # A second listener gets everything too, and both hear of a rig that is gone and of an alert.
    other = await opened(doors, "bob")
    assert len((await hear(other))["rigs"]) == 3
    await doors.mine.run("update device set is_configured = false where id = %(r)s", r=rigs[0])
    await doors.mine.run("select pg_notify('lode_alert', '{\"alerts\":[7],\"sites\":[]}')")
    for listener in (socket, other):
        said = await hear(listener)
        assert (said["rigs"], said["gone"], said["alerts"]) == ([], [rigs[0]], [7])
        await listener.close()

    async def nobody_listens() -> bool:
        return doors.live.subscribers <= 1  # the dashboard's own

    await until(nobody_listens, 10, "the feed to rest")


async def test_time_alone_makes_a_rig_silent(doors: Doors) -> None:
    rig = await doors.mine.device(await doors.mine.agent(), "rig-1")
    await doors.mine.reads(rig, 6)
    socket = await opened(doors)
    assert (await hear(socket))["rigs"][0]["state"] == "mining"
    assert (await hear(socket))["rigs"][0]["state"] == "silent"
    await socket.close()


async def test_a_session_that_ends_ends_the_socket(doors: Doors) -> None:
    socket = await opened(doors)
    await doors.mine.run("delete from session")
    await asyncio.sleep(1.1)  # what a session's answer may be old
    await socket.send("anybody there?")
    async with asyncio.timeout(30):
        await socket.wait_closed()
    assert socket.close_code == 1008
