"""RTU frames on a pseudo serial line and through TCP: noise, checksums, echoes, late answers."""

import asyncio
import itertools
import os
import struct
import time
from contextlib import AsyncExitStack, asynccontextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymodbus.datastore import ModbusDeviceContext, ModbusSequentialDataBlock, ModbusServerContext
from pymodbus.framer import FramerType
from pymodbus.server import ModbusSerialServer, ModbusTcpServer

from lode_edge.drivers import DeviceEntry, make
from lode_edge.drivers.modbus import Ask, Bus, Write
from lode_edge.drivers.modbus.frames import Rtu, crc16
from lode_edge.drivers.modbus.place import Host, Serial, place_of
from lode_edge.errors import (
    BadAnswer,
    DriverError,
    EdgeError,
    NotNow,
    Refused,
    TimedOut,
    Unsupported,
)
from lode_sim.registers import Device, Pty, on_rtu_tcp, on_serial, sealed

LINES = {"serial": on_serial, "rtu over tcp": on_rtu_tcp}


@pytest.fixture
async def place():
    """Put a device on a line until the test ends; gives its address."""
    async with AsyncExitStack() as stack:

        async def put(device: Device, way: str = "serial", **more) -> str:
            return await stack.enter_async_context(LINES[way](device, **more))

        yield put


def soon(time_s: float = 2.0) -> float:
    return asyncio.get_running_loop().time() + time_s


def words(*values: int) -> bytes:
    return struct.pack(f">{len(values)}H", *values)


@asynccontextmanager
async def pymodbus_on(way: str):
    """Run pymodbus' own server, on the far end of two joined pseudo terminals or on TCP."""
    device = ModbusDeviceContext(
        hr=ModbusSequentialDataBlock(1, list(range(200))),
        co=ModbusSequentialDataBlock(1, [False] * 50),
    )
    context = ModbusServerContext(devices=device, single=True)
    if way == "rtu over tcp":
        server = ModbusTcpServer(context, framer=FramerType.RTU, address=("127.0.0.1", 0))
        await server.listen()
        yield f"rtu://127.0.0.1:{server.transport.sockets[0].getsockname()[1]}"
        await server.shutdown()
        return
    ours, theirs = Pty(), Pty()
    loop = asyncio.get_running_loop()
    for one, other in ((ours.master, theirs.master), (theirs.master, ours.master)):
        loop.add_reader(one, lambda one=one, other=other: os.write(other, os.read(one, 4096)))
    server = ModbusSerialServer(context, framer=FramerType.RTU, port=theirs.path, baudrate=19200)
    await server.listen()
    yield f"serial:{ours.path}?baud=19200"
    await server.shutdown()
    for end in (ours, theirs):
        loop.remove_reader(end.master)
        end.close()


@pytest.mark.parametrize("way", LINES)
async def test_pymodbus_serves_and_we_understand_it(way):
    """Another implementation of the protocol, so that we do not only agree with ourselves."""
    async with pymodbus_on(way) as address:
        bus = Bus.shared(address)
        answer = await bus.read(Ask(1, 3, 10, 100), deadline=soon(5))
        assert struct.unpack(">100H", answer) == tuple(range(10, 110))
        with pytest.raises(Unsupported, match="exception 2"):
            await bus.read(Ask(1, 3, 5000, 2), deadline=soon(5))
        async with bus.writing(deadline=soon(5)) as exchange:
            await exchange(Write(1, 6, 7, (4711,)))
            await exchange(Write(1, 16, 8, (1, 2)))
            assert await exchange(Ask(1, 3, 7, 3)) == words(4711, 1, 2)
            await exchange(Write(1, 5, 3, (1,)))
            await exchange(Write(1, 15, 5, (1, 0, 1)))
            assert await exchange(Ask(1, 1, 3, 5)) == bytes([0b10101])
        bus.close()


