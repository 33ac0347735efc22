"""One PDU: its outlets' power and state read, and its relays switched.

What objects it has is searched once in a while (walks); a reading then asks for exactly those.
"""

import asyncio
from collections.abc import Mapping, Sequence

from lode_edge.drivers.acting import Abilities, Deed, Posture
from lode_edge.drivers.described import described
from lode_edge.drivers.driver import DeviceEntry, Facts, endpoint
from lode_edge.drivers.snmp.agent import AT_ONCE, PORT, Agent
from lode_edge.drivers.snmp.ber import NO_INSTANCE, NO_OBJECT, Oid, Value
from lode_edge.errors import BadAnswer, DriverError, EdgeError, Unsupported
from lode_edge.turns import Turns
from lode_profiles.pdus import PduProfile, Place, Relay, columns, outlets, places, read_oid
from lode_wire.orders import Change, Intent, SwitchOutlet
from lode_wire.records import PointReading, Quality, Record

_SETTLE_S = 5.0  # until a relay has switched and the PDU says so
_LOOK_S = 0.2


class PduDriver:
    """Reads and switches one PDU."""

    def __init__(self, entry: DeviceEntry, number: int) -> None:
        self._profile = _profile(entry)
        host, port = endpoint(entry.address, PORT)
        self.address = f"{host}:{port}"
        self._agent = Agent(host, port, entry.login)
        self._number, self._unit, self._timeout_s = number, entry.unit, entry.timeout_s
        self._turns = Turns()
        self._places: list[Place] = []
        self._fixed: dict[Oid, int] = {}  # digits, which do not change
        self._relays: dict[int, Oid] = {}
        self._rows: dict[Oid, int] = {}  # what a search has found so far
        self._todo = columns(self._profile)  # what it has not looked through yet

    async def identify(self) -> Facts:
        """Ask the PDU what it is, and search it for what it has.

        Raises:
            DriverError: it did not say, or has nothing of what its profile describes.
        """
        self._todo = columns(self._profile)
        await self._search()
        named = {
            name: read_oid(text.replace("{unit}", str(self._unit)))
            for name, text in self._profile.identity.items()
        }
        async with self._turns.to_read():
            said = await self._agent.get(list(named.values()), self._deadline())
        texts = {name: _text(said.get(oid)) for name, oid in named.items()}
        return Facts(
            vendor=self._profile.vendor,
            model=texts.get("model") or self._profile.model,
            serial=texts.get("serial", ""),
            firmware=texts.get("firmware", ""),
            profile=self._profile.name,
        )

    async def read(self, at_ms: int) -> Sequence[Record]:
        """Read every figure once.

        Raises:
            DriverError: nothing usable came.
        """
        await self._search()
        asked = [place.oid for place in self._places]
        asked += [p.beside["available"] for p in self._places if "available" in p.beside]
        said = await self._get(list(dict.fromkeys(asked)))
        rows = self._fixed | _integers(said)
        records: list[Record] = []
        for place in self._places:
            value = place.value(rows)
            records.append(self._record(at_ms, place, value, _judged(said.get(place.oid))))
        if any(_is_gone(said.get(place.oid)) for place in self._places):
            self._todo = columns(self._profile)  # it is another PDU, or was changed
        return records

    def missed(self, at_ms: int, error: DriverError) -> Sequence[Record]:
        """Say that no reading came, and why."""
        known = self._places or [
            Place(figure.point.replace("{n}", "1"), figure, (), {})
            for figure in self._profile.figures[-1:]
        ]
        return [self._record(at_ms, place, None, error.quality) for place in known]

    async def close(self) -> None:
        """Let go of the socket."""
        self._agent.close()

    async def abilities(self) -> Abilities:
        """Say whether it switches, as the PDU itself has it.

        Raises:
            DriverError: it did not say.
        """
        await self._search()
        if self._relays:
            return Abilities(actions=(SwitchOutlet.action,))
        return Abilities(blocked="this PDU has no outlet that can be switched")

    async def preview(self, intent: Intent) -> Sequence[Change]:
        """Say what switching would change.

        Raises:
            Unsupported: the PDU does not switch this outlet; DriverError: it did not say.
        """
        asked, relay, index = await self._relay(intent)
        async with self._turns.to_read():
            is_on = await self._state(relay, index)
        return _changes(asked, is_on)

    async def act(self, intent: Intent) -> Deed:
        """Switch an outlet, and look until it has switched or time is up.

        Raises:
            Unsupported: the PDU does not switch this outlet; nothing was sent.
            Unreachable: no answer came; it may or may not have been done.
            DriverError: it refused, or its state could not be read.
        """
        asked, relay, index = await self._relay(intent)
        async with self._turns.to_write():
            changes = _changes(asked, await self._state(relay, index))
            if not changes:
                return Deed(said="it is so already")
            number = relay.on if asked.is_on else relay.off
            await self._agent.set(read_oid(relay.column) + index, number, self._deadline())
            return Deed(changes=changes, said=await self._settled(asked, relay, index))

    async def posture(self) -> Posture:
        """Read back which outlets are on.

        Raises:
            DriverError: it did not say.
        """
        await self._search()
        relay = self._profile.relay
        if relay is None or not self._relays:
            return Posture()
        at = {n: read_oid(relay.state) + self._index(oid) for n, oid in self._relays.items()}
        rows = _integers(await self._get(list(at.values())))
        states = {relay.state_on: True, relay.state_off: False}
        known = {n: states.get(rows.get(oid, -1)) for n, oid in at.items()}
        return Posture(outlets={n: is_on for n, is_on in known.items() if is_on is not None})

    async def _settled(self, asked: SwitchOutlet, relay: Relay, index: Oid) -> str:
        """Look until the outlet is as asked, and say what was seen."""
        loop = asyncio.get_running_loop()
        end = loop.time() + _SETTLE_S
        is_on: bool | None = None
        while loop.time() < end:
            try:
                is_on = await self._state(relay, index)
            except DriverError as error:
                return f"accepted; not read back: {error}"
            if is_on == asked.is_on:
                return f"accepted; the outlet is {_word(is_on)}"
            await asyncio.sleep(_LOOK_S)
        return f"accepted; after {_SETTLE_S:.0f} s the outlet is still {_word(is_on)}"

    async def _state(self, relay: Relay, index: Oid) -> bool | None:
        oid = read_oid(relay.state) + index
        said = (await self._agent.get([oid], self._deadline())).get(oid)
        if said is None or not isinstance(said.content, int):
            raise BadAnswer(f"{self.address}: does not say whether the outlet is on")
        return {relay.state_on: True, relay.state_off: False}.get(said.content)

    async def _relay(self, intent: Intent) -> tuple[SwitchOutlet, Relay, Oid]:
        if not isinstance(intent, SwitchOutlet):
            raise Unsupported(
                f"{self.address}: a PDU switches outlets, and does no {intent.action}"
            )
        await self._search()
        relay = self._profile.relay
        place = self._relays.get(intent.outlet)
        if relay is None or place is None:
            has = ", ".join(map(str, self._relays)) or "none"
            raise Unsupported(
                f"{self.address}: outlet {intent.outlet} cannot be switched; it has {has}"
            )
        return intent, relay, self._index(place)

    def _index(self, place: Oid) -> Oid:
        relay = self._profile.relay
        return place[len(read_oid(relay.column)) :] if relay is not None else ()

    async def _search(self) -> None:
        """Learn which objects the PDU has; what time cuts short goes on with the next reading."""
        if not self._todo:
            return
        deadline = self._deadline()
        while self._todo:
            async with self._turns.to_read():
                found = await self._agent.walk(self._todo[0], deadline)
            self._rows |= _integers(found)
            del self._todo[0]
        rows, self._rows = self._rows, {}
        self._places = places(self._profile, self._unit, rows)
        if not self._places:
            self._todo = columns(self._profile)
            raise BadAnswer(
                f"{self.address}: has nothing that profile {self._profile.name} describes; "
                "name the profile of this PDU, or its unit"
            )
        digits = {p.beside["digits"] for p in self._places if "digits" in p.beside}
        self._fixed = {oid: raw for oid, raw in rows.items() if oid in digits}
        relay = self._profile.relay
        self._relays = outlets(relay, self._unit, rows) if relay is not None else {}

    async def _get(self, oids: Sequence[Oid]) -> dict[Oid, Value | None]:
        """Read objects, one turn for each question."""
        deadline = self._deadline()
        found: dict[Oid, Value | None] = {}
        for n in range(0, len(oids), AT_ONCE):
            async with self._turns.to_read():
                found.update(await self._agent.get(oids[n : n + AT_ONCE], deadline))
        return found

    def _record(
        self, at_ms: int, place: Place, value: float | None, quality: Quality
    ) -> PointReading:
        return PointReading(
            at_ms=at_ms,
            device=self._number,
            point=place.point,
            value=value,
            unit=place.figure.unit,
            quality=int(quality) if value is None else 0,
        )

    def _deadline(self) -> float:
        return asyncio.get_running_loop().time() + self._timeout_s


