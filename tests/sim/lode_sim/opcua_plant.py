"""A PLC that shows a plant's feeders by OPC UA: asyncua's own server, and what can go wrong.

It serves what the node maps `example-feeder` and `example-fan` describe, any number of times.
"""

import asyncio
import socket
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Self

from asyncua import ua
from asyncua.common.node import Node
from asyncua.crypto.permission_rules import User, UserRole
from asyncua.crypto.validator import CertificateValidator, CertificateValidatorOptions
from asyncua.server.address_space import NodeData
from asyncua.server.binary_server_asyncio import BinaryServer
from asyncua.server.history import HistoryDict
from asyncua.server.internal_subscription import InternalSubscription
from asyncua.server.server import Server
from asyncua.server.user_managers import UserManager
from asyncua.ua.attribute_ids import AttributeIds

NAMESPACE = "urn:example:plant"
VALUES = {"Power": 12.5, "Energy": 4711.0, "Voltage": 231.5, "Breaker": True, "Temperature": 31.5}
CONTROLS: dict[str, tuple[float, ua.VariantType]] = {
    "Speed": (400, ua.VariantType.UInt16),
    "Relay1": (False, ua.VariantType.Boolean),
    "Relay2": (True, ua.VariantType.Boolean),
}
_PUBLISH = InternalSubscription.publish_results
SECURED = (
    ua.SecurityPolicyType.Basic256Sha256_Sign,
    ua.SecurityPolicyType.Basic256Sha256_SignAndEncrypt,
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Safety:
    """What a secured plant asks of its clients."""

    certificate_file: Path
    key_file: Path
    logins: tuple[tuple[str, str], ...] = ()
    policies: Collection[ua.SecurityPolicyType] = SECURED


class Plant:
    """A server that can be killed, started again, made deaf and robbed of its subscriptions."""

    def __init__(
        self, feeders: Sequence[str], *, safety: Safety | None = None, has_history: bool = False
    ) -> None:
        self.nodes: dict[tuple[str, str], Node] = {}
        self.controls: dict[tuple[str, str], Node] = {}
        self.before = 0  # namespaces registered before ours, which shift its index
        self.port = 0
        self._feeders, self._safety, self._has_history = feeders, safety, has_history
        self._values: dict[tuple[str, str], float | str] = {
            (feeder, name): value for feeder in feeders for name, value in VALUES.items()
        }
        self._server: Server | None = None
        self._history = _Memory()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self.stop()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"opc.tcp://127.0.0.1:{self.port}/plant"

    async def start(self) -> None:
        """Listen, on the same port as before; values and history are those from before."""
        self.port = self.port or _free_port()
        if self._server is not None:
            await self._listen()
            return
        server = Server(user_manager=_Door(self._safety.logins if self._safety else ()))
        server.iserver.history_manager.set_storage(self._history)
        await server.init()
        server.set_endpoint(self.url)
        server.set_security_policy([ua.SecurityPolicyType.NoSecurity])
        if self._safety:
            await self._secure(server, self._safety)
        for number in range(self.before):
            await server.register_namespace(f"urn:example:other:{number}")
        index = await server.register_namespace(NAMESPACE)
        await self._fill(server, index)
        await server.start()
        self._server = server

    async def stop(self) -> None:
        """End in order; does nothing to a plant that is not running."""
        server, self._server = self._server, None
        if server is not None:
            await server.stop()

    async def kill(self) -> None:
        """Tear every connection and listen no more, until `start`; sessions are forgotten."""
        for protocol in tuple(self._running.bserver.clients):
            protocol.transport.abort()
        await self._running.bserver.stop()
        await self.rob()

    async def tell(
        self,
        feeder: str,
        name: str,
        value: float | str,
        *,
        at: datetime | None = None,
        status: int = 0,
    ) -> datetime:
        """Set a value, with its own time and status; gives the time."""
        self._values[feeder, name] = value
        at = at or datetime.now(UTC)
        data = ua.DataValue(
            Value=ua.Variant(value),
            StatusCode=ua.StatusCode(ua.UInt32(status)),
            SourceTimestamp=at,  # type: ignore[arg-type]
        )
        await self.nodes[feeder, name].write_value(data)
        return at

    def obey(self, feeder: str, name: str, *, after_s: float | None) -> None:
        """Say yes to what is written and do it so much later, or never."""
        node_id = self.controls[feeder, name].nodeid

        def take(data: NodeData, attribute: AttributeIds, value: ua.DataValue) -> None:
            if after_s is not None:
                held = data.attributes[attribute]
                asyncio.get_running_loop().call_later(after_s, setattr, held, "value", value)

        self._running.iserver.aspace.set_attribute_value_setter(node_id, AttributeIds.Value, take)

    async def rob(self) -> int:
        """Delete every client's subscriptions and tell nobody; gives how many."""
        service = self._running.iserver.subscription_service
        ours = [
            number
            for number, subscription in service.subscriptions.items()
            if subscription.pub_request_callback is not None
        ]
        for number in ours:
            await service.subscriptions.pop(number).stop()
        return len(ours)

    def mute(self, *, is_mute: bool) -> None:
        """Publish nothing, not even keep-alives, while mute; everything else is answered."""
        chosen = _silent if is_mute else _PUBLISH
        setattr(InternalSubscription, "publish_results", chosen)  # noqa: B010 -- for its type

    @property
    def sessions(self) -> int:
        """How many connections are open."""
        return len(self._running.bserver.clients) if self._server else 0

    @property
    def subscriptions(self) -> int:
        """How many subscriptions its clients have."""
        found = self._running.iserver.subscription_service.subscriptions.values()
        return sum(1 for one in found if one.pub_request_callback is not None)

    @property
    def _running(self) -> Any:
        assert self._server is not None, "the plant is not running"
        return self._server

    async def _listen(self) -> None:
        server = self._running
        server.bserver = BinaryServer(server.iserver, "127.0.0.1", self.port, server.limits)
        server.bserver.set_policies(server._policies)
        await server.bserver.start()

    async def _fill(self, server: Server, index: int) -> None:
        plant = await server.nodes.objects.add_folder(index, "Plant")
        for feeder in self._feeders:
            place = await plant.add_folder(index, feeder)
            for name in VALUES:
                node_id = ua.NodeId.from_string(f"ns={index};s={feeder}.{name}")
                value = self._values[feeder, name]
                node = await place.add_variable(node_id, ua.QualifiedName(name, index), value)
                self.nodes[feeder, name] = node
            for name, (value, kind) in CONTROLS.items():
                node_id = ua.NodeId.from_string(f"ns={index};s={feeder}.{name}")
                node = await place.add_variable(
                    node_id, ua.QualifiedName(name, index), value, varianttype=kind
                )
                await node.set_writable()
                self.controls[feeder, name] = node
        if self._has_history:
            await server.iserver.history_manager.init()
            for node in self.nodes.values():
                await server.historize_node_data_change(node, period=timedelta(days=1))

    async def _secure(self, server: Server, safety: Safety) -> None:
        uri = "urn:example:plant:server"
        await server.set_application_uri(uri)
        await server.load_certificate(safety.certificate_file)
        await server.load_private_key(safety.key_file)
        server.set_security_policy(list(safety.policies))
        if safety.logins:
            server.set_identity_tokens([ua.UserNameIdentityToken])
        options = CertificateValidatorOptions.BASIC_VALIDATION
        server.set_certificate_validator(
            CertificateValidator(options | CertificateValidatorOptions.PEER_CLIENT)
        )


class _Memory(HistoryDict):
    """A history that outlives the server."""

    async def new_historized_node(
        self, node_id: ua.NodeId, period: timedelta | None, count: int = 0
    ) -> None:
        """Begin a node's history, or go on with it."""
        if node_id not in self._datachanges:
            await super().new_historized_node(node_id, period, count)


class _Door(UserManager):
    """Lets in who knows a password; everybody when there are none."""

    def __init__(self, logins: Sequence[tuple[str, str]]) -> None:
        self._logins = logins

    def get_user(
        self,
        iserver: object,
        username: str | None = None,
        password: str | None = None,
        certificate: object = None,
    ) -> User | None:
        """Judge a login."""
        if self._logins and (username, password) not in self._logins:
            return None
        return User(role=UserRole.User)


async def _silent(subscription: InternalSubscription, requestdata: object = None) -> bool:
    """Publish to nobody but the server itself, which keeps the history."""
    if subscription.pub_request_callback is None:
        return await _PUBLISH(subscription)
    return False


def _free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])
