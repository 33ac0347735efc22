"""Listening to a real OPC UA server: what it says, stops saying, and has said meanwhile."""

import asyncio
import itertools
from datetime import UTC, datetime, timedelta

import pytest
import pytest_asyncio
from tests.edge.drivers.opcua.conftest import entry, listening, until

from lode_edge.drivers.opcua import OpcuaStream, server, subscription
from lode_edge.errors import EdgeError
from lode_sim.opcua_plant import Plant
from lode_sim.proxy import Proxy
from lode_wire.records import Quality

pytestmark = pytest.mark.asyncio(loop_scope="module")
FEEDERS = [f"F{n}" for n in range(1, 40)]
_unused = iter(FEEDERS)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def plant():
    """Give a plant for all tests of this module: it takes seconds to start."""
    async with Plant(FEEDERS, has_history=True) as running:
        yield running


@pytest.fixture
def feeder():
    """Give a feeder that no other test has."""
    return next(_unused)


def powers(ear):
    return [r.power_w for r in ear.readings]


async def test_a_feeder_is_heard(plant, feeder):
    async with listening(entry(plant.url, feeder)) as ear:
        await until(lambda: ear.readings and ear.points("cabinet.temp"))
        first = ear.readings[0]
        assert (first.meter, first.power_w, first.energy_in_kwh, first.voltage_v) == (
            *(7, 12_500.0, 4711.0, 231.5),
        )
        assert (first.quality, first.current_a) == (0, None)
        assert ear.points("breaker.closed")[0].value == 1.0
        assert ear.points("cabinet.temp")[0].unit == "°C"
        at = await plant.tell(feeder, "Power", 20.0)
        await until(lambda: ear.last.power_w == 20_000.0)
        told = next(r for r in ear.readings if r.power_w == 20_000.0)
        assert told.at_ms == int(at.timestamp() * 1000)
        assert told.voltage_v == 231.5  # a reading has all that is known, not only what changed
        assert ear.facts[0].profile == "example-feeder"


async def test_what_does_not_change_is_said_again_once_an_interval(plant, feeder):
    async with listening(entry(plant.url, feeder, interval_s=0.3)) as ear:
        await until(lambda: len(ear.readings) >= 5)
        times = [r.at_ms for r in ear.readings]
        assert times == sorted(set(times))
        assert max(b - a for a, b in itertools.pairwise(times[1:])) < 1500
        assert all(r.quality == 0 and r.power_w == 12_500.0 for r in ear.readings)
        points = [p.at_ms for p in ear.points("cabinet.temp")]
        assert len(points) >= 4
        assert len(points) == len(set(points))


async def test_a_deadband_keeps_small_changes_at_the_server(plant, feeder):
    async with listening(entry(plant.url, feeder, interval_s=30.0)) as ear:
        await until(lambda: ear.points("cabinet.temp"))
        await plant.tell(feeder, "Temperature", 31.55)
        await plant.tell(feeder, "Power", 13.0)
        await until(lambda: 13_000.0 in powers(ear))
        assert len(ear.points("cabinet.temp")) == 1
        await plant.tell(feeder, "Temperature", 33.0)
        await until(lambda: ear.points("cabinet.temp")[-1].value == 33.0)


async def test_devices_of_one_server_share_a_session(plant, feeder):
    other = next(_unused)
    async with (
        listening(entry(plant.url, feeder)) as one,
        listening(entry(plant.url, other), 8) as two,
    ):
        await until(lambda: one.readings and two.readings)
        assert (plant.sessions, plant.subscriptions) == (1, 2)
        await plant.tell(other, "Power", 3.0)
        await until(lambda: two.last.power_w == 3000.0)
        assert one.last.power_w == 12_500.0
    await until(lambda: plant.sessions == 0)