@pytest.mark.parametrize("way", LINES)
async def test_units_on_one_line_take_turns(way, place):
    device = Device(words={n: n for n in range(20)}, units=5, delay_s=0.002)
    bus = Bus.shared(await place(device, way))
    asked = [Ask(unit, 3, unit, 2) for unit in range(1, 6)]
    answers = await asyncio.gather(*(bus.read(ask, deadline=soon(5)) for ask in asked))
    assert answers == [words(unit, unit + 1) for unit in range(1, 6)]
    bus.close()


WRONG = {
    "checksum": lambda frame: frame[:-1] + bytes([frame[-1] ^ 1]),
    "a flipped bit": lambda frame: frame[:4] + bytes([frame[4] ^ 0x10]) + frame[5:],
    "another unit": lambda frame: sealed(b"\x63" + frame[1:-2]),
    "another function": lambda frame: sealed(frame[:1] + b"\x04" + frame[2:-2]),
    "fewer registers": lambda frame: sealed(frame[:2] + b"\x02" + frame[3:5]),
    "more registers": lambda frame: sealed(frame[:2] + b"\x06" + frame[3:-2] + b"\x00\x00"),
    "no modbus at all": lambda _: b"login: password: ",
}


@pytest.mark.parametrize("way", LINES)
@pytest.mark.parametrize("wrong", WRONG)
async def test_a_wrong_answer_is_a_bad_answer_at_once_and_the_next_is_good(wrong, way, place):
    device = Device(words={5: 7, 6: 8}, mangle=WRONG[wrong])
    bus = Bus.shared(await place(device, way))
    before = time.monotonic()
    with pytest.raises(BadAnswer, match="unit 1 register 0x0005"):
        await bus.read(Ask(1, 3, 5, 2), deadline=soon(40))
    assert time.monotonic() - before < 20
    device.mangle = None
    assert await bus.read(Ask(1, 3, 5, 2), deadline=soon(5)) == words(7, 8)
    bus.close()


@pytest.mark.parametrize(
    ("code", "error"),
    [
        *((1, Unsupported), (2, Unsupported), (3, Unsupported), (4, BadAnswer), (5, NotNow)),
        *((6, NotNow), (7, BadAnswer), (8, BadAnswer), (9, BadAnswer)),
        *((10, TimedOut), (11, TimedOut)),
    ],
)
async def test_an_exception_says_what_is_wrong(code, error, place):
    device = Device(mangle=lambda frame: sealed(bytes([frame[0], 0x83, code])))
    bus = Bus.shared(await place(device))
    with pytest.raises(error, match=f"exception {code},"):
        await bus.read(Ask(1, 3, 5, 2), deadline=soon())
    bus.close()


@pytest.mark.parametrize("noise", [b"\x00", b"\xff\x00", b"\x01\x03\x04"])
async def test_a_little_noise_before_an_answer_is_passed_over(noise, place):
    device = Device(words={5: 7, 6: 8}, mangle=lambda frame: noise + frame + b"\x00")
    bus = Bus.shared(await place(device))
    for _ in range(3):
        assert await bus.read(Ask(1, 3, 5, 2), deadline=soon()) == words(7, 8)
    bus.close()


@pytest.mark.parametrize("way", LINES)
async def test_a_dead_unit_costs_only_itself(way, place):
    """The others on its line are read, before and after its silence."""
    device = Device(words={n: n for n in range(20)}, units=3)
    device.mangle = lambda frame: None if frame[0] == 2 else frame
    bus = Bus.shared(await place(device, way))
    for _ in range(2):
        asked = [bus.read(Ask(unit, 3, unit, 1), deadline=soon(0.2 * unit)) for unit in (1, 2, 3)]
        first, dead, last = await asyncio.gather(*asked, return_exceptions=True)
        assert (first, last) == (words(1), words(3))
        assert isinstance(dead, TimedOut)
    bus.close()


async def test_a_slow_answer_is_taken_as_long_as_it_is_in_time():
    line = Pty()
    reader = await line.reader()
    bus = Bus.shared(f"serial:{line.path}")
    reading = asyncio.ensure_future(bus.read(Ask(1, 3, 0, 2), deadline=soon(5)))
    await reader.readexactly(8)
    for byte in sealed(b"\x01\x03\x04" + words(7, 8)):
        os.write(line.master, bytes([byte]))
        await asyncio.sleep(0.005)  # a byte at a time, as at 1200 baud
    assert await reading == words(7, 8)
    bus.close()
    line.close()


