"""Rigs read by `pyasic_rs` in its own process, which is killed, stopped and fed in the middle."""

import asyncio
import contextlib
import json
import os
import signal
import time
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack

import pytest

from lode_edge.drivers import DeviceEntry, make
from lode_edge.drivers.asic import foreign, foreign_reader
from lode_edge.drivers.asic.reply import Replies
from lode_edge.errors import DriverError, Refused, TimedOut, Unsupported
from lode_sim import addresses
from lode_sim.port import stream_port
from lode_wire.records import State

STATUS = [{"STATUS": "S", "When": 1, "Code": 1, "Msg": "", "Description": "gcminer"}]
AURADINE = {
    "version": {"VERSION": [{"API": "3.7", "GCMiner": "v2.2.4"}]},
    "devdetails": {"DEVDETAILS": [{"DEVDETAILS": 0, "Name": "FluxOS", "Model": "AT1500"}]},
    "summary": {"SUMMARY": [{"Elapsed": 3600, "MHS av": 150e6, "MHS 5s": 150e6}]},
}


class Rigs:
    """Auradines that answer, or keep silent when they are asked for their summary."""

    def __init__(self) -> None:
        self.is_silent = False
        self.asked: list[str] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        question = await reader.read(4096)
        if question:
            command = json.loads(question)["command"]
            self.asked.append(command)
            if command == "summary" and self.is_silent:
                await reader.read()
            else:
                refused = {"STATUS": [{"STATUS": "E", "Code": 14, "Msg": "Invalid command"}]}
                answer = {"STATUS": STATUS, **AURADINE[command]} if command in AURADINE else refused
                writer.write(json.dumps(answer | {"id": 1}).encode() + b"\x00")
        writer.close()


@pytest.fixture
async def rigs(monkeypatch) -> AsyncIterator[tuple[Rigs, Callable]]:
    """Serve rigs at the usual port; gives them, and how to make the driver of the n-th."""
    monkeypatch.setattr(foreign_reader, "FIRST_WAIT_S", 0.05)
    served = Rigs()
    with ExitStack() as stack:
        base = stack.enter_context(addresses.claim())
        for n in (1, 2):
            port = stream_port(addresses.rig_host(base, n), 4028, served.serve)
            port.open()
            stack.callback(port.reset)
            stack.callback(port.close)

        def driver(n: int = 1, timeout_s: float = 5.0, port: str = ""):
            address = f"{addresses.rig_host(base, n)}{port}"
            entry = DeviceEntry(
                name="rig-1", driver="asic", address=address, kind="rig", timeout_s=timeout_s
            )
            return make(entry, n)

        yield served, driver
        await foreign_reader.reader().close()
        assert foreign_reader.reader().pid is None


async def until(is_so: Callable[[], object]) -> None:
    end_s = time.monotonic() + 40
    while not is_so():
        assert time.monotonic() < end_s, "waited in vain"
        await asyncio.sleep(0.005)


async def test_an_auradine_is_read(rigs):
    driver = rigs[1]()
    facts = await driver.identify()
    assert (facts.vendor, facts.model, facts.firmware) == ("Auradine", "AT1500", "v2.2.4")
    reading, *_ = await driver.read(5)
    assert (reading.state, reading.hashrate_ths, reading.uptime_s) == (State.MINING, 150.0, 3600)
    assert "can only be read" in (await driver.abilities()).blocked


async def test_all_such_rigs_share_one_small_process(rigs):
    first, second = rigs[1](1), rigs[1](2)
    await asyncio.gather(first.read(5), second.read(5))
    pid = foreign_reader.reader().pid
    await asyncio.gather(first.read(6), second.read(6))
    assert foreign_reader.reader().pid == pid is not None
    assert foreign_reader.rss_of(pid) < foreign_reader.RSS_LIMIT_MB


@pytest.mark.parametrize("killed_by", [signal.SIGKILL, signal.SIGABRT])
async def test_a_child_that_breaks_costs_the_reading_under_way_and_no_other(killed_by, rigs):
    served, driver = rigs[0], rigs[1]()
    await driver.read(5)
    pid = foreign_reader.reader().pid
    served.is_silent, served.asked = True, []
    reading = asyncio.ensure_future(driver.read(6))
    await until(lambda: "summary" in served.asked)
    os.kill(pid, killed_by)
    with pytest.raises(Refused, match=f"ended with -{killed_by.value}"):
        await reading
    served.is_silent = False
    with pytest.raises(Refused, match="again in"):
        await driver.read(7)
    await asyncio.sleep(0.06)  # the wait that it is given
    record, *_ = await driver.read(8)
    assert record.hashrate_ths == 150.0
    assert foreign_reader.reader().pid != pid


