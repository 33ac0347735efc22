"""A connection by gmqtt, with its traps guarded (pinned to 0.8.0; the contract suite watches them).

- A handler that is not async, or raises, never acknowledges: ours is async and catches everything.
- It acknowledges at receipt unless optimistic_acknowledgement is off when the client is made.
- After a reconnect it sends late acknowledgements of the old connection on the new one, and
  `reconnect_retries=0` still reconnects: one client makes one connection here, and -2 forbids more.
- A broker that refuses MQTT 5 leaves connect() waiting for ever: we wait for the end as well.
"""

import asyncio
import contextlib
import logging
import time
from typing import Any, Literal

import gmqtt
import structlog
from gmqtt.mqtt.handler import MQTTConnectError

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

_NEVER = -2  # gmqtt: 0 means once more, -1 for ever
_CLOSE_S = 2.0
_MAX_UNSENT_BYTES = 1 << 20
_REFUSED = 128  # a SUBACK code from here on is a refusal
_WRONG_VERSION = {1, 132}  # CONNACK of 3.1.1 and of 5
_SUCCESS = 0
_log = structlog.get_logger(__name__)
_quiet = logging.getLogger("lode_hub.gmqtt")
_quiet.setLevel(logging.CRITICAL)  # what matters of its logs, the ingress says
logging.getLogger("gmqtt").setLevel(logging.ERROR)


class GmqttLink:
    """One connection by gmqtt."""

    def __init__(
        self, address: Address, session: Session, version: Version, deliver: Deliver
    ) -> None:
        self._address = address
        self._session = session
        self._version = version
        self._deliver = deliver
        self._lost = asyncio.Event()
        self._granted: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._waiting: set[asyncio.Future[None]] = set()
        self._client = self._make()

    async def open(self) -> None:
        """Connect and subscribe; raises as `Link.open` says."""
        connecting = asyncio.ensure_future(self._connect())
        ending = asyncio.ensure_future(self._lost.wait())
        try:
            await asyncio.wait({connecting, ending}, return_when=asyncio.FIRST_COMPLETED)
            if not connecting.done():
                raise self._ended()
            await connecting
        finally:
            for task in (connecting, ending):
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError, Exception):
                    await task

    async def lost(self) -> None:
        """Wait until the connection has ended."""
        await self._lost.wait()

    def publish(self, topic: str, payload: bytes, qos: Literal[0, 1] = 0) -> None:
        """Send a message once, or drop it when too much is unsent."""
        transport = self._transport
        if transport is None or transport.get_write_buffer_size() > _MAX_UNSENT_BYTES:
            return
        self._client.publish(topic, payload, qos=qos)

    def pause(self) -> None:
        """Stop reading from the broker."""
        if self._transport is not None and self._transport.is_reading():
            self._transport.pause_reading()

    def resume(self) -> None:
        """Read from the broker again."""
        if self._transport is not None and not self._transport.is_reading():
            self._transport.resume_reading()

    async def close(self) -> None:
        """End the connection, politely if it lets us."""
        self._lost.set()
        try:
            async with asyncio.timeout(_CLOSE_S):
                await self._client.disconnect()
        except (OSError, TimeoutError):
            _log.debug("broker connection aborted", client=self._session.client_id)
        if self._transport is not None:
            self._transport.abort()
        # Only now: what they still "acknowledge" goes to a transport that is gone.
        for waiting in self._waiting:
            if not waiting.done():
                waiting.set_result(None)

    @property
    def _transport(self) -> Any:  # noqa: ANN401 -- gmqtt has no types
        connection = self._client._connection  # noqa: SLF001 -- gmqtt offers no back-pressure
        return None if connection is None else connection._transport  # noqa: SLF001

    def _make(self) -> Any:  # noqa: ANN401 -- gmqtt has no types
        client = gmqtt.Client(
            self._session.client_id,
            clean_session=self._session.is_clean,
            optimistic_acknowledgement=False,
            logger=_quiet,
            receive_maximum=RECEIVE_MAXIMUM,
            session_expiry_interval=0 if self._session.is_clean else SESSION_EXPIRY_S,
        )
        client.set_config({"reconnect_retries": _NEVER, "reconnect_delay": 0})
        if self._address.username is not None:
            client.set_auth_credentials(self._address.username, self._address.password)
        client.on_message = self._on_message
        client.on_disconnect = self._on_disconnect
        client.on_subscribe = self._on_subscribe
        return client

    async def _connect(self) -> None:
        try:
            await self._client.connect(
                self._address.host,
                self._address.port,
                ssl=self._address.tls or False,
                keepalive=KEEPALIVE_S,
                version=self._version,
            )
        except MQTTConnectError as error:
            code = error._code  # noqa: SLF001 -- it says it nowhere else
            kind = WrongVersionError if code in _WRONG_VERSION else LinkError
            raise kind(f"broker {self._address.host}: {error}") from error
        self._client.subscribe(self._session.topic, qos=self._session.qos)
        if await self._granted >= _REFUSED:
            raise LinkError(
                f"broker {self._address.host}: {self._session.client_id} may not subscribe to "
                f"{self._session.topic}; see the broker's access list"
            )

    def _ended(self) -> LinkError:
        # Brokers of 3.1.1 end the connection of a client that speaks 5, most without a word.
        kind = LinkError if self._version == 4 else WrongVersionError  # noqa: PLR2004
        return kind(f"broker {self._address.host}: it closed the connection while we logged in")

    async def _on_message(
        self, _client: object, topic: object, payload: bytes, qos: int, properties: dict[str, Any]
    ) -> int:
        acknowledged: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        delivery = Delivery(
            topic=topic if isinstance(topic, str) else repr(topic),
            payload=bytes(payload),
            received_ms=time.time_ns() // 1_000_000,
            is_retained=bool(properties.get("retain")),
            ack=lambda: None if acknowledged.done() else acknowledged.set_result(None),
        )
        try:
            self._deliver(delivery)
        except Exception:
            _log.exception("delivery not taken", client=self._session.client_id, topic=topic)
            await self.close()  # the only way not to acknowledge what was not taken
            return _SUCCESS
        if qos:
            self._waiting.add(acknowledged)
            await acknowledged
            self._waiting.discard(acknowledged)
        return _SUCCESS

    def _on_disconnect(self, _client: object, _packet: object, _error: object = None) -> None:
        self._lost.set()

    def _on_subscribe(
        self, _client: object, _mid: int, granted: tuple[int, ...], _properties: object
    ) -> None:
        if not self._granted.done():
            self._granted.set_result(granted[0])
