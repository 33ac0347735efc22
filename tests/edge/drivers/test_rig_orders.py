"""The seam between polls and orders: turns, time limits, the slow lane, ports beside each other."""

import asyncio
import json
from pathlib import Path

import pytest
from tests.edge.drivers.conftest import INVALID
from tests.edge.drivers.controls import SUBJECTS, bench

from lode_edge.drivers import DeviceEntry, make
from lode_edge.drivers.asic import client
from lode_edge.drivers.asic import driver as asic
from lode_edge.drivers.asic.details import Details
from lode_edge.drivers.asic.driver import DETAILS_EVERY_S
from lode_edge.drivers.asic.hands import Rig
from lode_edge.errors import Busy, DriverError, TimedOut, Unsupported
from lode_wire import orders
from lode_wire.records import Quality, RigReading, State

GOLDEN = Path(__file__).resolve().parents[2] / "golden"
S19 = GOLDEN / "antminer" / "s19pro_whole"
REPLIES = {path.stem: path.read_bytes() for path in S19.glob("*.json") if path.stem != "expected"}
ORDERS = GOLDEN / "avalon" / "q_whole" / "orders"


def rig(address: str, timeout_s: float = 2.0):
    entry = DeviceEntry(
        name="rig-1", driver="asic", address=address, kind="rig", timeout_s=timeout_s
    )
    return make(entry, 3)


def points(records) -> dict[str, float]:
    return {point.point: point.value for point in records[1:]}


async def test_a_poll_that_finds_an_order_under_way_says_so(tmp_path):
    async with bench(SUBJECTS["luxos"], tmp_path, timeout_s=0.2) as it:
        await it.driver.read(1)
        async with it.driver._turns.to_write():
            with pytest.raises(Busy, match="an order to it was under way"):
                await it.driver.read(2)
        (missed,) = it.driver.missed(2, Busy("x"))
        assert (missed.state, missed.quality) == (State.UNKNOWN, Quality.TIMED_OUT)
        assert isinstance((await it.driver.read(3))[0], RigReading)


async def test_nothing_of_a_poll_comes_between_the_requests_of_an_order(tmp_path, monkeypatch):
    asked: list[str] = []
    exchange = client.exchange

    async def noted(host, port, request, place, *, deadline):
        asked.append(json.loads(request)["command"])
        return await exchange(host, port, request, place, deadline=deadline)

    async with bench(SUBJECTS["luxos"], tmp_path) as it:
        await it.driver.read(1)
        monkeypatch.setattr(client, "exchange", noted)
        it.rig.writes.delay_s = 0.02
        order = asyncio.create_task(it.driver.act(orders.Sleep()))
        await asyncio.sleep(0.01)
        await it.driver.read(2)
        await order
        assert asked[:5] == ["config", "logon", "curtail", "logoff", "stats"]


async def test_an_order_waits_for_one_request_of_a_poll_at_most(tmp_path):
    async with bench(SUBJECTS["luxos"], tmp_path) as it:
        await it.driver.read(1)
        it.rig.writes.delay_s = 0.1
        poll = asyncio.create_task(it.driver.read(2))
        await asyncio.sleep(0.02)
        await it.driver.act(orders.Sleep())
        assert not poll.done()
        await poll


async def test_the_whole_of_an_order_has_a_limit(tmp_path, monkeypatch):
    monkeypatch.setattr(asic, "ACT_LIMIT_S", 0.2)
    async with bench(SUBJECTS["antminer"], tmp_path, timeout_s=5.0) as it:
        it.rig.writes.delay_s = 0.15
        with pytest.raises(TimedOut, match="sleep: no end within"):
            await it.driver.act(orders.Sleep())


async def test_two_orders_do_not_interleave(tmp_path):
    async with bench(SUBJECTS["antminer"], tmp_path) as it:
        kept = it.subject.kept(it.rig)
        await asyncio.gather(
            it.driver.act(orders.PowerMode(mode="low")), it.driver.act(orders.FanSpeed(percent=60))
        )
        await it.back()
        after = it.subject.kept(it.rig)
        changed = {key for key in kept if kept[key] != after[key]}
        assert changed == {"bitmain-work-mode", "bitmain-fan-ctrl", "bitmain-fan-pwm"}


async def test_details_are_asked_for_once_identified_and_then_every_few_minutes(serve, monkeypatch):
    asked = []

    async def answer(reader, writer):
        asked.append(json.loads(await reader.read(4096))["command"])
        writer.write(REPLIES.get(asked[-1], INVALID))

    driver = rig(await serve(answer))
    assert "pool.1.accepted" not in points(await driver.read(1))
    await driver.identify()
    assert points(await driver.read(1))["pool.1.accepted"] == 4057
    assert "pool.1.accepted" not in points(await driver.read(2))
    assert asked.count("pools") == 1
    now = asyncio.get_running_loop().time()
    assert DETAILS_EVERY_S / 2 - 5 < driver._details_due_s - now <= DETAILS_EVERY_S
    monkeypatch.setattr(driver, "_details_due_s", 1.0)
    await driver.read(3)
    assert asked.count("pools") == 2


