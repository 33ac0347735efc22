"""The whole system with certificates: thrown out and let in again, and refused without a word."""

import datetime as dt
import json
import os
import shutil
import subprocess
import time

import pytest

from lode_edge.settings import load
from lode_edge.spool import Origin, Spool
from lode_edge.trust import Identity, addresses
from lode_edge.uplink import Identity as Sender
from lode_edge.uplink import Uplink, Window
from lode_edge.uplink.mqtt import V311, Mqtt
from lode_sim.stack import BIN, free_port, wait_for
from lode_wire import topics
from lode_wire.records import Birth
from tests.edge.conftest import rig
from tests.system.books import assert_balanced, balance
from tests.system.hub_api import HubApi

STUCK_S = 30.0


def hub_command(stack, *words: str) -> str:
    command = [str(BIN / "lode-hub"), *words, "--data-dir", str(stack.home / "hub")]
    env = {**os.environ, **stack.hub.env}
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
def test_thrown_out_and_let_in_again_loses_nothing(launch):
    """Certificates of 12 s, so that the agent renews several times meanwhile."""
    env = {"LODE_HUB_TRUST__CERTIFICATE_D": str(12 / 86400)}
    stack = launch(rigs=20, interval_s=0.5, broker="nats", tls_port=free_port(), hub_env=env)
    api = HubApi(stack)
    api.wait_for_readings(200)
    known = Identity.load(stack.home / "edge")
    assert known is not None
    first = known.certificate()
    wait_for(lambda: known.certificate() != first, 20, "a renewal", stack.edge)
    (row,) = json.loads(hub_command(stack, "agent", "list", "--json"))
    assert (row["agent"], row["site"], row["revoked"]) == ("north-1", "north", "")
    hub_command(stack, "agent", "revoke", "north-1")

    def is_out() -> bool:
        before = api.readings()
        time.sleep(1.0)  # twice as long as between two readings of every rig
        return api.readings() == before

    wait_for(is_out, 20, "nothing more to be taken", stack.hub)
    wait_for(lambda: stack.spool()["records"] > 200, 20, "the spool to fill", stack.edge)
    shutil.rmtree(known.folder)  # as on a box that was set up anew
    stack.enrol(stack.agent_config)
    stack.edge.stop()
    stack.edge.start()
    before = api.readings()
    api.wait_for_readings(before + 300)
    assert_balanced(balance(stack), served=300)


@pytest.mark.slow
@pytest.mark.needs("mosquitto")
def test_a_refusal_without_a_word_is_noticed(launch, tmp_path):
    """Mosquitto says PUBACK to a client of 3.1.1 and throws the message away."""
    stack = launch(rigs=2, broker="mosquitto", tls_port=free_port(), starts_edge=False)
    theirs = Sender(agent="south-1", partition=topics.partition_of("south"), boot="b")
    ways = addresses(load(stack.agent_config))  # with the certificate of north-1
    with Spool(Origin(directory=tmp_path / "spool", agent="south-1")) as spool:
        uplink = Uplink(theirs, spool, ways, Window(), dial=lambda a, s, _: Mqtt(a, s, V311))
        birth = Birth(
            at_ms=1, boot="b", site="south", version="1", config_hash="", hostname="h", devices=0
        )
        uplink.announce(spool.announce([birth]).result(10))
        uplink.start()
        try:
            wait_for(lambda: uplink.status.is_connected, 10, "the thief to come in", stack.hub)
            spool.put([rig(1)])
            assert not uplink.status.is_stuck
            wait_for(lambda: uplink.status.is_stuck, STUCK_S + 10, "it to be noticed", stack.hub)
            assert uplink.status.refused_batches == 0  # the broker has said nothing
            assert spool.depth.records == 2
        finally:
            uplink.stop()
    agents = {row["name"] for row in HubApi(stack).get("agents")}
    assert "south-1" not in agents
    assert HubApi(stack).get("quarantine") == []


@pytest.mark.slow
def test_a_person_lets_an_agent_in_by_the_command_line(launch, tmp_path):
    stack = launch(rigs=2, starts_edge=False)
    made = hub_command(stack, "agent", "token", "east-1", "--site", "east").splitlines()
    token = tmp_path / "token"
    token.touch(0o600)
    token.write_text(made[0])
    assert any(f"lode-edge enrol --hub {stack.url}" in line for line in made)
    config = tmp_path / "edge.toml"
    data = tmp_path / "data"
    config.write_text(f'[agent]\nname = "east-1"\nsite = "east"\ndata_dir = "{data}"\n')
    command = [str(BIN / "lode-edge"), "enrol", "--config", str(config), "--hub", stack.url]
    command += ["--token-file", str(token)]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert "east-1 of east belongs to" in done.stdout
    known = Identity.load(data)
    assert known is not None
    week = known.certificate().not_valid_after_utc - dt.datetime.now(dt.UTC)
    assert dt.timedelta(days=6.9) < week < dt.timedelta(days=7.1)
    again = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
    assert again.returncode == 2
    assert "used or run out" in again.stderr
    assert made[0] not in again.stderr
    assert made[0] not in stack.hub.log.read_text()
