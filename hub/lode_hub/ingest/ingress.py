"""One persistent MQTT session of the hub, kept connected for as long as its lease allows.

Ingress.run: may_connect? ─► Link.open ─► deliveries ... ack() after the commit ─► lost ─► again

A Link is one connection and never a second one, so that an acknowledgement of an earlier
connection can't reach a later one, where its packet number may mean another message.
"""

import asyncio
import random
import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol
from urllib.parse import unquote, urlsplit

import structlog

from lode_hub.errors import HubError, SettingsError

Version = Literal[4, 5]  # MQTT 3.1.1 and 5, as the protocol numbers them

OPEN_S = 15.0  # as the agents: a cluster that lost a node elects for 4 to 9 s
KEEPALIVE_S = 20
RECEIVE_MAXIMUM = 256
"""How many unacknowledged messages a session takes (MQTT 5); the shipped brokers' limit too."""

SESSION_EXPIRY_S = 7 * 86_400
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.2, 5.0
_log = structlog.get_logger(__name__)


class LinkError(HubError):
    """A connection to the broker could not be opened; another attempt may succeed."""


class WrongVersionError(LinkError):
    """The broker does not speak MQTT 5."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message from the broker; `ack` tells it, on this connection alone, to forget it."""

    topic: str
    payload: bytes
    received_ms: int
    is_retained: bool
    ack: Callable[[], None]


@dataclass(frozen=True, kw_only=True, slots=True)
class Address:
    """Where a broker is, and how to log in there."""

    host: str
    port: int
    username: str | None = None
    password: str | None = None
    tls: ssl.SSLContext | None = None

    @classmethod
    def of(cls, url: str, *, password: str | None = None, ca: str = "") -> "Address":
        """Read mqtt://user@host:port or mqtts://...; better give the password apart.

        A `ca`, as PEM, is trusted instead of those that the system trusts.

        Raises:
            SettingsError: it is no such URL.
        """
        parts = urlsplit(url)
        if parts.scheme not in {"mqtt", "mqtts"} or not parts.hostname:
            raise SettingsError(f"broker url {parts.hostname}: expected mqtt:// or mqtts://HOST")
        is_tls = parts.scheme == "mqtts"
        secret = password or (unquote(parts.password) if parts.password else None)
        return cls(
            host=parts.hostname,
            port=parts.port or (8883 if is_tls else 1883),
            username=unquote(parts.username) if parts.username else None,
            password=secret,
            tls=ssl.create_default_context(cadata=ca or None) if is_tls else None,
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Session:
    """What a client calls itself and subscribes to; a clean one is forgotten when it goes."""

    client_id: str
    topic: str
    qos: Literal[0, 1] = 1
    is_clean: bool = False


class Link(Protocol):
    """One connection to a broker, from its opening to its end."""

    async def open(self) -> None:
        """Connect and subscribe.

        Raises:
            WrongVersionError: the broker does not speak this version.
            LinkError: it did not work.
            OSError: the broker cannot be reached.
        """

    async def lost(self) -> None:
        """Wait until the connection has ended."""

    def publish(self, topic: str, payload: bytes, qos: Literal[0, 1] = 0) -> None:
        """Send a message once, or drop it when the connection can take no more."""

    def pause(self) -> None:
        """Stop reading from the broker."""

    def resume(self) -> None:
        """Read from the broker again."""

    async def close(self) -> None:
        """End the connection; deliveries not yet acknowledged stay with the broker."""


Deliver = Callable[[Delivery], None]
MakeLink = Callable[[Address, Session, Version, Deliver], Link]


class Ingress:
    """Keeps one session connected, to the first broker address that answers."""

    def __init__(
        self,
        session: Session,
        addresses: Sequence[Address],
        deliver: Deliver,
        *,
        make: MakeLink,
        may_connect: Callable[[], bool] = lambda: True,
    ) -> None:
        self.session = session
        self._addresses = list(addresses)
        self._deliver = deliver
        self._make = make
        self._may_connect = may_connect
        self._versions: dict[Address, Version] = {}
        self._link: Link | None = None
        self._is_paused = False
        self.connections = 0
        self.trouble = ""  # why the last connection could not be opened

    @property
    def is_connected(self) -> bool:
        """Whether there is a connection with its subscription now."""
        return self._link is not None

    async def run(self) -> None:
        """Connect, and connect again, until cancelled."""
        pause_s, turn = _FIRST_PAUSE_S, 0
        while True:
            # Before every connection: without the lease it would only throw the owner out.
            if self._may_connect():
                address = self._addresses[turn % len(self._addresses)]
                try:
                    await self._serve(address)
                    pause_s = _FIRST_PAUSE_S
                except (LinkError, OSError, TimeoutError) as error:
                    turn += 1
                    pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)
                    self.trouble = str(error) or type(error).__name__
                    _log.info(
                        "broker not reached",
                        host=address.host,
                        port=address.port,
                        client=self.session.client_id,
                        reason=self.trouble,
                    )
            await asyncio.sleep(pause_s * random.uniform(0.5, 1.0))  # noqa: S311 -- a jitter

    def publish(self, topic: str, payload: bytes, qos: Literal[0, 1] = 0) -> bool:
        """Send a message once; False when there is no connection now."""
        if self._link is None:
            return False
        self._link.publish(topic, payload, qos)
        return True

    def pause(self) -> None:
        """Stop reading, on this connection and on later ones."""
        self._is_paused = True
        if self._link is not None:
            self._link.pause()

    def resume(self) -> None:
        """Read again."""
        self._is_paused = False
        if self._link is not None:
            self._link.resume()

    async def _serve(self, address: Address) -> None:
        link = await self._open(address)
        try:
            self._link = link
            self.trouble = ""
            self.connections += 1
            if self._is_paused:
                link.pause()
            await link.lost()
        finally:
            self._link = None
            await link.close()

    async def _open(self, address: Address) -> Link:
        version = self._versions.get(address, 5)
        link = self._make(address, self.session, version, self._deliver)
        try:
            async with asyncio.timeout(OPEN_S):
                await link.open()
        except WrongVersionError:
            await link.close()
            if version == 4:  # noqa: PLR2004 -- a protocol number
                raise
            self._versions[address] = 4
            return await self._open(address)
        except TimeoutError:
            # amqtt never answers a client that speaks 5; any other may be frozen: so in turn.
            self._versions[address] = 4 if version == 5 else 5  # noqa: PLR2004
            await link.close()
            raise
        except BaseException:
            await link.close()
            raise
        return link
