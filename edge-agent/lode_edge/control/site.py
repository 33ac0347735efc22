"""What control knows of the site's devices: who they are, what they offer, how they were last."""

from collections import defaultdict, deque
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import NamedTuple, cast

from lode_edge.control.envelope import UNNAMED, Envelope, Model
from lode_edge.control.wishes import Key
from lode_edge.drivers.acting import Abilities, Acting, Posture
from lode_edge.drivers.driver import DeviceEntry, Facts
from lode_wire.orders import PowerLimit, PowerMode, Preset, Sleep, SwitchOutlet, Wish
from lode_wire.records import (
    MeterReading,
    PointReading,
    PowerSource,
    Record,
    RigReading,
    State,
)

_SAMPLES = 120  # of a meter, kept to compare with
_POINTS = 2048  # of one device
_STALE_INTERVALS, _STALE_S = 3.0, 15.0
_ASLEEP = (State.SLEEPING, State.CURTAILED)
_AWAKE = (State.MINING, State.TUNING)
_MODE_SHARES = {"low": 0.7, "normal": 1.0, "high": 1.25}


Registers = Callable[[int, int, int], Awaitable[Sequence[int]]]
"""Reads raw registers: by which function, from which on, how many."""


class Sample(NamedTuple):
    """A power that was measured, and when, by the clock that rises."""

    at_s: float
    power_w: float


class Device:
    """One device: what the settings, the device itself and its readings say of it."""

    def __init__(self, entry: DeviceEntry, number: int, driver: object) -> None:
        self.entry, self.number, self.name = entry, number, entry.name
        self.hands = cast(Acting, driver) if _can_act(driver) else None
        self.registers: Registers | None = getattr(driver, "registers", None)
        self.facts: Facts | None = None
        self.abilities: Abilities | None = None
        self.posture: Posture | None = None
        self.posture_s = 0.0
        self.reading: RigReading | None = None
        self.reading_s = 0.0
        self.heard_s = 0.0  # when either last came
        self.samples: deque[Sample] = deque(maxlen=_SAMPLES)  # of a meter
        self.outlets_w: dict[int, Sample] = {}  # of a PDU
        self.is_busy = False  # something is under way with it; nothing else is begun then

    @property
    def is_rig(self) -> bool:
        """Tell whether it hashes."""
        return self.entry.kind == "rig"

    def fresh(self, now_s: float) -> RigReading | None:
        """Give the latest reading, unless it is too old to be relied on."""
        return self.reading if now_s - self.reading_s <= self.stale_s else None

    @property
    def answered_s(self) -> float:
        """Say when it last answered anything."""
        is_there = self.reading is not None and self.reading.state is not State.UNREACHABLE
        return max(self.posture_s, self.reading_s if is_there else 0.0)

    @property
    def stale_s(self) -> float:
        """Say for how long a reading can be relied on."""
        return max(_STALE_S, _STALE_INTERVALS * self.entry.interval_s)

    def is_asleep(self, now_s: float) -> bool | None:
        """Tell whether a rig sleeps, by the latest of what it says; None when it does not say."""
        said, reading = self.posture, self.fresh(now_s)
        state = None
        if reading is not None and reading.state in (*_ASLEEP, *_AWAKE):
            state = reading.state in _ASLEEP
        if said is None or said.is_asleep is None:
            return state
        return said.is_asleep if state is None or self.posture_s >= self.reading_s else state


