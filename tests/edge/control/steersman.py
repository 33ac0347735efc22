"""Control in a process of its own, which can be killed; its rigs live in the process that asks.

Each request to them is one line of JSON: a rig's name and what is asked; so is the answer.
"""

import asyncio
import contextlib
import json
import sys
from collections.abc import Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import msgspec
from tests.edge.control.world import limits

from lode_edge.control.control import Control, Place
from lode_edge.control.keys import public_keys
from lode_edge.control.site import Device
from lode_edge.drivers.acting import Abilities, Deed, Posture
from lode_edge.drivers.driver import DeviceEntry, Facts
from lode_edge.errors import Refused
from lode_wire.orders import Change, Intent
from lode_wire.records import CommandState, PowerSource, Record, RigReading, State

INTERVAL_S = 1.0


class Hands:
    """The hands of one rig, at the other end of a socket."""

    def __init__(self, port: int, name: str) -> None:
        self._port, self._name = port, name

    async def abilities(self) -> Abilities:
        return Abilities(actions=("sleep", "wake"))

    async def preview(self, intent: Intent) -> Sequence[Change]:
        return ()

    async def act(self, intent: Intent) -> Deed:
        return Deed(said=str(await ask(self._port, self._name, intent.action)))

    async def posture(self) -> Posture:
        return Posture(is_asleep=bool(await ask(self._port, self._name, "posture")))


async def ask(port: int, name: str, what: str) -> Any:
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(json.dumps([name, what]).encode() + b"\n")
        answer = json.loads(await reader.readline())
        writer.close()
    except (OSError, ValueError) as error:
        raise Refused(f"{name}: {error}") from None
    return answer


class States:
    """A spool that writes what it is told to a file."""

    def __init__(self, home: Path) -> None:
        self._file = (home / "states").open("ab", buffering=0)

    def put(self, records: Sequence[Record]) -> None:
        """Take records that nobody looks at."""

    def announce(self, records: Sequence[Record]) -> "Future[list[int]]":
        for record in records:
            assert isinstance(record, CommandState)
            self._file.write(msgspec.json.encode(record) + b"\n")
        done: Future[list[int]] = Future()
        done.set_result([1])
        return done

    def is_heard(self, batch: int) -> bool:
        return False


async def main(home: Path, port: int, count: int, ramp_kw: float) -> None:
    """Control so many rigs; take the commands that lie in the home, again and again."""
    envelope = limits(ramp=ramp_kw, starts_per_day=3)
    keys = public_keys(home / "hub.pub")
    place = Place(agent="a", directory=home, envelope=envelope, keys=keys, interval_s=0.5)
    names = [f"r{number:03}" for number in range(count)]
    devices = [
        Device(
            DeviceEntry(name=n, driver="asic", address=n, kind="rig", interval_s=INTERVAL_S),
            number,
            Hands(port, n),
        )
        for number, n in enumerate(names)
    ]
    control = Control(place, devices, States(home))
    for name in names:
        control.learned(name, Facts(model="S19", rated_power_w=3000.0))
    work = asyncio.create_task(control.run())
    while not work.done():
        _order(control, home)
        with contextlib.suppress(Refused):
            _observe(control, await ask(port, "", "all"))
        await asyncio.sleep(INTERVAL_S)


def _order(control: Control, home: Path) -> None:
    for command in sorted(home.glob("*.command")):
        control.take(command.read_bytes())


def _observe(control: Control, drawn_w: list[float]) -> None:
    now_ms = control._now.wall_ms
    control.observe(
        [
            RigReading(
                at_ms=now_ms,
                rig=number,
                state=State.MINING if power_w > 1000 else State.SLEEPING,
                power_w=power_w,
                power_source=PowerSource.RIG,
            )
            for number, power_w in enumerate(drawn_w)
        ]
    )


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])))
