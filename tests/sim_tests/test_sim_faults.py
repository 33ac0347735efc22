"""Every fault as a client sees it, and its end."""

import asyncio
import itertools
import json
import time

import pytest

from lode_sim import garble
from lode_sim.errors import OrderError
from lode_sim.faults import METER_FAULTS, RIG_FAULTS, schedule
from lode_sim.port import Port
from lode_sim.site import Plan, build
from tests.sim_tests.conftest import MeterClient, ask, ask_raw, until

SUMMARY = b'{"command":"summary"}'
SHORT_S = 0.15


@pytest.fixture
async def site(simulator):
    async with simulator("luxos-s19kpro", "antminer-s19pro") as running:
        yield running


@pytest.fixture
def rig(site):
    return next(rig for rig in site.site.rigs if rig.model.key == "luxos-s19kpro")


@pytest.fixture
def other(site):
    return next(rig for rig in site.site.rigs if rig.model.key == "antminer-s19pro")


@pytest.fixture
def meter(site):
    return site.site.meters[0]


async def is_silent(host: str, request: bytes, port: int = 4028) -> bool:
    """Connect, ask, and tell whether nothing comes back while the connection stays."""
    reader, writer = await asyncio.open_connection(host, port)
    writer.write(request)
    try:
        await asyncio.wait_for(reader.read(1), SHORT_S)
    except TimeoutError:
        return True
    else:
        return False
    finally:
        writer.close()
        await writer.wait_closed()


async def test_a_hung_rig_takes_the_connection_and_says_nothing(site, rig, other):
    site.desk.begin("hang", [rig.name])
    assert await is_silent(rig.identity.host, SUMMARY)
    assert (await ask(other.identity.host, "summary"))["SUMMARY"]
    site.desk.clear([rig.name])
    assert (await ask(rig.identity.host, "summary"))["SUMMARY"]


async def test_a_refusing_rig_resets_what_is_open_and_refuses_the_rest(site, rig):
    reader, writer = await asyncio.open_connection(rig.identity.host, 4028)
    await until(lambda: len(rig.port.transports) == 1)
    site.desk.begin("refuse", [rig.name])
    with pytest.raises(ConnectionResetError):
        await reader.read()
    writer.close()
    with pytest.raises(ConnectionRefusedError):
        await ask(rig.identity.host, "summary")
    site.desk.clear([rig.name])
    assert (await ask(rig.identity.host, "summary"))["SUMMARY"]


async def test_an_offline_rig_does_not_even_refuse(site, rig):
    site.desk.begin("offline", [rig.name])
    for _ in range(3):
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.open_connection(rig.identity.host, 4028), SHORT_S)
    site.desk.clear([rig.name])
    assert (await ask(rig.identity.host, "summary"))["SUMMARY"]


async def test_a_reboot_is_away_and_comes_back_with_a_new_uptime(site, rig):
    before = (await ask(rig.identity.host, "summary"))["SUMMARY"][0]
    site.desk.begin("reboot", [rig.name], for_s=0.3)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(asyncio.open_connection(rig.identity.host, 4028), SHORT_S)
    await until(lambda: not rig.faults)
    after = (await ask(rig.identity.host, "summary"))["SUMMARY"][0]
    assert before["Elapsed"] > 3_600
    assert after["Elapsed"] < 5
    assert after["Accepted"] > before["Accepted"]


@pytest.mark.parametrize("kind", garble.KINDS)
@pytest.mark.parametrize("command", ["summary", "stats", "devs"])
async def test_every_kind_of_garbage_breaks_every_reply(site, rig, other, kind, command):
    for host in (rig.identity.host, other.identity.host):
        good = await ask_raw(host, json.dumps({"command": command}).encode())
        site.desk.begin("garbage", ["rig-001", "rig-002"], kind)
        bad = await ask_raw(host, json.dumps({"command": command}).encode())
        site.desk.clear(["rig-001", "rig-002"])
        json.loads(good[:-1])
        if kind == "missing-nul":
            assert json.loads(bad)
        else:
            with pytest.raises(ValueError, match=r".") as broken:
                json.loads(bad.rstrip(b"\x00"), parse_constant=_refuse)
            assert not isinstance(broken.value, AssertionError)


def _refuse(word: str) -> None:
    raise ValueError(word)


async def test_a_dripping_rig_answers_a_byte_at_a_time(site, rig):
    site.desk.begin("drip", [rig.name], "50")
    reader, writer = await asyncio.open_connection(rig.identity.host, 4028)
    writer.write(SUMMARY)
    began_s = time.monotonic()
    assert len(await reader.readexactly(10)) == 10
    assert time.monotonic() - began_s > 0.1
    writer.close()
    await writer.wait_closed()


async def test_an_overheating_rig_says_so_on_the_wire(site, rig):
    site.desk.begin("overheat", [rig.name])
    deadline_s = time.monotonic() + 30
    hottest = 0
    while hottest <= 95:
        assert time.monotonic() < deadline_s
        stats = (await ask(rig.identity.host, "stats"))["STATS"][1]
        hottest = max(int(stats[f"temp_chip{n}"].split("-")[0]) for n in (1, 2, 3))
        await asyncio.sleep(0.05)