async def test_noise_while_nobody_asks_is_passed_over():
    line = Pty()
    reader = await line.reader()
    bus = Bus.shared(f"serial:{line.path}")
    for value in range(3):
        reading = asyncio.ensure_future(bus.read(Ask(1, 3, 0, 1), deadline=soon(5)))
        await reader.readexactly(8)
        os.write(line.master, sealed(b"\x01\x03\x02" + words(value)))
        assert await reading == words(value)
        os.write(line.master, b"\x01\x03\x02\x99\x99")
    bus.close()
    line.close()


@pytest.mark.parametrize("unit", [1, 2])
async def test_an_adapter_that_repeats_what_we_send(unit, place):
    device = Device(words=dict.fromkeys(range(300), 0), coils={0: False}, units=2)
    bus = Bus.shared(await place(device, is_echoing=True))
    assert await bus.read(Ask(unit, 3, 0x0100, 1), deadline=soon()) == words(0)
    async with bus.writing(deadline=soon()) as exchange:
        await exchange(Write(unit, 6, 5, (1234,)))
        await exchange(Write(unit, 5, 0, (1,)))
        await exchange(Write(unit, 16, 6, (5, 6)))
        assert await exchange(Ask(unit, 3, 5, 3)) == words(1234, 5, 6)
        assert await exchange(Ask(unit, 1, 0, 1)) == b"\x01"
    bus.close()


async def test_a_write_that_is_only_repeated_is_not_confirmed(place):
    """The answer to function 6 looks like the question: an echo alone must not pass for it."""
    device = Device(words={5: 0})
    bus = Bus.shared(await place(device, is_echoing=True))
    await bus.read(Ask(1, 3, 5, 1), deadline=soon())
    device.mangle = lambda _: None
    with pytest.raises(TimedOut):
        async with bus.writing(deadline=soon(0.2)) as exchange:
            await exchange(Write(1, 6, 5, (1234,)))
    bus.close()


@pytest.mark.parametrize("way", LINES)
async def test_a_late_answer_is_not_taken_for_the_next(way, place):
    """The same unit, function and count: only waiting for the late answer tells them apart."""
    device = Device(words={5: 7, 6: 8}, delay_s=0.4)
    bus = Bus.shared(await place(device, way))
    with pytest.raises(TimedOut):
        await bus.read(Ask(1, 3, 5, 1), deadline=soon(0.2))
    device.delay_s = 0.0
    before = time.monotonic()
    assert await bus.read(Ask(1, 3, 6, 1), deadline=soon(5)) == words(8)
    assert time.monotonic() - before > 0.5
    bus.close()


async def test_a_late_answer_of_another_shape_is_passed_over():
    line = Pty()
    reader = await line.reader()
    bus = Bus.shared(f"serial:{line.path}")
    with pytest.raises(TimedOut):
        await bus.read(Ask(1, 3, 0, 2), deadline=soon(0.1))
    await reader.readexactly(8)
    reading = asyncio.ensure_future(bus.read(Ask(2, 3, 0, 1), deadline=soon(5)))
    await reader.readexactly(8)
    late, right = sealed(b"\x01\x03\x04" + words(1, 2)), sealed(b"\x02\x03\x02" + words(9))
    for part in (late[:1], late[1:4], late[4:] + right[:2], right[2:]):
        os.write(line.master, part)
        await asyncio.sleep(0.01)  # so that they come in parts, as a real line brings them
    assert await reading == words(9)
    bus.close()
    line.close()


async def test_a_line_that_breaks_is_refused_at_once_and_opened_anew(place):
    line = Pty()
    bus = Bus.shared(f"serial:{line.path}")
    reading = asyncio.ensure_future(bus.read(Ask(1, 3, 0, 1), deadline=soon(5)))
    reader = await line.reader()
    await reader.readexactly(8)
    line.close()
    with pytest.raises(Refused, match="the connection broke"):
        await reading
    with pytest.raises(Refused, match=r"no connection: .*No such file"):
        await bus.read(Ask(1, 3, 0, 1), deadline=soon())
    bus.close()


