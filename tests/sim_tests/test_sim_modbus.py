"""The meters' registers over Modbus TCP."""

import asyncio
import itertools
import struct

import pytest

from lode_sim.meter import FREQ_HZ, VOLTAGE_V
from tests.sim_tests.conftest import MeterClient


@pytest.fixture
async def site(simulator):
    async with simulator("antminer-s19pro", "luxos-s19kpro", rack_meters=True) as running:
        yield running


@pytest.fixture
async def three_phase(site):
    client = await MeterClient.connect(site.site.meters[0].host)
    yield client
    await client.close()


async def test_the_registers_of_an_sdm630_agree_with_each_other(site, three_phase):
    response = await three_phase.read(0x00, 80)
    assert response[:2] == bytes((4, 160))
    values = dict(zip(range(0, 80, 2), struct.unpack(">40f", response[2:]), strict=True))
    watts = site.site.meters[0].power_w()
    assert values[0x34] == pytest.approx(watts, rel=0.01)
    assert values[0x0C] + values[0x0E] + values[0x10] == pytest.approx(values[0x34], rel=1e-5)
    assert values[0x34] / values[0x38] == pytest.approx(values[0x3E], rel=1e-4)
    for phase in range(3):
        at = 2 * phase
        assert values[at] == pytest.approx(VOLTAGE_V, abs=3)
        apparent = values[at] * values[0x06 + at]
        assert apparent == pytest.approx(values[0x12 + at], rel=1e-4)
    assert values[0x30] == pytest.approx(values[0x06] + values[0x08] + values[0x0A], rel=1e-5)
    assert values[0x46] == pytest.approx(FREQ_HZ, abs=0.1)
    assert values[0x4A] == 0
    total = await three_phase.float(0x156)
    assert total == values[0x48]


async def test_a_single_phase_sdm120_measures_its_rack(site):
    meter = site.site.meters[1]
    client = await MeterClient.connect(meter.host)
    volts, amps, watts = [await client.float(register) for register in (0x00, 0x06, 0x0C)]
    assert watts == pytest.approx(meter.power_w(), rel=0.01)
    assert volts * amps == pytest.approx(await client.float(0x12), rel=0.01)
    assert (await client.read(0xFC02, 1, function=3))[2:] == b"\x00\x20"
    await client.close()


async def test_the_import_counter_is_never_served_twice(three_phase):
    served = [await three_phase.float(0x48) for _ in range(200)]
    assert all(later > earlier for earlier, later in itertools.pairwise(served))


async def test_a_meter_says_what_it_is_in_its_holding_registers(site, three_phase):
    response = await three_phase.read(0xFC00, 3, function=3)
    serial, code = struct.unpack(">IH", response[2:])
    assert serial == site.site.meters[0].serial
    assert code == 0x0070
    node = await three_phase.read(0x14, 2, function=3)
    assert struct.unpack(">f", node[2:]) == (1.0,)


@pytest.mark.parametrize(
    ("start", "count", "function", "unit", "expected"),
    [
        (0x0112, 2, 4, 1, (0x84, 2)),
        (0x0100, 0x20, 4, 1, (0x84, 2)),
        (0x0000, 2, 3, 1, (0x83, 2)),
        (0x0000, 82, 4, 1, (0x84, 3)),
        (0x0000, 0, 4, 1, (0x84, 3)),
        (0x0000, 2, 6, 1, (0x86, 1)),
        (0x0000, 2, 4, 9, (0x84, 0x0B)),
    ],
)
async def test_what_is_not_there_gives_an_exception(
    three_phase, start, count, function, unit, expected
):
    assert tuple(await three_phase.read(start, count, function=function, unit=unit)) == expected


async def test_requests_may_come_in_pieces_and_together(three_phase):
    request = struct.pack(">HHHBBHH", 7, 0, 6, 1, 4, 0x34, 2)
    for byte in request:
        three_phase.writer.write(bytes([byte]))
        await three_phase.writer.drain()
    three_phase.writer.write(request * 2)
    async with asyncio.timeout(30):
        answers = await three_phase.reader.readexactly(3 * 13)
    assert answers[::13] == b"\x00\x00\x00"


async def test_no_modbus_at_all_is_reset(three_phase):
    three_phase.writer.write(b"GET / HTTP/1.1\r\n\r\n")
    with pytest.raises(ConnectionResetError):
        await three_phase.reader.readexactly(1)
