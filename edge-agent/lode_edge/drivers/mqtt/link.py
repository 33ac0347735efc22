"""One connection to a site's own broker (MQTT 3.1.1), driven by the event loop.

Paho's own thread, queue and reconnecting stay unused: what arrives is handed over at once, what
leaves is written at once or when the socket takes it.
"""

import asyncio
import contextlib
import random
import ssl
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import structlog
from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.reasoncodes import ReasonCode

from lode_edge.drivers.driver import Login, endpoint
from lode_edge.errors import EdgeError
from lode_edge.settings import TlsSettings

PORT, TLS_PORT = 1883, 8883
MAX_PACKET_BYTES = 4 << 20  # of what arrives; more ends the connection
KEEPALIVE_S = 20
_OPEN_S = 5.0  # for each: the connection, the broker's welcome, its answer to a subscription
_LASTING_S = 30.0  # a connection that lived so long may be made again at once
_PAUSES_S = (0.5, 30.0)  # before the next attempt: the first, and at most

_T = TypeVar("_T")

log = structlog.get_logger(__name__)


class LinkError(EdgeError):
    """The connection to a broker could not be made, or has ended."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Server:
    """A broker, and how to log in there."""

    host: str
    port: int = PORT
    is_tls: bool = False
    login: Login | None = None
    ca_file: Path | None = None  # who may sign the broker's certificate; None: the system's
    cert_file: Path | None = None
    key_file: Path | None = None

    @classmethod
    def at(cls, address: str, login: Login | None, tls: TlsSettings | None = None) -> "Server":
        """Understand an address: mqtts:// is TLS, mqtt:// or none is not."""
        scheme, _, place = address.rpartition("://")
        is_tls = scheme == "mqtts"
        host, port = endpoint(place.rstrip("/"), TLS_PORT if is_tls else PORT)
        tls = tls or TlsSettings()
        return cls(
            host=host,
            port=port,
            is_tls=is_tls,
            login=login,
            ca_file=tls.ca_file,
            cert_file=tls.cert_file,
            key_file=tls.key_file,
        )

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Message:
    """What arrives or leaves."""

    topic: str
    payload: bytes
    qos: int = 0
    is_retained: bool = False


