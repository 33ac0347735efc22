"""Errands: what is done with devices once the store has it, and what comes of it."""

import asyncio
from collections.abc import Callable
from typing import Literal, NamedTuple

import msgspec
import structlog

from lode_edge.control.site import Device
from lode_edge.drivers.acting import Abilities, Acting, Deed, Posture
from lode_edge.errors import BadAnswer, DriverError, TimedOut, Unsupported
from lode_edge.probe import probe
from lode_wire.orders import DryRun, Intent, Probe, ReadRegisters, UpdateFirmware

_LIMIT_S, _FIRMWARE_S = 60.0, 1800.0  # drivers keep their own limits; this is for one that does not

log = structlog.get_logger(__name__)


class Errand(NamedTuple):
    """Something to do with a device, or with an address, for the course or task of this id."""

    device: Device | None
    intent: Intent | None = None
    id: str = ""
    kind: Literal["act", "look", "preview", "offers"] = "act"


class Answer(NamedTuple):
    """What came of an errand; a device is also read back after an order, if it lets itself be."""

    errand: Errand
    deed: Deed | Abilities | DriverError | None
    posture: Posture | None
    at_s: float  # when the device said yes, or was asked how it is
    data: bytes = b""  # JSON: of a probe or of registers


async def run(errand: Errand, mono_s: Callable[[], float]) -> Answer:
    """Do an errand; whatever goes wrong with it is in the answer."""
    deed: Deed | Abilities | DriverError | None = None
    posture, data, at_s = None, b"", mono_s()
    hands = None if errand.device is None else errand.device.hands
    limit_s = _FIRMWARE_S if isinstance(errand.intent, UpdateFirmware) else _LIMIT_S
    try:
        async with asyncio.timeout(limit_s):
            if errand.kind == "offers" and hands is not None:
                deed = await hands.abilities()
            elif errand.intent is not None:
                deed, data = await _done(errand, errand.intent)
                at_s = mono_s()
            if errand.kind in ("act", "look") and hands is not None:
                posture = await _posture(hands, is_needed=errand.kind == "look")
    except DriverError as error:
        deed = error
    except TimeoutError:
        deed = TimedOut("the driver did not end in time")
    except Exception:
        # The supervisor's catch: one device's driver must not stop the others.
        log.exception("driver crashed", device=errand.device and errand.device.name)
        deed = BadAnswer("the driver crashed; see the log")
    return Answer(errand, deed, posture, at_s, data)


async def _posture(hands: Acting, *, is_needed: bool) -> Posture | None:
    try:
        return await hands.posture()
    except DriverError:
        if is_needed:
            raise
        return None  # it has just said yes, and is asked again


async def _done(errand: Errand, intent: Intent) -> tuple[Deed, bytes]:
    device = errand.device
    match intent:
        case Probe(address=address):
            return Deed(), msgspec.json.encode(await probe(address))
        case ReadRegisters(function=function, register=register, count=count):
            if device is None or device.registers is None:
                raise Unsupported("it has no registers")
            return Deed(), msgspec.json.encode(await device.registers(function, register, count))
    if device is None or device.hands is None:
        raise Unsupported(f"{intent.action}: it can only be read")
    if errand.kind == "preview" or isinstance(intent, DryRun):
        wish = intent.wish if isinstance(intent, DryRun) else intent
        return Deed(changes=tuple(await device.hands.preview(wish))), b""
    return await device.hands.act(intent), b""
