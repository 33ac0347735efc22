"""Modbus over real sockets: right answers, wrong ones, none, and several units on one line."""

import asyncio
import itertools
import struct
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lode_edge.drivers import DeviceEntry, make
from lode_edge.drivers.modbus import Ask, Bus, plan
from lode_edge.drivers.modbus.frames import Mbap
from lode_edge.drivers.modbus.plan import values
from lode_edge.errors import (
    BadAnswer,
    DriverError,
    EdgeError,
    NotNow,
    Refused,
    TimedOut,
    Unreachable,
    Unsupported,
)
from lode_profiles import MeterProfile, load, span
from lode_wire import codec
from lode_wire.records import MeterReading, PointReading, Quality

SDM630 = load("eastron-sdm630")
assert isinstance(SDM630, MeterProfile)


def floats(values_at: dict[int, float]):
    """Answer any request with these floats, and zero where there is none."""

    def answer(_unit: int, _function: int, register: int, count: int) -> bytes:
        words = b"".join(
            struct.pack(">f", values_at.get(register + n, 0.0)) for n in range(0, count, 2)
        )
        return bytes([2 * count]) + words

    return answer


LIVE = {0x2A: 230.5, 0x30: 12.25, 0x34: 8400.0, 0x3E: 0.98, 0x46: 50.02, 0x48: 1234.5, 0x4A: 7.25}
LIVE |= {0x00: 230.0, 0x02: 231.0, 0x04: 230.5, 0x0C: 2800.0, 0x156: 1241.75, 0x15A: 400.0}


def meter(address: str, *, unit: int = 1, profile: str = "eastron-sdm630", timeout_s: float = 0.4):
    entry = DeviceEntry(
        name="m-1",
        driver="modbus",
        address=address,
        kind="meter",
        profile=profile,
        unit=unit,
        timeout_s=timeout_s,
    )
    return make(entry, 9)


async def test_a_meter_is_read(serve_meter):
    driver = meter(await serve_meter(floats(LIVE)))
    reading, *points = await driver.read(5)
    assert reading == MeterReading(
        at_ms=5,
        meter=9,
        power_w=8400.0,
        energy_in_kwh=1234.5,
        energy_out_kwh=7.25,
        voltage_v=230.5,
        current_a=12.25,
        freq_hz=pytest.approx(50.02, rel=1e-6),
        power_factor=pytest.approx(0.98, rel=1e-6),
    )
    by_name = {point.point: point for point in points}
    assert by_name["power.l1"] == PointReading(
        at_ms=5, device=9, point="power.l1", value=2800.0, unit="W"
    )
    assert by_name["energy.total"].value == 1241.75
    assert set(by_name) == set(SDM630.points)
    codec.pack([reading])
    codec.pack(points)
    facts = await driver.identify()
    assert (facts.vendor, facts.model, facts.profile) == ("Eastron", "SDM630", "eastron-sdm630")
    await driver.close()


async def test_slow_registers_are_read_when_they_are_due(serve_meter):
    asked = []

    def answer(unit, function, register, count):
        asked.append((unit, function, register, count))
        return floats(LIVE)(unit, function, register, count)

    driver = meter(await serve_meter(answer), unit=17)
    whole = await driver.read(5)
    slow_only = [name for name, place in SDM630.points.items() if place.poll == "slow"]
    assert len(asked) == 3
    asked.clear()
    fast = await driver.read(6)
    assert asked == [(17, 4, 0x0000, 0x4C)]
    assert len(whole) - len(fast) == len(slow_only)
    await driver.close()


async def test_a_failed_range_loses_its_own_values_and_no_others(serve_meter):
    def answer(unit, function, register, count):
        return 2 if register > 0x100 else floats(LIVE)(unit, function, register, count)

    driver = meter(await serve_meter(answer))
    reading, *points = await driver.read(5)
    assert reading.power_w == 8400.0
    assert reading.quality == Quality.PARTIAL | Quality.REFUSED
    by_name = {point.point: point for point in points}
    assert (by_name["energy.total"].value, by_name["energy.total"].quality) == (None, 16)
    assert (by_name["voltage.l2"].value, by_name["voltage.l2"].quality) == (231.0, 0)
    await driver.close()


async def test_values_that_cannot_be_are_missing(serve_meter):
    odd = {**LIVE, 0x2A: -5.0, 0x46: float("nan"), 0x3E: 7.0, 0x48: 1e30}
    driver = meter(await serve_meter(floats(odd)))
    reading, *_ = await driver.read(5)
    assert (reading.voltage_v, reading.freq_hz, reading.power_factor) == (None, None, None)
    assert (reading.energy_in_kwh, reading.power_w) == (None, 8400.0)
    assert reading.quality == Quality.OUT_OF_RANGE
    await driver.close()


