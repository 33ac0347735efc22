"""One OPC UA server, and at most one session with it, shared by the devices behind it.

nobody listens ─► first user ─► connecting ──► session ──► lost ─┐
                                    ▲ 1 s, 2 s ... 30 s later     │
                                    └─────────────────────────────┘
"""

import asyncio
import contextlib
import logging
import random
import weakref
from dataclasses import dataclass

from asyncua.client.client import Client
from asyncua.common.utils import ServiceError
from asyncua.ua.status_codes import get_name_and_doc
from asyncua.ua.uaerrors import UaError, UaStatusCodeError

from lode_edge.drivers.driver import Login
from lode_edge.drivers.opcua.security import PLAIN, Security, secure
from lode_edge.errors import BadAnswer, DriverError, EdgeError, Refused, TimedOut, Unsupported
from lode_edge.turns import Turns

RETRY_FIRST_S, RETRY_MAX_S = 1.0, 30.0
_SESSION_MS = 60_000  # a server forgets us so long after it has heard the last
WATCH_S = 5.0  # between two looks at whether the server still answers
_MAX_MESSAGE_BYTES = 16 << 20
_SERVERS: "weakref.WeakValueDictionary[tuple[object, ...], Server]" = weakref.WeakValueDictionary()

# It logs whatever it sends, and stack traces for every broken line; what is wrong, we say.
logging.getLogger("asyncua").setLevel(logging.CRITICAL + 1)

Troubles = (UaError, ServiceError, OSError, TimeoutError, ValueError)
"""What asyncua raises when a server, or the way to it, is at fault."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Access:
    """Where a server is and how to get in."""

    url: str  # opc.tcp://host:port/path
    login: Login | None = None
    security: Security = PLAIN
    timeout_s: float = 2.0  # for one answer


class Session:
    """A session as long as it lasts."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.services = client.uaclient.session
        self.turns = Turns()  # of those who write
        self.lost = asyncio.Event()
        self.error: DriverError = Refused("the connection was lost")

    def give_up(self, error: DriverError) -> None:
        """Say that the session is of no more use."""
        if not self.lost.is_set():
            self.error = error
            self.lost.set()


class Server:
    """A server that is kept connected while somebody uses it."""

    def __init__(self, access: Access) -> None:
        self.error: DriverError = TimedOut(f"{access.url}: not connected yet")
        self._access = access
        self._users = 0
        self._keeper: asyncio.Task[None] | None = None
        self._session: Session | None = None
        self._changed = asyncio.Condition()

    @classmethod
    def shared(cls, access: Access) -> "Server":
        """Give the one server of this access in the running loop."""
        key = (access, id(asyncio.get_running_loop()))
        server = _SERVERS.get(key)
        if server is None:
            server = _SERVERS[key] = cls(access)
        return server

    async def __aenter__(self) -> "Server":
        self._users += 1
        if self._keeper is None:
            self._keeper = asyncio.create_task(self._keep())
        return self

    async def __aexit__(self, *_error: object) -> None:
        self._users -= 1
        if self._users == 0 and self._keeper is not None:
            keeper, self._keeper = self._keeper, None
            while not keeper.done():
                keeper.cancel()
                await asyncio.wait([keeper], timeout=1.0)

    async def session(self) -> Session:
        """Wait for a session, as long as it takes; `error` says meanwhile why there is none."""
        async with self._changed:
            await self._changed.wait_for(lambda: self._session is not None)
            assert self._session is not None  # noqa: S101 -- just waited for
            return self._session

    async def _keep(self) -> None:
        pause_s = RETRY_FIRST_S
        while True:
            end_if_cancelled()
            try:
                session = Session(await connect(self._access))
            except EdgeError as error:
                self.error = error if isinstance(error, DriverError) else Refused(str(error))
                await asyncio.sleep(pause_s * random.uniform(0.8, 1.2))  # noqa: S311 -- no secret
                pause_s = min(2 * pause_s, RETRY_MAX_S)
                continue
            pause_s = RETRY_FIRST_S
            await self._last(session)

    async def _last(self, session: Session) -> None:
        async def lost(error: Exception) -> None:
            session.give_up(translated(error, self._access.url))

        session.client.connection_lost_callback = lost
        try:
            await self._set(session)
            await session.lost.wait()
            self.error = session.error
        finally:
            session.lost.set()
            self._session = None
            await disconnect(session.client)

    async def _set(self, session: Session) -> None:
        async with self._changed:
            self._session = session
            self._changed.notify_all()


