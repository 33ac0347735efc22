"""What the benchmarks stand on: the real hub as a process, agents that feed it, and watchers.

feeders (spool, uplink) ─► broker ─► hub (ledger, COPY, rollups, detectors) ─► database
                                                                  watcher ◄─ last states ─┘
"""

import json
import logging
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

import psycopg
import structlog

from lode_sim.stack import Stack, free_port, wait_for

WATCH_S = 0.02
ROOT = Path(__file__).resolve().parents[2]


def warn_only() -> None:
    """Let this process say on stderr what goes wrong, and nothing else."""
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )


@contextmanager
def stack(**options: Any) -> Iterator[Stack]:
    """Describe a whole system in a folder of its own; nothing of it is left at the end."""
    home = Path(tempfile.mkdtemp(prefix="lode-bench-"))
    found = Stack(home=home, http_port=free_port(), broker_port=free_port(), **options)
    found.hub_stdout = (home / "hub.out").open("w")
    try:
        yield found
    finally:
        found.kill()
        found.hub_stdout.close()
        shutil.rmtree(home, ignore_errors=True)


@contextmanager
def hub_alone(**options: Any) -> Iterator[Stack]:
    """Run the hub with its own database and broker, and no site."""
    with stack(**options) as found:
        found.hub.start()
        wait_for(found.is_healthy, 90, "the hub to be healthy", found.hub)
        yield found


@dataclass(frozen=True, kw_only=True)
class Feed:
    """What a feeder is told; a poll is a reading of each of its rigs."""

    agent: str
    site: str
    url: str
    password_file: str
    folder: str
    rigs: int
    polls: int
    interval_s: float = 10.0
    first_ms: int = 0  # of the first poll
    every_s: float = 0.0  # between two polls, by the clock, then live; 0: as fast as it can
    depth: int = 64  # batches in the spool, above which it waits
    backlog_polls: int = 0  # spooled before it connects, up to the present


class Feeder:
    """A process with the agent's own spool and uplink, and premade readings."""

    def __init__(self, feed: Feed) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.bench.feeder", json.dumps(asdict(feed))],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    @property
    def pid(self) -> int:
        """Give the process id."""
        return self._process.pid

    def ready(self) -> str:
        """Wait for the next word of the feeder."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline().strip()
        assert line, "the feeder ended unasked"
        return line

    def go(self) -> None:
        """Let it begin with its next part."""
        assert self._process.stdin is not None
        self._process.stdin.write("go\n")
        self._process.stdin.flush()

    def stop(self) -> None:
        """End it at once."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()


@contextmanager
def feeders(found: Stack, feeds: Sequence[Feed]) -> Iterator[list[Feeder]]:
    """Start feeders and wait until the hub knows the connected ones' rigs; end them at the end."""
    started = [Feeder(feed) for feed in feeds]
    try:
        for feeder in started:
            assert feeder.ready() == "ready"
        wanted = sum(feed.rigs for feed in feeds if not feed.backlog_polls)
        with psycopg.connect(found.database_url(), autocommit=True) as db:
            wait_for(lambda: count(db, "device_number") >= wanted, 60, "the devices", found.hub)
        yield started
    finally:
        for feeder in started:
            feeder.stop()


def feed(found: Stack, number: int, **options: Any) -> Feed:
    """Describe a feeder at a site of its own, and let it in."""
    agent, site, folder = f"agent-{number}", f"site-{number}", found.home / f"agent-{number}"
    config = found.home / f"agent-{number}.toml"
    config.write_text(f'[agent]\nname = "{agent}"\nsite = "{site}"\ndata_dir = "{folder}"\n')
    found.enrol(config)
    return Feed(
        agent=agent,
        site=site,
        url=f"mqtt://127.0.0.1:{found.broker_port}",
        password_file=str(folder / "identity" / "password"),
        folder=str(folder),
        **options,
    )


def count(db: psycopg.Connection[Any], table: str) -> int:
    """Count what is committed."""
    row = db.execute(f"select count(*) from {table}").fetchone()
    assert row is not None
    return int(row[0])


class Ages(threading.Thread):
    """Watches how old readings are when they are first seen in the database.

    Of all agents whose name is like `agents`, every `of`-th device; what was observed before
    `since_ms` does not count.
    """

    def __init__(
        self, url: str, agents: str, *, of: int = 1, since_ms: int = 0, table: str = "rig_last"
    ) -> None:
        super().__init__(daemon=True)
        self._url, self._devices, self._since_ms = url, (agents, of), since_ms
        self._statement = _LAST.format(table)
        self._over = threading.Event()
        self.seen: list[tuple[float, float]] = []  # when (monotonic), and how old in s

    def run(self) -> None:
        last: dict[int, int] = {}
        with psycopg.connect(self._url, autocommit=True, prepare_threshold=0) as db:
            while not self._over.wait(WATCH_S):
                # The instant of the snapshot, not of the answer: the query itself takes a while.
                now_s, now_ms = time.monotonic(), time.time() * 1000
                for device, at_ms in db.execute(self._statement, self._devices).fetchall():
                    if last.get(device, self._since_ms) < at_ms:
                        if device in last or self._since_ms > 1:
                            self.seen.append((now_s, (now_ms - at_ms) / 1000))
                        last[device] = at_ms

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self.join(10)

    def between(self, from_s: float, to_s: float) -> list[float]:
        """Give the ages, in s, of what was seen between two instants."""
        return [age_s for seen_s, age_s in self.seen if from_s <= seen_s <= to_s]


_LAST = (
    "select l.device_id, (extract(epoch from l.at) * 1000)::bigint from {} l "
    "join device d on d.id = l.device_id join agent a on a.id = d.agent_id "
    "where a.name like %s and d.id %% %s = 0"
)
