"""What a Modbus device can be told: read, change one key, write, read back, in one turn."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from lode_edge.drivers.acting import Abilities, Deed, Posture
from lode_edge.drivers.modbus.bus import Bus, Exchange
from lode_edge.drivers.modbus.frames import Ask, Write
from lode_edge.errors import BadAnswer, EdgeError, Unsupported
from lode_profiles import MeterProfile, Switch
from lode_wire.orders import Change, FanSpeed, Intent, SwitchOutlet

_ALL = 0xFFFF


@dataclass(frozen=True, slots=True)
class _Key:
    """One coil, or some bits of a holding register, and how to show what is in them."""

    name: str
    is_coil: bool
    register: int
    mask: int
    scale: float | None = None  # None: on or off

    def shown(self, raw: int) -> str:
        raw &= self.mask
        if self.scale is None:
            return "on" if raw else "off"
        return f"{raw * self.scale:g} %"


class Hands:
    """The controls of one unit, as its profile declares them."""

    def __init__(
        self, profile: MeterProfile, unit: int, bus: Callable[[], Bus], timeout_s: float
    ) -> None:
        self._profile, self._unit, self._bus = profile, unit, bus
        # A write waits for the request that is under way, which may take a whole limit.
        self._limit_s = 2 * timeout_s
        self._speed: _Key | None = None
        self._run: _Key | None = None
        self._outlets: dict[int, _Key] = {}
        controls = profile.controls
        if controls is None:
            return
        if controls.speed is not None and controls.run is not None:
            speed = controls.speed
            self._speed = _Key("speed", False, speed.register, _ALL, speed.scale)
            self._run = _switch("run", controls.run)
        for number, switch in controls.outlets.items():
            self._outlets[int(number)] = _switch(f"outlet {number}", switch)

    async def abilities(self) -> Abilities:
        """Say what can be asked of it."""
        actions = [FanSpeed.action] if self._speed is not None else []
        return Abilities(actions=[*actions, *([SwitchOutlet.action] if self._outlets else [])])

    async def preview(self, intent: Intent) -> Sequence[Change]:
        """Say what `act` would change, and change nothing.

        Raises:
            Unsupported: it has no such control.
            DriverError: it could not be read.
        """
        changes = []
        for key, value in self._wanted(intent):
            before = _number(await self._read(key))
            if before & key.mask != value:
                changes.append(
                    Change(key=key.name, before=key.shown(before), after=key.shown(value))
                )
        return changes

    async def act(self, intent: Intent) -> Deed:
        """Make it so, key by key; nothing else on the bus comes in between.

        Raises:
            Unsupported: it has no such control; nothing was sent.
            Unreachable: no answer came; it may or may not have been done.
            BadAnswer: it said yes, and what was read back is something else.
            DriverError: it refused, or could not be read.
        """
        wanted = list(self._wanted(intent))
        changes = []
        async with self._bus().writing(deadline=self._deadline()) as exchange:
            for key, value in wanted:
                change = await self._set(exchange, key, value)
                if change is not None:
                    changes.append(change)
        said = ", ".join(f"{key.name} reads back {key.shown(value)}" for key, value in wanted)
        return Deed(changes=tuple(changes), said=said)

    async def posture(self) -> Posture:
        """Read back how it is set.

        Raises:
            DriverError: it could not be read.
        """
        percent = None
        if self._speed is not None and self._run is not None:
            is_running = _number(await self._read(self._run)) & self._run.mask
            raw = _number(await self._read(self._speed))
            percent = round(raw * (self._speed.scale or 1.0)) if is_running else 0
        outlets = {}
        for number, key in self._outlets.items():
            outlets[number] = bool(_number(await self._read(key)) & key.mask)
        return Posture(fan_percent=percent, outlets=outlets or None)

    def _wanted(self, intent: Intent) -> Iterator[tuple[_Key, int]]:
        """Give each key with the value that it must have, in the order of writing.

        A speed is set before the fan is started; one that is stopped keeps it.
        """
        if isinstance(intent, FanSpeed) and self._speed is not None and self._run is not None:
            percent = intent.percent
            if percent is None:
                raise Unsupported("fan_speed: the fan has no speed of its own to go back to")
            if percent:
                yield self._speed, self._raw(percent)
            yield self._run, self._run.mask if percent else 0
        elif isinstance(intent, SwitchOutlet) and intent.outlet in self._outlets:
            key = self._outlets[intent.outlet]
            yield key, key.mask if intent.is_on else 0
        elif isinstance(intent, SwitchOutlet) and self._outlets:
            known = ", ".join(map(str, sorted(self._outlets)))
            raise Unsupported(f"outlet {intent.outlet}: there is none; there are {known}")
        else:
            raise Unsupported(f"{intent.action}: {self._profile.name} does not offer it")

    def _raw(self, percent: int) -> int:
        speed = self._profile.controls.speed if self._profile.controls else None
        if speed is None or percent < speed.min_percent:
            least = speed.min_percent if speed else 0
            raise Unsupported(f"fan_speed: {percent} % is below {least} %; use 0 to stop the fan")
        return min(round(percent / speed.scale), _ALL)

    async def _set(self, exchange: Exchange, key: _Key, value: int) -> Change | None:
        before = _number(await exchange(self._ask(key)))
        if before & key.mask == value:
            return None
        await exchange(self._write(key, before & ~key.mask | value))
        after = _number(await exchange(self._ask(key)))
        if after & key.mask != value:
            read, meant = key.shown(after), key.shown(value)
            raise BadAnswer(f"{key.name}: reads back {read} after {meant} was written")
        return Change(key=key.name, before=key.shown(before), after=key.shown(after))

    async def _read(self, key: _Key) -> bytes:
        return await self._bus().read(self._ask(key), deadline=self._deadline())

    def _ask(self, key: _Key) -> Ask:
        return Ask(self._unit, 1 if key.is_coil else 3, key.register, 1, self._gap_s)

    def _write(self, key: _Key, value: int) -> Write:
        is_single = self._profile.controls is None or self._profile.controls.write == "single"
        single, multiple = (5, 15) if key.is_coil else (6, 16)
        function = single if is_single else multiple
        return Write(self._unit, function, key.register, (value,), self._gap_s)

    @property
    def _gap_s(self) -> float:
        return self._profile.min_gap_ms / 1000

    def _deadline(self) -> float:
        return asyncio.get_running_loop().time() + self._limit_s


def check_silence(profile: MeterProfile, interval_s: float) -> None:
    """Refuse a poll so rare that the device would take us for lost.

    Raises:
        EdgeError: the interval is more than half of what the device waits.
    """
    silence_s = profile.controls.silence_s if profile.controls else None
    if silence_s is not None and interval_s > silence_s / 2:
        raise EdgeError(
            f"interval_s {interval_s:g}: {profile.name} acts by itself after {silence_s:g} s "
            f"without a request; use {silence_s / 2:g} or less"
        )


def _switch(name: str, switch: Switch) -> _Key:
    if switch.coil is not None:
        return _Key(name, True, switch.coil, 1)
    return _Key(name, False, switch.register or 0, 1 << switch.bit)


def _number(answer: bytes) -> int:
    """Read one register, or one coil."""
    return int.from_bytes(answer, "big") if len(answer) > 1 else answer[0] & 1
