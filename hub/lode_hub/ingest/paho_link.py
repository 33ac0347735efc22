"""A connection by paho-mqtt: the twin of the one by gmqtt, under the same contract.

paho's own thread reads; deliveries and the end of the connection are handed to the event loop.
"""

import asyncio
import threading
import time
from typing import Any, Literal

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from lode_hub.ingest.ingress import (
    KEEPALIVE_S,
    RECEIVE_MAXIMUM,
    SESSION_EXPIRY_S,
    Address,
    Deliver,
    Delivery,
    LinkError,
    Session,
    Version,
    WrongVersionError,
)

_LONGEST_PAUSE_S = KEEPALIVE_S / 2  # paho's thread sends the pings too
_REFUSED = 128
_V5 = 5


class PahoLink:
    """One connection by paho."""

    def __init__(
        self, address: Address, session: Session, version: Version, deliver: Deliver
    ) -> None:
        self._address = address
        self._session = session
        self._version = version
        self._deliver = deliver
        self._loop = asyncio.get_running_loop()
        self._lost = asyncio.Event()
        self._flowing = threading.Event()
        self._flowing.set()
        self._connected: asyncio.Future[ReasonCode] = self._loop.create_future()
        self._granted: asyncio.Future[int] = self._loop.create_future()
        self._client = self._make()

    async def open(self) -> None:
        """Connect and subscribe; raises as `Link.open` says."""
        options: dict[str, Any] = {}
        if self._version == _V5:
            properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
            properties.ReceiveMaximum = RECEIVE_MAXIMUM
            if not self._session.is_clean:
                properties.SessionExpiryInterval = SESSION_EXPIRY_S
            options = {"clean_start": self._session.is_clean, "properties": properties}
        await asyncio.to_thread(
            self._client.connect, self._address.host, self._address.port, KEEPALIVE_S, **options
        )
        self._client.loop_start()
        code = await self._connected
        if code.is_failure:
            kind = WrongVersionError if "version" in str(code).lower() else LinkError
            raise kind(f"broker {self._address.host}: {code}")
        self._client.subscribe(self._session.topic, self._session.qos)
        if await self._granted >= _REFUSED:
            raise LinkError(
                f"broker {self._address.host}: {self._session.client_id} may not subscribe to "
                f"{self._session.topic}; see the broker's access list"
            )

    async def lost(self) -> None:
        """Wait until the connection has ended."""
        await self._lost.wait()

    def publish(self, topic: str, payload: bytes, qos: Literal[0, 1] = 0) -> None:
        """Send a message once."""
        self._client.publish(topic, payload, qos=qos)

    def pause(self) -> None:
        """Stop reading from the broker."""
        self._flowing.clear()

    def resume(self) -> None:
        """Read from the broker again."""
        self._flowing.set()

    async def close(self) -> None:
        """End the connection."""
        self._lost.set()
        self._flowing.set()
        await asyncio.to_thread(self._stop)

    def _stop(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def _make(self) -> paho.Client:
        client = paho.Client(
            CallbackAPIVersion.VERSION2,
            client_id=self._session.client_id,
            clean_session=None if self._version == _V5 else self._session.is_clean,
            protocol=MQTTProtocolVersion(self._version),
            reconnect_on_failure=False,
            manual_ack=True,
        )
        client.connect_timeout = 5.0
        if self._address.username is not None:
            client.username_pw_set(self._address.username, self._address.password)
        if self._address.tls is not None:
            client.tls_set_context(self._address.tls)
        client.on_connect = self._on_connect
        client.on_subscribe = self._on_subscribe
        client.on_disconnect = self._on_disconnect
        client.on_message = self._on_message
        return client

    # What follows runs in paho's thread.

    def _on_connect(self, *arguments: Any) -> None:  # noqa: ANN401 -- as paho calls it
        self._tell(self._connected, arguments[3])

    def _on_subscribe(self, *arguments: Any) -> None:  # noqa: ANN401 -- as paho calls it
        self._tell(self._granted, arguments[3][0].value)

    def _on_disconnect(self, *_: Any) -> None:  # noqa: ANN401 -- as paho calls it
        self._loop.call_soon_threadsafe(self._end)

    def _on_message(self, _client: paho.Client, _data: object, message: paho.MQTTMessage) -> None:
        # A paused connection must still ping now and then, so this is a brake and not a wall.
        self._flowing.wait(_LONGEST_PAUSE_S)
        delivery = Delivery(
            topic=message.topic,
            payload=bytes(message.payload),
            received_ms=time.time_ns() // 1_000_000,
            is_retained=message.retain,
            ack=lambda: self._ack(message.mid, message.qos),
        )
        self._loop.call_soon_threadsafe(self._deliver, delivery)

    def _tell(self, whom: "asyncio.Future[Any]", what: object) -> None:
        self._loop.call_soon_threadsafe(lambda: None if whom.done() else whom.set_result(what))

    # Back in the event loop.

    def _ack(self, mid: int, qos: int) -> None:
        if not self._lost.is_set():
            self._client.ack(mid, qos)

    def _end(self) -> None:
        self._lost.set()
        version = WrongVersionError if self._version == _V5 else LinkError
        for waiting in (self._connected, self._granted):
            if not waiting.done():
                waiting.set_exception(version(f"broker {self._address.host}: it hung up"))
                waiting.exception()  # seen; nobody may be waiting for it
