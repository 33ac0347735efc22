"""Brokers on free ports, readings, and waiting for what must come."""

import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.conftest import PLACES

from lode_sim.stack import free_port
from lode_wire.records import MeterReading, RigReading, State


@dataclass
class Broker:
    """A real broker that can be stopped, frozen and started again on its port."""

    command: list[str]
    port: int
    log: Path
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"mqtt://127.0.0.1:{self.port}"

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(self.command, stdout=log, stderr=log)
        wait_for(lambda: is_open(self.port))

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None


def is_open(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 0.2).close()
    except OSError:
        return False
    return True


def wait_for(holds: Callable[[], object], timeout_s: float = 40.0) -> None:
    """Wait until a condition holds; fail when it does not in time."""
    until = time.monotonic() + timeout_s
    while not holds():
        assert time.monotonic() < until, "did not come in time"
        time.sleep(0.01)


@contextmanager
def running(kind: str, home: Path) -> Iterator[Broker]:
    """Run a broker of a kind until the end."""
    home.mkdir(parents=True, exist_ok=True)
    port, config = free_port(), home / f"{kind}.conf"
    if kind == "mosquitto":
        config.write_text(
            f"listener {port} 127.0.0.1\nallow_anonymous true\npersistence false\n"
            "max_queued_messages 100000\nmax_inflight_messages 64\n"
        )
        command = [str(shutil.which("mosquitto", path=PLACES)), "-c", str(config)]
    else:
        config.write_text(
            f'server_name: "n1"\nlisten: "127.0.0.1:{free_port()}"\n'
            f'jetstream {{ store_dir: "{home}/js" }}\nmqtt {{ listen: "127.0.0.1:{port}" }}\n'
        )
        command = [str(Path(sys.executable).parent / "nats-server"), "-c", str(config)]
    broker = Broker(command, port, home / f"{kind}.log")
    broker.start()
    try:
        yield broker
    finally:
        broker.kill()


@pytest.fixture(
    params=[pytest.param("mosquitto", marks=pytest.mark.needs("mosquitto")), "nats-server"]
)
def broker(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Broker]:
    """Give a fresh broker of each kind."""
    with running(request.param, tmp_path / "broker") as found:
        yield found


def rig(number: int, at_ms: int | None = None) -> RigReading:
    """Make a reading that can be told from every other by its share count."""
    at_ms = time.time_ns() // 1_000_000 if at_ms is None else at_ms
    return RigReading(
        at_ms=at_ms, rig=1, state=State.MINING, hashrate_ths=100.0, accepted_shares=number
    )


def meter(number: int, at_ms: int = 1) -> MeterReading:
    """Make a meter's reading that can be told from every other by its counter."""
    return MeterReading(at_ms=at_ms, meter=2, energy_in_kwh=float(number))
