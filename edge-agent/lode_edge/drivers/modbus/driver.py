"""One Modbus device: what its profile describes, read in as few requests as it allows."""

import asyncio
from collections.abc import Sequence

from lode_edge.drivers.driver import DeviceEntry, Facts, endpoint
from lode_edge.drivers.modbus.bus import PORT, Ask, Bus
from lode_edge.drivers.modbus.plan import Request, plan, values
from lode_edge.errors import DriverError, EdgeError, Unreachable
from lode_profiles import MeterProfile, ProfileError, load
from lode_wire.records import MeterReading, PointReading, Quality, Record

# What a meter's figure can be at all: beyond it the word order or the scale is wrong.
_LIMITS: dict[str, tuple[float, float]] = {
    "power_w": (-2e9, 2e9),
    "energy_in_kwh": (0.0, 1e12),
    "energy_out_kwh": (0.0, 1e12),
    "voltage_v": (0.0, 1e6),
    "current_a": (-1e6, 1e6),
    "freq_hz": (0.0, 500.0),
    "power_factor": (-1.01, 1.01),
}


class ModbusDriver:
    """Reads one unit through the bus that all units of its gateway share."""

    def __init__(self, entry: DeviceEntry, number: int) -> None:
        self.host, self.port = endpoint(entry.address, PORT)
        self.address = f"{self.host}:{self.port}"
        self._number = number
        self._unit = entry.unit
        self._timeout_s = entry.timeout_s
        self._profile = _profile(entry)
        registers = self._profile.registers()
        fast = [name for name, register in registers.items() if register.poll == "fast"]
        self._fast = plan(self._profile, fast)
        self._whole = plan(self._profile, registers)
        # One value proves that it answers; its counters are for readings alone, each used once.
        proof = self._profile.probe.within if self._profile.probe else registers
        self._proof = plan(self._profile, [next(iter(proof))])[0]
        self._whole_due_s = 0.0
        self._bus: Bus | None = None

    async def identify(self) -> Facts:
        """Make sure that the device answers; what it is, its profile says.

        Raises:
            DriverError: it does not answer.
        """
        await self._ask(self._proof, self._deadline())
        profile = self._profile
        return Facts(vendor=profile.vendor, model=profile.model, profile=profile.name)

    async def read(self, at_ms: int) -> Sequence[Record]:
        """Read the device once: the fast registers, and the slow ones when they are due.

        Raises:
            DriverError: none of its registers could be read.
        """
        now = asyncio.get_running_loop().time()
        is_whole = now >= self._whole_due_s or not self._fast
        requests = self._whole if is_whole else self._fast
        found, quality = await self._read(requests)
        if is_whole:
            self._whole_due_s = now + self._profile.poll.slow_s
        return self._records(at_ms, found, quality)

    def missed(self, at_ms: int, error: DriverError) -> Sequence[Record]:
        """Say that no reading came, and why."""
        return self._records(at_ms, dict.fromkeys(self._names()), error.quality)

    async def close(self) -> None:
        """End the connection of the bus; another unit's next read makes it anew."""
        if self._bus is not None:
            self._bus.close()

    async def _read(self, requests: Sequence[Request]) -> tuple[dict[str, float | None], Quality]:
        """Read what can be read; a failed request leaves its own values missing, and no others."""
        deadline = self._deadline()
        answers: list[tuple[Request, bytes]] = []
        errors: list[DriverError] = []
        for request in requests:
            try:
                answers.append((request, await self._ask(request, deadline)))
            except Unreachable as error:
                errors.append(error)
                break
            except DriverError as error:
                errors.append(error)
        if not answers:
            raise errors[0]
        quality = Quality.GOOD
        for failure in errors:
            quality |= Quality.PARTIAL | failure.quality
        asked = dict.fromkeys(place.name for request in requests for place in request.places)
        return {**asked, **values(self._profile, answers)}, quality

    async def _ask(self, request: Request, deadline: float) -> bytes:
        if self._bus is None:
            self._bus = Bus.shared(self.host, self.port)
        profile = self._profile
        place = (self._unit, profile.function, request.register, request.count)
        return await self._bus.read(Ask(*place, profile.min_gap_ms / 1000), deadline=deadline)

    def _records(
        self, at_ms: int, found: dict[str, float | None], quality: Quality
    ) -> list[Record]:
        records: list[Record] = []
        if self._profile.fields:
            records.append(_reading(self._number, at_ms, found, quality))
        bad = quality & ~Quality.PARTIAL
        for name, register in self._profile.points.items():
            if name in found:
                value = found[name]
                record = PointReading(
                    at_ms=at_ms,
                    device=self._number,
                    point=name,
                    value=value,
                    unit=register.unit,
                    quality=int(bad) if value is None else 0,
                )
                records.append(record)
        return records

    def _names(self) -> list[str]:
        """Name what a missed reading would have held: the fields, or else the points."""
        return list(self._profile.fields or self._profile.points)

    def _deadline(self) -> float:
        return asyncio.get_running_loop().time() + self._timeout_s


def _reading(
    meter: int, at_ms: int, found: dict[str, float | None], quality: Quality
) -> MeterReading:
    figures: dict[str, float] = {}
    for name, (low, high) in _LIMITS.items():
        value = found.get(name)
        if value is None:
            continue
        if low <= value <= high:
            figures[name] = value
        else:
            quality |= Quality.OUT_OF_RANGE
    return MeterReading(
        at_ms=at_ms,
        meter=meter,
        power_w=figures.get("power_w"),
        energy_in_kwh=figures.get("energy_in_kwh"),
        energy_out_kwh=figures.get("energy_out_kwh"),
        voltage_v=figures.get("voltage_v"),
        current_a=figures.get("current_a"),
        freq_hz=figures.get("freq_hz"),
        power_factor=figures.get("power_factor"),
        quality=int(quality),
    )


def _profile(entry: DeviceEntry) -> MeterProfile:
    if not entry.profile:
        raise EdgeError(f"device {entry.name}: a modbus device needs a profile; name one")
    try:
        profile = load(entry.profile)
    except ProfileError as error:
        raise EdgeError(f"device {entry.name}: {error}") from error
    if not isinstance(profile, MeterProfile):
        raise EdgeError(f"device {entry.name}: profile {entry.profile!r} is no modbus device's")
    return profile
