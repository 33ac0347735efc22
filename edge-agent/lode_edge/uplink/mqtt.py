"""One connection to a broker by paho-mqtt, driven by the thread that polls it.

Paho's own queue, retries and reconnecting stay unused: it drops or repeats at its own will.
"""

import contextlib
import select
import socket
import ssl
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from lode_edge.uplink.transport import Closed, Event, Message, Opened, Receipt
from lode_wire.codec import MAX_PAYLOAD_BYTES

KEEPALIVE_S = 20
_CONNECT_S = 5.0
_FLUSH_S = 1.0
_HEADER_BYTES = 256  # of a PUBLISH beside its payload, at most
_UNSUPPORTED_VERSION = 0x84

V5, V311 = MQTTProtocolVersion.MQTTv5, MQTTProtocolVersion.MQTTv311


@dataclass(frozen=True, kw_only=True, slots=True)
class Address:
    """How to get to a broker and log in there."""

    url: str
    username: str | None = None
    password_file: Path | None = None
    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Session:
    """Who connects, what it wants to hear, and its last will."""

    client_id: str
    subscriptions: tuple[str, ...]
    will_topic: str
    will: bytes


class Mqtt:
    """A connection by MQTT 5 or 3.1.1."""

    def __init__(self, address: Address, session: Session, version: MQTTProtocolVersion) -> None:
        self._session, self._version = session, version
        self._events: list[Event] = []
        self._wake_read, self._wake_write = socket.socketpair()
        self._wake_read.setblocking(False)
        self._wake_write.setblocking(False)
        self._client = paho.Client(
            CallbackAPIVersion.VERSION2,
            client_id=session.client_id,
            protocol=version,
            clean_session=True if version == V311 else None,
            reconnect_on_failure=False,
        )
        self._client.max_inflight_messages_set(0)  # the window is ours
        self._client.connect_timeout = _CONNECT_S
        self._client.will_set(session.will_topic, session.will, qos=1, retain=True)
        self._client.on_connect = self._on_connect
        self._client.on_subscribe = self._on_subscribe
        self._client.on_publish = self._on_publish
        self._client.on_message = self._on_message
        self._client.on_disconnect = self._on_disconnect
        self._is_connected, self._is_dialled = False, False
        self._window, self._max_payload_bytes = 65_535, MAX_PAYLOAD_BYTES
        self._dial(address)

    def poll(self, timeout_s: float) -> Sequence[Event]:
        """Wait for events, at most so long or until woken."""
        own = self._client.socket()
        if not self._events and own is not None:
            self._wait(own, timeout_s)
        if own is not None and self._client.socket() is not None:
            self._client.loop_misc()
        if self._client.socket() is None and not self._has_closed():
            self._events.append(Closed("connection lost", is_version=self._is_unanswered))
        events, self._events = self._events, []
        return events

    def publish(self, topic: str, payload: bytes, *, is_retained: bool = False) -> int:
        """Hand a message over (QoS 1); its receipt bears the token given back."""
        return self._client.publish(topic, payload, qos=1, retain=is_retained).mid

    def wake(self) -> None:
        """End a `poll` from any thread."""
        with contextlib.suppress(OSError):  # full: it is awake already; closed: it need not be
            self._wake_write.send(b"\0")

    def close(self) -> None:
        """End the connection; in good order if it is up."""
        if self._is_connected and self._client.socket() is not None:
            self._client.disconnect()
            self._flush()
        for sock in (self._client.socket(), self._wake_read, self._wake_write):
            if sock is not None:
                sock.close()
        self._client.on_disconnect = None

    @property
    def _is_unanswered(self) -> bool:
        return self._is_dialled and not self._is_connected

    def _dial(self, address: Address) -> None:
        parts = urlsplit(address.url)
        is_tls = parts.scheme == "mqtts"
        try:
            if address.username is not None:
                secret = address.password_file
                password = None if secret is None else secret.read_text(encoding="utf-8").strip()
                self._client.username_pw_set(address.username, password)
            if is_tls:
                self._client.tls_set_context(_tls(address))
            self._client.connect(
                parts.hostname or "",
                parts.port or (8883 if is_tls else 1883),
                keepalive=KEEPALIVE_S,
                clean_start=True if self._version == V5 else paho.MQTT_CLEAN_START_FIRST_ONLY,
            )
            self._is_dialled = True
        except (OSError, ValueError) as error:
            self._events.append(Closed(f"no connection: {error}"))

    def _wait(self, own: Any, timeout_s: float) -> None:  # noqa: ANN401 -- plain or TLS socket
        # Not `select`: with a thousand rigs file numbers exceed what that can take.
        waiting = select.poll()
        waiting.register(own, select.POLLIN | (select.POLLOUT if self._client.want_write() else 0))
        waiting.register(self._wake_read, select.POLLIN)
        pending = isinstance(own, ssl.SSLSocket) and own.pending() > 0
        ready = dict(waiting.poll(0 if pending else timeout_s * 1000))
        if self._wake_read.fileno() in ready:
            with contextlib.suppress(BlockingIOError):
                self._wake_read.recv(4096)
        state = ready.get(own.fileno(), 0)
        if state & select.POLLOUT:
            self._client.loop_write()
        if pending or state & ~select.POLLOUT:
            self._client.loop_read()

    def _flush(self) -> None:
        deadline_s = time.monotonic() + _FLUSH_S
        while (own := self._client.socket()) is not None and self._client.want_write():
            waiting = select.poll()
            waiting.register(own, select.POLLOUT)
            if not waiting.poll(max(0.0, deadline_s - time.monotonic()) * 1000):
                return
            self._client.loop_write()

    def _has_closed(self) -> bool:
        return any(isinstance(event, Closed) for event in self._events)

    def _on_connect(
        self,
        client: paho.Client,
        _userdata: object,
        _flags: object,
        reason: ReasonCode,
        properties: Properties | None,
    ) -> None:
        if reason.is_failure:
            is_version = reason.value == _UNSUPPORTED_VERSION
            self._events.append(Closed(f"refused: {reason}", is_version=is_version))
            return
        self._is_connected = True
        self._window = getattr(properties, "ReceiveMaximum", self._window)
        most = getattr(properties, "MaximumPacketSize", MAX_PAYLOAD_BYTES + _HEADER_BYTES)
        self._max_payload_bytes = min(MAX_PAYLOAD_BYTES, most - _HEADER_BYTES)
        client.subscribe([(topic, 1) for topic in self._session.subscriptions])

    def _on_subscribe(
        self,
        _client: paho.Client,
        _userdata: object,
        _mid: int,
        reasons: list[ReasonCode],
        _properties: Properties | None,
    ) -> None:
        refused = [str(reason) for reason in reasons if reason.is_failure]
        if refused:
            self._events.append(Closed(f"subscription refused: {refused[0]}"))
        else:
            self._events.append(Opened(self._window, self._max_payload_bytes))

    def _on_publish(
        self,
        _client: paho.Client,
        _userdata: object,
        token: int,
        reason: ReasonCode,
        _properties: Properties,
    ) -> None:
        self._events.append(Receipt(token, reason.is_failure))

    def _on_message(
        self, _client: paho.Client, _userdata: object, message: paho.MQTTMessage
    ) -> None:
        self._events.append(Message(message.topic, bytes(message.payload)))

    def _on_disconnect(
        self,
        _client: paho.Client,
        _userdata: object,
        _flags: object,
        reason: ReasonCode,
        _properties: Properties | None,
    ) -> None:
        if not self._has_closed():
            self._events.append(Closed(str(reason), is_version=self._is_unanswered))


def _tls(address: Address) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=address.ca_file)
    if address.cert_file is not None and address.key_file is not None:
        context.load_cert_chain(address.cert_file, address.key_file)
    return context
