"""kill -9 of a real process in the middle of a curtailment of 200 rigs, and of its way back."""

import asyncio
import json
import sqlite3
import sys
import time
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from tests.edge.control.hub import Hub

from lode_edge.control.journal import verify
from lode_wire import orders, seal
from lode_wire.orders import Curtail, Sleep, Step

RIGS, RAMP_KW = 200, 3000.0
ROOT = Path(__file__).resolve().parents[3]


class Rigs:
    """Rigs that outlive whoever steers them, and remember how often they were started."""

    def __init__(self) -> None:
        self.asleep = dict.fromkeys((f"r{number:03}" for number in range(RIGS)), False)
        self.starts = dict.fromkeys(self.asleep, 0)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        name, what = json.loads(await reader.readline())
        if what == "all":
            answer: object = [50.0 if asleep else 3000.0 for asleep in self.asleep.values()]
        else:
            await asyncio.sleep(0.2)
            answer = self._done(name, what)
        writer.write(json.dumps(answer).encode() + b"\n")
        writer.close()

    def _done(self, name: str, what: str) -> object:
        if what == "posture":
            return self.asleep[name]
        self.starts[name] += what == "wake" and self.asleep[name]
        self.asleep[name] = what == "sleep"
        return "success"

    @property
    def sleeping(self) -> int:
        return sum(self.asleep.values())


async def until(holds, timeout_s: float) -> None:
    end_s = time.monotonic() + timeout_s
    while not holds():
        assert time.monotonic() < end_s, "did not come in time"
        await asyncio.sleep(0.02)


class Steersman:
    """The process that is killed."""

    def __init__(self, home: Path, port: int, hub: Hub) -> None:
        self.home, self._port, self._hub = home, port, hub
        key = hub.key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        (home / "hub.pub").write_bytes(key)
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        arguments = ["-m", "tests.edge.control.steersman", str(self.home), str(self._port)]
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, *arguments, str(RIGS), str(RAMP_KW), cwd=ROOT
        )

    async def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            await self._process.wait()

    async def kill_and_start(self) -> None:
        await self.kill()
        await self.start()

    def order(self, intent: orders.Intent) -> str:
        """Lay a command down, which is taken again and again, as a hub repeats it."""
        now_ms = time.time_ns() // 1_000_000
        command = self._hub.order(intent, now_ms, expires_ms=now_ms + 600_000)
        part = self.home / f"{command.sequence}.part"
        part.write_bytes(seal.encode(command))
        part.rename(part.with_suffix(".command"))
        return command.id


@pytest.mark.slow
async def test_kill_9_changes_neither_the_end_nor_the_starts(tmp_path):
    rigs = Rigs()
    server = await asyncio.start_server(rigs.serve, "127.0.0.1", 0)
    steersman = Steersman(tmp_path, server.sockets[0].getsockname()[1], Hub())
    await steersman.start()
    try:
        await until((tmp_path / "control.db").exists, 20)
        lease = steersman.order(Curtail(steps=(Step(wish=Sleep(), devices=tuple(rigs.asleep)),)))
        for part in (20, 120):
            await until(lambda part=part: rigs.sleeping >= part, 60)
            await steersman.kill_and_start()
        await until(lambda: rigs.sleeping == RIGS, 120)
        steersman.order(orders.Release(lease=lease))
        for part in (180, 80):
            await until(lambda part=part: rigs.sleeping <= part, 90)
            await steersman.kill_and_start()
        await until(lambda: rigs.sleeping == 0, 180)
        await until(lambda: last_state(tmp_path, lease), 60)
    finally:
        await steersman.kill()
        server.close()
    assert set(rigs.starts.values()) == {1}
    assert counted(tmp_path) == {1}


def last_state(home: Path, lease: str) -> bytes:
    """Give the line that says the whole lease is released; empty while nothing says so."""
    lines = (home / "states").read_bytes().splitlines()
    whole = [x for x in lines if f'"id":"{lease}"'.encode() in x and b'"stage":5' in x]
    return next((line for line in whole if b"target" not in line), b"")


def counted(home: Path) -> set[int]:
    db = sqlite3.connect(home / "control.db")
    try:
        assert verify(db) > RIGS
        rows = db.execute("select body from kept where shelf = 'turned'").fetchall()
        assert len(rows) == RIGS
        return {json.loads(body)["starts"] for (body,) in rows}
    finally:
        db.close()