async def test_the_line_is_silent_between_two_frames(place):
    times = []

    def stamp(frame: bytes) -> bytes:
        times.append(time.monotonic())
        return frame

    device = Device(words={5: 7}, mangle=stamp)
    bus = Bus.shared(await place(device) + "?baud=1200")
    for _ in range(4):
        await bus.read(Ask(1, 3, 5, 1), deadline=soon(5))
    assert min(b - a for a, b in itertools.pairwise(times)) > 3.5 * 11 / 1200
    bus.close()


async def test_a_meter_on_a_serial_line_is_read(place):
    floats = {0x0C: 2300.0, 0x46: 50.0, 0x48: 12.5, 0: 230.0}
    device = Device(words=dict.fromkeys(range(0x200), 0))
    for register, value in floats.items():
        device.words |= dict(enumerate(struct.unpack(">2H", struct.pack(">f", value)), register))
    address = await place(device)
    entry = {"driver": "modbus", "kind": "meter", "profile": "eastron-sdm120"}
    meter = make(DeviceEntry(name="m", address=f"{address}?baud=9600&parity=e", **entry), 1)
    assert meter.address == address
    reading, *_ = await meter.read(1)
    assert (reading.power_w, reading.voltage_v, reading.energy_in_kwh) == (2300.0, 230.0, 12.5)
    await meter.close()


@pytest.mark.parametrize(
    ("address", "found"),
    [
        ("10.0.0.5", Host("10.0.0.5", 502)),
        ("[fd00::5]:1502", Host("fd00::5", 1502)),
        ("rtu://10.0.0.5:4001", Host("10.0.0.5", 4001, is_rtu=True)),
        ("serial:/dev/ttyUSB0", Serial("/dev/ttyUSB0")),
        ("serial:/dev/rs485?baud=19200&parity=e&stop=2", Serial("/dev/rs485", 19200, "E", 2)),
        ("rtu://10.0.0.5", "has no port"),
        ("serial:/dev/ttyUSB0?baud=9601", "baud '9601'; use one of 1200"),
        ("serial:/dev/ttyUSB0?parity=M", "use parity N, E or O"),
        ("serial:/dev/ttyUSB0?speed=9600", "speed is unknown; use baud, parity, stop"),
    ],
)
def test_an_address_says_where_the_bus_is(address, found):
    if isinstance(found, str):
        with pytest.raises(EdgeError, match=found):
            place_of(address)
    else:
        assert place_of(address) == found


def test_the_checksum_is_the_specifications():
    assert crc16(b"123456789") == 0x4B37
    assert crc16(bytes.fromhex("0103000000 0AC5CD")) == 0


@given(st.binary(max_size=300), st.integers(1, 125), st.sampled_from([1, 2, 3, 4]))
def test_bytes_make_registers_or_an_error_and_nothing_else(data, count, function):
    ask = Ask(1, function, 0, count)
    size = ask.question.head[1]
    for raw in (data, b"\x01" + data, bytes((1, function, size)) + data, sealed(b"\x01" + data)):
        framing, question = Rtu(), ask.question
        framing.late = [Ask(1, 3, 0, 7).question, Ask(2, 3, 0, 7).question]
        framing.frame(question)
        found = framing.read(question, raw)
        assert found is None or isinstance(found, DriverError) or len(found) == size


@given(st.data())
def test_an_answer_is_found_however_it_is_cut(data):
    count = data.draw(st.integers(1, 125))
    registers = data.draw(st.binary(min_size=2 * count, max_size=2 * count))
    framing, question = Rtu(), Ask(7, 4, 3, count).question
    echo = framing.frame(question) if data.draw(st.booleans()) else b""
    framing.frame(question)
    whole = echo + sealed(bytes((7, 4, 2 * count)) + registers)
    cut = data.draw(st.integers(0, len(whole) - 1))
    assert framing.read(question, whole[:cut]) is None
    assert framing.read(question, whole) == registers
