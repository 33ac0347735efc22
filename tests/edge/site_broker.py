"""A site's own broker as tests see it: somebody who speaks there, hears all, and waits."""

import asyncio
import contextlib
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from typing import Any

from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from lode_edge.drivers.driver import Facts
from lode_edge.drivers.mqtt.link import Message
from lode_wire.records import Record


class Witness:
    """A client of its own, by paho's thread; `heard` is what arrived, in order."""

    def __init__(self, port: int, *filters: str) -> None:
        self.heard: list[Message] = []
        self._ready = threading.Event()
        self._filters = filters or ("#",)
        self._client = paho.Client(
            CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv311
        )
        self._client.on_connect = self._on_connect
        self._client.on_subscribe = lambda *_: self._ready.set()
        self._client.on_message = self._on_message
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        assert self._ready.wait(10), "the broker did not answer"

    def say(self, topic: str, payload: str | bytes, *, retain: bool = False) -> None:
        self._client.publish(topic, payload, qos=1, retain=retain).wait_for_publish(10)

    def on(self, start: str) -> list[Message]:
        return [message for message in self.heard if message.topic.startswith(start)]

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def _on_connect(self, client: paho.Client, *_: Any) -> None:
        client.subscribe([(name, 1) for name in self._filters])

    def _on_message(self, _client: paho.Client, _data: object, message: paho.MQTTMessage) -> None:
        self.heard.append(
            Message(
                topic=message.topic,
                payload=bytes(message.payload),
                qos=message.qos,
                is_retained=message.retain,
            )
        )


@contextmanager
def witness(port: int, *filters: str) -> Iterator[Witness]:
    made = Witness(port, *filters)
    try:
        yield made
    finally:
        made.close()


class Listening:
    """A stream that runs, and what it has made."""

    def __init__(self) -> None:
        self.records: list[Record] = []
        self.facts: list[Facts] = []

    def values(self, point: str) -> list[float | None]:
        return [r.value for r in self.records if getattr(r, "point", None) == point]


@contextlib.asynccontextmanager
async def listening(stream: Any) -> AsyncIterator[Listening]:
    found = Listening()
    async with running(stream.run(found.records.extend, found.facts.append)):
        yield found


@contextlib.asynccontextmanager
async def running(work: Any) -> AsyncIterator["asyncio.Task[Any]"]:
    """Run a coroutine beside the test; it must not end by itself."""
    task = asyncio.create_task(work)
    try:
        yield task
        if task.done():
            task.result()
    finally:
        task.cancel()
        await asyncio.wait([task])


async def until(holds: Callable[[], object], timeout_s: float = 40.0) -> None:
    """Wait until a condition holds; fail when it does not in time."""
    end = time.monotonic() + timeout_s
    while not holds():
        assert time.monotonic() < end, "did not come in time"
        await asyncio.sleep(0.01)