async def test_a_server_that_is_killed_and_comes_back_is_heard_again(plant, feeder):
    async with listening(entry(plant.url, feeder)) as ear:
        await until(lambda: ear.readings)
        await plant.kill()
        await until(lambda: ear.last.quality == Quality.REFUSED)
        missed = len([r for r in ear.readings if r.quality])
        await until(lambda: len([r for r in ear.readings if r.quality]) >= missed + 2)
        assert ear.last.power_w is None
        await plant.start()
        await plant.tell(feeder, "Power", 9.0)
        await until(lambda: ear.last.power_w == 9000.0)
        assert ear.last.quality == 0


async def test_a_subscription_that_is_silently_lost_is_made_anew(plant, feeder):
    async with listening(entry(plant.url, feeder)) as ear:
        await until(lambda: ear.readings)
        assert await plant.rob() == 1
        await plant.tell(feeder, "Power", 30.0)
        await until(lambda: ear.last.power_w == 30_000.0, 5.0)
        assert (plant.sessions, plant.subscriptions) == (1, 1)  # the session was good enough
        assert any(r.quality == Quality.TIMED_OUT for r in ear.readings) or len(ear.readings) < 8


async def test_a_server_that_publishes_nothing_counts_as_silent(plant, feeder):
    async with listening(entry(plant.url, feeder)) as ear:
        await until(lambda: ear.readings)
        plant.mute(is_mute=True)
        try:
            await until(lambda: ear.last.quality == Quality.TIMED_OUT)
            silent = len(ear.readings)
            await until(lambda: len(ear.readings) > silent + 2)
            assert {r.power_w for r in ear.readings[silent:]} == {None}
        finally:
            plant.mute(is_mute=False)
        await until(lambda: ear.last.quality == 0)  # a new subscription is heard


async def test_a_black_hole_is_noticed_and_its_gap_told_once(plant, feeder):
    async with Proxy("127.0.0.1", plant.port) as proxy:
        url = f"opc.tcp://127.0.0.1:{proxy.port}/plant"
        async with listening(entry(url, feeder)) as ear:
            await until(lambda: ear.readings)
            told = {}
            for n in range(5):
                told[await plant.tell(feeder, "Power", 100.0 + n)] = 100_000.0 + 1000 * n
                await asyncio.sleep(0.15)
            await until(lambda: powers(ear)[-1] == 104_000.0)
            proxy.set("blackhole")
            for n in range(40):
                told[await plant.tell(feeder, "Power", 200.0 + n)] = 200_000.0 + 1000 * n
                await plant.tell(feeder, "Temperature", 40.0 + n)
                await asyncio.sleep(0.01)
            await until(lambda: ear.last.quality == Quality.TIMED_OUT)
            proxy.set("pass")
            await until(lambda: ear.last.power_w == 239_000.0)
            told[await plant.tell(feeder, "Power", 300.0)] = 300_000.0
            await until(lambda: ear.last.power_w == 300_000.0)
        expected = {int(at.timestamp() * 1000): power for at, power in told.items()}
        # Every value at its own time, exactly once; the others are repetitions of what held.
        changes = [r for r in ear.readings if r.power_w and expected.get(r.at_ms) == r.power_w]
        assert sorted(r.at_ms for r in changes) == sorted(expected)
        temps = [p.value for p in ear.points("cabinet.temp") if p.value and p.value >= 40.0]
        assert set(temps) == {40.0 + n for n in range(40)}
        assert temps[:39] == [40.0 + n for n in range(39)]


@pytest.mark.parametrize(
    ("status", "value", "quality"),
    [
        (0x80310000, None, Quality.TIMED_OUT),  # no communication
        (0x40900000, None, Quality.TIMED_OUT),  # last usable value
        (0x40930000, 0.0, Quality.PARTIAL),  # sensor not accurate
    ],
)
async def test_a_status_becomes_a_quality(status, value, quality, plant, feeder):
    async with listening(entry(plant.url, feeder, interval_s=30.0)) as ear:
        await until(lambda: ear.points("breaker.closed"))
        await plant.tell(feeder, "Breaker", False, status=status)
        await until(lambda: len(ear.points("breaker.closed")) == 2)
        told = ear.points("breaker.closed")[-1]
        assert (told.value, Quality(told.quality)) == (value, quality)


