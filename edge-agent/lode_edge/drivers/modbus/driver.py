"""One Modbus device: what its profile describes, read in as few requests as it allows."""

import asyncio
from collections import deque
from collections.abc import Iterable, Iterator, Sequence

from lode_edge.drivers import meter
from lode_edge.drivers.acting import Abilities, Deed, Posture
from lode_edge.drivers.described import described
from lode_edge.drivers.driver import DeviceEntry, Facts
from lode_edge.drivers.modbus.bus import Bus
from lode_edge.drivers.modbus.counter import Counter
from lode_edge.drivers.modbus.frames import Ask
from lode_edge.drivers.modbus.hands import Hands, check_silence
from lode_edge.drivers.modbus.periods import Due, Periods, asking
from lode_edge.drivers.modbus.place import place_of
from lode_edge.drivers.modbus.plan import Range, Request, bits, plan, singly, values
from lode_edge.errors import DriverError, EdgeError, Unreachable, Unsupported
from lode_profiles import MeterProfile, modulus
from lode_wire.orders import Change, Intent
from lode_wire.records import PointReading, Quality, Record

_COUNTERS = {"energy_in_kwh": "energy_in", "energy_out_kwh": "energy_out"}
_MAX_RAW = 125
_COILS, _FUNCTIONS = (1, 2), (1, 2, 3, 4)


