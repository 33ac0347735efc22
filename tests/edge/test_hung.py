"""With one device in twenty hanging, the others' polls keep their interval."""

import asyncio
import json
from pathlib import Path

import pytest

from lode_edge.drivers import DeviceEntry, make
from lode_edge.poll import Polled, Poller
from lode_wire.records import RigReading, State

S19 = Path(__file__).resolve().parents[1] / "golden" / "antminer" / "s19pro_recorded"
REPLIES = {path.stem: path.read_bytes() + b"\x00" for path in S19.glob("*.json")}
RIGS, HUNG, INTERVAL_S, TIMEOUT_S, READINGS = 200, 10, 1.0, 0.8, 8


class Site:
    """One port where rigs answer, one where they take the question and hang."""

    async def __aenter__(self):
        self.freed = asyncio.Event()
        self.servers = [
            await asyncio.start_server(handler, "127.0.0.1", 0, backlog=512)
            for handler in (self._answer, self._hang)
        ]
        self.ports = [server.sockets[0].getsockname()[1] for server in self.servers]
        return self

    async def __aexit__(self, *_):
        self.freed.set()
        for server in self.servers:
            server.close()

    async def _answer(self, reader, writer):
        command = json.loads(await reader.read(4096))["command"]
        writer.write(REPLIES[command])
        writer.close()

    async def _hang(self, _reader, writer):
        await self.freed.wait()
        writer.close()


@pytest.mark.alone
async def test_hung_rigs_cost_only_themselves():
    seen: dict[int, list[float]] = {}
    states: dict[int, set[State]] = {}
    enough = asyncio.Event()

    def emit(records):
        for record in records:
            if isinstance(record, RigReading):
                seen.setdefault(record.rig, []).append(asyncio.get_running_loop().time())
                states.setdefault(record.rig, set()).add(record.state)
        if len(seen) == RIGS and min(map(len, seen.values())) >= READINGS:
            enough.set()

    async with Site() as site, asyncio.timeout(30):
        devices = [_polled(n, site.ports[_hangs(n)]) for n in range(RIGS)]
        task = asyncio.create_task(Poller(devices, emit, seed=1).run())
        await enough.wait()
        task.cancel()
        await asyncio.wait([task])
    _check(seen, states)


def _hangs(number: int) -> bool:
    return number % (RIGS // HUNG) == 0


def _polled(number: int, port: int) -> Polled:
    entry = DeviceEntry(
        name=f"rig-{number}",
        driver="asic",
        address=f"127.0.0.1:{port}",
        kind="rig",
        timeout_s=TIMEOUT_S,
    )
    driver = make(entry, number)
    driver.address = f"rig-{number}"  # a real rig has an address, and so a lock, of its own
    return Polled(name=entry.name, driver=driver, interval_s=INTERVAL_S, timeout_s=TIMEOUT_S)


def _check(seen: dict[int, list[float]], states: dict[int, set[State]]) -> None:
    late = []
    for rig, moments in seen.items():
        if _hangs(rig):
            assert states[rig] == {State.UNREACHABLE}
            continue
        assert states[rig] == {State.MINING}
        late += [moment - (moments[0] + n * INTERVAL_S) for n, moment in enumerate(moments)]
    late.sort()
    assert late[int(len(late) * 0.99)] < 1.0
    assert late[len(late) // 2] < 0.1
