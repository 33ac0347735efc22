"""The command `lode-sim`, as processes."""

import asyncio
import contextlib
import json
import signal
import socket
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from lode_edge.control import envelope
from lode_edge.settings import load
from lode_sim import addresses, control, limits
from lode_sim.cli import app
from lode_sim.control import Control, Order
from lode_sim.errors import AbsentError, OrderError
from lode_sim.limits import Limits
from tests.sim_tests.conftest import ask

SIM = str(Path(sys.executable).parent / "lode-sim")


@pytest.fixture
def start() -> Iterator[Callable[..., tuple[subprocess.Popen, str]]]:
    """Give a function that starts `lode-sim` and waits for its ready line."""
    running: list[subprocess.Popen] = []

    def begin(*arguments: str) -> tuple[subprocess.Popen, str]:
        process = subprocess.Popen(
            [SIM, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        running.append(process)
        line = process.stdout.readline()
        assert line.startswith("ready: "), process.communicate()
        return process, line

    yield begin
    for process in running:
        process.kill()
        process.communicate()


def say(*arguments: str) -> subprocess.CompletedProcess:
    command = [SIM, *arguments]
    return subprocess.run(command, check=False, capture_output=True, text=True, timeout=20)


async def test_serve_writes_a_configuration_for_an_agent(start, base, tmp_path):
    config = tmp_path / "agent.toml"
    _process, line = start(
        *("serve", "--rigs", "12", "--seed", "3", "--base", base, "--meters", "2"),
        *("--data-dir", str(tmp_path / "sim"), "--write-agent-config", str(config)),
        *("--site", "south", "--agent", "south-1", "--agent-data-dir", "/x/y"),
        *("--broker-url", "mqtt://a:1", "--broker-url", "mqtt://b:1", "--interval", "0.5"),
    )
    assert "12 rigs and 3 meters" in line
    settings = tomllib.loads(config.read_text())
    assert settings["agent"] == {"name": "south-1", "site": "south", "data_dir": "/x/y"}
    assert settings["broker"] == {"urls": ["mqtt://a:1", "mqtt://b:1"]}
    rig, meter = settings["devices"][0], settings["devices"][12]
    assert rig == {
        "name": "rig-001",
        "driver": "asic",
        "address": addresses.rig_host(base, 1),
        "interval_s": 0.5,
        "timeout_s": 2.0,
        "kind": "rig",
        "rack": "A1",
        "feeder": "meter-site",
        "profile": "",
    }
    assert (meter["driver"], meter["profile"], meter["unit"]) == ("modbus", "eastron-sdm630", 1)
    assert meter["address"] == f"{addresses.meter_host(base, 1)}:5020"
    assert (await ask(rig["address"], "summary"))["SUMMARY"]


def test_an_agent_that_acts_is_told_its_limits_and_where_each_rigs_power_goes(
    start, base, tmp_path
):
    config, limits_dir = tmp_path / "agent.toml", tmp_path / "limits"
    limits.write(limits_dir, "north-1", Limits(power_max_w=3300.0))
    start(
        *("serve", "--rigs", "12", "--base", base, "--rack-meters", "--rig-port", "14028"),
        *("--data-dir", str(tmp_path / "sim"), "--write-agent-config", str(config)),
        *("--limits-dir", str(limits_dir)),
    )
    told = load(config)
    assert told.control.envelope_file is not None
    assert told.control.owner_key_file is not None
    found = envelope.load(told.control.envelope_file, told.control.owner_key_file, "north-1")
    assert found.models["*"].power_max_w == 3300.0
    rigs = [device for device in told.devices if device.kind == "rig"]
    assert {rig.feeder for rig in rigs} == {"meter-A1", "meter-A2"}
    assert {rig.address.partition(":")[2] for rig in rigs} == {"14028"}


async def test_a_running_site_takes_orders_and_ends_with_its_truth_told(start, base, tmp_path):
    truth = tmp_path / "truth.jsonl"
    process, _line = start(
        *("serve", "--rigs", "12", "--base", base, "--truth", str(truth)),
        *("--data-dir", str(tmp_path)),
    )

    def order(*arguments: str) -> str:
        done = CliRunner().invoke(app, [*arguments, "--data-dir", str(tmp_path)])
        assert done.exit_code == 0, done.exception
        return done.stdout

    assert (await ask(addresses.rig_host(base, 1), "summary"))["SUMMARY"]
    assert order("status").count("\n") == 13
    assert "3 devices" in order("fault", "hang", "--share", "0.25")
    assert order("status").count("hang") == 3
    order("fault", "garbage", "rig-00*", "--value", "inf", "--for", "60")
    assert "garbage inf" in order("status", "rig-003")
    assert "1 devices: rig-001" in order("mode", "sleep", "rig-001")
    assert "sleep" in order("status", "rig-001")
    settings = json.loads(order("settings", "rig-001"))
    assert (settings["name"], settings["mode"], settings["orders"]) == ("rig-001", "sleep", 0)
    assert "2 devices" in order("disobey", "refused", "rig-001", "rig-002")
    assert "1 devices" in order("disobey", "nothing", "rig-001")
    order("clear")
    assert "hang" not in order("status")
    process.send_signal(signal.SIGTERM)
    assert process.wait(10) == 0
    assert not (tmp_path / control.SITE_SOCKET).exists()
    assert truth.read_text().count("\n") == 1


def test_the_plug_of_a_running_link_is_pulled_and_put_back(start, tmp_path):
    start("proxy", "--to", "127.0.0.1:9", "--data-dir", str(tmp_path))
    for arguments, words in [
        (["blackhole"], "link blackhole: 0 connections"),
        ([], "link blackhole"),
        (["delay", "0.5"], "link delay 0.5"),
        (["pass"], "link pass"),
    ]:
        done = CliRunner().invoke(app, ["link", *arguments, "--data-dir", str(tmp_path)])
        assert words in done.stdout, done.exception


def test_orders_that_make_no_sense_say_what_would(start, base, tmp_path):
    data = str(tmp_path)
    process, _line = start("serve", "--rigs", "2", "--base", base, "--data-dir", data)
    runner = CliRunner()
    for arguments, words in [
        (["fault", "melt", "rig-001"], "one of hang"),
        (["fault", "hang", "rig-9"], "not on this site"),
        (["fault", "hang"], "names no device"),
        (["fault", "hang", "--share", "2"], "at most 1"),
        (["mode", "turbo", "rigs"], "one of normal"),
        (["mode", "low", "meters"], "for rigs only"),
        (["disobey", "melt", "rigs"], "one of refused"),
        (["disobey", "silent", "meters"], "for rigs only"),
        (["link", "pass"], "is `lode-sim` running"),
    ]:
        done = runner.invoke(app, [*arguments, "--data-dir", data])
        assert done.exit_code == 1
        assert words in str(done.exception)
    done = say("fault", "melt", "rig-001", "--data-dir", data)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("lode-sim: fault 'melt': unknown; one of hang")
    with addresses.claim() as free:
        again = say("serve", "--base", free, "--rigs", "0", "--data-dir", data)
    assert "another simulator" in again.stderr
    taken = say("serve", "--base", base, "--data-dir", str(tmp_path / "other"))
    assert "choose another --base" in taken.stderr
    process.send_signal(signal.SIGINT)
    assert process.wait(10) == 0


def test_a_killed_simulator_leaves_a_socket_that_the_next_one_replaces(start, base, tmp_path):
    arguments = ["serve", "--rigs", "1", "--base", base, "--data-dir", str(tmp_path)]
    process, _line = start(*arguments)
    process.kill()
    process.wait()
    assert (tmp_path / control.SITE_SOCKET).exists()
    assert say("status", "--data-dir", str(tmp_path)).returncode == 1
    start(*arguments)
    assert say("status", "--data-dir", str(tmp_path)).returncode == 0


def test_proxy_mailbox_and_webhook_write_their_ports(start, tmp_path):
    for name, arguments in [
        ("proxy", ["--to", "127.0.0.1:9", "--data-dir", str(tmp_path)]),
        ("mailbox", ["--dir", str(tmp_path / "m"), "--listen", "127.0.0.1:0"]),
        ("webhook", ["--dir", str(tmp_path / "w")]),
    ]:
        file = tmp_path / f"{name}.port"
        process, line = start(name, *arguments, "--write-port", str(file))
        assert f":{int(file.read_text())}" in line
        with contextlib.suppress(ConnectionResetError):  # of the proxy, which reaches no server
            socket.create_connection(("127.0.0.1", int(file.read_text())), 5).close()
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0


def test_mail_lists_what_was_kept(tmp_path):
    (tmp_path / "00000000000000000001-1.eml").write_text(
        "X-Envelope-To: op@b.example\nSubject: rig-003 is hot\nDate: today\n\nvery\n"
    )
    assert "op@b.example  rig-003 is hot" in say("mail", "--dir", str(tmp_path)).stdout
    assert "very" in say("mail", "--dir", str(tmp_path), "--full").stdout


async def test_a_control_socket_may_lie_deep_and_answers_nonsense(tmp_path):
    path = tmp_path / ("deep-" * 12) / ("down-" * 12) / "site.sock"
    server = Control(path, lambda order: [order.do])
    await server.start()
    assert path.stat().st_mode & 0o777 == 0o600
    assert await asyncio.to_thread(control.send, path, Order(do="hello")) == ["hello"]
    with pytest.raises(OrderError, match="another simulator"):
        await asyncio.to_thread(asyncio.run, Control(path, lambda _order: []).start())
    answer = server._answer(b"{nonsense")
    assert (answer.ok, "order:" in answer.error) == (False, True)
    await server.stop()
    with pytest.raises(AbsentError):
        control.send(path, Order(do="hello"))


def test_addresses_are_loopback_and_unique():
    hosts = [addresses.rig_host("127.20.0.0", number) for number in range(1, 2_001)]
    hosts += [addresses.meter_host("127.20.0.0", number) for number in range(1, 501)]
    assert len(set(hosts)) == 2_500
    assert hosts[0] == "127.20.0.1"
    assert hosts[250] == "127.20.1.1"
    for base in ("10.0.0.0", "127.0.0.0", "127.20.0.1", "nonsense"):
        with pytest.raises(OrderError):
            addresses.check_base(base)
    for number in (0, 60_001):
        with pytest.raises(OrderError):
            addresses.rig_host("127.20.0.0", number)


def test_two_claims_never_meet():
    with addresses.claim() as one, addresses.claim() as other:
        assert one != other