async def test_board_fan_and_clock_show_in_the_replies(site, rig):
    host = rig.identity.host
    before = (await ask(host, "stats"))["STATS"][1]
    for fault, value in [("board", ""), ("fan", ""), ("clock", "-3600")]:
        site.desk.begin(fault, [rig.name], value)
    reply = await ask(host, "stats")
    after = reply["STATS"][1]
    assert (after["total_acn"], before["total_acn"]) == (2 * 77, 3 * 77)
    assert after["chain_acn3"] == after["fan1"] == 0
    assert reply["STATUS"][0]["When"] == pytest.approx(time.time() - 3_600, abs=5)
    dead = [dev["Status"] for dev in (await ask(host, "devs"))["DEVS"]]
    assert sorted(dead) == ["Alive", "Alive", "Dead"]


async def test_a_fault_ends_by_itself(site, rig):
    site.desk.begin("hang", [rig.name], for_s=0.05)
    assert rig.faults
    await until(lambda: not rig.faults)
    assert (await ask(rig.identity.host, "summary"))["SUMMARY"]


async def test_a_renewed_fault_lasts_from_the_renewal(site, rig):
    site.desk.begin("hang", [rig.name], for_s=0.05)
    site.desk.begin("hang", [rig.name])
    await asyncio.sleep(0.1)
    assert rig.faults


@pytest.mark.parametrize(("how", "difference"), [("short", -4), ("long", 4)])
async def test_a_meter_answers_with_the_wrong_length(site, meter, how, difference):
    site.desk.begin("wrong-length", [meter.name], how)
    client = await MeterClient.connect(meter.host)
    response = await client.read(0x00, 10)
    assert len(response) == 2 + 20 + difference
    assert response[1] == 20 + difference
    await client.close()


async def test_a_meter_answers_with_a_header_that_lies(site, meter):
    site.desk.begin("wrong-length", [meter.name], "header")
    client = await MeterClient.connect(meter.host)
    assert len(await client.read(0x00, 10)) < 22
    await client.close()


async def test_a_meter_hangs_drips_and_talks_nonsense(site, meter):
    request = b"\x00\x07\x00\x00\x00\x06\x01\x04\x00\x34\x00\x02"
    site.desk.begin("hang", [meter.name])
    assert await is_silent(meter.host, request, 5020)
    site.desk.clear([meter.name])
    site.desk.begin("garbage", [meter.name])
    reader, writer = await asyncio.open_connection(meter.host, 5020)
    writer.write(request)
    assert len(await reader.readexactly(13)) == 13
    site.desk.clear([meter.name])
    site.desk.begin("drip", [meter.name], "100")
    writer.write(request)
    began_s = time.monotonic()
    await reader.readexactly(13)
    assert time.monotonic() - began_s > 0.1
    writer.close()
    await writer.wait_closed()


@pytest.mark.parametrize(
    ("fault", "names", "value", "words"),
    [
        ("melt", ["rig-001"], "", "unknown; one of hang"),
        ("hang", ["rig-009"], "", "not on this site"),
        ("overheat", ["meter-site"], "", "a meter has no fault overheat"),
        ("garbage", ["rig-001"], "soup", "missing-comma"),
        ("drip", ["rig-001"], "-1", "above 0"),
        ("clock", ["rig-001"], "noon", "must be a number"),
        ("wrong-length", ["meter-site"], "huge", "one of short"),
    ],
)
async def test_senseless_orders_are_refused_and_do_nothing(site, fault, names, value, words):
    with pytest.raises(OrderError, match=words):
        site.desk.begin(fault, names, value)
    assert not any(device.faults for device in site.site.devices)


def test_the_same_seed_is_the_same_schedule_of_faults(clock):
    def look(seed: int) -> list:
        devices = build(Plan(rigs=10, seed=seed), clock.clocks()).devices
        planned = schedule(seed, devices, per_hour=60, for_s=20)
        return list(itertools.islice(planned, 50))

    assert look(7) == look(7)
    assert look(7) != look(8)
    times = [planned.at_s for planned in look(7)]
    assert times == sorted(times)
    assert 1_000 < times[-1] < 10_000
    assert {planned.fault for planned in look(7)} <= RIG_FAULTS | METER_FAULTS


async def test_a_port_goes_through_all_its_states_again_and_again(base):
    port = Port(base.replace(".0.0", ".0.1"), 0, asyncio.Protocol)
    port.open()
    for _ in range(3):
        for change in (port.refuse, port.drop, port.open, port.drop, port.refuse, port.open):
            change()
    _reader, writer = await asyncio.open_connection(port.host, port.port)
    writer.close()
    await writer.wait_closed()
    port.close()


async def test_a_site_can_make_faults_of_its_own(simulator):
    async with simulator("luxos-s19kpro", faults_per_hour=360_000) as running:
        await until(lambda: any(device.faults for device in running.site.devices))


def test_an_unknown_model_is_refused(clock):
    with pytest.raises(OrderError, match="one of antminer-s19pro"):
        build(Plan(rigs=1, models=("abacus",)), clock.clocks())
