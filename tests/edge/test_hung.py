"""With one device in twenty hanging, the others' polls keep their interval."""

import asyncio
import json
from pathlib import Path

from lode_edge.drivers import DeviceEntry, make
from lode_edge.poll import Polled, Poller
from lode_wire.records import RigReading, State

S19 = Path(__file__).resolve().parents[1] / "golden" / "antminer" / "s19pro_recorded"
REPLIES = {path.stem: path.read_bytes() + b"\x00" for path in S19.glob("*.json")}
RIGS, HUNG, INTERVAL_S, TIMEOUT_S, READINGS = 200, 10, 1.0, 0.8, 8


async def test_hung_rigs_cost_only_themselves():
    hung = asyncio.Event()

    async def answer(reader, writer):
        command = json.loads(await reader.read(4096))["command"]
        writer.write(REPLIES[command])
        writer.close()

    async def hang(_reader, writer):
        await hung.wait()
        writer.close()

    good = await asyncio.start_server(answer, "127.0.0.1", 0, backlog=512)
    bad = await asyncio.start_server(hang, "127.0.0.1", 0, backlog=512)
    good_port, bad_port = (s.sockets[0].getsockname()[1] for s in (good, bad))
    seen: dict[int, list[float]] = {}
    devices = [_polled(n, bad_port if n % (RIGS // HUNG) == 0 else good_port) for n in range(RIGS)]
    loop = asyncio.get_running_loop()

    states: dict[int, set[State]] = {}
    enough = asyncio.Event()

    def emit(records):
        for record in records:
            if isinstance(record, RigReading):
                seen.setdefault(record.rig, []).append(loop.time())
                states.setdefault(record.rig, set()).add(record.state)
        if len(seen) == RIGS and min(map(len, seen.values())) >= READINGS:
            enough.set()

    poller = Poller(devices, emit, seed=1)
    task = asyncio.create_task(poller.run())
    async with asyncio.timeout(30):
        await enough.wait()
    task.cancel()
    await asyncio.wait([task])
    hung.set()
    good.close()
    bad.close()
    _check(seen, states)


def _polled(number: int, port: int) -> Polled:
    # Every rig has a loopback address of its own: a device's address is what it is locked by.
    entry = DeviceEntry(
        name=f"rig-{number}",
        driver="asic",
        address=f"127.0.0.1:{port}",
        kind="rig",
        timeout_s=TIMEOUT_S,
    )
    driver = make(entry, number)
    driver.address = f"rig-{number}"
    return Polled(name=entry.name, driver=driver, interval_s=INTERVAL_S, timeout_s=TIMEOUT_S)


def _check(seen: dict[int, list[float]], states: dict[int, set[State]]) -> None:
    late = []
    for rig, moments in seen.items():
        if rig % (RIGS // HUNG) == 0:
            assert states[rig] == {State.UNREACHABLE}
            continue
        assert states[rig] == {State.MINING}
        late += [moment - (moments[0] + n * INTERVAL_S) for n, moment in enumerate(moments)]
    late.sort()
    assert late[int(len(late) * 0.99)] < 1.0
    assert late[len(late) // 2] < 0.1
