"""Writes over real sockets: in one turn, before waiting polls, read back, nothing else touched."""

import asyncio
from contextlib import AsyncExitStack

import pytest

from lode_edge.drivers import DeviceEntry, make
from lode_edge.drivers.acting import Posture
from lode_edge.drivers.modbus import Ask, Bus, Write
from lode_edge.errors import BadAnswer, EdgeError, TimedOut, Unsupported
from lode_sim.registers import Device, on_rtu_tcp, on_serial, on_tcp
from lode_wire.orders import FanSpeed, Sleep, SwitchOutlet

CONTROL, SPEED, STATUS, ACTUAL = 2000, 2002, 2100, 2102
WAYS = {"tcp": on_tcp, "rtu over tcp": on_rtu_tcp, "serial": on_serial}
RELAYS = """
vendor = "Anybody"
model = "Relay board"
source = "made for this test"
verified = true
function = 1
gap_limit = 8
[points]
"relay.1" = { register = 0, type = "bit", unit = "" }
"relay.2" = { register = 9, type = "bit", unit = "" }
"input.1" = { register = 0, type = "bit", function = 2, unit = "" }
[controls]
write = "multiple"
[controls.outlets]
1 = { coil = 0 }
2 = { coil = 9 }
3 = { register = 5, bit = 2 }
[[vectors]]
note = "a coil is a word of its own in a vector"
raw = { "0" = "0001", "9" = "0000" }
values = { "relay.1" = 1, "relay.2" = 0 }
"""


@pytest.fixture
async def place():
    """Put a device on a line until the test ends; gives its address."""
    async with AsyncExitStack() as stack:

        async def put(device: Device, way: str = "tcp") -> str:
            return await stack.enter_async_context(WAYS[way](device))

        yield put


def drive(**words: int) -> Device:
    """Make a fan's drive, stopped, with a bit set in its control word that is not ours."""
    memory = {CONTROL: 0x0100, 2001: 0, SPEED: 3000, STATUS: 1, 2101: 0, ACTUAL: 0}
    return Device(words=memory | {int(key[1:]): value for key, value in words.items()})


def driver(address: str, profile: str = "eaton-h-max", **more):
    more = {"timeout_s": 2.0, "interval_s": 1.0, **more}
    entry = DeviceEntry(
        name="fan-1", driver="modbus", address=address, kind="other", profile=profile, **more
    )
    return make(entry, 3)


@pytest.mark.parametrize("way", WAYS)
async def test_a_fan_is_set_started_and_stopped(way, place):
    device = drive()
    fan = driver(await place(device, way))
    assert (await fan.abilities()).actions == ["fan_speed"]
    assert await fan.posture() == Posture(fan_percent=0)
    changes = await fan.preview(FanSpeed(percent=60))
    said = [(change.key, change.before, change.after) for change in changes]
    assert said == [("speed", "30 %", "60 %"), ("run", "off", "on")]
    assert device.words[SPEED] == 3000
    deed = await fan.act(FanSpeed(percent=60))
    assert list(deed.changes) == list(changes)
    assert (device.words[SPEED], device.words[CONTROL]) == (6000, 0x0101)
    assert await fan.posture() == Posture(fan_percent=60)
    device.log.clear()
    assert (await fan.act(FanSpeed(percent=60))).changes == ()
    assert [function for _, function, _ in device.log] == [3, 3]
    await fan.act(FanSpeed(percent=0))
    assert (device.words[SPEED], device.words[CONTROL]) == (6000, 0x0100)
    assert await fan.posture() == Posture(fan_percent=0)
    await fan.close()


async def test_what_a_fan_cannot_do_is_refused_before_anything_is_sent(place):
    device = drive()
    fan = driver(await place(device))
    for intent, reason in [
        (FanSpeed(percent=None), "no speed of its own"),
        (FanSpeed(percent=9), "below 10 %"),
        (SwitchOutlet(outlet=1, is_on=True), "outlet: eaton-h-max does not offer it"),
        (Sleep(), "sleep: eaton-h-max does not offer it"),
    ]:
        with pytest.raises(Unsupported, match=reason):
            await fan.act(intent)
    meter = driver("127.0.0.1:9", profile="eastron-sdm630")
    assert (await meter.abilities()).actions == []
    with pytest.raises(Unsupported, match="fan_speed"):
        await meter.preview(FanSpeed(percent=50))
    assert await meter.posture() == Posture()
    assert device.log == []
    await fan.close()


async def test_a_fan_polled_too_rarely_is_refused():
    with pytest.raises(EdgeError, match=r"fan-1: interval_s 30: .* after 10 s .* use 5 or less"):
        driver("127.0.0.1:9", interval_s=30.0)


async def test_a_write_that_does_not_hold_is_no_success(place):
    device = drive()
    device.stuck = {CONTROL}
    fan = driver(await place(device))
    with pytest.raises(BadAnswer, match="run: reads back off after on was written"):
        await fan.act(FanSpeed(percent=50))
    await fan.close()


async def test_a_refused_write_says_so(place):
    device = drive()
    device.mangle = lambda frame: (
        frame[:5] + b"\x03" + frame[6:7] + b"\x86\x03" if frame[7] == 6 else frame
    )
    fan = driver(await place(device))
    with pytest.raises(Unsupported, match="register 0x07D2: exception 3, illegal data value"):
        await fan.act(FanSpeed(percent=50))
    assert device.words[CONTROL] == 0x0100
    await fan.close()


