"""Rigs that make nothing: told to rest, failed, or without their pool; only the first may rest."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.edge.drivers.conftest import INVALID
from tests.edge.drivers.doors import commands

from lode_edge.drivers import DeviceEntry
from lode_edge.drivers.asic import FAMILIES, AsicDriver, epic_hands
from lode_edge.drivers.asic.family import Family
from lode_edge.drivers.asic.link import Link
from lode_edge.drivers.asic.reply import Replies
from lode_wire.records import State

GOLDEN = Path(__file__).resolve().parents[2] / "golden"
BY_NAME = {family.name: family for family in FAMILIES}
Change = Callable[[dict], object]


class Told(Link):
    """Answers what it was given, and notes what was asked."""

    def __init__(self, replies: dict[str, bytes]) -> None:
        self.replies = replies
        self.asked: list[str] = []

    async def ask(self, command: str, *, deadline: float) -> bytes:
        self.asked.append(command)
        return self.replies.get(command, INVALID)


def driver_of(family: Family, link: Told) -> AsicDriver:
    entry = DeviceEntry(name="rig-1", driver="asic", address="h", kind="rig", timeout_s=5.0)
    driver = AsicDriver(entry, 3)
    driver._family, driver._link = family, link
    return driver


def told(case: str, **changes: Change) -> Told:
    """Give a golden case's replies, some of them changed; `_` stands for a page's slashes."""
    replies = commands(GOLDEN / case)
    for name, change in changes.items():
        (command,) = [
            c for c in replies if c.replace("/", "_").replace(" ", "_").strip("_") == name
        ]
        body = json.loads(replies[command])
        change(body)
        replies[command] = json.dumps(body).encode()
    return Told(replies)


async def state_of(family: str, link: Told) -> State:
    return (await driver_of(BY_NAME[family], link).read(5))[0].state


def without_hashing(body: dict) -> None:
    body["HBs"] = []
    body["Status"]["Operating State"] = "Idling"


def epic(*, is_connected: object = True, error: object = None, last: object = None) -> Told:
    def change(body: dict) -> None:
        without_hashing(body)
        body["Stratum"]["IsPoolConnected"] = is_connected
        body["Status"] |= {"Last Error": error, "Last Command": last}

    return told("epic/s19xp_recorded", summary=change)


@pytest.mark.parametrize(
    ("said", "state"),
    [
        ({}, State.SLEEPING),
        ({"is_connected": False}, State.UNKNOWN),  # it idles for its pool's sake
        ({"is_connected": None}, State.UNKNOWN),
        ({"is_connected": False, "last": "Stop"}, State.SLEEPING),
        ({"error": "Hashboard communication lost"}, State.FAULTED),
        ({"error": {"HashboardError": "communication lost"}}, State.FAULTED),
        ({"error": "lost", "is_connected": False}, State.FAULTED),
        ({"error": "of last week", "last": "Stop"}, State.SLEEPING),
    ],
)
async def test_an_epic_rests_only_when_it_was_told_to(said: dict, state: State) -> None:
    assert await state_of("epic", epic(**said)) is state


async def test_what_an_epic_says_of_its_pool_and_its_error_is_kept() -> None:
    driver = driver_of(BY_NAME["epic"], epic(is_connected=False, error="Hashboard 1: no answer"))
    driver._details_due_s = 0.0
    points = {point.point: point.value for point in (await driver.read(5))[1:]}
    assert points["pool.1.alive"] == 0.0
    assert points["error.Hashboard-1-no-answer"] == 1.0


@pytest.mark.parametrize("error", ["", "x" * 9_000, 7, [], {"a": None, "b": ["c"]}, {"a": {}}])
async def test_an_odd_last_error_breaks_nothing(error: object) -> None:
    assert await state_of("epic", epic(error=error)) in (State.SLEEPING, State.FAULTED)


def test_an_epic_that_idles_for_its_pools_sake_is_still_told_to_sleep() -> None:
    def summary(**said: object) -> dict:
        return json.loads(epic(**said).replies["/summary"])

    assert epic_hands.is_stopped(summary()) is True
    assert epic_hands.is_stopped(summary(is_connected=False)) is None
    assert epic_hands.is_stopped({"Status": {"Operating State": "Mining"}}) is False
    assert epic_hands.is_stopped({}) is None


@pytest.mark.parametrize(
    ("said", "state"),
    [
        ({"errors": ["PSU_FAULT"]}, State.FAULTED),
        ({"errors": []}, State.UNKNOWN),
        ({"errors": ["PSU_FAULT"], "hashrate_ths": None}, State.UNKNOWN),
        ({"errors": ["FAN_SLOW"], "hashrate_ths": 95.0}, State.MINING),
    ],
)
async def test_a_foreign_rig_that_makes_nothing_and_shows_errors_has_failed(
    said: dict, state: State
) -> None:
    data = {"is_mining": False, "hashrate_ths": 0.0, "power_w": 180.0} | said
    assert await state_of("foreign", Told({"data": json.dumps(data).encode()})) is state


def stopped(body: dict) -> None:
    body["SUMMARY"][0] |= {"HS RT": 0, "MHS av": 0.0, "MHS 5s": 0.0}


def off(body: dict) -> None:
    body["Msg"]["mineroff"] = "true"


async def test_a_whatsminer_that_makes_nothing_is_asked_for_its_errors_at_once() -> None:
    failed = told("whatsminer/m50_with_errors", summary=stopped)
    driver = driver_of(BY_NAME["whatsminer"], failed)
    reading, *_ = await driver.read(5)
    assert (reading.state, reading.hashrate_ths) == (State.FAULTED, 0.0)
    well = json.dumps({"STATUS": "S", "Msg": {"error_code": []}}).encode()
    failed.replies["get_error_code"] = well
    assert (await driver.read(6))[0].state is State.UNKNOWN


async def test_one_that_was_told_to_rest_rests_whatever_it_shows_and_is_asked_no_more() -> None:
    link = told("whatsminer/m50_with_errors", summary=stopped, status=off)
    assert await state_of("whatsminer", link) is State.SLEEPING
    assert "get_error_code" not in link.asked


async def test_errors_of_the_last_look_count_while_they_cannot_be_asked_for() -> None:
    link = told("whatsminer/m50_with_errors")
    driver = driver_of(BY_NAME["whatsminer"], link)
    driver._details_due_s = 0.0
    assert (await driver.read(5))[0].state is State.MINING, "errors alone are no standstill"
    link.replies |= told("whatsminer/m50_with_errors", summary=stopped).replies
    del link.replies["get_error_code"]
    assert (await driver.read(6))[0].state is State.FAULTED


@pytest.mark.parametrize(
    ("case", "state"),
    [("m60s_recorded", State.SLEEPING), ("m60s_with_errors", State.FAULTED)],
)
async def test_a_whatsminer_of_v3_that_does_not_work_and_shows_errors_has_failed(
    case: str, state: State
) -> None:
    def still(body: dict) -> None:
        body["msg"]["summary"] |= {"hash-realtime": 0, "hash-1min": 0}

    def idle(body: dict) -> None:
        body["msg"]["miner"]["working"] = "false"

    changes = {"get.miner.status_summary": still, "get.device.info": idle}
    assert await state_of("whatsminer_v3", told(f"whatsminer_v3/{case}", **changes)) is state


@pytest.mark.parametrize(("overheat", "state"), [(0, State.SLEEPING), (1, State.FAULTED)])
async def test_a_bitaxe_that_stopped_for_its_heat_does_not_rest(
    overheat: int, state: State
) -> None:
    def paused(body: dict) -> None:
        body |= {"hashRate": 0, "miningPaused": True, "overheat_mode": overheat}

    link = told("bitaxe/supra_recorded", api_system_info=paused)
    assert await state_of("bitaxe", link) is state


@pytest.mark.parametrize(
    ("words", "state"),
    [
        ("SYSTEMSTATU[Work: In Idle, Hash Board: 1] SoftOFF[4]", State.SLEEPING),
        ("SYSTEMSTATU[Work: In Idle, Hash Board: 1]", State.SLEEPING),
        ("SYSTEMSTATU[Work: In Idle, Hash Board: 1] SoftOFF[0]", State.UNKNOWN),  # for its pool
        ("SYSTEMSTATU[Work: In Init, Hash Board: 1] SoftOFF[0]", State.UNKNOWN),
    ],
)
async def test_an_avalon_rests_when_it_says_that_it_was_switched_off(
    words: str, state: State
) -> None:
    stats = {"STATS": [{"MM ID0": f"Elapsed[600] GHSspd[0.00] ITemp[31] {words}"}]}
    assert await state_of("avalon", Told({"stats": json.dumps(stats).encode()})) is state


@pytest.mark.parametrize(("code", "state"), [(0, State.UNKNOWN), (7, State.FAULTED)])
async def test_a_vnish_that_makes_nothing_is_asked_for_its_failure(code: int, state: State) -> None:
    def still(body: dict) -> None:
        body["miner"] |= {"hr_realtime": 0.0}
        body["miner"]["miner_status"]["miner_state"] = "mining"

    link = told("vnish/s19_documented", api_v1_summary=still)
    link.replies["/api/v1/status"] = json.dumps({"failure_code": code}).encode()
    assert await state_of("vnish", link) is state


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_no_family_calls_a_rig_failed_that_shows_nothing(family: Family) -> None:
    assert not family.read(Replies()).is_faulted
    assert not family.details(Replies()).codes