def _integers(found: Mapping[Oid, Value | None]) -> dict[Oid, int]:
    return {
        oid: value.content
        for oid, value in found.items()
        if value is not None and isinstance(value.content, int)
    }


def _judged(said: Value | None) -> Quality:
    """Say what is wrong with an object that gave no value."""
    if said is not None and isinstance(said.content, int):
        return Quality.GOOD  # it says itself that it has none
    return Quality.REFUSED if _is_gone(said) else Quality.BAD_ANSWER


def _is_gone(said: Value | None) -> bool:
    return said is not None and said.tag in (NO_OBJECT, NO_INSTANCE)


def _text(said: Value | None) -> str:
    content = said.content if said is not None else None
    if not isinstance(content, bytes):
        return ""
    text = content.decode("utf-8", "replace")[:128]
    return "".join(char for char in text if char.isprintable()).strip()


def _changes(asked: SwitchOutlet, is_on: bool | None) -> tuple[Change, ...]:
    if is_on == asked.is_on:
        return ()
    key = f"outlet.{asked.outlet}"
    return (Change(key=key, before=_word(is_on), after=_word(asked.is_on)),)


def _word(is_on: bool | None) -> str:
    return "unknown" if is_on is None else "on" if is_on else "off"


def _profile(entry: DeviceEntry) -> PduProfile:
    if not entry.profile:
        raise EdgeError(f"device {entry.name}: an snmp device needs a profile; name a PDU's")
    return described(entry, PduProfile, "is no PDU's")