class ModbusDriver:
    """Reads one unit through the bus that all units of its gateway share, and acts on it.

    When a meter's counter began anew, a point `energy_in.rollover` or `energy_in.reset` says how
    many kWh to add to it from then on; the reading keeps the counter as it stands.
    """

    def __init__(self, entry: DeviceEntry, number: int) -> None:
        self._number = number
        self._unit = entry.unit
        self._timeout_s = entry.timeout_s
        self._profile = profile = _profile(entry)
        try:
            self.address = str(place_of(entry.address))
            check_silence(profile, entry.interval_s)
        except EdgeError as error:
            raise EdgeError(f"device {entry.name}: {error}") from error
        self._place = entry.address
        self._hands = Hands(profile, entry.unit, self._shared, entry.timeout_s)
        self._periods = Periods(profile, entry.unit, entry.interval_s)
        # One value proves that it answers; its counters are for readings alone, each used once.
        proof = profile.probe.within if profile.probe else profile.registers()
        self._proof = asking(profile, entry.unit, plan(profile, [next(iter(proof))])[0])
        self._counters = {
            name: Counter(modulus(register))
            for name, register in profile.fields.items()
            if name in _COUNTERS
        }
        self._bus: Bus | None = None

    async def identify(self) -> Facts:
        """Make sure that the device answers; what it is, its profile says.

        Raises:
            DriverError: it does not answer.
        """
        await self._shared().read(self._proof, deadline=self._deadline())
        self._periods.forget()
        profile = self._profile
        return Facts(vendor=profile.vendor, model=profile.model, profile=profile.name)

    async def read(self, at_ms: int) -> Sequence[Record]:
        """Read what is due of the device once.

        Raises:
            DriverError: none of its registers could be read.
        """
        now_s = asyncio.get_running_loop().time()
        found, quality = await self._read(now_s)
        self._periods.answered(now_s)
        return self._records(at_ms, found, quality)

    def missed(self, at_ms: int, error: DriverError) -> Sequence[Record]:
        """Say that no reading came, and why."""
        return self._records(at_ms, dict.fromkeys(self._names()), error.quality)

    async def close(self) -> None:
        """End the connection of the bus; another unit's next read makes it anew."""
        if self._bus is not None:
            self._bus.close()

    async def registers(
        self, function: int, register: int, count: int, deadline: float
    ) -> list[int]:
        """Read raw registers, or coils as 0 and 1, by `deadline` on the loop's clock.

        Raises:
            Unsupported: the device has no such registers, or nobody could read so many at once.
            DriverError: they could not be read.
        """
        is_range = register >= 0 and 1 <= count <= _MAX_RAW and register + count <= 1 << 16
        if function not in _FUNCTIONS or not is_range:
            raise Unsupported(
                f"function {function}, {count} registers from {register}: use function 1 to 4, "
                f"at most {_MAX_RAW} at once, below 65536"
            )
        ask = Ask(self._unit, function, register, count, self._profile.min_gap_ms / 1000)
        answer = await self._shared().read(ask, deadline=deadline)
        if function in _COILS:
            return list(bits(answer, count))
        return [int.from_bytes(answer[n : n + 2], "big") for n in range(0, 2 * count, 2)]

    async def abilities(self) -> Abilities:
        """Say what the profile lets be written."""
        return await self._hands.abilities()

    async def preview(self, intent: Intent) -> Sequence[Change]:
        """Say what `act` would change; raises as `act` does."""
        return await self._hands.preview(intent)

    async def act(self, intent: Intent) -> Deed:
        """Write it and read it back.

        Raises:
            Unsupported: the profile does not declare it; nothing was sent.
            DriverError: it was not done, or nobody knows (Unreachable).
        """
        return await self._hands.act(intent)

    async def posture(self) -> Posture:
        """Read back how the device is set.

        Raises:
            DriverError: it did not say.
        """
        return await self._hands.posture()

    async def _read(self, now_s: float) -> tuple[dict[str, float | None], Quality]:
        """Read what is due and can be read; a failed request leaves no other's values missing."""
        due = self._periods.requests(now_s)
        withheld = self._periods.withheld()
        answers, refused, errors = await self._asked(due)
        if not answers:
            self._periods.forget()
            raise (
                errors[0] if errors else Unsupported(f"{self.address}: it refuses all that is due")
            )
        if refused:
            self._periods.refuse(refused, now_s)
        found = values(answers)
        if not errors and not withheld:
            return found, Quality.GOOD
        quality = Quality.PARTIAL | (Unsupported.quality if withheld else Quality.GOOD)
        for failure in errors:
            quality |= failure.quality
        asked = [place.name for request, _ in due for place in request.places]
        return {**dict.fromkeys([*asked, *withheld]), **found}, quality

    async def _asked(
        self, due: Iterable[Due]
    ) -> tuple[list[tuple[Request, bytes]], list[Range], list[DriverError]]:
        """Give the answers, what was refused, and what went wrong.

        A refused range is asked for value by value, after all the others: it may hold one
        register that this device lacks.
        """
        deadline = self._deadline()
        answers: list[tuple[Request, bytes]] = []
        refused: list[Range] = []
        errors: list[DriverError] = []
        bus, waiting = self._shared(), deque(due)
        while waiting:
            request, ask = waiting.popleft()
            try:
                answers.append((request, await bus.read(ask, deadline=deadline)))
            except Unreachable as error:
                errors.append(error)
                break
            except Unsupported as error:
                refused.append(request.range)
                alone = singly(self._profile, request)
                waiting.extend((one, asking(self._profile, self._unit, one)) for one in alone)
                errors += [] if alone else [error]
            except DriverError as error:
                errors.append(error)
        return answers, refused, errors

    def _shared(self) -> Bus:
        if self._bus is None:
            self._bus = Bus.shared(self._place)
        return self._bus

    def _records(
        self, at_ms: int, found: dict[str, float | None], quality: Quality
    ) -> list[Record]:
        records: list[Record] = []
        if self._profile.fields:
            records.append(meter.reading(self._number, at_ms, found, quality))
            records += self._restarts(at_ms, found)
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

    def _restarts(self, at_ms: int, found: dict[str, float | None]) -> Iterator[PointReading]:
        """Say which counters have begun anew."""
        for name, counter in self._counters.items():
            value = found.get(name)
            if value is None or not meter.LIMITS[name][0] <= value <= meter.LIMITS[name][1]:
                continue
            restart = counter.seen(value)
            if restart is not None:
                yield PointReading(
                    at_ms=at_ms,
                    device=self._number,
                    point=f"{_COUNTERS[name]}.{restart.kind}",
                    value=restart.carry,
                    unit="kWh",
                )

    def _names(self) -> list[str]:
        """Name what a missed reading would have held: the fields, or else the points."""
        return list(self._profile.fields or self._profile.points)

    def _deadline(self) -> float:
        return asyncio.get_running_loop().time() + self._timeout_s


def _profile(entry: DeviceEntry) -> MeterProfile:
    if not entry.profile:
        raise EdgeError(f"device {entry.name}: a modbus device needs a profile; name one")
    return described(entry, MeterProfile, "is no modbus device's")
