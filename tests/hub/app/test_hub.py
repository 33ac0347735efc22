"""The hub as a process: started, killed in parts, stopped, started again."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from tests.hub.app.opened import free_port

COMMAND = str(Path(sys.executable).parent / "lode-hub")


class Hub:
    """One installation of the hub."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.port = free_port()
        self.env = {k: v for k, v in os.environ.items() if not k.startswith("LODE_HUB_")}
        self.env["LODE_HUB_BROKER__PORT"] = str(free_port())
        self.url = f"http://127.0.0.1:{self.port}"
        self.process: subprocess.Popen[str] | None = None

    @property
    def said(self) -> str:
        return (self.home / "out").read_text()

    @property
    def log(self) -> str:
        return (self.home / "log").read_text()

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [COMMAND, *arguments, "--data-dir", str(self.home / "data")]
        return subprocess.run(
            command, env=self.env, check=False, capture_output=True, text=True, timeout=60
        )

    def start(self) -> float:
        begun = time.monotonic()
        command = [COMMAND, "serve", "--embedded", "--data-dir", str(self.home / "data")]
        with (self.home / "out").open("a") as out, (self.home / "log").open("a") as log:
            self.process = subprocess.Popen(
                [*command, "--port", str(self.port)],
                env=self.env, stdout=out, stderr=log, text=True, start_new_session=True,
            )  # fmt: skip
        self.wait_for(self.is_well, 60, "the hub to be well")
        return time.monotonic() - begun

    def stop(self) -> float:
        assert self.process is not None
        begun = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(20) == 0
        self.process = None
        return time.monotonic() - begun

    def is_well(self) -> bool:
        try:
            return httpx.get(f"{self.url}/healthz", timeout=5).status_code == 200
        except httpx.HTTPError:
            return False

    def wait_for(self, holds: Callable[[], bool], within_s: float, what: str) -> None:
        until = time.monotonic() + within_s
        while not holds():
            assert self.process is None or self.process.poll() is None, self.log[-3000:]
            assert time.monotonic() < until, f"waited {within_s} s for {what}: {self.log[-3000:]}"
            time.sleep(0.05)

    def login(self, password: str) -> int:
        login = {"name": "admin", "password": password}
        return httpx.post(f"{self.url}/api/v1/session", json=login, timeout=10).status_code

    def postmaster(self) -> int:
        try:
            return int((self.home / "data/postgres/postmaster.pid").read_text().split()[0])
        except (OSError, ValueError, IndexError):
            return 0

    def left_behind(self) -> list[str]:
        """Find processes that still live below its folder."""
        found = []
        for entry in Path("/proc").iterdir():
            try:
                if str(entry.joinpath("cwd").readlink()).startswith(str(self.home)):
                    found.append((entry / "comm").read_text().strip())
            except OSError:
                continue
        return found


@pytest.fixture
def hub(home: Path) -> Iterator[Hub]:
    installed = Hub(home)
    yield installed
    if installed.process is not None:
        installed.process.terminate()
        installed.process.wait(20)


def password_in(said: str) -> str:
    found = re.search(r"password: (\S+)", said)
    assert found, said
    return found[1]


@pytest.mark.alone
def test_starts_shows_the_password_once_and_stops_clean(hub: Hub) -> None:
    hub.start()
    password = password_in(hub.said)
    assert hub.login(password) == 201
    assert password not in hub.log
    assert hub.stop() < 10
    assert hub.left_behind() == []

    assert hub.start() < 10
    assert hub.said.count("password: ") == 1
    assert hub.login(password) == 201
    assert 'level": "error' not in hub.log


