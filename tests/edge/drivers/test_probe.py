"""A host is asked what it is: a rig, a meter, something else, or nothing."""

import asyncio
import struct
from pathlib import Path

from lode_edge.probe import probe

GOLDEN = Path(__file__).resolve().parents[2] / "golden"
S19 = GOLDEN / "antminer" / "s19pro_recorded"
REPLIES = {path.stem: path.read_bytes() for path in S19.glob("*.json") if path.stem != "expected"}


def three_phases(_unit, _function, register, count):
    """Answer as an SDM630 does, 230 V on each phase."""
    live = {0x00: 230.0, 0x02: 231.0, 0x04: 232.0, 0x34: 9000.0, 0x46: 50.0}
    words = b"".join(struct.pack(">f", live.get(register + n, 0.0)) for n in range(0, count, 2))
    return bytes([2 * count]) + words


def one_phase(unit, function, register, count):
    """Answer as an SDM120 does: nothing on the second and third phase; unit 2 is not there."""
    if unit != 1:
        return 11
    live = {0x00: 230.0, 0x0C: 500.0, 0x46: 50.0}
    words = b"".join(struct.pack(">f", live.get(register + n, 0.0)) for n in range(0, count, 2))
    return bytes([2 * count]) + words


async def test_a_rig_is_found(serve_rig):
    probed = await probe(await serve_rig(REPLIES), timeout_s=0.5)
    (found,) = probed.found
    assert (found.driver, found.unit, found.note) == ("asic", None, "")
    assert (found.facts.model, found.facts.profile) == ("Antminer S19 Pro", "antminer-s19-pro")
    assert found.values["hashrate_ths"] == 110.56689
    assert found.values["state"] == "mining"
    assert found.values["board.1.temp °C"] == 73.0
    assert probed.notes[0].startswith("modbus: ")


async def test_a_meter_is_found_by_the_strictest_rule_that_fits(serve_meter):
    for answer, profile, power in (
        (three_phases, "eastron-sdm630", 9000.0),
        (one_phase, "eastron-sdm120", 500.0),
    ):
        probed = await probe(await serve_meter(answer), timeout_s=0.5)
        (found,) = probed.found
        assert (found.driver, found.unit, found.facts.profile) == ("modbus", 1, profile)
        assert found.values["power_w"] == power
        assert any(note.startswith("asic: ") for note in probed.notes)


async def test_units_that_are_not_there_do_not_hide_those_that_are(serve_meter):
    probed = await probe(await serve_meter(one_phase), timeout_s=0.5, units=range(1, 4))
    assert [found.unit for found in probed.found] == [1]


async def test_something_else_is_no_device(serve):
    async def web(reader, writer):
        await reader.read(100)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    probed = await probe(await serve(web), timeout_s=0.5)
    assert probed.found == ()
    assert "no JSON" in probed.notes[0]
    assert probed.notes[1] == "modbus: answers, but fits no profile"


async def test_nobody_is_there():
    server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()
    probed = await probe(f"127.0.0.1:{port}", timeout_s=0.5)
    assert probed.found == ()
    assert all("no connection" in note for note in probed.notes)
