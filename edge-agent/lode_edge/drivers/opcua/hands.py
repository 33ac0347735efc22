"""What a device behind an OPC UA server can be told: read, write, read back, in one turn.

A node is written as its own server types it; of a type that is not understood nothing is written.
A server may say yes before the PLC behind it has done it, so that the read-back has some time.
"""

import asyncio
import math
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from asyncua import ua
from asyncua.ua.attribute_ids import AttributeIds

from lode_edge.drivers.acting import Abilities, Deed, Posture
from lode_edge.drivers.opcua.nodes import find
from lode_edge.drivers.opcua.server import Access, Server, Session, Troubles, translated
from lode_edge.errors import BadAnswer, DriverError, TimedOut, Unsupported
from lode_profiles.nodes import NodeMap, NodeOutlet, NodeSpeed
from lode_wire.orders import Change, FanSpeed, Intent, SwitchOutlet

_ANSWERS = 4  # so many answers' time for the whole of it
_AGAIN_S = 0.1  # between two looks at what was written
_AT_ONCE = 100
_BOOLEAN, _CURRENT_WRITE = ua.VariantType.Boolean, 1 << 1
_BITS = {"SByte": 8, "Int16": 16, "Int32": 32, "Int64": 64}
_UNSIGNED_BITS = {"Byte": 8, "UInt16": 16, "UInt32": 32, "UInt64": 64}
_LIMITS: dict[ua.VariantType, tuple[float, float]] = {
    **{ua.VariantType[n]: (-(1 << b - 1), (1 << b - 1) - 1) for n, b in _BITS.items()},
    **{ua.VariantType[n]: (0, (1 << b) - 1) for n, b in _UNSIGNED_BITS.items()},
    ua.VariantType.Float: (-3.4e38, 3.4e38),
    ua.VariantType.Double: (-math.inf, math.inf),
}
_FRACTIONS = (ua.VariantType.Float, ua.VariantType.Double)
_NOT_REACHED = ("BadNoCommunication", "BadCommunicationError", "BadNotConnected", "BadTimeout")
_NOT_OFFERED = (
    *("BadNotWritable", "BadUserAccessDenied", "BadWriteNotSupported", "BadNotSupported"),
    *("BadTypeMismatch", "BadOutOfRange", "BadSecurityModeInsufficient"),
    *("BadNodeIdUnknown", "BadNodeIdInvalid", "BadAttributeIdInvalid", "BadNotReadable"),
)


@dataclass(frozen=True, slots=True)
class _Key:
    """One node that is written."""

    name: str
    place: NodeSpeed | NodeOutlet

    def shown(self, raw: float) -> str:
        """Say a raw value for a person."""
        if isinstance(self.place, NodeSpeed):
            return f"{raw * self.place.scale:g} %"
        return "on" if raw else "off"


@dataclass(frozen=True, slots=True)
class _Seen:
    """A node as its server shows it."""

    node: ua.NodeId
    kind: ua.VariantType
    raw: float
    is_writable: bool

    def meant(self, key: _Key, wanted: float) -> float:
        """Say what would be written, in the node's own type.

        Raises:
            Unsupported: the type cannot hold it.
        """
        if isinstance(key.place, NodeOutlet):
            return wanted
        raw = wanted / key.place.scale
        raw = raw if self.kind in _FRACTIONS else round(raw)
        low, high = _LIMITS[self.kind]
        if not low <= raw <= high:
            raise Unsupported(
                f"{key.name}: {raw:g} is no {self.kind.name}; correct the map's scale"
            )
        return raw

    def holds(self, raw: float) -> bool:
        """Tell whether it is so already, as far as its type can tell."""
        return math.isclose(self.raw, raw, rel_tol=1e-6, abs_tol=1e-9)


