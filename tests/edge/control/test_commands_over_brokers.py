"""Commands come by the broker, on the agent's own topic, and again after each reconnect."""

import threading

from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion
from tests.edge.conftest import wait_for
from tests.edge.hub_twin import TinyHub

from lode_edge.spool import Origin, Spool
from lode_edge.uplink import Address, Identity, Uplink, Window
from lode_wire import topics


def publish(port: int, topic: str, payload: bytes) -> None:
    client = paho.Client(CallbackAPIVersion.VERSION2)
    sent = threading.Event()
    client.on_publish = lambda *_: sent.set()
    client.connect("127.0.0.1", port)
    client.loop_start()
    client.publish(topic, payload, qos=1)
    assert sent.wait(10)
    client.disconnect()
    client.loop_stop()


def test_commands_are_heard_and_the_hub_is_known_to_be_there(broker, tmp_path):
    heard: list[bytes] = []
    hub = TinyHub(broker.port, "a")
    with Spool(Origin(directory=tmp_path / "spool", agent="a")) as spool:
        identity = Identity(agent="a", partition=1, boot="b")
        uplink = Uplink(identity, spool, [Address(url=broker.url)], Window())
        uplink.on_command(heard.append)
        uplink.start()
        try:
            wait_for(lambda: uplink.status.hub_ms is not None)
            assert uplink.status.heard_s is not None
            publish(broker.port, topics.command("a"), b"one")
            publish(broker.port, topics.command("b"), b"another's")
            publish(broker.port, topics.command("a"), bytes(500_000))
            wait_for(lambda: len(heard) == 2)
            uplink.reconnect()
            wait_for(lambda: not uplink.status.is_connected)
            wait_for(lambda: uplink.status.is_connected, 20)
            publish(broker.port, topics.command("a"), b"two")
            wait_for(lambda: len(heard) == 3)
        finally:
            uplink.stop()
            hub.close()
    assert (heard[0], len(heard[1]), heard[2]) == (b"one", 500_000, b"two")
