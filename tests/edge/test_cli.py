"""The command as a person or a service uses it: real processes, statuses, what they print."""

import asyncio
import json
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.edge.conftest import Broker, running, wait_for
from tests.edge.hub_twin import TinyHub
from tests.edge.test_spool_damage import payloads

from lode_wire import codec
from lode_wire.records import Birth, Death, Device, Health, RigReading, State

COMMAND = str(Path(sys.executable).parent / "lode-edge")
MODULES = sorted(
    ".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__")
    for root in [Path(__file__).resolve().parents[2] / "edge-agent"]
    for path in root.glob("lode_edge/**/*.py")
)
HEAVY = {"fastapi", "nicegui", "numpy", "psycopg", "gmqtt", "scipy", "onnxruntime"}


def config(home: Path, url: str = "mqtt://127.0.0.1:1") -> Path:
    path = home / "edge.toml"
    path.write_text(
        f'[agent]\nname = "north-1"\nsite = "north"\ndata_dir = "{home / "data"}"\n'
        f'[broker]\nurls = ["{url}"]\n'
        '[[devices]]\nname = "rig-1"\ndriver = "asic"\naddress = "127.0.0.1:9"\nkind = "rig"\n'
        "interval_s = 0.5\n"
    )
    return path


def lode_edge(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [COMMAND, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


@contextmanager
def running_agent(told: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run an agent that ends with the test, whatever the test finds."""
    with subprocess.Popen(
        [COMMAND, "run", "--config", str(told)], stderr=subprocess.DEVNULL
    ) as agent:
        try:
            yield agent
        finally:
            agent.kill()


def kept(data: Path) -> int:
    """Count the batches of a spool that may not be there yet."""
    try:
        return len(payloads(data))
    except sqlite3.Error:
        return 0


def test_runs_with_the_broker_down_and_keeps_everything(tmp_path: Path) -> None:
    told = config(tmp_path)
    ran = lode_edge("run", "--config", told, "--for", "2")
    assert ran.returncode == 0, ran.stderr
    events = [json.loads(line)["event"] for line in ran.stderr.splitlines()]
    assert events[0] == "agent started"
    assert events[-1] == "agent stopped"
    records = [
        r for payload in payloads(tmp_path / "data") for r in codec.decode(payload).records()
    ]
    # How the agent fares is of another topic, and may be written down before or after.
    about_devices = [type(r) for r in records if not isinstance(r, Health)]
    assert about_devices[:2] == [Birth, Device]
    assert isinstance(records[-1], Death)
    readings = [r for r in records if isinstance(r, RigReading)]
    assert len(readings) >= 2
    assert {r.state for r in readings} == {State.UNREACHABLE}
    assert {r.hashrate_ths for r in readings} == {None}
    assert any(isinstance(r, Health) for r in records)


def test_sigterm_stops_in_good_order(tmp_path: Path) -> None:
    with running("nats-server", tmp_path / "broker") as broker:
        _stop_in_order(tmp_path, broker)


def _stop_in_order(tmp_path: Path, broker: Broker) -> None:
    hub = TinyHub(broker.port, "north-1")
    with running_agent(config(tmp_path, broker.url)) as agent:
        wait_for(lambda: hub.ledger.records(RigReading), 20)
        agent.send_signal(signal.SIGTERM)
        assert agent.wait(20) == 0
    assert isinstance(hub.ledger.records(Death)[-1], Death)
    assert payloads(tmp_path / "data") == []  # all of it was committed
    assert not hub.presences[-1].is_online
    hub.close()
    shown = lode_edge("spool", "--config", tmp_path / "edge.toml", "--json")
    found = json.loads(shown.stdout)
    assert found["batches"] == 0
    assert found["mark"] == found["last_seq"] > 0
    assert found["gaps"] == 0


def test_spool_shows_depth_while_the_agent_runs(tmp_path: Path) -> None:
    told = config(tmp_path)
    with running_agent(told):
        wait_for(lambda: kept(tmp_path / "data") > 3, 20)
        shown = lode_edge("spool", "--config", told)
        found = json.loads(lode_edge("spool", "--config", told, "--json").stdout)
    assert shown.returncode == 0
    assert "epoch" in shown.stdout
    assert "birth" in shown.stdout
    assert found["agent"] == "north-1"
    assert found["batches"] >= 3
    assert found["oldest_ms"] > 1_600_000_000_000
    assert found["bytes"] > 0
    assert {kind["kind"] for kind in found["kinds"]} >= {"birth", "device", "rig"}
    lode_edge("run", "--config", told, "--for", "0.5")
    told_gaps = json.loads(lode_edge("spool", "--config", told, "--json").stdout)["latest_gaps"]
    assert [gap["reason"] for gap in told_gaps] == ["unclean_stop"]


def test_spool_of_an_agent_that_never_ran(tmp_path: Path) -> None:
    ran = lode_edge("spool", "--config", config(tmp_path))
    assert ran.returncode == 2
    assert "has the agent ever run?" in ran.stderr


def test_check_prints_what_takes_effect(tmp_path: Path) -> None:
    ran = lode_edge("check", "--config", config(tmp_path))
    assert ran.returncode == 0, ran.stderr
    assert "window = 96" in ran.stdout
    assert "is in order: 1 devices" in ran.stdout
    as_json = json.loads(lode_edge("check", "--config", config(tmp_path), "--json").stdout)
    assert as_json["devices"][0]["name"] == "rig-1"


def test_check_never_prints_a_password(tmp_path: Path) -> None:
    secret = tmp_path / "password"
    secret.write_text("hunter2")
    path = config(tmp_path)
    path.write_text(
        path.read_text().replace(
            "[broker]", f'[broker]\nusername = "u"\npassword_file = "{secret}"'
        )
    )
    ran = lode_edge("check", "--config", path)
    assert str(secret) in ran.stdout
    assert "hunter2" not in ran.stdout + ran.stderr


def test_check_names_what_is_wrong(tmp_path: Path) -> None:
    path = config(tmp_path)
    path.write_text(path.read_text().replace("interval_s = 0.5", "interval_s = -1"))
    ran = lode_edge("check", "--config", path)
    assert ran.returncode == 2
    assert "devices[0] (rig-1).interval_s: -1 is not usable" in ran.stderr
    assert "Traceback" not in ran.stderr


async def test_probe_says_what_answers(tmp_path: Path) -> None:
    def ask() -> subprocess.CompletedProcess[str]:
        return lode_edge("probe", "127.0.0.1:9", "--timeout", "0.5", "--json")

    ran = await asyncio.to_thread(ask)
    assert ran.returncode == 1
    assert json.loads(ran.stdout)["found"] == []


def test_every_module_works_without_the_hub_weight() -> None:
    code = f"import sys; sys.modules.update(dict.fromkeys({HEAVY!r})); import {', '.join(MODULES)}"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr


def test_the_agent_loads_nothing_of_the_hub_weight() -> None:
    # sqlite-utils takes numpy when there is one; it is loaded by `lode-edge spool` alone.
    modules = ", ".join(module for module in MODULES if module != "lode_edge.spool.inspect")
    code = f"import sys, {modules}; print(*sorted({HEAVY!r} & set(sys.modules)))"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == ""
