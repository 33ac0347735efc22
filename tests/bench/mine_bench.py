"""A mine of 10,000 rigs read by one agent every 30 s, and the peers on the same rigs.

lode-sim (10,000 rigs) ◄─ every 30 s ─ lode-edge run ─► broker ─► hub ─► database
lode-sim (100 rigs)    ◄─ pyasic, pyasic_rs, the agent's driver: rigs read per CPU second
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from lode_sim.addresses import rig_host
from lode_sim.stack import BIN, Part, wait_for
from tests import peers
from tests.bench import stage
from tests.bench.edge_bench import heard, measure
from tests.bench.figure import Figure

RIGS, INTERVAL_S = 10_000, 30.0
LIMIT_CORES, LIMIT_MB = 1.0, 100.0
WINDOW_S = 60.0
READ_RIGS = 100
CYCLES = {"lode": 20, "pyasic_rs": 20, "pyasic": 2}  # about as long for each
BASE = "127.61.0.0"


def run() -> Iterator[Figure]:
    """Measure the peers, then the agent on 10,000 rigs."""
    yield from against_peers()
    with stage.stack(rigs=RIGS, interval_s=INTERVAL_S, base="auto") as found:
        found.start()
        wait_for(lambda: heard(found) >= RIGS, 240, "every rig", found.edge)
        cost = measure(found, WINDOW_S, of=50)
    name = f"mine: {RIGS:,} rigs every {INTERVAL_S:.0f} s"
    due = RIGS * WINDOW_S / INTERVAL_S
    for what, value, unit, limit, against in (
        ("cores", cost.cores, "cores", LIMIT_CORES, "the limit of one core"),
        ("RSS", cost.rss_mb, "MB", LIMIT_MB, f"the limit of {LIMIT_MB:.0f} MB"),
        ("polls done", cost.polls, "polls", due, f"what was due in that time, {due:,.0f}"),
    ):
        yield Figure(
            name=f"{name}, {what}", value=value, unit=unit, ratio=value / limit, against=against
        )
    yield Figure(name=f"{name}, polls skipped", value=cost.skipped, unit="polls")


def against_peers() -> Iterator[Figure]:
    """Read the same simulated Antminers with each library, one after the other."""
    with TemporaryDirectory(prefix="lode-bench-") as folder:
        home = Path(folder)
        site = Part("site", _site(home), home / "site.log")
        site.start()
        try:
            wait_for((home / "agent.toml").exists, 30, "the site", site)
            rates = {name: _rate(name) for name in CYCLES}
        finally:
            site.stop()
    for name, rate in rates.items():
        yield Figure(
            name=f"mine: rigs read per CPU second, {name}",
            value=rate,
            unit="rigs/s",
            ratio=rates["lode"] / rate,
            against="ours to this",
        )


def _site(home: Path) -> list[str]:
    return [
        *(str(BIN / "lode-sim"), "serve", "--rigs", str(READ_RIGS), "--base", BASE),
        *("--model", "antminer-s19pro", "--data-dir", str(home / "sim")),
        *("--write-agent-config", str(home / "agent.toml")),
    ]


def _rate(name: str) -> float:
    python = str(peers.python()) if name == "pyasic" else sys.executable
    script = Path(peers.__file__).parent / "rig_readers.py"
    hosts = [rig_host(BASE, n) for n in range(1, READ_RIGS + 1)]
    command = [python, str(script), name, str(CYCLES[name]), *hosts]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["read"] >= 0.95 * found["due"], f"{name}: {found}"
    return float(found["read"] / found["cpu_s"])
