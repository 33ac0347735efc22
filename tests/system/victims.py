"""Whom the chaos runner kills, and how each comes back."""

import contextlib
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psutil

from lode_sim.stack import Stack, wait_for


@dataclass(frozen=True)
class Kill:
    """One kill, for the record of a run."""

    at_s: float
    victim: str


class Chaos:
    """Kills parts of a stack with SIGKILL, seeded, and starts again those nobody else starts."""

    def __init__(self, stack: Stack, seed: int) -> None:
        self.stack = stack
        self.kills: list[Kill] = []
        self._rng = random.Random(seed)
        self._began = time.monotonic()
        self._victims: dict[str, Callable[[], None]] = {
            "edge": self.kill_edge,
            "hub": self.kill_hub,
            "postmaster": self.kill_postmaster,
            "broker": self.kill_broker,
        }

    def run(self, kills: int, pause_s: tuple[float, float] = (1.5, 4.0)) -> None:
        """Kill so many times, all victims about equally often, with random pauses."""
        order = list(self._victims) * (kills // len(self._victims) + 1)
        self._rng.shuffle(order)
        for victim in order[:kills]:
            time.sleep(self._rng.uniform(*pause_s))
            self._victims[victim]()
            self.kills.append(Kill(time.monotonic() - self._began, victim))

    def kill_edge(self) -> None:
        """Kill the agent and start it again."""
        self.stack.edge.kill()
        self.stack.edge.start()

    def kill_hub(self) -> None:
        """Kill the hub and start it again; its database and broker are left to themselves."""
        self.stack.hub.kill()
        self.stack.hub.start()

    def kill_postmaster(self) -> None:
        """Kill the database's postmaster; the hub brings it back."""
        _kill(postmaster_pid(self.stack.home))

    def freeze_database(self) -> None:
        """Stop every process of the database where it stands, as a hung disk would."""
        for process in self._database():
            with contextlib.suppress(psutil.NoSuchProcess):
                process.suspend()

    def thaw_database(self) -> None:
        """Let the database go on."""
        for process in self._database():
            with contextlib.suppress(psutil.NoSuchProcess):
                process.resume()

    def _database(self) -> list[psutil.Process]:
        postmaster = psutil.Process(postmaster_pid(self.stack.home))
        return [postmaster, *postmaster.children(recursive=True)]

    def kill_broker(self) -> None:
        """Kill the broker; the hub brings it back."""
        _kill(listener_pid(self.stack.broker_port))


def postmaster_pid(home: Path) -> int | None:
    """Find the postmaster of the database below a folder."""
    for path in home.rglob("postmaster.pid"):
        with contextlib.suppress(ValueError, IndexError, OSError):
            return int(path.read_text().splitlines()[0])
    return None


def listener_pid(port: int) -> int | None:
    """Find the process that listens on a port of the loopback address."""
    for connection in psutil.net_connections("tcp"):
        if connection.status == psutil.CONN_LISTEN and connection.laddr.port == port:
            return connection.pid
    return None


def settle(stack: Stack, timeout_s: float = 60.0) -> None:
    """Wait until every part runs and the hub is healthy."""
    wait_for(stack.is_healthy, timeout_s, "the hub to be healthy again", stack.hub)
    for part in stack.parts:
        assert part.is_running, f"{part.name} has ended\n{part.last_words()}"


def _kill(pid: int | None) -> None:
    if pid is not None:
        with contextlib.suppress(psutil.NoSuchProcess):
            psutil.Process(pid).kill()