def frame(asked: bytes, data: bytes, *, function: int = 4, length: int | None = None) -> bytes:
    size = len(data) + 2 if length is None else length
    return asked[:2] + b"\x00\x00" + size.to_bytes(2, "big") + asked[6:7] + bytes([function]) + data


WRONG = {
    "fewer registers": lambda a: frame(a, b"\x02CC"),
    "more registers": lambda a: frame(a, b"\xa0" + b"C" * 160),
    "byte count too small": lambda a: frame(a, b"\x02" + b"C" * 152),
    "byte count too large": lambda a: frame(a, b"\xff" + b"C" * 152),
    "odd bytes": lambda a: frame(a, b"\x97" + b"C" * 151),
    "bytes behind": lambda a: frame(a, b"\x98" + b"C" * 152) + b"extra",
    "length of another": lambda a: frame(a, b"\x98" + b"C" * 152, length=5),
    "another transaction": lambda a: b"\x77\x77" + frame(a, b"\x98" + b"C" * 152)[2:],
    "another protocol": lambda a: a[:2] + b"HT" + frame(a, b"\x98" + b"C" * 152)[4:],
    "another unit": lambda a: a[:6] + b"\x63" + frame(a, b"\x98" + b"C" * 152)[7:],
    "another function": lambda a: frame(a, b"\x98" + b"C" * 152, function=3),
    "no modbus at all": lambda _: b"HTTP/1.1 400 Bad Request\r\n\r\n",
}


@pytest.mark.parametrize("wrong", WRONG)
async def test_a_wrong_answer_is_a_bad_answer_at_once(wrong, serve):
    async def talk(reader, writer):
        while True:
            writer.write(WRONG[wrong](await reader.readexactly(12)))

    driver = meter(await serve(talk), timeout_s=40.0)
    before = time.monotonic()
    with pytest.raises(BadAnswer, match="unit 1 register 0x0000"):
        await driver.identify()
    assert time.monotonic() - before < 20
    await driver.close()


@pytest.mark.parametrize(
    ("code", "error"),
    [
        *((1, Unsupported), (2, Unsupported), (3, Unsupported), (4, BadAnswer), (5, NotNow)),
        *((6, NotNow), (7, BadAnswer), (8, BadAnswer), (9, BadAnswer)),
        *((10, TimedOut), (11, TimedOut)),
    ],
)
async def test_an_exception_says_what_is_wrong(code, error, serve_meter):
    driver = meter(await serve_meter(lambda *_: code))
    with pytest.raises(error, match=f"exception {code}"):
        await driver.read(5)
    await driver.close()


async def test_a_closed_connection_is_refused_at_once_and_made_anew(serve):
    calls = []

    async def talk(reader, writer):
        asked = await reader.readexactly(12)
        calls.append(asked)
        if len(calls) > 1:
            writer.write(frame(asked, bytes([2 * asked[11]]) + bytes(2 * asked[11])))
            await asyncio.sleep(10)

    driver = meter(await serve(talk), timeout_s=40.0)
    before = time.monotonic()
    with pytest.raises(Refused, match="closed by the other side"):
        await driver.identify()
    assert time.monotonic() - before < 20
    await driver.identify()
    await driver.close()


async def test_a_late_answer_does_not_meet_the_next_question(serve):
    async def talk(reader, writer):
        asked = await reader.readexactly(12)
        if asked[:2] == b"\x00\x01":
            await asyncio.sleep(0.6)
        writer.write(frame(asked, b"\x98" + bytes([asked[1]]) * 152))
        await reader.read(1)

    bus = Bus.shared(await serve(talk))
    loop = asyncio.get_running_loop()
    with pytest.raises(TimedOut):
        await bus.read(Ask(1, 4, 0, 76), deadline=loop.time() + 0.2)
    assert await bus.read(Ask(1, 4, 0, 76), deadline=loop.time() + 5) == b"\x02" * 152
    bus.close()


async def test_units_share_one_connection_and_take_turns(serve):
    connections, open_now, at_once = [], 0, []

    async def talk(reader, writer):
        nonlocal open_now
        connections.append(writer)
        while True:
            asked = await reader.readexactly(12)
            open_now += 1
            at_once.append(open_now)
            await asyncio.sleep(0.01)
            count = 2 * int.from_bytes(asked[10:], "big")
            writer.write(frame(asked, bytes([count]) + bytes(count)))
            open_now -= 1

    address = await serve(talk)
    drivers = [meter(address, unit=unit, timeout_s=5.0) for unit in range(1, 11)]
    assert {driver.address for driver in drivers} == {address}
    readings = await asyncio.gather(*(driver.read(5) for driver in drivers))
    assert len(readings) == 10
    assert len(connections) == 1
    assert max(at_once) == 1
    for driver in drivers:
        await driver.close()