class Hands:
    """The controls of one device, as its map declares them."""

    def __init__(self, access: Access, nodes: NodeMap) -> None:
        self._access, self._map = access, nodes
        controls = nodes.controls
        self._speed = None if controls is None else controls.speed
        self._keys = {} if self._speed is None else {"speed": _Key("speed", self._speed)}
        self._outlets: dict[int, _Key] = {}
        for number, outlet in ({} if controls is None else controls.outlets).items():
            key = self._outlets[int(number)] = _Key(f"outlet {number}", outlet)
            self._keys[key.name] = key

    async def abilities(self) -> Abilities:
        """Say what the server lets be written of what the map declares.

        Raises:
            DriverError: it did not say.
        """
        if not self._keys:
            return Abilities()
        async with self._turn() as session:
            seen = await self._look(session, self._keys)
        blocked = ""
        offers = set()
        for name, found in seen.items():
            if isinstance(found, DriverError):
                blocked = blocked or str(found)
            elif not found.is_writable:
                blocked = blocked or f"{name}: the server lets us only read it; give the login more"
            else:
                offers.add((FanSpeed if name == "speed" else SwitchOutlet).action)
        return Abilities(actions=offers, blocked=blocked)

    async def preview(self, intent: Intent) -> Sequence[Change]:
        """Say what `act` would change, and change nothing.

        Raises:
            Unsupported: the map has no such control, or the node's type cannot hold it.
            DriverError: it could not be read.
        """
        key, wanted = self._wanted(intent)
        async with self._turn() as session:
            seen = await self._read(session, key)
        raw = seen.meant(key, wanted)
        if seen.holds(raw):
            return ()
        return (Change(key=key.name, before=key.shown(seen.raw), after=key.shown(raw)),)

    async def act(self, intent: Intent) -> Deed:
        """Write it and read it back.

        Raises:
            Unsupported: it is not offered, or the server does not allow it; nothing was changed.
            Unreachable: no answer came; it may or may not have been done.
            BadAnswer: it said yes, and what was read back is something else.
            DriverError: it failed, or could not be read.
        """
        key, wanted = self._wanted(intent)
        async with self._turn() as session:
            before = await self._read(session, key)
            raw = before.meant(key, wanted)
            if before.holds(raw):
                return Deed(said=f"{key.name} is {key.shown(raw)}")
            await self._write(session, key, before, raw)
            after = await self._read_back(session, key, raw)
        change = Change(key=key.name, before=key.shown(before.raw), after=key.shown(after.raw))
        return Deed(changes=(change,), said=f"{key.name} reads back {key.shown(after.raw)}")

    async def posture(self) -> Posture:
        """Read back how it is set; a node that cannot be read is left out.

        Raises:
            DriverError: none could be read.
        """
        if not self._keys:
            return Posture()
        async with self._turn() as session:
            seen = await self._look(session, self._keys)
        known = {name: found.raw for name, found in seen.items() if isinstance(found, _Seen)}
        failed = [found for found in seen.values() if isinstance(found, DriverError)]
        if failed and not known:
            raise failed[0]
        percent = None
        if self._speed is not None and "speed" in known:
            percent = round(known["speed"] * self._speed.scale)
        outlets = {n: bool(known[k.name]) for n, k in self._outlets.items() if k.name in known}
        return Posture(fan_percent=percent, outlets=outlets or None)

    def _wanted(self, intent: Intent) -> tuple[_Key, float]:
        """Give the node that is written, and what it must hold: percent, or on and off."""
        if isinstance(intent, FanSpeed) and self._speed is not None:
            percent, speed = intent.percent, self._speed
            if percent is None:
                raise Unsupported("fan_speed: the fan has no speed of its own to go back to")
            if not speed.min_percent <= percent <= speed.max_percent:
                limits = f"{speed.min_percent} to {speed.max_percent} %"
                raise Unsupported(f"fan_speed: {percent} % is outside of {limits}")
            return self._keys["speed"], percent
        if isinstance(intent, SwitchOutlet) and intent.outlet in self._outlets:
            return self._outlets[intent.outlet], intent.is_on
        if isinstance(intent, SwitchOutlet) and self._outlets:
            known = ", ".join(map(str, sorted(self._outlets)))
            raise Unsupported(f"outlet {intent.outlet}: there is none; there are {known}")
        raise Unsupported(f"{intent.action}: {self._map.name} does not offer it")

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[Session]:
        """Have the session to ourselves, as far as others write."""
        limit_s = _ANSWERS * self._access.timeout_s
        is_connected = False
        async with Server.shared(self._access) as server:
            try:
                async with asyncio.timeout(limit_s):
                    session = await server.session()
                    is_connected = True
                    async with session.turns.to_write():
                        yield session
            except TimeoutError as error:
                if not is_connected:
                    raise server.error from error
                raise TimedOut(f"{self._access.url}: no answer in time") from error
            except Troubles as error:
                raise translated(error, self._access.url) from error

    async def _read(self, session: Session, key: _Key) -> _Seen:
        found = (await self._look(session, {key.name: key}))[key.name]
        if isinstance(found, DriverError):
            raise found
        return found

    async def _look(
        self, session: Session, keys: Mapping[str, _Key]
    ) -> dict[str, _Seen | DriverError]:
        """Read nodes with their types and rights; what is wrong with one stands in its place."""
        places = {name: key.place for name, key in keys.items()}
        nodes = await find(session, self._map.namespace, places)
        seen: dict[str, _Seen | DriverError] = {
            name: Unsupported(f"{name}: the server has no such node; correct the map")
            for name, node in nodes.items()
            if node is None
        }
        there = [(name, node) for name, node in nodes.items() if node is not None]
        for start in range(0, len(there), _AT_ONCE):
            part = there[start : start + _AT_ONCE]
            ids = [node for _, node in part]
            values = await session.services.read_attributes(ids, AttributeIds.Value)
            kinds = await session.services.read_attributes(ids, AttributeIds.DataType)
            rights = await session.services.read_attributes(ids, AttributeIds.UserAccessLevel)
            for (name, node), *told in zip(part, values, kinds, rights, strict=True):
                try:
                    seen[name] = _seen(keys[name], node, *told)
                except DriverError as error:
                    seen[name] = error
        return seen

    async def _write(self, session: Session, key: _Key, seen: _Seen, raw: float) -> None:
        # A value with a time or a status of ours is refused by most PLCs.
        data = ua.DataValue(Value=ua.Variant(_typed(raw, seen.kind), seen.kind), StatusCode=None)
        asked = ua.WriteParameters()
        asked.NodesToWrite = [
            ua.WriteValue(NodeId=seen.node, AttributeId=AttributeIds.Value, Value=data)
        ]
        results = await session.services.write(asked)
        if len(results) != 1:
            raise BadAnswer(f"{key.name}: {len(results)} answers to one write")
        if not results[0].is_good():
            raise _refusal(key, results[0], f"the server refused {key.shown(raw)}")

    async def _read_back(self, session: Session, key: _Key, raw: float) -> _Seen:
        loop = asyncio.get_running_loop()
        until_s = loop.time() + self._access.timeout_s
        while True:
            after = await self._read(session, key)
            if after.holds(raw):
                return after
            if loop.time() > until_s:
                read, meant = key.shown(after.raw), key.shown(raw)
                raise BadAnswer(f"{key.name}: reads back {read} after {meant} was written")
            await asyncio.sleep(_AGAIN_S)