async def test_a_write_confirmed_wrongly_is_a_bad_answer(place):
    device = drive()
    device.mangle = lambda frame: frame[:-1] + b"\x00" if frame[7] == 6 else frame
    fan = driver(await place(device))
    with pytest.raises(BadAnswer, match="register 0x07D2"):
        await fan.act(FanSpeed(percent=50))
    await fan.close()


async def test_a_silent_device_ends_a_write_in_time(place):
    device = drive()
    device.mangle = lambda _: None
    fan = driver(await place(device), timeout_s=0.1)
    with pytest.raises(TimedOut, match="did not end in time"):
        await fan.act(FanSpeed(percent=50))
    device.mangle = None
    await fan.act(FanSpeed(percent=50))
    await fan.close()


async def test_relays_by_coil_and_by_bit(place, tmp_path):
    (tmp_path / "relays.toml").write_text(RELAYS)
    device = Device(coils=dict.fromkeys(range(10), False), words={5: 0x0003})
    board = driver(await place(device), profile=str(tmp_path / "relays.toml"))
    assert (await board.abilities()).actions == ["outlet"]
    await board.act(SwitchOutlet(outlet=2, is_on=True))
    await board.act(SwitchOutlet(outlet=3, is_on=True))
    assert (device.coils[0], device.coils[9], device.words[5]) == (False, True, 0x0007)
    assert {function for _, function, _ in device.log} == {1, 15, 3, 16}
    assert (await board.posture()).outlets == {1: False, 2: True, 3: True}
    device.log.clear()
    points = {record.point: record.value for record in await board.read(1)}
    assert points == {"relay.1": 0.0, "relay.2": 1.0, "input.1": 0.0}
    assert device.log == [(1, 1, 0), (1, 2, 0)]
    with pytest.raises(Unsupported, match="outlet 4: there is none; there are 1, 2, 3"):
        await board.act(SwitchOutlet(outlet=4, is_on=True))
    await board.close()


@pytest.mark.parametrize("way", WAYS)
async def test_a_write_waits_for_one_request_and_nothing_comes_in_between(way, place):
    """Eight units poll one bus without a pause; the order of requests is the device's own log."""
    device = drive()
    device.units, device.delay_s = 8, 0.002
    address = await place(device, way)
    pollers = [driver(address, unit=unit, timeout_s=10.0) for unit in range(1, 9)]
    fan = driver(address, timeout_s=10.0)
    is_over = False

    async def poll(poller):
        while not is_over:
            await poller.read(1)

    async with asyncio.TaskGroup() as tasks:
        for poller in pollers:
            tasks.create_task(poll(poller))
        for percent in (40, 60, 0, 80):
            await _until(lambda: len(device.log) >= 20)
            device.log.clear()
            await fan.act(FanSpeed(percent=percent))
            _check_order(device.log, percent)
        is_over = True
    await fan.close()


async def _until(holds):
    async with asyncio.timeout(30):
        while not holds():  # noqa: ASYNC110 -- what it waits for has no event
            await asyncio.sleep(0.001)


def _check_order(log: list[tuple[int, int, int]], percent: int) -> None:
    """At most one poll's request came before the write, and none within it."""
    is_ours = [register in {CONTROL, SPEED} for _, _, register in log]
    first = is_ours.index(True)
    last = len(log) - 1 - is_ours[::-1].index(True)
    assert first <= 1
    assert all(is_ours[first : last + 1])
    functions = [function for _, function, _ in log[first : last + 1]]
    assert functions == ([3, 6, 3] if percent == 0 else [3, 6, 3, 3, 6, 3][: len(functions)])


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("write", "check"),
    [
        (Write(1, 5, 3, (1,)), Ask(1, 1, 3, 1)),
        (Write(1, 6, 7, (4711,)), Ask(1, 3, 7, 1)),
        (Write(1, 15, 1, (1, 0, 1, 1, 0, 0, 0, 0, 1)), Ask(1, 1, 1, 9)),
        (Write(1, 16, 6, (1, 2, 65535)), Ask(1, 3, 6, 3)),
    ],
)
async def test_every_function_writes_what_is_read_back(way, write, check, place):
    device = Device(words=dict.fromkeys(range(10), 0), coils=dict.fromkeys(range(10), False))
    bus = Bus.shared(await place(device, way))
    deadline = asyncio.get_running_loop().time() + 5
    async with bus.writing(deadline=deadline) as exchange:
        assert await exchange(write) == b""
        answer = await exchange(check)
    if check.function == 3:
        assert answer == b"".join(value.to_bytes(2, "big") for value in write.values)
    else:
        bits = int.from_bytes(answer, "little")
        assert tuple(bits >> n & 1 for n in range(check.count)) == write.values
    bus.close()


async def test_raw_registers_are_bounded(place):
    device = Device(words={n: n for n in range(200)}, coils={n: n % 3 == 0 for n in range(20)})
    raw = driver(await place(device))
    deadline = asyncio.get_running_loop().time() + 5
    assert await raw.registers(3, 10, 125, deadline) == list(range(10, 135))
    assert await raw.registers(1, 0, 10, deadline) == [1, 0, 0, 1, 0, 0, 1, 0, 0, 1]
    for bad in [(3, 0, 126), (3, 0, 0), (5, 0, 1), (3, 65535, 2), (3, -1, 1)]:
        with pytest.raises(Unsupported, match="at most 125"):
            await raw.registers(*bad, deadline)
    with pytest.raises(Unsupported, match="exception 2"):
        await raw.registers(3, 5000, 1, deadline)
    await raw.close()
