"""Bad input is quarantined or marked, counted and shown; the stream goes on."""

import time

import msgspec
import paho.mqtt.client as mqtt
import pytest

from lode_sim.stack import wait_for
from lode_wire import codec, records, topics
from tests.system.books import assert_balanced, balance
from tests.system.hub_api import HubApi
from tests.wire import samples

GARBAGE = [b"", b"\0", b"LODE", b"LODE\x01" + b"\xff" * 40, b"{}" * 500, b"x" * 100_000]


@pytest.mark.slow
def test_garbage_from_a_valid_agent_is_quarantined_and_counted(launch):
    stack = launch(rigs=10, interval_s=1.0)
    api = HubApi(stack)
    api.wait_for_readings(50)
    topic = topics.batch(topics.partition_of("north"), "north-1", "mining_metrics")
    now_ms = time.time_ns() // 1_000_000
    made_up = samples.fixed(records.RigReading, 3)
    forged = codec.pack([msgspec.structs.replace(record, at_ms=now_ms) for record in made_up])
    stranger = codec.frame(forged, agent="south-9", epoch="e", seq=1)
    unknown = codec.frame(forged, agent="north-1", epoch="made-up", seq=1)
    publish(stack, topic, [*GARBAGE, stranger, unknown])
    wait_for(lambda: api.agent()["quarantined"] >= 8, 20, "eight in quarantine", stack.hub)
    reasons = " ".join(row["reason"] for row in api.get("quarantine"))
    assert "south-9" in reasons
    assert "device number" in reasons
    assert "CRC32C" in reasons or "payload" in reasons
    before = api.readings()
    api.wait_for_readings(before + 50)
    assert_balanced(balance(stack), served=5)


@pytest.mark.slow
def test_devices_that_talk_nonsense_are_marked_and_the_rest_goes_on(launch):
    stack = launch(rigs=10, interval_s=1.0)
    api = HubApi(stack)
    api.wait_for_readings(50)
    stack.control("fault", "garbage", "rig-002")
    stack.control("fault", "wrong-length", "meter-site")
    wait_for(lambda: (api.agent()["bad_answers"] or 0) > 0, 30, "bad answers", stack.hub)

    def marks():
        rigs = {rig["name"]: rig["quality"] for rig in api.get("rigs", limit=100)}
        meters = {meter["name"]: meter["quality"] for meter in api.get("meters")}
        return rigs["rig-002"], meters["meter-site"]

    wait_for(lambda: all(marks()), 30, "both to be marked", stack.hub)
    before = api.readings()
    api.wait_for_readings(before + 50)


def publish(stack, topic, payloads):
    """Publish as the agent would, with its own credentials."""
    password = (stack.home / "edge" / "identity" / "password").read_text()
    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id="forger")
    client.username_pw_set("north-1", password)
    client.connect("127.0.0.1", stack.broker_port)
    client.loop_start()
    for payload in payloads:
        client.publish(topic, payload, qos=1).wait_for_publish(10)
    client.disconnect()
    client.loop_stop()