def _seen(
    key: _Key, node: ua.NodeId, value: ua.DataValue, kind: ua.DataValue, right: ua.DataValue
) -> _Seen:
    status = value.StatusCode
    if status is not None and not status.is_good():
        raise _refusal(key, status, "it cannot be read")
    typed = _kind(kind, value)
    is_switch = isinstance(key.place, NodeOutlet)
    fits = typed is _BOOLEAN if is_switch else typed in _LIMITS
    raw = value.Value.Value if value.Value is not None else None
    if typed is None or not fits or not isinstance(raw, bool | int | float):
        name = "of no known type" if typed is None else typed.name
        wanted = "Boolean" if is_switch else "a number"
        raise Unsupported(f"{key.name}: the server's node is {name}, not {wanted}; correct the map")
    level = right.Value.Value if right.Value is not None else None
    # Where it does not say what we may, the write itself will tell.
    is_writable = not isinstance(level, int) or bool(level & _CURRENT_WRITE)
    return _Seen(node, typed, raw, is_writable)


def _kind(declared: ua.DataValue, value: ua.DataValue) -> ua.VariantType | None:
    """Say a node's type: its own, or, where that is one derived from it, its value's."""
    node = declared.Value.Value if declared.Value is not None else None
    if isinstance(node, ua.NodeId) and node.NamespaceIndex == 0:
        for kind in (_BOOLEAN, *_LIMITS):
            if node.Identifier == kind.value:
                return kind
    return value.Value.VariantType if value.Value is not None and not value.Value.is_array else None


def _typed(raw: float, kind: ua.VariantType) -> float:
    if kind is _BOOLEAN:
        return bool(raw)
    return float(raw) if kind in _FRACTIONS else int(raw)


def _refusal(key: _Key, status: ua.StatusCode, what: str) -> DriverError:
    text = f"{key.name}: {what} ({status.name})"
    if status.name in _NOT_OFFERED:
        return Unsupported(text)
    return (TimedOut if status.name in _NOT_REACHED else BadAnswer)(text)
