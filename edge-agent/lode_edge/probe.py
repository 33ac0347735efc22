"""Find out what listens at a host: a rig on 4028, a Modbus device on 502."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field

import msgspec

from lode_edge.drivers.asic import PORT as ASIC_PORT
from lode_edge.drivers.asic import AsicDriver
from lode_edge.drivers.driver import DeviceEntry, Driver, Facts, endpoint
from lode_edge.drivers.modbus import PORT as MODBUS_PORT
from lode_edge.drivers.modbus import Ask, Bus, ModbusDriver, plan
from lode_edge.drivers.modbus.plan import values
from lode_edge.errors import DriverError, Unreachable
from lode_profiles import MeterProfile, meters
from lode_wire.records import PointReading, Record

_NOT_SHOWN = {"at_ms", "rig", "meter", "quality", "power_source"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """A device that answered: what it is, and what it says now."""

    driver: str
    address: str
    unit: int | None  # modbus only
    facts: Facts
    values: dict[str, float | str | None] = field(default_factory=dict)
    note: str = ""  # why something is missing


@dataclass(frozen=True, kw_only=True, slots=True)
class Probed:
    """All that was found at a host, and why nothing was found where something was tried."""

    host: str
    found: tuple[Found, ...]
    notes: tuple[str, ...]


async def probe(host: str, *, timeout_s: float = 2.0, units: Iterable[int] = (1,)) -> Probed:
    """Ask a host what it is: `host` tries the usual ports, `host:port` only that one.

    Each question may take `timeout_s`; `units` are the Modbus units to be tried, beside those
    that the profiles name.
    """
    bare, port = endpoint(host, 0)
    rig = _probe_rig(bare, port or ASIC_PORT, timeout_s)
    modbus = _probe_modbus(bare, port or MODBUS_PORT, timeout_s, set(units))
    found: list[Found] = []
    notes: list[str] = []
    for here, note in await asyncio.gather(rig, modbus):
        found += here
        notes += [note] if note else []
    return Probed(host=host, found=tuple(found), notes=tuple(notes))


async def _probe_rig(host: str, port: int, timeout_s: float) -> tuple[list[Found], str]:
    address = _joined(host, port)
    entry = DeviceEntry(name=host, driver="asic", address=address, kind="rig", timeout_s=timeout_s)
    driver = AsicDriver(entry, 0)
    try:
        facts = await driver.identify()
    except DriverError as error:
        return [], f"asic: {error}"
    return [await _found("asic", driver, None, facts)], ""


async def _probe_modbus(
    host: str, port: int, timeout_s: float, units: set[int]
) -> tuple[list[Found], str]:
    """Try every profile's rule on every unit; where several fit, the strictest rule is right."""
    loop = asyncio.get_running_loop()
    rules = [(name, profile) for name, profile in meters().items() if profile.probe]
    rules.sort(key=lambda rule: len(rule[1].probe.within) if rule[1].probe else 0, reverse=True)
    units |= {profile.probe.unit for _, profile in rules if profile.probe}
    bus = Bus.shared(_joined(host, port))
    found, note = [], "modbus: answers, but fits no profile"
    for unit in sorted(units):
        for name, profile in rules:
            try:
                if not await _fits(bus, unit, profile, loop.time() + timeout_s):
                    continue
            except Unreachable as error:
                note = f"modbus: {error}"
                break
            except DriverError:
                continue
            found.append(await _found_meter(_joined(host, port), unit, name, timeout_s))
            break
    bus.close()
    return found, "" if found else note


async def _fits(bus: Bus, unit: int, profile: MeterProfile, deadline: float) -> bool:
    within = profile.probe.within if profile.probe else {}
    for request in plan(profile, within):
        ask = Ask(unit, request.function, request.register, request.count)
        answer = await bus.read(ask, deadline=deadline)
        for name, value in values([(request, answer)]).items():
            low, high = within[name]
            if value is None or not low <= value <= high:
                return False
    return True


async def _found_meter(address: str, unit: int, profile: str, timeout_s: float) -> Found:
    entry = DeviceEntry(
        name=address,
        driver="modbus",
        address=address,
        kind="meter",
        profile=profile,
        unit=unit,
        timeout_s=timeout_s,
    )
    driver = ModbusDriver(entry, 0)
    known = meters()[profile]
    facts = Facts(vendor=known.vendor, model=known.model, profile=profile)
    return await _found("modbus", driver, unit, facts)


async def _found(kind: str, driver: Driver, unit: int | None, facts: Facts) -> Found:
    said: dict[str, float | str | None] = {}
    note = ""
    try:
        for record in await driver.read(0):
            said |= _shown(record)
    except DriverError as error:
        note = str(error)
    return Found(
        driver=kind, address=driver.address, unit=unit, facts=facts, values=said, note=note
    )


def _shown(record: Record) -> dict[str, float | str | None]:
    if isinstance(record, PointReading):
        return {f"{record.point} {record.unit}".strip(): record.value}
    shown: dict[str, float | str | None] = {}
    for key, value in msgspec.structs.asdict(record).items():
        if key not in _NOT_SHOWN:
            shown[key] = value.name.lower() if key == "state" else value
    return shown


def _joined(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