class Site:
    """All devices by name, and who draws through which feeder."""

    def __init__(self, devices: Iterable[Device], envelope: Envelope, blocked: str = "") -> None:
        """Know devices and their limits; `blocked` says why the agent only reads."""
        self.devices: Mapping[str, Device] = {device.name: device for device in devices}
        self.envelope, self.blocked = envelope, blocked
        self._models: dict[str, Model | None] = {}
        self._by_number = {device.number: device for device in self.devices.values()}
        self._on_outlet = {d.entry.outlet: d for d in self.devices.values() if d.entry.outlet}
        self.on_feeder: dict[str, list[Device]] = defaultdict(list)
        for device in self.devices.values():
            if device.is_rig:
                self.on_feeder[device.entry.feeder].append(device)

    def follow(self, envelope: Envelope) -> None:
        """Keep to other limits from now on."""
        self.envelope, self.blocked = envelope, ""
        self._models.clear()

    def observe(self, records: Sequence[Record], now_ms: int, now_s: float) -> None:
        """Take in what devices have said; records bear the wall's time `now_ms` goes by."""
        for record in records:
            at_s = now_s - max(0, now_ms - record.at_ms) / 1000
            match record:
                case RigReading(rig=number):
                    device = self._by_number.get(number)
                    if device is not None:
                        device.reading, device.reading_s = record, at_s
                        device.heard_s = now_s
                case MeterReading(meter=number, power_w=float() as power_w):
                    device = self._by_number.get(number)
                    if device is not None:
                        device.samples.append(Sample(at_s, power_w))
                case PointReading(device=number, unit="W", value=float() as power_w):
                    device = self._by_number.get(number)
                    if device is not None:
                        _take_outlet(device, record.point, Sample(at_s, power_w))

    def name_of(self, number: int) -> str | None:
        """Name the device of a number; None where there is none."""
        device = self._by_number.get(number)
        return None if device is None else device.name

    def model(self, device: Device) -> Model | None:
        """Give what the envelope allows a device; None when it says nothing of its model."""
        name = "" if device.facts is None else device.facts.model
        if name not in self._models:
            self._models[name] = self.envelope.model(name)
        return self._models[name]

    def outlet_w(self, device: Device) -> Sample | None:
        """Give what the device's PDU measured at its outlet; None where there is none."""
        pdu, _, outlet = device.entry.outlet.rpartition(":")
        if pdu not in self.devices or not outlet.isdigit():
            return None
        return self.devices[pdu].outlets_w.get(int(outlet))

    def own_w(self, device: Device) -> Sample | None:
        """Give what the rig itself measured or estimated; a name plate is no measurement."""
        reading = device.reading
        if reading is None or reading.power_w is None:
            return None
        if reading.power_source in (PowerSource.NONE, PowerSource.NAMEPLATE):
            return None
        return Sample(device.reading_s, reading.power_w)

    def draws_w(self, device: Device, now_s: float) -> float:
        """Give what a device draws now: measured, else what it can draw at most."""
        for sample in (self.outlet_w(device), self.own_w(device)):
            if sample is not None and now_s - sample.at_s <= device.stale_s:
                return sample.power_w
        return self._asleep_w(device) if device.is_asleep(now_s) is True else self.awake_w(device)

    def awake_w(self, device: Device) -> float:
        """Give what a rig draws when it hashes as rated; the envelope's most where not known.

        One of a model that the envelope does not name is taken for the hungriest that it names. A
        preset may draw more than the rating.
        """
        said = device.posture or Posture()
        tuned_w = self.preset_w(device, said.preset) or 0.0
        rated_w = None if device.facts is None else device.facts.rated_power_w
        if rated_w is not None:
            return max(rated_w, tuned_w)
        model = self.model(device)
        if model is not None:
            return model.power_max_w
        return max((named.power_max_w for named in self.envelope.models.values()), default=0.0)

    def preset_w(self, device: Device, name: str | None) -> float | None:
        """Give what a preset draws; None where the device does not say."""
        offered = device.abilities
        return None if offered is None or name is None else offered.presets.get(name)

    def _asleep_w(self, device: Device) -> float:
        return (self.model(device) or UNNAMED).sleep_w

    def expected_w(self, name: str, wish: Wish) -> float:
        """Estimate what a device draws once a wish holds."""
        device = self.devices.get(name)
        awake_w = 0.0 if device is None else self.awake_w(device)
        match wish:
            case Sleep():
                return 0.0 if device is None else self._asleep_w(device)
            case PowerLimit(power_w=power_w):
                return power_w
            case PowerMode(mode=mode):
                return awake_w * _MODE_SHARES[mode]
            case Preset(name=name):
                known_w = None if device is None else self.preset_w(device, name)
                return awake_w if known_w is None else known_w
            case SwitchOutlet(is_on=is_on, outlet=outlet):
                fed = self.fed_by(Key(name, f"outlet.{outlet}"))
                return self.awake_w(fed) if is_on and fed is not None else 0.0
        return awake_w

    def fed_by(self, key: Key) -> Device | None:
        """Give the rig behind an outlet; None when none is known to be."""
        return self._on_outlet.get(f"{key.device}:{key.aspect.removeprefix('outlet.')}")

    def feeder_w(self, feeder: str, now_s: float) -> float:
        """Give what goes through a feeder: by its meter, else the sum of its rigs."""
        metered = self.metered_w(feeder, now_s)
        if metered is not None:
            return metered.power_w
        return sum(self.draws_w(device, now_s) for device in self.on_feeder[feeder])

    def metered_w(self, feeder: str, now_s: float) -> Sample | None:
        """Give what a feeder's meter showed last, unless that is too old."""
        meter = self.devices.get(feeder)
        if meter is None or not meter.samples or now_s - meter.samples[-1].at_s > meter.stale_s:
            return None
        return meter.samples[-1]

    def measured_w(self, now_s: float) -> Sample | None:
        """Give what the whole site draws, as of its oldest part; None while a part is not known.

        A feeder is measured by its meter, else each of its rigs at its outlet or by itself.
        """
        parts: list[Sample] = []
        for feeder, rigs in self.on_feeder.items():
            metered = self.metered_w(feeder, now_s)
            parts += [metered] if metered is not None else []
            for rig in rigs if metered is None else ():
                found = self.outlet_w(rig) or self.own_w(rig)
                if found is None or now_s - found.at_s > rig.stale_s:
                    return None
                parts.append(found)
        if not parts:
            return None
        return Sample(min(part.at_s for part in parts), sum(part.power_w for part in parts))

    def efficiency_j_th(self, device: Device) -> float:
        """Give what a rig spends per terahash; infinite where that is not known."""
        reading, facts = device.reading, device.facts
        if reading is not None and reading.hashrate_ths and reading.power_w is not None:
            return reading.power_w / reading.hashrate_ths
        if facts is not None and facts.rated_hashrate_ths and facts.rated_power_w is not None:
            return facts.rated_power_w / facts.rated_hashrate_ths
        return float("inf")


def _take_outlet(device: Device, point: str, sample: Sample) -> None:
    """Note an outlet's power, from a point named `outlet.3.power`."""
    what, _, rest = point.partition(".")
    number, _, measured = rest.partition(".")
    is_power = what == "outlet" and measured == "power" and number.isdigit()
    if is_power and len(device.outlets_w) < _POINTS:
        device.outlets_w[int(number)] = sample


def _can_act(driver: object) -> bool:
    return all(hasattr(driver, name) for name in ("abilities", "preview", "act", "posture"))