async def connect(access: Access) -> Client:
    """Make a session with a server.

    Raises:
        DriverError: there is none to be had.
        EdgeError: our own certificate or key cannot be read.
    """
    client = Client(access.url, timeout=access.timeout_s, watchdog_intervall=WATCH_S)
    client.session_timeout = _SESSION_MS
    client.name = client.description = "Lode edge agent"
    client.application_uri = "urn:lode:edge-agent"
    if access.login is not None and access.login.username:
        client.set_user(access.login.username)
        client.set_password(access.login.password)
    try:
        async with asyncio.timeout(10 * access.timeout_s):
            await secure(client, access.security)
            await client.connect()
    except asyncio.CancelledError:  # asyncua would leave its socket open
        client.disconnect_socket()
        raise
    except Troubles as error:
        raise translated(error, access.url) from error
    protocol = client.uaclient.protocol
    if protocol is not None:  # asyncua has no other way to say so, and no limit by itself
        limits = protocol._connection._limits  # noqa: SLF001
        limits.max_message_size = _MAX_MESSAGE_BYTES
        limits.max_chunk_count = _MAX_MESSAGE_BYTES // 8192
    return client


def end_if_cancelled() -> None:
    """End the task when it has been told to: asyncua passes over a cancellation here and there."""
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


async def disconnect(client: Client) -> None:
    """End a session, in order when the server still answers."""
    with contextlib.suppress(*Troubles):
        async with asyncio.timeout(2.0):
            await client.disconnect()


def translated(error: BaseException, place: str) -> DriverError:
    """Say in our own terms what went wrong."""
    if isinstance(error, DriverError):
        return error
    if isinstance(error, TimeoutError):
        return TimedOut(f"{place}: no answer in time")
    if isinstance(error, UaStatusCodeError):
        return _of_status(error, place)
    if str(error).startswith("No matching endpoints"):
        return Refused(f"{place}: does not offer this security; set opcua.security as it does")
    if isinstance(error, OSError):
        return Refused(f"{place}: no connection: {error.strerror or error}")
    return BadAnswer(f"{place}: {str(error) or type(error).__name__}")


_ADVICE = {
    "BadIdentityTokenRejected": "it refuses the login; correct the device's username and password",
    "BadUserAccessDenied": "it refuses the login; correct the device's username and password",
    "BadIdentityTokenInvalid": "it does not take this kind of login",
    "BadCertificateUntrusted": "it does not trust our certificate; accept it at the server",
    "BadCertificateUriInvalid": "our certificate names another application URI",
    "BadCertificateInvalid": "it does not accept our certificate; renew it",
    "BadSecurityChecksFailed": "it refuses our security; accept our certificate at the server",
    "BadSecurityPolicyRejected": "it refuses unsecured connections; set opcua.security",
    "BadTooManySessions": "it has no session left; close others or raise its limit",
}


def _of_status(error: UaStatusCodeError, place: str) -> DriverError:
    name = get_name_and_doc(error.code)[0]
    text = f"{place}: {_ADVICE.get(name, 'the server refused')} ({name})"
    if name in ("BadTimeout", "BadRequestTimeout"):
        return TimedOut(text)
    if name in ("BadServiceUnsupported", "BadNotSupported", "BadNotImplemented"):
        return Unsupported(text)
    return Refused(text)
