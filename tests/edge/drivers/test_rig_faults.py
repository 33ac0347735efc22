"""A rig that hangs, drips, refuses, closes or talks without end costs its time limit, no more."""

import asyncio
import json
import socket
import struct
import time
from pathlib import Path

import pytest
from tests.edge.drivers.conftest import INVALID

from lode_edge.drivers import DeviceEntry, make
from lode_edge.drivers.asic import client
from lode_edge.drivers.asic import driver as asic
from lode_edge.errors import BadAnswer, EdgeError, Refused, TimedOut, Unsupported
from lode_wire.records import PowerSource, Quality, State

S19 = Path(__file__).resolve().parents[2] / "golden" / "antminer" / "s19pro_recorded"
REPLIES = {path.stem: path.read_bytes() for path in S19.glob("*.json") if path.stem != "expected"}


def rig(address: str, timeout_s: float = 0.3, profile: str = ""):
    entry = DeviceEntry(
        name="rig-1",
        driver="asic",
        address=address,
        kind="rig",
        timeout_s=timeout_s,
        profile=profile,
    )
    return make(entry, 3)


async def hang(_reader, _writer):
    await asyncio.sleep(60)


async def drip(reader, writer):
    await reader.read(100)
    while True:
        writer.write(b'{"STATUS":')
        await writer.drain()
        await asyncio.sleep(0.02)


async def close_at_once(reader, _writer):
    await reader.read(100)


async def reset(reader, writer):
    await reader.read(100)
    held = writer.get_extra_info("socket")
    held.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def flood(reader, writer):
    await reader.read(100)
    for _ in range(40):
        writer.write(b"x" * 65536)
        await writer.drain()


@pytest.mark.parametrize(
    ("handler", "error"),
    [
        (hang, TimedOut),
        (drip, TimedOut),
        (close_at_once, Refused),
        (reset, Refused),
        (flood, BadAnswer),
    ],
    ids=lambda value: value.__name__,
)
async def test_a_bad_rig_raises_within_its_limit(handler, error, serve):
    driver = rig(await serve(handler))
    before = time.monotonic()
    with pytest.raises(error):
        await driver.read(5)
    assert time.monotonic() - before < 20


async def test_nobody_listens(serve):
    async with asyncio.timeout(30):
        server = await asyncio.start_server(hang, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        server.close()
        await server.wait_closed()
        with pytest.raises(Refused, match=f"127.0.0.1:{port} version: no connection"):
            await rig(f"127.0.0.1:{port}").read(5)


async def test_a_reply_may_end_without_nul_on_an_open_connection(serve):
    async def answer(reader, writer):
        command = json.loads(await reader.read(100))["command"]
        writer.write(REPLIES[command].rstrip())
        await writer.drain()
        await asyncio.sleep(60)

    reading, *_ = await rig(await serve(answer), timeout_s=5.0).read(5)
    assert reading.state is State.MINING


async def test_a_reply_may_come_in_small_pieces(serve):
    async def answer(reader, writer):
        data = REPLIES[json.loads(await reader.read(100))["command"]] + b"\x00"
        for start in range(0, len(data), 100):
            writer.write(data[start : start + 100])
            await writer.drain()
            await asyncio.sleep(0)

    reading, *_ = await rig(await serve(answer), timeout_s=5.0).read(5)
    assert reading.quality == 0


async def test_a_second_part_that_hangs_leaves_the_first(serve):
    async def answer(reader, writer):
        command = json.loads(await reader.read(100))["command"]
        if command == "summary":
            await asyncio.sleep(60)
        writer.write(REPLIES[command])

    reading, *_ = await rig(await serve(answer), timeout_s=0.5).read(5)
    assert reading.hashrate_ths == pytest.approx(110.56689)
    assert reading.accepted_shares is None
    assert reading.quality == Quality.PARTIAL | Quality.TIMED_OUT


async def test_parts_are_told_once_a_minute(serve_rig, monkeypatch):
    driver = rig(await serve_rig(REPLIES), timeout_s=5.0)
    first = await driver.read(5)
    assert [point.point for point in first[1:3]] == ["board.1.temp", "board.1.chip_temp"]
    assert len(await driver.read(6)) == 1
    monkeypatch.setattr(driver, "_parts_due_s", 0.0)
    assert len(await driver.read(7)) == len(first)


async def test_after_a_restart_the_rig_is_identified_anew(serve):
    asked = []
    elapsed = iter([500, 600, 20, 30])

    async def answer(reader, writer):
        command = json.loads(await reader.read(100))["command"]
        asked.append(command)
        data = REPLIES.get(command, INVALID)
        if command == "summary":
            data = data.replace(b"50474", str(next(elapsed)).encode())
        writer.write(data)

    driver = rig(await serve(answer), timeout_s=5.0)
    for at_ms in range(4):
        await driver.read(at_ms)
    assert [n for n, command in enumerate(asked) if command == "version"] == [0, 7]


async def test_an_unknown_miner_is_unsupported(serve_rig):
    version = b'{"STATUS":[{"STATUS":"S"}],"VERSION":[{"CGMiner":"4.9.0","API":"3.1"}],"id":1}'
    driver = rig(await serve_rig({"version": version}), timeout_s=5.0)
    with pytest.raises(Unsupported, match="no rig of a known family"):
        await driver.identify()


async def test_a_rig_whose_answers_are_cut_is_not_called_unknown(serve_rig):
    driver = rig(await serve_rig({"version": REPLIES["version"][:90]}), timeout_s=5.0)
    with pytest.raises(BadAnswer, match="too broken to tell what it is"):
        await driver.identify()


def test_a_missed_reading_says_why_and_has_no_figures():
    driver = rig("127.0.0.1")
    for error, state in (
        (TimedOut("x"), State.UNREACHABLE),
        (Refused("x"), State.UNREACHABLE),
        (BadAnswer("x"), State.UNKNOWN),
        (Unsupported("x"), State.UNKNOWN),
    ):
        (reading,) = driver.missed(5, error)
        assert (reading.rig, reading.at_ms, reading.state) == (3, 5, state)
        assert reading.quality == error.quality != 0
        assert reading.hashrate_ths is reading.power_w is reading.fan_rpm is None
        assert reading.power_source is PowerSource.NONE


async def test_the_profile_may_be_named(serve_rig):
    facts = await rig(await serve_rig(REPLIES), 5.0, profile="antminer-s21").identify()
    assert (facts.profile, facts.rated_hashrate_ths) == ("antminer-s21", 200.0)


@pytest.mark.parametrize("profile", ["no-such", "eastron-sdm630"])
def test_a_wrong_profile_is_refused(profile):
    with pytest.raises(EdgeError, match="rig-1"):
        rig("127.0.0.1", profile=profile)


def test_an_unknown_driver_is_refused():
    entry = DeviceEntry(name="x-1", driver="fax", address="h", kind="other")
    with pytest.raises(EdgeError, match="x-1: driver 'fax' is unknown"):
        make(entry, 1)


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("10.0.0.1", "10.0.0.1:4028"),
        ("rig.local:4029", "rig.local:4029"),
        ("[fe80::1]:4030", "fe80::1:4030"),
        ("fe80::1", "fe80::1:4028"),
    ],
)
def test_the_port_is_the_usual_one_when_none_is_given(address, shown):
    assert rig(address).address == shown


def test_the_limits_are_as_documented():
    assert client.MAX_REPLY_BYTES == 1 << 20
    assert asic.PARTS_EVERY_S == 60.0
