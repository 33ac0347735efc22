"""What can be wrong with a device, and the desk that makes it so and ends it in time.

order ──► Desk.begin ──► device.faults, device.changed() ──► after for_s: Desk.clear
"""

import asyncio
import enum
import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import structlog

from lode_sim.errors import OrderError
from lode_sim.garble import KINDS

log = structlog.get_logger()

REBOOT_S = 30.0
DRIP_BYTES_PER_S = 1.0
CLOCK_JUMP_S = -86_400.0


class Fault(enum.StrEnum):
    """Everything that can be made to go wrong."""

    HANG = "hang"  # takes the connection, never answers
    REFUSE = "refuse"  # refuses connections, resets the open ones
    OFFLINE = "offline"  # gone from the network: a connection attempt is not even refused
    GARBAGE = "garbage"  # answers nonsense; the value names a kind of lode_sim.garble, or "any"
    DRIP = "drip"  # answers so slowly; the value is bytes per second
    LENGTH = "wrong-length"  # answers so: "short", "long" or "header"
    REBOOT = "reboot"  # offline, then back with an uptime of zero, cold
    OVERHEAT = "overheat"  # the hottest chip passes 95 °C within about 2 s
    FAN = "fan"  # the first fan stands still; the temperature climbs
    BOARD = "board"  # the last hash board is gone
    CLOCK = "clock"  # the rig's own clock is off by the value, in seconds
    UNIT = "unit"  # the hashrate is the value times what it should be; 0.001 unless given
    FLAT = "flat"  # all temperatures stand still


LINE = frozenset({Fault.HANG, Fault.REFUSE, Fault.OFFLINE, Fault.GARBAGE, Fault.DRIP})
HARDWARE = frozenset({Fault.REBOOT, Fault.OVERHEAT, Fault.FAN, Fault.BOARD, Fault.CLOCK})
LIES = frozenset({Fault.UNIT, Fault.FLAT})
"""What makes a rig say what is not so; never by chance, for the proofs compare what was said."""

RIG_FAULTS = LINE | HARDWARE | LIES
METER_FAULTS = LINE | {Fault.LENGTH}


class Device(Protocol):
    """Anything that can be made faulty."""

    name: str
    kind: str
    faults: dict[Fault, str]
    possible: frozenset[Fault]

    def changed(self, fault: Fault, *, began: bool) -> None:
        """Take note that a fault began or ended."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Planned:
    """One fault of a schedule."""

    at_s: float
    fault: Fault
    device: str
    for_s: float


class Desk:
    """Begins faults, ends them when their time is over, and says what is wrong now."""

    def __init__(self, devices: Iterable[Device]) -> None:
        self.devices = {device.name: device for device in devices}
        self._ends: dict[tuple[str, Fault], asyncio.TimerHandle] = {}

    def begin(self, fault: str, names: Sequence[str], value: str = "", for_s: float = 0) -> None:
        """Make devices faulty; for ever when for_s is 0 (a reboot: until it is back).

        Raises:
            OrderError: when the fault, a device or the value makes no sense; nothing is done then.
        """
        kind = parse(fault)
        devices = [self._device(name) for name in names]
        for device in devices:
            _check(kind, device, value)
        if kind is Fault.REBOOT and not for_s:
            for_s = REBOOT_S
        for device in devices:
            device.faults[kind] = value
            device.changed(kind, began=True)
            self._schedule_end(device, kind, for_s)
        log.info("fault began", fault=kind.value, devices=len(devices), for_s=for_s, value=value)

    def clear(self, names: Sequence[str]) -> None:
        """End all faults of the devices."""
        for device in [self._device(name) for name in names]:
            for fault in tuple(device.faults):
                self._end(device, fault)

    def close(self) -> None:
        """Stop all timers; the faults stay as they are."""
        for handle in self._ends.values():
            handle.cancel()
        self._ends.clear()

    def _device(self, name: str) -> Device:
        if device := self.devices.get(name):
            return device
        raise OrderError(f"device {name!r}: not on this site; `lode-sim status` lists them")

    def _schedule_end(self, device: Device, fault: Fault, for_s: float) -> None:
        if earlier := self._ends.pop((device.name, fault), None):
            earlier.cancel()
        if for_s > 0:
            loop = asyncio.get_running_loop()
            self._ends[device.name, fault] = loop.call_later(for_s, self._end, device, fault)

    def _end(self, device: Device, fault: Fault) -> None:
        if handle := self._ends.pop((device.name, fault), None):
            handle.cancel()
        if device.faults.pop(fault, None) is not None:
            device.changed(fault, began=False)
            log.info("fault ended", fault=fault.value, device=device.name)


def parse(name: str) -> Fault:
    """Find the fault of that name.

    Raises:
        OrderError: when there is none.
    """
    try:
        return Fault(name)
    except ValueError:
        raise OrderError(f"fault {name!r}: unknown; one of {', '.join(Fault)}") from None


def schedule(
    seed: int, devices: Sequence[Device], *, per_hour: float, for_s: float
) -> Iterator[Planned]:
    """Yield faults at random times, for ever; the same seed and site give the same schedule."""
    source = random.Random(f"faults {seed}")
    at_s = 0.0
    while devices and per_hour > 0:
        at_s += source.expovariate(per_hour / 3600.0)
        device = source.choice(devices)
        fault = source.choice(sorted(device.possible - LIES))
        yield Planned(at_s=at_s, fault=fault, device=device.name, for_s=for_s)


def _check(fault: Fault, device: Device, value: str) -> None:
    if fault not in device.possible:
        possible = ", ".join(sorted(device.possible))
        raise OrderError(
            f"{device.name}: a {device.kind} has no fault {fault.value}; try {possible}"
        )
    if fault is Fault.GARBAGE and value not in {"", "any", *KINDS}:
        raise OrderError(f"garbage {value!r}: unknown; one of any, {', '.join(KINDS)}")
    if fault is Fault.LENGTH and value not in {"", "short", "long", "header"}:
        raise OrderError(f"wrong-length {value!r}: unknown; one of short, long, header")
    if fault in {Fault.DRIP, Fault.CLOCK, Fault.UNIT} and value:
        _check_number(fault, value)


def _check_number(fault: Fault, value: str) -> None:
    try:
        number = float(value)
    except ValueError:
        raise OrderError(f"{fault.value} {value!r}: the value must be a number") from None
    if fault is Fault.DRIP and not 0 < number <= 1e9:
        raise OrderError(f"drip {value}: must be above 0 bytes/s")
