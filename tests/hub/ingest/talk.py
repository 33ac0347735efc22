"""The agents' side of a broker, and waiting with a deadline."""

import asyncio
import time
from collections.abc import Callable
from contextlib import contextmanager

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from lode_hub.ingest.ingress import Address


async def until(condition: Callable[[], bool], what: str, within_s: float = 40.0) -> None:
    """Wait for a condition, and fail by name when it does not come."""
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, f"not within {within_s} s: {what}"
        await asyncio.sleep(0.01)


class Speaker:
    """A plain MQTT 3.1.1 client: publishes with QoS 1 and hears what it subscribed to."""

    def __init__(self, address: Address, name: str, listens_to: str | None = None) -> None:
        self.heard: list[tuple[str, bytes]] = []
        self.is_listening = listens_to is None
        self._client = paho.Client(CallbackAPIVersion.VERSION2, client_id=name)
        self._client.username_pw_set(address.username, address.password)
        self._client.max_inflight_messages_set(100)
        self._client.on_message = lambda *a: self.heard.append((a[2].topic, a[2].payload))
        self._client.on_subscribe = lambda *_: setattr(self, "is_listening", True)
        if listens_to is not None:
            self._client.on_connect = lambda *_: self._client.subscribe(listens_to, 1)
        self._client.connect(address.host, address.port)
        self._client.loop_start()

    def say(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        """Publish, and wait for the broker to have it."""
        self._client.publish(topic, payload, qos=1, retain=retain).wait_for_publish(10)

    def stop(self) -> None:
        """Go."""
        self._client.disconnect()
        self._client.loop_stop()


@contextmanager
def speaker(address: Address, name: str = "speaker", listens_to: str | None = None):
    """Give a connected client, and let it go."""
    one = Speaker(address, name, listens_to)
    try:
        yield one
    finally:
        one.stop()