class Link:
    """A connection from `open` to `close`; when it is lost it stays lost."""

    def __init__(
        self,
        server: Server,
        client_id: str,
        received: Callable[[Message], None],
        *,
        will: Message | None = None,
    ) -> None:
        self._server, self._received = server, received
        self._loop = asyncio.get_running_loop()
        self._lost: asyncio.Future[str] = self._loop.create_future()
        self._welcome: asyncio.Future[None] = self._loop.create_future()
        self._answers: dict[int | None, asyncio.Future[list[ReasonCode]]] = {}
        self._is_left = False
        self._drained = asyncio.Event()
        self._socket: Any = None
        self._ticker: asyncio.TimerHandle | None = None
        self._client = _Client(client_id)
        if will is not None:
            self._client.will_set(will.topic, will.payload, qos=will.qos, retain=will.is_retained)
        self._client.on_connect = self._on_connect
        self._client.on_subscribe = self._on_subscribe
        self._client.on_message = self._on_message
        self._client.on_disconnect = self._on_disconnect
        self._client.on_socket_close = self._on_socket_close

    async def open(self) -> None:
        """Connect and log in.

        Raises:
            LinkError: the broker is not there, or refuses.
        """
        try:
            await asyncio.to_thread(self._dial)
        except (OSError, ValueError) as error:
            raise LinkError(f"broker {self._server}: no connection: {error}") from None
        self._loop.add_reader(self._socket, self._read)
        self._write_on()
        self._tick()
        await self._first(self._welcome, "welcome")

    async def subscribe(self, filters: Sequence[tuple[str, int]]) -> None:
        """Ask for topics, each with its QoS.

        Raises:
            LinkError: the broker refuses one, or does not answer.
        """
        if not filters:
            return
        code, token = self._client.subscribe(list(filters))
        if code != MQTTErrorCode.MQTT_ERR_SUCCESS:
            raise LinkError(f"broker {self._server}: subscription not sent")
        answer = self._answers[token] = self._loop.create_future()
        self._write_on()
        reasons = await self._first(answer, "answer to a subscription")
        for (topic, _), reason in zip(filters, reasons, strict=False):
            if reason.is_failure:
                raise LinkError(f"broker {self._server}: subscription to {topic} refused")

    def publish(self, message: Message) -> None:
        """Hand a message to the socket; on a lost connection it is lost, too."""
        self._client.publish(
            message.topic, message.payload, qos=message.qos, retain=message.is_retained
        )
        self._write_on()

    async def flushed(self) -> None:
        """Wait until the broker has taken what was published, or the connection is lost."""
        await asyncio.sleep(0)  # others get their turn, however much there is to publish
        while self._is_behind() and not self._lost.done():
            self._drained.clear()
            await self._drained.wait()

    async def lost(self) -> str:
        """Wait until the connection has ended, and say why."""
        return await asyncio.shield(self._lost)

    async def close(self) -> None:
        """End the connection in good order, if it is up; may be called twice."""
        self._is_left = True
        if self._socket is not None and not self._lost.done():
            self._client.disconnect()
            self._write_on()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(1.0):
                    await self.flushed()
        self._end("closed")
        self._client.on_disconnect = None

    def _dial(self) -> None:
        server = self._server
        if server.login is not None and server.login.username:
            self._client.username_pw_set(server.login.username, server.login.password)
        if server.is_tls:
            context = ssl.create_default_context(cafile=server.ca_file)
            context.sslsocket_class = _TlsSocket
            if server.cert_file is not None and server.key_file is not None:
                context.load_cert_chain(server.cert_file, server.key_file)
            self._client.tls_set_context(context)
        self._client.connect(server.host, server.port, keepalive=KEEPALIVE_S)
        self._socket = self._client.socket()
        if self._socket is None:
            hint = "; does it ask for a certificate?" if server.is_tls else ""
            raise ConnectionAbortedError(f"it ended at once{hint}")
        if self._is_left:  # nobody waits for it any more
            self._socket.close()

    async def _first(self, answer: "asyncio.Future[_T]", what: str) -> _T:
        """Wait for the broker's answer, or for the end of the connection."""
        either: list[asyncio.Future[Any]] = [answer, self._lost]
        await asyncio.wait(either, timeout=_OPEN_S, return_when=asyncio.FIRST_COMPLETED)
        if answer.done():
            return answer.result()
        why = self._lost.result() if self._lost.done() else f"no {what} in time"
        raise LinkError(f"broker {self._server}: {why}")

    def _read(self) -> None:
        """Take one packet, or a part of one; further ones get their turn after others."""
        self._client.loop_read()
        if self._client.socket() is not None and self._pending():
            self._loop.call_soon(self._read)
        self._write_on()
        if not self._is_behind():
            self._drained.set()

    def _is_behind(self) -> bool:
        return self._client.want_write() or self._client.unacknowledged > 0

    def _pending(self) -> bool:
        """Tell whether TLS has read more than it has given; the socket will not say so."""
        return isinstance(self._socket, ssl.SSLSocket) and self._socket.pending() > 0

    def _write(self) -> None:
        self._client.loop_write()
        if not self._client.want_write():
            if self._client.socket() is not None:
                self._loop.remove_writer(self._socket)
            if not self._is_behind():
                self._drained.set()

    def _write_on(self) -> None:
        if self._client.socket() is not None and self._client.want_write():
            self._loop.add_writer(self._socket, self._write)

    def _tick(self) -> None:
        """Let paho keep the connection alive, and notice when it is not."""
        self._client.loop_misc()
        self._write_on()
        if not self._lost.done():
            self._ticker = self._loop.call_later(1.0, self._tick)

    def _end(self, why: str) -> None:
        if not self._lost.done():
            self._lost.set_result(why)
        if self._ticker is not None:
            self._ticker.cancel()
        self._drained.set()
        if (own := self._client.socket()) is not None and self._socket is not None:
            self._on_socket_close(self._client, None, own)
            own.close()

    def _on_socket_close(self, _client: paho.Client, _userdata: object, _socket: object) -> None:
        """Stop watching before the socket's number is given to another."""
        if self._socket is not None and self._socket.fileno() >= 0:
            self._loop.remove_reader(self._socket)
            self._loop.remove_writer(self._socket)

    def _on_connect(
        self,
        _client: paho.Client,
        _userdata: object,
        _flags: object,
        reason: ReasonCode,
        _properties: object,
    ) -> None:
        if reason.is_failure:
            self._end(f"refused: {reason}")
        elif not self._welcome.done():
            self._welcome.set_result(None)

    def _on_subscribe(
        self,
        _client: paho.Client,
        _userdata: object,
        token: int,
        reasons: list[ReasonCode],
        _properties: object,
    ) -> None:
        answer = self._answers.pop(token, None)
        if answer is not None and not answer.done():
            answer.set_result(reasons)

    def _on_message(
        self, _client: paho.Client, _userdata: object, message: paho.MQTTMessage
    ) -> None:
        try:
            topic = message.topic
        except UnicodeDecodeError:
            return  # no topic that anybody asked for
        try:
            heard = Message(
                topic=topic,
                payload=bytes(message.payload),
                qos=message.qos,
                is_retained=message.retain,
            )
            self._received(heard)
        except Exception:  # what one listener makes of a message must not end the connection
            log.exception("message not taken", broker=str(self._server), topic=topic[:200])

    def _on_disconnect(
        self,
        _client: paho.Client,
        _userdata: object,
        _flags: object,
        reason: ReasonCode,
        _properties: object,
    ) -> None:
        if self._client.is_flooded:
            reason_text = f"the broker sends more than {MAX_PACKET_BYTES} bytes at once"
        else:
            reason_text = str(reason)
        self._end(f"connection lost: {reason_text}")


