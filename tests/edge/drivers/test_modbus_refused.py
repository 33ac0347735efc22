"""Registers that a meter lacks: they cost their own values, and a few requests once a while."""

import asyncio
import itertools
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lode_edge.drivers import DeviceEntry, make
from lode_edge.drivers.modbus import Ask, plan
from lode_edge.drivers.modbus.periods import Periods
from lode_edge.drivers.modbus.plan import singly, values
from lode_edge.errors import TimedOut, Unsupported
from lode_profiles import MeterProfile, load
from lode_wire.records import Quality

IEM = load("schneider-iem3000")
SDM = load("eastron-sdm630")
assert isinstance(IEM, MeterProfile)
assert isinstance(SDM, MeterProfile)
EXPORT, REACTIVE = range(0x0C87, 0x0C8B), range(0x0C93, 0x0C9B)
FAST = [(0x0BB7, 12), (0x0BD3, 10), (0x0BED, 8), (0x0C25, 2), (0x0C83, 4)]


def raw(register: int, count: int) -> bytes:
    """Give registers that hold their own address, so that a value from elsewhere would show."""
    return struct.pack(f">{count}H", *range(register, register + count))


class Meter:
    """A bus whose one meter lacks registers, and refuses every range that covers one."""

    def __init__(self, lacks: set[int]) -> None:
        self.lacks, self.asked, self.is_silent_after = lacks, [], None

    async def read(self, asked: Ask, *, deadline: float) -> bytes:
        if len(self.asked) == self.is_silent_after:
            raise TimedOut("silent")
        self.asked.append((asked.register, asked.count))
        if self.lacks & set(range(asked.register, asked.register + asked.count)):
            raise Unsupported("exception 2, illegal data address")
        return raw(asked.register, asked.count)

    def turn(self) -> list[tuple[int, int]]:
        """Give what was asked since the last turn."""
        asked, self.asked = self.asked, []
        return asked


def driver_of(profile: str, bus: Meter):
    entry = DeviceEntry(
        name="m", driver="modbus", address="10.0.0.1", kind="meter", profile=profile
    )
    driver = make(entry, 9)
    driver._bus = bus
    return driver


async def test_a_counter_is_read_though_its_neighbour_is_lacking(serve_meter):
    """An iEM3150 has neither export nor reactive energy."""

    def answer(_unit, _function, register, count):
        if {*EXPORT, *REACTIVE} & set(range(register, register + count)):
            return 2
        words = bytearray(2 * count)
        if register == 0x0C83:
            words[:8] = struct.pack(">q", 1_234_567_890)
        return bytes([2 * count]) + words

    entry = DeviceEntry(
        name="m",
        driver="modbus",
        address=await serve_meter(answer),
        kind="meter",
        profile="schneider-iem3000",
        timeout_s=20.0,
    )
    driver = make(entry, 9)
    for at_ms in (0, 1):
        reading, *points = await driver.read(at_ms)
        assert (reading.energy_in_kwh, reading.energy_out_kwh) == (pytest.approx(1234567.89), None)
        assert reading.quality == Quality.PARTIAL | Quality.REFUSED
    by_name = {point.point: point for point in points}
    assert by_name["current.l1"].quality == 0
    await driver.close()


async def test_what_was_refused_is_asked_for_alone_once_and_then_left_out():
    bus = Meter({*EXPORT, *REACTIVE})
    driver = driver_of("schneider-iem3000", bus)
    await driver.read(0)
    assert bus.turn()[-5:] == [(0x0DBD, 12), (0x0C83, 4), (0x0C87, 4), (0x0C93, 4), (0x0C97, 4)]
    await driver.read(1)
    assert bus.turn() == FAST
    await driver.identify()
    bus.turn()
    await driver.read(2)
    assert (0x0C83, 8) in bus.turn()


async def test_what_a_refused_point_says_is_that_it_was_refused():
    driver = driver_of("eastron-sdm630", Meter({0x0C}))
    for at_ms in (0, 1):
        points = {point.point: point for point in (await driver.read(at_ms))[1:]}
        assert (points["power.l1"].value, points["power.l1"].quality) == (None, Quality.REFUSED)
        assert points["power.l2"].quality == 0


async def test_a_meter_that_refuses_everything_is_asked_for_everything_again():
    bus = Meter(set(range(1 << 16)))
    driver = driver_of("schneider-iem3000", bus)
    with pytest.raises(Unsupported, match="illegal data address"):
        await driver.read(0)
    bus.lacks, bus.asked = set(), []
    reading, *_ = await driver.read(1)
    assert reading.quality & Quality.REFUSED == 0
    assert (0x0C83, 24) in bus.turn()


async def test_silence_ends_the_asking_and_what_was_learned_stays():
    bus = Meter({*EXPORT, *REACTIVE})
    driver = driver_of("schneider-iem3000", bus)
    bus.is_silent_after = 7  # six ranges, and the first value alone
    reading, *_ = await driver.read(0)
    assert reading.quality & (Quality.PARTIAL | Quality.TIMED_OUT) == 9
    bus.is_silent_after, bus.asked = None, []
    await driver.read(1)
    assert (0x0C83, 24) not in bus.turn()
    await driver.read(2)
    assert bus.turn() == FAST


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_all_that_is_there_is_read_whatever_is_lacking(data):
    profile = data.draw(st.sampled_from([IEM, SDM]))
    ranges = [request.range for request in plan(profile, profile.registers())]
    every = sorted(n for _, start, stop in ranges for n in range(start, stop))
    lacks = data.draw(st.sets(st.sampled_from(every), max_size=6))
    alone = {name: plan(profile, [name])[0] for name in profile.registers()}
    there = {
        name: values([(one, raw(one.register, one.count))])[name]
        for name, one in alone.items()
        if not lacks & set(range(one.register, one.register + one.count))
    }
    bus = Meter(lacks)
    driver = driver_of(profile.name, bus)

    async def polls() -> None:
        for n in itertools.count():
            driver._periods.answered(-1e9)  # everything is due at every poll
            found, quality = await driver._read(0.0)
            assert {name: value for name, value in found.items() if value is not None} == there
            assert set(found) == set(alone)
            assert (quality == Quality.GOOD) == (there.keys() == alone.keys())
            asked = bus.turn()
            if n > len(alone) or not any(
                lacks & set(range(register, register + count)) for register, count in asked
            ):
                break
        assert n <= len(alone), "it never learned"
        assert len(asked) <= len(ranges) + 2 * len(lacks) + 2

    asyncio.run(polls())


def test_what_was_refused_is_asked_for_again_after_a_while():
    periods = Periods(IEM, 1, interval_s=1.0)
    whole = [request.range for request, _ in periods.requests(0.0)]
    energy = next(request for request, _ in periods.requests(0.0) if request.register == 0x0C83)
    assert singly(IEM, energy)[0].range == (3, 0x0C83, 0x0C87)
    periods.refuse([energy.range, (3, 0x0C87, 0x0C8B)], 0.0)
    assert energy.range not in [request.range for request, _ in periods.requests(599.0)]
    assert periods.withheld() == ["energy_out_kwh"]
    assert [request.range for request, _ in periods.requests(600.0)] == whole
    assert periods.withheld() == []
