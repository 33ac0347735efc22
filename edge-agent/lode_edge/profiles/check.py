"""What a Modbus device's description makes of the agent: its requests, and what a device answers.

file ─► schema ─► vectors ─► requests ─► (a device) values
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lode_edge.drivers.driver import DeviceEntry
from lode_edge.drivers.modbus import ModbusDriver, Request, plan
from lode_edge.errors import EdgeError
from lode_profiles import MeterProfile, Profile, ProfileError, load, replay
from lode_wire.records import MeterReading, PointReading, Quality, Record


@dataclass(frozen=True, slots=True)
class Round:
    """The requests of one period: `every` is poll, or the period's name and length."""

    every: str
    requests: tuple[Request, ...]

    def __str__(self) -> str:
        """Write the period and each request with how many values it brings."""
        lines = [f"{self.every}: {len(self.requests)} requests"]
        for request in self.requests:
            last = request.register + request.count - 1
            lines.append(
                f"  function {request.function}, 0x{request.register:04X} to 0x{last:04X}: "
                f"{request.count} registers for {len(request.places)} values"
            )
        return "\n".join(lines)


def checked(file: Path) -> Profile:
    """Read a description of one's own, and see that its vectors hold.

    Raises:
        EdgeError: one line for each thing that is wrong.
    """
    try:
        profile = load(str(file.resolve())) if file.suffix == ".toml" else None
    except ProfileError as error:
        raise EdgeError(str(error)) from error
    if profile is None:
        raise EdgeError(f"{file}: a description's name ends in .toml; rename it")
    wrong = replay(profile) if isinstance(profile, MeterProfile) else []
    if wrong:
        raise EdgeError("\n".join(f"{file}: {line}" for line in wrong))
    return profile


def rounds(profile: MeterProfile) -> Sequence[Round]:
    """Plan the requests of every period; in a poll where several are due they are merged."""
    registers = profile.registers()
    named = {"": "every poll", **{n: f"{n}, every {s:g} s" for n, s in profile.poll_s.items()}}
    found = []
    for period, every in named.items():
        names = [name for name, register in registers.items() if register.poll == period]
        if names:
            found.append(Round(every, plan(profile, names)))
    return found


async def against(profile: str, address: str, unit: int, timeout_s: float) -> list[str]:
    """Read a device by a description once, and write each value as a line.

    Raises:
        EdgeError: the description or the address is of no use, or the device gave nothing.
    """
    entry = DeviceEntry(
        name="device",
        driver="modbus",
        address=address,
        kind="meter",
        profile=profile,
        unit=unit,
        timeout_s=timeout_s,
        interval_s=1.0,
    )
    driver = ModbusDriver(entry, 0)
    try:
        return [line for record in await driver.read(0) for line in _lines(record)]
    finally:
        await driver.close()


def _lines(record: Record) -> list[str]:
    if isinstance(record, PointReading):
        value = "missing" if record.value is None else f"{record.value:g} {record.unit}"
        return [f"{record.point:24} {value}".rstrip()]
    if not isinstance(record, MeterReading):
        return []
    lines = []
    for name in record.__struct_fields__:
        if name not in {"at_ms", "meter", "quality"}:
            value = getattr(record, name)
            lines.append(f"{name:24} {'missing' if value is None else f'{value:g}'}")
    if record.quality & Quality.OUT_OF_RANGE:
        lines.append("a value cannot be: look at word_order, type and scale")
    return lines