@pytest.mark.slow
def test_survives_the_kill_of_each_part_and_of_itself(hub: Hub) -> None:
    hub.start()
    killed = hub.postmaster()
    os.kill(killed, signal.SIGKILL)
    hub.wait_for(lambda: hub.postmaster() not in {0, killed}, 20, "another postmaster")
    hub.wait_for(hub.is_well, 20, "the hub to be well")

    broker = next(pid for pid in pids_below(hub.home / "data/broker"))
    os.kill(broker, signal.SIGKILL)
    hub.wait_for(lambda: pids_below(hub.home / "data/broker") not in ([], [broker]), 20, "a broker")
    hub.wait_for(hub.is_well, 20, "the hub to be well")

    assert hub.process is not None
    survivors = {hub.postmaster(), *pids_below(hub.home / "data/broker")}
    hub.process.kill()
    hub.process.wait()
    hub.start()
    assert {hub.postmaster(), *pids_below(hub.home / "data/broker")} == survivors
    assert hub.login(password_in(hub.said)) == 201
    assert hub.stop() < 10
    assert hub.left_behind() == []


@pytest.mark.slow
def test_a_password_is_reset_beside_the_running_hub_and_without(hub: Hub) -> None:
    hub.start()
    first = password_in(hub.said)
    done = hub.run("admin", "reset-password")
    assert done.returncode == 0, done.stderr
    second = password_in(done.stdout)
    assert hub.login(first) == 401
    assert hub.login(second) == 201
    hub.stop()
    third = password_in(hub.run("admin", "reset-password").stdout)
    assert hub.left_behind() == []
    hub.start()
    assert hub.login(third) == 201


@pytest.mark.slow
def test_workers_of_their_own_take_the_readings_in(hub: Hub) -> None:
    hub.env["LODE_HUB_INGEST__WORKERS"] = "2"
    hub.start()
    assert hub.process is not None
    workers = children(hub.process.pid, "worker")
    assert len(workers) == 2
    os.kill(workers[0], signal.SIGKILL)
    hub.wait_for(
        lambda: len(set(children(hub.process.pid, "worker")) - {workers[0]}) == 2, 20, "two"
    )  # type: ignore[union-attr]
    hub.wait_for(hub.is_well, 20, "the hub to be well")
    assert hub.stop() < 10
    assert children(1, str(hub.home)) == []


@pytest.mark.parametrize(
    ("environment", "status", "said"),
    [
        ({"LODE_HUB_PORT": "x"}, 2, "lode-hub: settings: port: "),
        ({"LODE_HUB_PORT": "TAKEN"}, 1, r"lode-hub: doors: cannot listen on 127.0.0.1 port \d+: "),
        ({"LODE_HUB_DATABASE__URL": "postgresql://u:hush@127.0.0.1:1/x"}, 1,
            "lode-hub: database: no connection"),
        ({"LODE_HUB_BROKER__PROGRAM": "/nothing"}, 1, "lode-hub: broker: cannot run /nothing"),
    ],
)  # fmt: skip
def test_what_keeps_it_from_starting_is_said_in_one_line(
    hub: Hub, environment: dict[str, str], status: int, said: str
) -> None:

    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        hub.env |= {k: v.replace("TAKEN", port) for k, v in environment.items()}
        hub.env.setdefault("LODE_HUB_PORT", str(hub.port))
        done = hub.run("serve")
    assert done.returncode == status, done.stderr
    lines = [line for line in done.stderr.splitlines() if not line.startswith("{")]
    assert re.match(said, lines[-1]), done.stderr
    assert "hush" not in done.stderr + done.stdout
    assert "Traceback" not in done.stderr
    assert hub.left_behind() == []


def test_check_prints_what_is_in_effect(hub: Hub) -> None:
    hub.env["LODE_HUB_BROKER__PASSWORD"] = "hush"
    done = hub.run("check")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["broker"]["port"] == int(hub.env["LODE_HUB_BROKER__PORT"])
    assert "hush" not in done.stdout


def pids_below(folder: Path) -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if str(entry.joinpath("cwd").readlink()).startswith(str(folder)):
                found.append(int(entry.name))
        except OSError:
            continue
    return found


def children(parent: int, word: str) -> list[int]:
    """Find the children of a process with a word in their command line."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            of = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            if of == parent and word in (entry / "cmdline").read_text():
                found.append(int(entry.name))
        except (OSError, ValueError, IndexError):
            continue
    return sorted(found)
