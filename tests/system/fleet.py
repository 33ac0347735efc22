"""Further sites beside the stack's own, each with its agent; and the books of them all.

Rigs are called the same at every site, so each site's books are kept by its agent's name.
"""

import time
from collections.abc import Callable
from pathlib import Path

import psycopg

from lode_sim.oracle import Account, account
from lode_sim.stack import BIN, Part, Stack, wait_for
from lode_wire.topics import partition_of

RIGS, METERS, INTERVAL_S = 10, 20, 0.5


class Further:
    """A site and its agent, as processes that end with the stack."""

    def __init__(
        self, stack: Stack, site: str, number: int, login: Callable[[str], dict[str, str]] | None
    ) -> None:
        self.stack = stack
        self.name, self.agent, self.partition = site, f"{site}-1", partition_of(site)
        self.truth = stack.home / f"{site}.jsonl"
        self._config = stack.home / f"{site}.toml"
        first, second, *_ = stack.base.split(".")
        base = f"{first}.{int(second) + 100 + number}.0.0"
        command = [str(BIN / "lode-sim"), "serve", "--rigs", str(RIGS), "--meters", str(METERS)]
        command += ["--seed", str(70 + number), "--base", base, "--truth", str(self.truth)]
        command += ["--site", site, "--agent", self.agent, "--interval", str(INTERVAL_S)]
        command += ["--data-dir", str(stack.home / f"{site}-sim")]
        command += ["--broker-url", f"mqtt://127.0.0.1:{stack.broker_port}"]
        command += ["--agent-data-dir", str(stack.home / f"{site}-edge")]
        command += ["--write-agent-config", str(self._config)]
        self.site = Part(f"{site} site", command, _log(stack, f"{site}-site"))
        run = [str(BIN / "lode-edge"), "run", "--config", str(self._config)]
        env = login(self.agent) if login is not None else stack.edge.env
        self.edge = Part(f"{site} edge", run, _log(stack, f"{site}-edge"), dict(env))
        stack.parts += [self.site, self.edge]

    def start(self) -> None:
        """Start the site, then the agent that its configuration is for."""
        self.site.start()
        wait_for(self._config.exists, 30, f"site {self.name} to be ready", self.site)
        if self.stack.has_own_broker:
            self.stack.enrol(self._config)
        self.edge.start()


class Fleet:
    """The stack's own site `north` and further ones, at work.

    Args:
        stack: a running one; its parts are added to.
        sites: their names, which decide their partitions.
        login: gives an agent's environment, where the broker is not the hub's own.
    """

    def __init__(
        self, stack: Stack, *sites: str, login: Callable[[str], dict[str, str]] | None = None
    ) -> None:
        self.stack = stack
        self.further = [Further(stack, s, n, login) for n, s in enumerate(sites, start=1)]
        for further in self.further:
            further.start()

    @property
    def truths(self) -> dict[str, Path]:
        """Give the file of what was served, by agent."""
        return {"north-1": self.stack.truth} | {f.agent: f.truth for f in self.further}

    @property
    def partitions(self) -> dict[str, int]:
        """Give the partition, by agent."""
        return {"north-1": partition_of("north")} | {f.agent: f.partition for f in self.further}

    def marks(self) -> dict[str, int]:
        """Tell how many batches of each agent are committed in one piece."""
        asked = "select a.name, sum(s.mark)::bigint from source s join agent a on a.id = s.agent_id"
        with psycopg.connect(self.stack.database_url()) as db:
            return dict(db.execute(f"{asked} group by 1").fetchall())

    def wait_until_all_move(self, timeout_s: float, *agents: str) -> float:
        """Wait until something new of each agent is committed; give the seconds that took."""
        began, before = time.monotonic(), self.marks()
        names = agents or tuple(self.truths)

        def all_move() -> bool:
            now = self.marks()
            return all(now.get(name, 0) > before.get(name, 0) for name in names)

        parts = [self.stack.hub, self.stack.edge, *(further.edge for further in self.further)]
        wait_for(all_move, timeout_s, f"fresh commits of {', '.join(names)}", *parts)
        return time.monotonic() - began

    def balance(self, *, timeout_s: float = 150.0) -> dict[str, Account]:
        """Stop the sites, wait for the rest to arrive, and give each agent's last account."""
        for site in (self.stack.site, *(further.site for further in self.further)):
            if site.is_running:
                site.stop()
        until = time.monotonic() + timeout_s
        while True:
            accounts = self.accounts()
            if not any(result.lost for result in accounts.values()) or time.monotonic() > until:
                return accounts
            time.sleep(0.5)

    def accounts(self) -> dict[str, Account]:
        """Compare what each site served with what is stored of its agent."""
        url = self.stack.database_url()
        return {agent: account(truth, url, agent=agent) for agent, truth in self.truths.items()}


def assert_books_notice(fleet: Fleet) -> None:
    """Take one stored reading away and store another twice: the books must say so."""
    one = "(device_id, at) = (select device_id, at from rig_reading where accepted_shares is not "
    one += "null order by at limit 1)"
    before = _missing(fleet)
    with psycopg.connect(fleet.stack.database_url(), autocommit=True) as db:
        db.execute(f"delete from rig_reading where {one}")
        db.execute(f"insert into rig_reading select * from rig_reading where {one}")
    assert _missing(fleet) == before + 1, "a lost reading went unnoticed"
    doubled = sum(len(result.doubled) for result in fleet.accounts().values())
    assert doubled == 1, "a reading stored twice went unnoticed"


def _missing(fleet: Fleet) -> int:
    return sum(len(result.lost) + result.explained for result in fleet.accounts().values())


def _log(stack: Stack, name: str) -> Path:
    return stack.home / "log" / f"{name}.log"