async def test_the_wait_grows_while_it_keeps_breaking(rigs):
    driver = rigs[1]()
    waits = []
    for _ in range(4):
        await until_read(driver)
        pid = foreign_reader.reader().pid
        os.kill(pid, signal.SIGKILL)
        await until(lambda: foreign_reader.reader().pid is None)
        waits.append(foreign_reader.reader()._wait_s)
    assert waits == sorted(waits)
    assert waits[-1] >= waits[0] * 4


async def until_read(driver) -> None:
    end_s = time.monotonic() + 40
    while time.monotonic() < end_s:
        with contextlib.suppress(Refused, TimedOut):  # a busy machine begins the child slowly
            await driver.read(5)
            return
        await asyncio.sleep(0.02)
    pytest.fail("it was never begun again")


async def test_a_child_that_has_grown_is_replaced_at_once(rigs, monkeypatch):
    driver = rigs[1]()
    await driver.read(5)
    pid = foreign_reader.reader().pid
    monkeypatch.setattr(foreign_reader, "RSS_LIMIT_MB", 1.0)
    await driver.read(6)
    await until(lambda: foreign_reader.reader().pid is None)
    monkeypatch.setattr(foreign_reader, "RSS_LIMIT_MB", 1000.0)
    await driver.read(7)
    assert foreign_reader.reader().pid not in {None, pid}


async def test_a_child_that_nobody_asks_ends(rigs, monkeypatch):
    monkeypatch.setattr(foreign_reader, "IDLE_S", 0.3)
    driver = rigs[1]()
    await driver.read(5)
    await until(lambda: foreign_reader.reader().pid is None)
    await driver.read(6)


async def test_a_child_that_hangs_is_killed(rigs, monkeypatch):
    monkeypatch.setattr(foreign_reader, "SILENCES", 2)
    driver = rigs[1](timeout_s=0.4)
    await until_read(driver)
    pid = foreign_reader.reader().pid
    os.kill(pid, signal.SIGSTOP)
    for _ in range(2):
        with pytest.raises(TimedOut):
            await driver.read(6)
    await until(lambda: foreign_reader.reader().pid is None)


async def test_a_rig_that_hangs_is_timed_out_and_the_child_lives(rigs):
    served, driver = rigs[0], rigs[1](timeout_s=0.6)
    await until_read(driver)
    pid = foreign_reader.reader().pid
    served.is_silent = True
    with pytest.raises(DriverError):
        await driver.read(6)
    assert foreign_reader.reader().pid == pid


async def test_no_stranger_starts_the_child(serve_rig):
    version = b'{"STATUS":[{"STATUS":"S"}],"VERSION":[{"CGMiner":"4.9.0","API":"3.1"}],"id":1}'
    address = await serve_rig({"version": version})
    entry = DeviceEntry(name="x", driver="asic", address=address, kind="rig", timeout_s=2.0)
    with pytest.raises(Unsupported):
        await make(entry, 1).identify()
    assert foreign_reader.reader().pid is None


async def test_it_asks_at_the_usual_ports_only(serve_rig):
    version = json.dumps({"STATUS": STATUS, **AURADINE["version"]}).encode()
    address = await serve_rig({"version": version})
    entry = DeviceEntry(name="x", driver="asic", address=address, kind="rig", timeout_s=2.0)
    with pytest.raises(Unsupported, match="usual ports only"):
        await make(entry, 1).read(5)


def test_only_its_rate_shows_that_it_mines_and_nothing_that_it_was_told_to_rest():
    for data, state in (
        ({"power_w": 30.0}, State.UNKNOWN),
        ({"hashrate_ths": 0.0, "is_mining": False}, State.UNKNOWN),
        ({"hashrate_ths": 95.0, "is_mining": False}, State.MINING),
    ):
        assert foreign.read(Replies({"data": data})).state is state
    assert foreign.read(Replies({"data": {"ideal_ths": 100.0}})).is_empty, "a name plate"


@pytest.mark.parametrize(
    "answer",
    [
        {"system-info": {"model": "Rig"}},
        {"realm": 'Digest realm="Daoge Miner"'},
        {"VERSION": [{"BDMiner": "4.11"}]},
        {"STATUS": [{"Description": "gcminer"}]},
    ],
)
def test_the_four_makes_are_known_by_their_own_words(answer):
    assert foreign.FAMILY.recognises(answer)
    assert not foreign.FAMILY.recognises({"VERSION": [{"CGMiner": "4.9.0"}]})
