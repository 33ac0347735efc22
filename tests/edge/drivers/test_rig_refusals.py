"""Rigs that refuse: for once, for a while or for good; none may be lost by it, nor cry all day."""

import asyncio

import pytest
from structlog.testing import capture_logs
from tests.edge.drivers.conftest import INVALID
from tests.edge.drivers.refusing import SECRET, Rig, driver_of, of_lines, of_pages, ports

from lode_edge.clock import Clock
from lode_edge.drivers.asic import AsicDriver
from lode_edge.drivers.asic.refusals import HELD_S, IN_A_ROW, Refusals
from lode_edge.errors import BadAnswer, Denied, DriverError, Unsupported
from lode_edge.poll import Polled, Poller
from lode_wire.records import Quality, RigReading, State

DENIED = (
    b'{"STATUS":[{"STATUS":"E","When":1,"Code":45,"Msg":"Access denied to \'x\' command"}]}\x00'
)
REFUSED = Quality.PARTIAL | Quality.REFUSED


@pytest.fixture
async def serve():
    async with ports() as start:
        yield start


def s19() -> Rig:
    return of_lines("antminer/s19pro_whole")


def bitaxe() -> Rig:
    return of_pages("bitaxe/supra_recorded")


def braiins() -> Rig:
    rig = of_pages("braiins_rest/v26_04_recorded")
    rig.replies["/api/v1/auth/login"] = b'{"token":"t-1","timeout_s":3600}'
    return rig


async def read(driver: AsicDriver) -> RigReading:
    reading = (await driver.read(5))[0]
    assert isinstance(reading, RigReading)
    return reading


@pytest.mark.parametrize("status", [401, 403, 404, 405, 501])
async def test_a_rig_of_one_page_that_refuses_it_once_is_read_again(status, serve):
    rig = bitaxe()
    driver = driver_of(serve(rig))
    await driver.identify()
    for refusals in (1, 4):
        rig.refuses = {"/api/system/info": status}
        for _ in range(refusals):
            with pytest.raises(Unsupported, match=f"HTTP {status}"):
                await driver.read(5)
        rig.refuses = {}
        reading = await read(driver)
        assert (reading.state, reading.quality) == (State.MINING, Quality.GOOD)


async def test_the_poller_gets_it_back_too_and_no_driver_crashes(serve):
    rig = bitaxe()
    told: list[RigReading] = []
    heard = asyncio.Event()

    def emit(records):
        told.append(records[0])
        rig.refuses = {"/api/system/info": 404} if len(told) == 2 else {}
        if len(told) == 5:
            heard.set()

    polled = Polled(name="rig-1", driver=driver_of(serve(rig)), interval_s=0.05, timeout_s=5.0)
    poller = Poller([polled], emit, identified=lambda _device, _facts: None)
    running = asyncio.create_task(poller.run())
    with capture_logs() as logs:
        async with asyncio.timeout(30):
            await heard.wait()
            poller.stop()
            await running
    assert [reading.quality for reading in told[:5]] == [0, 0, Quality.REFUSED, 0, 0]
    assert not [line for line in logs if line["event"] == "driver crashed"]


async def test_a_part_that_is_denied_once_is_missed_once_and_flagged(serve):
    rig = s19()
    driver = driver_of(serve(rig))
    await driver.identify()
    whole = await read(driver)
    rig.refuses = {"stats": DENIED}
    part = await read(driver)
    assert (part.state, part.chip_temp_c, part.quality) == (State.MINING, None, REFUSED)
    rig.refuses = {}
    assert await read(driver) == whole


async def test_what_is_refused_again_and_again_is_left_alone_for_a_while_and_flagged(serve):
    now_s = 1000.0
    rig = s19()
    driver = driver_of(serve(rig), Clock(mono_s=lambda: now_s))
    rig.refuses = {"stats": INVALID}
    for _ in range(6):
        assert (await read(driver)).quality == Quality.PARTIAL
    assert rig.asked.count("stats") == 2
    now_s += HELD_S - 1
    await read(driver)
    assert rig.asked.count("stats") == 2
    now_s += 1
    await read(driver)
    await read(driver)
    assert rig.asked.count("stats") == 3, "still refused: left alone again at once"
    rig.refuses = {}
    now_s += HELD_S
    assert (await read(driver)).quality == Quality.GOOD


async def test_to_be_asked_what_it_is_makes_it_be_asked_everything(serve):
    rig = s19()
    driver = driver_of(serve(rig))
    rig.refuses = {"stats": INVALID}
    for _ in range(3):
        await driver.read(5)
    rig.refuses = {}
    assert (await read(driver)).quality == Quality.PARTIAL
    await driver.identify()
    assert (await read(driver)).quality == Quality.GOOD


async def test_a_password_that_is_put_back_is_enough(serve):
    rig = braiins()
    driver = driver_of(serve(rig))
    await driver.identify()
    whole = await read(driver)
    rig.refuses = dict.fromkeys(rig.replies, 401)
    for _ in range(4):
        with pytest.raises(Denied, match="check its secrets"):
            await driver.read(5)
    rig.asked.clear()
    with pytest.raises(Denied):
        await driver.read(5)
    assert rig.asked.count("/api/v1/auth/login") == 1, "one try a poll, or it locks us out"
    rig.refuses = {}
    assert await read(driver) == whole


async def test_a_refused_login_is_told_once_without_the_login_until_it_is_accepted(serve):
    rig = s19()
    pages = ("/cgi-bin/get_system_info.cgi", "/cgi-bin/get_miner_conf.cgi", "/cgi-bin/summary.cgi")
    rig.refuses = dict.fromkeys(pages, 401)
    driver = driver_of(serve(rig))
    with capture_logs() as logs:
        await driver.identify()
        for _ in range(3):
            await driver.read(5)
        await driver.identify()
        rig.refuses = {}
        rig.replies[pages[0]] = b'{"macaddr":"02:00:00:00:00:0a"}'
        await driver.identify()
        rig.refuses = dict.fromkeys(pages, 403)
        await driver.identify()
    told = [(line["event"], line["device"]) for line in logs]
    assert [event for event, _ in told] == [
        *("access refused", "access granted again", "access refused")
    ]
    assert {device for _, device in told} == {"rig-1"}
    assert "check its secrets" in logs[0]["error"]
    assert SECRET not in str(logs)


async def test_a_rig_that_does_not_hash_and_does_not_let_us_see_why_is_flagged(serve):
    rig = of_lines("antminer/s19pro_does_not_hash")
    rig.refuses = {"/cgi-bin/get_miner_conf.cgi": 401}
    driver = driver_of(serve(rig))
    for _ in range(4):
        reading = await read(driver)
        assert (reading.state, reading.quality) == (State.UNKNOWN, REFUSED)


def test_what_is_remembered_of_a_refusal_is_its_words() -> None:
    """An error holds on to its poll; ten thousand rigs would hold on to as many."""
    refusals = Refusals("rig-1")
    for _ in range(IN_A_ROW):
        with pytest.raises(Denied) as raised:
            raise Denied("closed")
        refusals.refused("stats", raised.value)
    first, second = refusals.held("stats"), refusals.held("stats")
    assert (type(first), str(first), first.__traceback__) == (Denied, "closed", None)
    assert first is not second


@pytest.mark.parametrize("last", [Unsupported("x"), BadAnswer("x"), Denied("x")])
def test_no_refusal_is_a_good_reading(last: DriverError) -> None:
    (reading,) = driver_of("127.0.0.1").missed(5, last)
    assert reading.quality != Quality.GOOD