async def test_details_that_hang_leave_the_reading_as_it_is(serve):
    async def answer(reader, writer):
        command = json.loads(await reader.read(4096))["command"]
        if command == "pools":
            await asyncio.sleep(60)
        writer.write(REPLIES.get(command, INVALID))

    driver = rig(await serve(answer), timeout_s=0.4)
    await driver.identify()
    reading, *_ = await driver.read(1)
    assert reading.quality == 0
    assert reading.accepted_shares == 4057


async def test_an_error_that_is_gone_is_said_to_be_gone(serve, monkeypatch):
    case = GOLDEN / "luxos" / "s19kpro_whole"
    replies = {path.stem: path.read_bytes() for path in case.glob("*.json")}

    async def answer(reader, writer):
        writer.write(replies.get(json.loads(await reader.read(4096))["command"], INVALID))

    driver = rig(await serve(answer))
    await driver.identify()
    assert points(await driver.read(1))["error.NOPIC_PROTECTION"] == 1
    replies["events"] = b'{"STATUS":[{"STATUS":"S"}],"EVENTS":[],"id":1}'
    for said, value in (("events", 0), ("events", None)):
        monkeypatch.setattr(driver, "_details_due_s", 1.0)
        assert points(await driver.read(2)).get("error.NOPIC_PROTECTION") == value, said
    replies["events"] = INVALID
    monkeypatch.setattr(driver, "_details_due_s", 1.0)
    await driver.read(3)


def test_only_codes_become_points_and_not_too_many():
    many = Details(errors=[f"E{n}" for n in range(1000)])
    assert len(many.points(1, 2)) == 32
    odd = Details(errors=["", "a b", "x" * 41, "püh", "OK_1"])
    assert [point.point for point in odd.points(1, 2)] == ["error.OK_1"]


@pytest.mark.parametrize(
    ("port", "web"), [(4028, 80), (14028, 10080), (5028, 1080), (4029, None), (64028, 60080)]
)
def test_ports_move_together_by_whole_thousands_or_are_not_known(port, web):
    there = Rig(host="h", port=port, login=None, timeout_s=1.0, profile=None)
    if web is None:
        with pytest.raises(Unsupported, match="cannot be told from this one"):
            there.beside(80)
    else:
        assert there.beside(80) == web


async def test_a_rig_whose_web_port_is_not_known_can_be_read_and_not_told(serve_rig):
    driver = rig(await serve_rig(REPLIES))
    facts = await driver.identify()
    assert (facts.model, facts.mac) == ("Antminer S19 Pro", "")
    with pytest.raises(Unsupported, match="its port 80"):
        await driver.act(orders.Sleep())


@pytest.mark.parametrize(
    ("intent", "asked", "said"),
    [
        (orders.Wake(), "softon", "ASC 0 set info: success softon:1753434757"),
        (orders.PowerMode(mode="high"), "workmode", "ASC 0 set OK"),
    ],
)
async def test_the_recorded_answers_of_an_avalon_are_understood(intent, asked, said, serve):
    case = GOLDEN / "avalon" / "q_whole"
    told = []

    async def answer(reader, writer):
        order = json.loads(await reader.read(4096))
        path = case / f"{order['command']}.json"
        if order["command"] == "ascset":
            word = order["parameter"].split(",")[1]
            told.append(order["parameter"])
            path = ORDERS / f"ascset_{word}.json"
        writer.write(path.read_bytes() if path.exists() else INVALID)

    deed = await rig(await serve(answer)).act(intent)
    assert deed.said == said
    assert told[0] == "0,help"
    assert told[1].startswith(f"0,{asked}")


async def test_an_avalon_falls_asleep_by_its_own_clock(serve):
    case = GOLDEN / "avalon" / "a1246_whole"
    told = []

    async def answer(reader, writer):
        order = json.loads(await reader.read(4096))
        data = REPLIES.get("none", INVALID)
        if order["command"] == "ascset":
            told.append(order["parameter"])
            name = "softoff" if "softoff" in order["parameter"] else "help"
            data = (ORDERS / f"ascset_{name}.json").read_bytes()
        elif (case / f"{order['command']}.json").exists():
            data = (case / f"{order['command']}.json").read_bytes()
        writer.write(data)

    await rig(await serve(answer)).act(orders.Sleep())
    when = json.loads((case / "version.json").read_bytes())["STATUS"][0]["When"]
    assert told[-1] == f"0,softoff,1:{when + 5}"


async def test_a_family_that_can_only_be_read_offers_nothing(serve_rig, monkeypatch):
    driver = rig(await serve_rig(REPLIES))
    await driver.identify()
    family = asic.dataclasses.replace(driver._family, hands=None)
    monkeypatch.setattr(driver, "_family", family)
    able = await driver.abilities()
    assert (able.actions, "can only be read" in able.blocked) == ((), True)
    for asking in (driver.act(orders.Sleep()), driver.preview(orders.Sleep()), driver.posture()):
        with pytest.raises(DriverError, match="offers no"):
            await asking