async def test_a_unit_that_waits_too_long_for_its_turn_does_not_break_the_others(serve):
    async def talk(reader, writer):
        while True:
            asked = await reader.readexactly(12)
            await asyncio.sleep(0.3)
            count = 2 * int.from_bytes(asked[10:], "big")
            writer.write(frame(asked, bytes([count]) + bytes(count)))

    address = await serve(talk)
    patient, hasty = meter(address, timeout_s=5.0), meter(address, unit=2, timeout_s=0.1)
    first = asyncio.ensure_future(patient.identify())
    await asyncio.sleep(0)
    with pytest.raises(TimedOut):
        await hasty.identify()
    assert (await first).model == "SDM630"
    await patient.close()


async def test_the_bus_rests_between_requests(serve_meter):
    times = []

    def answer(*asked):
        times.append(time.monotonic())
        return floats(LIVE)(*asked)

    bus = Bus.shared(await serve_meter(answer))
    deadline = asyncio.get_running_loop().time() + 5
    for _ in range(3):
        await bus.read(Ask(1, 4, 0, 2, gap_s=0.05), deadline=deadline)
    assert min(b - a for a, b in itertools.pairwise(times)) >= 0.045
    bus.close()


async def test_nobody_listens():
    server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()
    with pytest.raises(Refused, match="no connection"):
        await meter(f"127.0.0.1:{port}").read(5)


def test_a_missed_reading_has_no_figures():
    for error in (TimedOut("x"), Refused("x"), BadAnswer("x"), Unsupported("x")):
        assert meter("h").missed(5, error) == [
            MeterReading(at_ms=5, meter=9, quality=int(error.quality))
        ]


@pytest.mark.parametrize(
    ("profile", "message"),
    [("", "needs a profile"), ("no-such", "unknown"), ("avalon-q", "is no modbus device's")],
)
def test_a_meter_needs_a_meters_profile(profile, message):
    with pytest.raises(EdgeError, match=f"m-1.*{message}"):
        meter("h", profile=profile)


async def test_pymodbus_serves_and_we_understand_it():
    """Another implementation of the protocol, so that we do not only agree with ourselves."""
    server_side = pytest.importorskip("pymodbus.server")
    from pymodbus.datastore import (  # noqa: PLC0415 -- only where the other side is installed
        ModbusDeviceContext,
        ModbusSequentialDataBlock,
        ModbusServerContext,
    )

    words = list(range(200))
    device = ModbusDeviceContext(ir=ModbusSequentialDataBlock(1, words))
    context = ModbusServerContext(devices=device, single=True)
    server = server_side.ModbusTcpServer(context, address=("127.0.0.1", 0))
    await server.listen()
    port = server.transport.sockets[0].getsockname()[1]
    bus = Bus.shared(f"127.0.0.1:{port}")
    deadline = asyncio.get_running_loop().time() + 5
    answer = await bus.read(Ask(1, 4, 10, 100), deadline=deadline)
    assert struct.unpack(">100H", answer) == tuple(range(10, 110))
    with pytest.raises(Unsupported, match="exception 2"):
        await bus.read(Ask(1, 4, 5000, 2), deadline=deadline)
    bus.close()
    await server.shutdown()


@given(st.binary(max_size=300), st.integers(1, 125))
def test_bytes_make_registers_or_an_error_and_nothing_else(data, count):
    for raw in (data, b"\x00\x01\x00\x00" + data, b"\x00\x01\x00\x00\x00\x07\x01\x04\x04" + data):
        framing, question = Mbap(), Ask(1, 4, 0, count).question
        framing.frame(question)
        found = framing.read(question, raw)
        assert found is None or isinstance(found, DriverError) or len(found) == 2 * count


@given(st.data())
def test_a_plan_covers_every_value_once_within_the_limits(data):
    profile = data.draw(st.sampled_from([SDM630, load("eastron-sdm120")]))
    names = data.draw(st.sets(st.sampled_from(sorted(profile.registers()))))
    requests = plan(profile, names)
    covered = [place.name for request in requests for place in request.places]
    assert sorted(covered) == sorted(names)
    for request in requests:
        assert 0 < request.count <= profile.max_registers
        for place in request.places:
            register = profile.registers()[place.name]
            assert place.start == 2 * (register.register - request.register) >= 0
            assert place.stop - place.start == 2 * span(register.type)
            assert place.stop <= 2 * request.count
    for before, after in itertools.pairwise(requests):
        assert before.register + before.count <= after.register


def test_a_value_comes_from_its_own_bytes():
    requests = plan(SDM630, ["power_w", "power_factor", "freq_hz"])
    (request,) = requests
    raw = bytearray(2 * request.count)
    at = 2 * (0x46 - request.register)
    raw[:4], raw[at : at + 4] = struct.pack(">f", 5.0), struct.pack(">f", 50.0)
    found = values([(request, bytes(raw))])
    assert found == {"power_w": 5.0, "power_factor": 0.0, "freq_hz": 50.0}


def test_a_silent_unit_is_unreachable():
    assert issubclass(TimedOut, Unreachable)
    assert issubclass(Refused, Unreachable)