class _TlsSocket(ssl.SSLSocket):
    """A socket that does not stay open when the broker's certificate is refused; paho's does."""

    def do_handshake(self, block: bool = False) -> None:
        """Agree on keys, or close."""
        try:
            super().do_handshake(block)
        except BaseException:
            self.close()
            raise


class _Client(paho.Client):
    """Paho's client, which refuses to read a packet without end."""

    def __init__(self, client_id: str) -> None:
        super().__init__(
            CallbackAPIVersion.VERSION2,
            client_id=client_id,
            protocol=MQTTProtocolVersion.MQTTv311,
            clean_session=True,
            reconnect_on_failure=False,
        )
        self.connect_timeout = _OPEN_S
        self.max_inflight_messages_set(0)  # whoever publishes waits by himself
        self.is_flooded = False

    @property
    def unacknowledged(self) -> int:
        """Count the messages of QoS 1 of which the broker has not said that it has them."""
        return len(self._out_messages)

    def _sock_recv(self, bufsize: int) -> bytes:
        """Read what is left of a packet, unless that is more than any should have."""
        if bufsize > MAX_PACKET_BYTES:
            self.is_flooded = True
            raise ConnectionAbortedError(f"a packet of {bufsize} bytes")
        return bytes(super()._sock_recv(bufsize))


async def keep(make: Callable[[], Link], live: Callable[[Link], Awaitable[None]]) -> None:
    """Hold a connection for ever: open it, live with it, and again after a pause that grows.

    `live` ends when the connection has; it may raise LinkError. Both are told in the log once.
    """
    loop = asyncio.get_running_loop()
    pause_s, told = _PAUSES_S[0], ""
    while True:
        link, began_s = None, loop.time()
        try:
            link = make()
            await link.open()
            await live(link)
            reason = await link.lost()
        except LinkError as error:
            reason = str(error)
        except Exception:  # the supervisor's catch: one broker must not stop the agent
            reason = "it crashed; see the log"
            log.exception("broker connection crashed")
        finally:
            if link is not None:
                await link.close()
        if reason != told:
            log.warning("broker connection ended", reason=reason)
            told = reason
        if loop.time() - began_s > _LASTING_S:
            pause_s = _PAUSES_S[0]
        await asyncio.sleep(pause_s * random.uniform(0.5, 1.0))  # noqa: S311 -- spreads the load
        pause_s = min(pause_s * 2, _PAUSES_S[1])
