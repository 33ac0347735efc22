"""The whole system on one machine, as real processes: hub, link, mailbox, site, agent.

    rigs, meters (site) ◄─ polls ─ agent ─► link (a proxy that can be cut) ─► broker ─► hub
                                                                 mailbox ◄─ e-mail ──┘

`dev.py up` shows it to a person; the system tests kill its parts.
"""

import contextlib
import ctypes
import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import httpx
import psycopg

from lode_hub.database import EmbeddedPostgres
from lode_sim import limits
from lode_sim.enrolled import enrol
from lode_sim.furnished import furnish
from lode_sim.limits import Limits

BIN = Path(sys.executable).parent
MOVED_PORT = 14_028  # of rigs that are told something: no port of theirs takes a privilege
RIG_KW = 3.3  # of a rig at work, with what its cooling draws
_PR_SET_PDEATHSIG = 1


class StackError(Exception):
    """A part did not start, did not stop, or died unasked; the message says which and why."""


@dataclass
class Part:
    """One process: its command, its log, and the means to stop or kill it."""

    name: str
    command: list[str]
    log: Path
    env: dict[str, str] = field(default_factory=dict)
    stdout: IO[str] | int | None = None
    process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        """Start it, to end with us; its standard error is appended to its log."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("a") as log:
            self.process = subprocess.Popen(
                self.command,
                stdin=subprocess.DEVNULL,
                stdout=log if self.stdout is None else self.stdout,
                stderr=log,
                env={**os.environ, **self.env},
                text=True,
                start_new_session=True,  # Ctrl-C is ours to handle
                preexec_fn=_end_with_parent,  # noqa: PLW1509 -- we start no threads
            )

    @property
    def pid(self) -> int:
        """Give the process id."""
        if self.process is None:
            raise StackError(f"{self.name}: not started")
        return self.process.pid

    @property
    def is_running(self) -> bool:
        """Tell whether the process is there."""
        return self.process is not None and self.process.poll() is None

    def stop(self, timeout_s: float = 20.0) -> int:
        """End it in good order; kill it when that takes too long.

        Raises:
            StackError: it had to be killed.
        """
        if self.process is None:
            return 0
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self.kill()
            raise StackError(f"{self.name}: did not stop within {timeout_s} s") from None

    def kill(self) -> None:
        """End it with SIGKILL, as a power cut would."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def last_words(self, lines: int = 15) -> str:
        """Quote the end of its log."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])


@dataclass(kw_only=True)
class Stack:
    """Every part of the system below one folder, on ports of its own."""

    home: Path
    rigs: int = 40
    seed: int = 7
    interval_s: float = 2.0
    base: str = "127.20.0.0"
    http_port: int = 8420
    broker_port: int = 18420
    tls_port: int | None = None  # where agents come by certificate; None: by password
    broker: str = "auto"
    limits: Limits | None = None  # within which the agent acts; None: it only reads
    site_options: tuple[str, ...] = ()
    hub_env: dict[str, str] = field(default_factory=dict)
    edge_env: dict[str, str] = field(default_factory=dict)
    hub_stdout: IO[str] | int | None = None
    edge_data: Path | None = None
    starts_edge: bool = True
    market_port: int | None = None  # of a power market that the site buys at; None: there is none
    has_own_broker: bool = True  # else `hub_env` and `edge_env` say where one is

    def __post_init__(self) -> None:
        """Name the folders and describe the parts; nothing is started yet."""
        self.home.mkdir(parents=True, exist_ok=True)
        self.link_port, self.mail_port = free_port(), free_port()
        self.truth = self.home / "truth.jsonl"
        self.mails = self.home / "mail"
        self.limits_dir = self.home / "limits"
        self.agent_config = self.home / "agent.toml"
        self.site = self._part("site", "lode-sim", "serve", *self._site_arguments())
        self.link = self._part("link", "lode-sim", "proxy", *self._link_arguments())
        mailbox = ["--listen", f"127.0.0.1:{self.mail_port}", "--dir", str(self.mails)]
        self.mailbox = self._part("mailbox", "lode-sim", "mailbox", *mailbox)
        self.hub = self._part("hub", "lode-hub", "serve", *self._hub_arguments())
        self.hub.env = self._hub_settings()
        self.hub.stdout = self.hub_stdout
        self.edge = self._part("edge", "lode-edge", "run", "--config", str(self.agent_config))
        self.edge.env = dict(self.edge_env)
        market = ["--listen", f"127.0.0.1:{self.market_port}"]
        self.market = self._part("market", "lode-sim", "market", *market)
        self.parts = [self.mailbox, self.hub, self.link, self.site, self.edge]
        self.parts += [self.market] if self.market_port else []

    @property
    def url(self) -> str:
        """Give the dashboard's address."""
        return f"http://127.0.0.1:{self.http_port}"

    def start(self, *, say: Callable[[str], None] = lambda _: None) -> None:
        """Start every part, in the order in which they need each other.

        Raises:
            StackError: a part did not come up.
        """
        self.mailbox.start()
        say("starting the hub, its database and its broker")
        self.hub.start()
        wait_for(self.is_healthy, 90, "the hub to be healthy", self.hub)
        self.link.start()
        say(f"starting a site of {self.rigs} rigs")
        self.agent_config.unlink(missing_ok=True)
        self.site.start()
        wait_for(self.agent_config.exists, 30, "the site to be ready", self.site)
        wait_for(lambda: listens(self.link_port), 30, "the link to listen", self.link)
        if self.has_own_broker:
            self.enrol(self.agent_config)
        if self.limits is not None:
            limits.write(self.limits_dir, "north-1", self.limits)
        if self.starts_edge:
            self.edge.start()
        if self.market_port:
            self.market.start()
            wait_for(self._knows_site, 60, "the hub to know the site", self.hub, self.edge)
            market_url = f"http://127.0.0.1:{self.market_port}"
            furnish(self.database_url(), "north", market_url, RIG_KW * self.rigs)

    def enrol(self, config: Path) -> None:
        """Let the agent of a configuration in, unless it is already."""
        enrol(config, self.url, self.home / "hub", self.database_url())

    def stop(self) -> None:
        """Stop every part, the sources first; say nothing of those already gone."""
        for part in (self.site, self.edge, self.market, self.hub, self.link, self.mailbox):
            if part.is_running:
                part.stop()

    def kill(self) -> None:
        """End whatever still runs, for a test that failed: what hangs must not keep the rest."""
        for part in self.parts:
            if part.is_running:
                part.process.send_signal(signal.SIGCONT)  # type: ignore[union-attr]
                try:
                    part.stop(40)
                except StackError as error:
                    print(error)

    def is_healthy(self) -> bool:
        """Tell whether the hub says so of itself."""
        try:
            return httpx.get(f"{self.url}/healthz", timeout=2).status_code == httpx.codes.OK
        except httpx.HTTPError:
            return False

    def database_url(self) -> str:
        """Give the URL of the hub's embedded database."""
        return EmbeddedPostgres(self.home / "hub" / "postgres").url

    def _knows_site(self) -> bool:
        with psycopg.connect(self.database_url()) as db:
            return db.execute("select 1 from site where name = 'north'").fetchone() is not None

    def spool(self) -> dict[str, Any]:
        """Ask what the agent still keeps."""
        command = [str(BIN / "lode-edge"), "spool", "--config", str(self.agent_config), "--json"]
        done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=30)
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    def control(self, *arguments: str) -> str:
        """Say something to the simulator, as a person would: `fault overheat rig-003`."""
        where = self.home / ("link" if arguments[0] == "link" else "sim")
        command = [str(BIN / "lode-sim"), *arguments, "--data-dir", str(where)]
        done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=30)
        if done.returncode:
            raise StackError(f"lode-sim {' '.join(arguments)}: {done.stderr.strip()}")
        return done.stdout

    def _part(self, name: str, *command: str) -> Part:
        return Part(name, [str(BIN / command[0]), *command[1:]], self.home / "log" / f"{name}.log")

    def _site_arguments(self) -> list[str]:
        return [
            *("--rigs", str(self.rigs), "--seed", str(self.seed), "--base", self.base),
            *("--data-dir", str(self.home / "sim"), "--truth", str(self.truth)),
            *("--write-agent-config", str(self.agent_config), "--site", "north"),
            *("--agent", "north-1", "--interval", str(self.interval_s)),
            *("--agent-data-dir", str(self.edge_data or self.home / "edge")),
            *("--broker-url", f"mqtt{'s' if self.tls_port else ''}://127.0.0.1:{self.link_port}"),
            *(["--limits-dir", str(self.limits_dir)] if self.limits else []),
            *(["--rig-port", str(MOVED_PORT)] if self.limits else []),
            *self.site_options,
        ]

    def _link_arguments(self) -> list[str]:
        to = f"127.0.0.1:{self.tls_port or self.broker_port}"
        return [
            *("--listen", f"127.0.0.1:{self.link_port}", "--to", to),
            *("--data-dir", str(self.home / "link")),
        ]

    def _hub_arguments(self) -> list[str]:
        own = ["--embedded"] if self.has_own_broker else []
        return [*own, *("--data-dir", str(self.home / "hub")), *("--port", str(self.http_port))]

    def _hub_settings(self) -> dict[str, str]:
        smtp = {"host": "127.0.0.1", "port": self.mail_port, "tls": "none"}
        smtp |= {"sender": "lode@north.example", "recipients": ["operator@north.example"]}
        tls = {"LODE_HUB_BROKER__TLS_PORT": str(self.tls_port)} if self.tls_port else {}
        return {
            **tls,
            "LODE_HUB_BROKER__PORT": str(self.broker_port),
            "LODE_HUB_BROKER__KIND": self.broker,
            "LODE_HUB_NOTIFY__SMTP": json.dumps(smtp),
            "LODE_HUB_BASE_URL": self.url,
            **self.hub_env,
        }


def wait_for(holds: Callable[[], bool], timeout_s: float, what: str, *needs: Part) -> None:
    """Wait until a condition holds.

    Raises:
        StackError: it did not within the time, or a part that it needs has died.
    """
    until = time.monotonic() + timeout_s
    while not holds():
        dead = next((part for part in needs if not part.is_running), None)
        if dead is not None:
            raise StackError(f"{dead.name}: ended unasked\n{dead.last_words()}")
        if time.monotonic() > until:
            words = "".join(f"\n{part.name}: {part.last_words()}" for part in needs)
            raise StackError(f"waited {timeout_s:.0f} s for {what}{words}")
        time.sleep(0.05)


def free_port() -> int:
    """Find a TCP port of the loopback address that nobody uses.

    Below those that the system gives to outgoing connections, of which another process may take
    any before we do.
    """
    while True:
        port = random.randint(20_000, 32_000)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def listens(port: int) -> bool:
    """Tell whether somebody takes connections on a port of the loopback address."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _end_with_parent() -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