async def test_a_time_that_makes_no_sense_gives_way_to_ours_and_is_flagged(plant, feeder):
    async with listening(entry(plant.url, feeder, interval_s=30.0)) as ear:
        await until(lambda: ear.points("cabinet.temp"))
        for at in (datetime.now(UTC) + timedelta(hours=1), datetime(1999, 1, 1, tzinfo=UTC)):
            before = len(ear.points("cabinet.temp"))
            await plant.tell(feeder, "Temperature", 50.0 + before, at=at)
            await until(lambda b=before: len(ear.points("cabinet.temp")) > b)
            told = ear.points("cabinet.temp")[-1]
            assert abs(told.at_ms - datetime.now(UTC).timestamp() * 1000) < 5000
            assert told.quality == Quality.CLOCK


async def test_nodes_that_are_not_there_are_missing_and_say_so(plant):
    async with listening(entry(plant.url, "nowhere")) as ear:
        await until(lambda: len(ear.readings) >= 2)
        assert (ear.last.power_w, ear.last.voltage_v) == (None, None)
        assert Quality(ear.last.quality) == Quality.PARTIAL | Quality.REFUSED
        assert ear.points("cabinet.temp")[-1].quality == Quality.REFUSED


@pytest.mark.alone
async def test_more_than_was_asked_for_waits_at_the_server(plant, feeder, monkeypatch):
    monkeypatch.setattr(subscription, "_RATE_SLACK", 0.2)
    async with listening(entry(plant.url, feeder, interval_s=30.0)) as ear:
        await until(lambda: ear.readings)
        for n in range(3000):
            await plant.tell(feeder, "Power", float(n))
            if n % 300 == 0:
                await asyncio.sleep(0.05)
        await until(lambda: ear.last.power_w == 2_999_000.0)
        assert len(ear.readings) < 60  # the newest of each publishing, however many came


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"profile": ""}, "needs a profile; name a node map"),
        ({"profile": "nope"}, "unknown"),
        ({"address": "127.0.0.1:4840"}, "write opc.tcp://host:port/path"),
    ],
)
async def test_an_entry_that_lacks_something_is_refused(change, message):
    with pytest.raises(EdgeError, match=message):
        OpcuaStream(entry("opc.tcp://127.0.0.1:1", **change), 1)


async def test_nobody_there_is_said_once_an_interval():
    async with listening(entry("opc.tcp://127.0.0.1:1/x", interval_s=0.1)) as ear:
        await until(lambda: len(ear.readings) >= 3)
        assert all(Quality(r.quality) in (Quality.REFUSED, Quality.TIMED_OUT) for r in ear.readings)


async def test_stopped_at_any_moment_it_leaves_nothing_behind(plant, feeder, monkeypatch):
    monkeypatch.setattr(server, "RETRY_FIRST_S", 0.01)
    for url in ("opc.tcp://127.0.0.1:1/x", plant.url):
        for n in range(40):
            stream = OpcuaStream(entry(url, feeder), 7)
            task = asyncio.create_task(stream.run(lambda _records: None, lambda _facts: None))
            await asyncio.sleep(n * 0.002)
            task.cancel()
            await asyncio.wait([task], timeout=30)
            assert task.cancelled()
    await until(lambda: plant.sessions == 0)
    await until(lambda: not [t for t in asyncio.all_tasks() if "lode_edge" in repr(t)])


@pytest.mark.slow  # a server takes seconds to start
async def test_a_server_that_numbers_its_namespaces_anew_is_understood():
    plant = Plant(["F1"])
    async with plant, listening(entry(plant.url)) as ear:
        await until(lambda: ear.readings and ear.last.power_w == 12_500.0)
        await plant.stop()
        await until(lambda: ear.last.power_w is None)
        plant.before = 3
        await plant.start()
        await plant.tell("F1", "Power", 5.0)
        await until(lambda: ear.last.power_w == 5000.0)
        assert ear.last.voltage_v == 231.5  # by its path
