"""Ingest workers as processes, killed, and stopped while they own: nothing lost or doubled."""

import itertools
import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import psutil
import psycopg
import pytest

from lode_sim.stack import wait_for
from lode_wire.topics import PARTITIONS
from tests.system.books import assert_balanced
from tests.system.fleet import Fleet, assert_books_notice

SITES = ("south", "east", "plains", "coast", "desert")  # with north, three in each half of the 64
TAKEOVER_S = 40.0
"""How long is waited for it; how long it takes is printed, and in docs/scaling.md."""

ZOMBIE_S = 20.0
STORM_S = 15.0
OWNED = "select name, owner from lease where name like 'partition-%' and expires_at > now()"


class Workers:
    """The worker processes of a stack, and what the database says that they own."""

    def __init__(self, fleet: Fleet) -> None:
        self.fleet = fleet
        self.stack = fleet.stack

    def processes(self) -> dict[str, psutil.Process]:
        """Find the hub's worker processes by their names."""
        found = {}
        for process in psutil.Process(self.stack.hub.pid).children():
            words = process.cmdline()
            if "worker" in words:
                found[words[-1]] = process
        return found

    def owners(self) -> dict[int, str]:
        """Tell who owns each partition now, by a lease that has not run out."""
        with psycopg.connect(self.stack.database_url()) as db:
            return {int(name[-2:]): owner for name, owner in db.execute(OWNED)}

    def agents_of(self, worker: str) -> list[str]:
        """Name the agents whose partitions a worker owns."""
        owners = self.owners()
        return [a for a, p in self.fleet.partitions.items() if owners.get(p) == worker]

    def wait_until_shared(self) -> None:
        """Wait until both have half of the partitions."""

        def is_shared() -> bool:
            counted = list(self.owners().values())
            shares = [counted.count(owner) for owner in set(counted)]
            return len(counted) == PARTITIONS and sorted(shares) == [32, 32]

        wait_for(is_shared, 45, "both workers to have their share", self.stack.hub)


class Watch(threading.Thread):
    """Counts, while it runs, changes of owners and connections to the broker."""

    def __init__(self, workers: Workers) -> None:
        super().__init__(daemon=True)
        self._workers, self._over = workers, threading.Event()
        self.changes: dict[int, list[str]] = {}  # partition: its owners, one after another
        self.connections: set[tuple[int, int]] = set()  # process, local port

    def run(self) -> None:
        """Look ten times a second."""
        processes = self._workers.processes().values()
        broker = self._workers.stack.broker_port
        with psycopg.connect(self._workers.stack.database_url(), autocommit=True) as db:
            while not self._over.wait(0.1):
                for name, owner in db.execute(OWNED):
                    seen = self.changes.setdefault(int(name[-2:]), [])
                    if not seen or seen[-1] != owner:
                        seen.append(owner)
                for process, link in itertools.chain.from_iterable(map(_links, processes)):
                    if link.raddr and link.raddr.port == broker:
                        self.connections.add((process.pid, link.laddr.port))

    @property
    def takeovers(self) -> int:
        """Tell how often a partition went from one owner to another."""
        return sum(len(owners) - 1 for owners in self.changes.values())

    def end(self) -> None:
        """Stop looking."""
        self._over.set()
        self.join()


@contextmanager
def watched(workers: Workers) -> Iterator[Watch]:
    """Watch during a block."""
    watch = Watch(workers)
    watch.start()
    try:
        yield watch
    finally:
        watch.end()


@pytest.mark.slow
@pytest.mark.alone  # six sites and two workers are enough for two cores
def test_a_killed_and_a_stopped_worker_are_taken_over_without_loss(launch, record_property):
    env = {"LODE_HUB_INGEST__WORKERS": "2"}
    meters = ("--meters", "20")
    stack = launch(base="127.90.0.0", rigs=20, interval_s=1.0, hub_env=env, site_options=meters)
    workers = Workers(Fleet(stack, *SITES))
    workers.wait_until_shared()
    workers.fleet.wait_until_all_move(45)
    first, second = sorted(workers.processes())
    figures = [kill(workers, first), *stop_and_wake(workers, second, heir=first)]
    record_property("figures", "; ".join(figures))
    print("; ".join(figures))
    accounts = workers.fleet.balance()
    for result in accounts.values():
        assert_balanced(result, served=500)
    assert_books_notice(workers.fleet)


def kill(workers: Workers, name: str) -> str:
    """Kill a worker; its agents go on at once, and it is brought back to its share."""
    agents = workers.agents_of(name)
    assert len(agents) >= 2
    killed = workers.processes()[name]
    killed.kill()
    took_s = workers.fleet.wait_until_all_move(TAKEOVER_S, *agents)
    workers.wait_until_shared()
    assert workers.processes()[name].pid != killed.pid
    workers.fleet.wait_until_all_move(TAKEOVER_S)
    return f"killed: commits after {took_s:.1f} s"


def stop_and_wake(workers: Workers, name: str, *, heir: str) -> Iterator[str]:
    """Stop a worker while it owns, and wake it when another has taken everything over."""
    agents = workers.agents_of(name)
    assert len(agents) >= 2
    zombie = workers.processes()[name].pid
    began = time.monotonic()
    os.kill(zombie, signal.SIGSTOP)
    try:
        leased_s = seconds_until_owned(workers, heir, began)
        workers.fleet.wait_until_all_move(TAKEOVER_S, *agents)
        committed_s = time.monotonic() - began
        time.sleep(max(0.0, began + ZOMBIE_S - time.monotonic()))
    finally:
        before = connections(workers)
        os.kill(zombie, signal.SIGCONT)
    yield f"stopped: leases after {leased_s:.1f} s, commits after {committed_s:.1f} s"
    with watched(workers) as watch:
        time.sleep(STORM_S)
    fresh = len(watch.connections - before)
    # Half of them go back to whom was stopped, once each; and each has its session once.
    assert all(len(owners) <= 2 for owners in watch.changes.values()), watch.changes
    assert watch.takeovers <= PARTITIONS // 2
    assert fresh <= PARTITIONS
    workers.wait_until_shared()
    workers.fleet.wait_until_all_move(TAKEOVER_S)
    yield f"awake: {watch.takeovers} takeovers, {fresh} connections in {STORM_S:.0f} s"


def seconds_until_owned(workers: Workers, by: str, began: float) -> float:
    """Wait until one worker owns all partitions; give the seconds since `began`."""

    def owns_all() -> bool:
        owned = workers.owners()
        return len(owned) == PARTITIONS and set(owned.values()) == {by}

    wait_for(owns_all, 2 * TAKEOVER_S, f"{by} to take over", workers.stack.hub)
    return time.monotonic() - began


def connections(workers: Workers) -> set[tuple[int, int]]:
    """Give the workers' connections to the broker as they are."""
    links = itertools.chain.from_iterable(map(_links, workers.processes().values()))
    broker = workers.stack.broker_port
    return {(p.pid, k.laddr.port) for p, k in links if k.raddr and k.raddr.port == broker}


def _links(process: psutil.Process):
    return [(process, link) for link in process.net_connections("tcp")]
