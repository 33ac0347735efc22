"""One Sparkplug device, or an edge node itself, read by a host application.

- Numbers and booleans become points, or a meter's fields where the profile says so; strings are
  counted and left.
- Values are sent when they change. While a device is born and the broker is there, an unchanged
  value is so still; it is recorded again once an interval.
- A historical value is recorded with its own time and is never taken for the value of now.
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from lode_edge.clock import SYSTEM, Clock
from lode_edge.drivers import meter
from lode_edge.drivers.driver import DeviceEntry, Facts
from lode_edge.drivers.mqtt.driver import Emit, profile_of
from lode_edge.drivers.mqtt.link import Server
from lode_edge.drivers.sparkplug.host import Host
from lode_edge.drivers.sparkplug.session import News, Place, Reading
from lode_edge.errors import EdgeError
from lode_edge.settings import TlsSettings
from lode_profiles import topics
from lode_profiles.topics import Signal
from lode_wire.records import PointReading, Quality, Record

ONLINE = "online"  # the point that stands for a device of which nothing is known
_NO_POINTS = ("Node Control/", "Device Control/", "Properties/")
_PROPERTIES = ("Hardware Make", "Hardware Model", "FW")
_MAKE, _MODEL, _FIRMWARE = (f"Properties/{what}" for what in _PROPERTIES)
_AHEAD_MS = 60_000  # the node's clock may be so much ahead of ours
_BEHIND_MS = 366 * 86_400_000


@dataclass(slots=True)
class Counters:
    """What has happened since the start."""

    values: int = 0
    historical: int = 0
    ignored: int = 0  # strings, and numbers that are none


class SparkplugStream:
    """Listens to one device through the host that all devices on its broker share."""

    def __init__(
        self,
        entry: DeviceEntry,
        number: int,
        tls: TlsSettings | None = None,
        *,
        clock: Clock = SYSTEM,
    ) -> None:
        self.place = _place(entry)
        self.counters = Counters()
        self._server = Server.at(entry.address, entry.login, tls)
        self.address = str(self._server)
        self._number, self._interval_s, self._clock = number, entry.interval_s, clock
        profile = profile_of(entry, "sparkplug") if entry.profile else None
        self._profile = profile
        self._fields = {s.topic: (name, s) for name, s in profile.fields.items()} if profile else {}
        self._points = {s.topic: (name, s) for name, s in profile.points.items()} if profile else {}
        self._is_alive = False
        self._meter: dict[str, float | None] = {}  # the fields as they are now
        self._current: dict[str, tuple[float | None, str]] = {}  # the points, with their units
        self._told_s = clock.mono_s()
        self._emit: Emit | None = None
        self._learn: Callable[[Facts], None] | None = None

    async def run(self, emit: Emit, learn: Callable[[Facts], None]) -> None:
        """Listen until cancelled, over every loss of the connection."""
        self._emit, self._learn = emit, learn
        self._told_s = self._clock.mono_s()
        host = Host.shared(self._server)
        async with host.joined(self):
            while True:
                due_s = self._told_s + self._interval_s
                await asyncio.sleep(max(0.01, due_s - self._clock.mono_s()))
                if self._clock.mono_s() >= self._told_s + self._interval_s:
                    at_ms = self._clock.now_ms()
                    self._put(self._unchanged(at_ms) or self._missed(at_ms, host.silence))

    def told(self, news: News) -> None:
        """Take a birth, values, or a death."""
        now_ms = self._clock.now_ms()
        was_alive, self._is_alive = self._is_alive, news.is_alive
        if not news.is_alive:
            self._meter.clear()
            if was_alive and not news.is_birth:
                self._put(self._missed(now_ms, Quality.REFUSED))
            return
        if news.is_birth:
            self._meter.clear()
            self._current.clear()
            self._facts(news.readings)
        live = [reading for reading in news.readings if not reading.is_historical]
        past = [reading for reading in news.readings if reading.is_historical]
        self._put([*self._past(past, now_ms), *self._live(live, now_ms)])

    def _live(self, readings: Sequence[Reading], now_ms: int) -> list[Record]:
        records: list[Record] = []
        changed_ms, flags = 0, Quality.GOOD
        for reading in readings:
            said = self._number_of(reading)
            if said is None:
                continue
            name, value, unit, is_field = said
            at_ms, quality = _when(reading, now_ms)
            if is_field:
                self._meter[name] = value
                changed_ms, flags = max(changed_ms, at_ms), flags | quality
            else:
                self._current[name] = (value, unit)
                records.append(self._point(name, at_ms, value, unit, quality))
        if changed_ms:
            records.append(meter.reading(self._number, changed_ms, self._meter, flags))
        return records

    def _past(self, readings: Sequence[Reading], now_ms: int) -> list[Record]:
        records: list[Record] = []
        fields: defaultdict[int, dict[str, float | None]] = defaultdict(dict)
        for reading in readings:
            said = self._number_of(reading)
            at_ms, quality = _when(reading, now_ms)
            if said is None or quality:  # a past value without its time says nothing
                self.counters.ignored += said is not None
                continue
            self.counters.historical += 1
            name, value, unit, is_field = said
            if is_field:
                fields[at_ms][name] = value
            else:
                records.append(self._point(name, at_ms, value, unit, Quality.GOOD))
        for at_ms, found in sorted(fields.items()):
            is_whole = len(found) == len(self._fields)
            quality = Quality.GOOD if is_whole else Quality.PARTIAL
            records.append(meter.reading(self._number, at_ms, found, quality))
        return records

    def _number_of(self, reading: Reading) -> tuple[str, float | None, str, bool] | None:
        """Give name, value, unit, and whether it is a field; None when it is no number for us."""
        name, value = reading.name, reading.value
        if name == "bdSeq" or name.startswith(_NO_POINTS):
            return None
        is_field = name in self._fields
        ours, signal = (self._fields if is_field else self._points).get(
            name, (name, Signal(topic=name, unit=reading.unit or ""))
        )
        if not reading.is_number:
            self.counters.ignored += 1
            return None
        try:
            number = topics.number(value, signal)
        except ValueError:  # NaN
            number = None
        self.counters.values += 1
        return ours, number, signal.unit, is_field

    def _unchanged(self, at_ms: int) -> list[Record]:
        """Say again what is so still; nothing when that is not known."""
        if not self._is_alive:
            return []
        records: list[Record] = [
            self._point(name, at_ms, value, unit, Quality.GOOD)
            for name, (value, unit) in self._current.items()
        ]
        if self._meter:
            records.append(meter.reading(self._number, at_ms, self._meter, Quality.GOOD))
        return records

    def _missed(self, at_ms: int, quality: Quality) -> list[Record]:
        """Say that nothing is known, and why."""
        if self._fields:
            return [meter.reading(self._number, at_ms, {}, quality)]
        points = self._current or {ONLINE: (None, "")}
        return [self._point(name, at_ms, None, unit, quality) for name, (_, unit) in points.items()]

    def _point(
        self, name: str, at_ms: int, value: float | None, unit: str, quality: Quality
    ) -> PointReading:
        return PointReading(
            at_ms=at_ms,
            device=self._number,
            point=name,
            value=value,
            unit=unit,
            quality=int(quality),
        )

    def _put(self, records: Sequence[Record]) -> None:
        self._told_s = self._clock.mono_s()
        if records and self._emit is not None:
            self._emit(records)

    def _facts(self, readings: Sequence[Reading]) -> None:
        if self._learn is None:
            return
        profile = self._profile
        said = {reading.name: str(reading.value)[:128] for reading in readings if reading.value}
        facts = Facts(
            vendor=said.get(_MAKE, profile.vendor if profile else ""),
            model=said.get(_MODEL, profile.model if profile else ""),
            firmware=said.get(_FIRMWARE, ""),
            profile=profile.name if profile else "",
        )
        self._learn(facts)


def _when(reading: Reading, now_ms: int) -> tuple[int, Quality]:
    at_ms = reading.at_ms
    if at_ms is not None and now_ms - _BEHIND_MS <= at_ms <= now_ms + _AHEAD_MS:
        return at_ms, Quality.GOOD
    return now_ms, Quality.CLOCK


def _place(entry: DeviceEntry) -> Place:
    parts = entry.topic.split("/")
    is_name = all(part and not set(part) & set("+#\0") for part in parts)
    if not is_name or len(parts) not in {2, 3}:
        raise EdgeError(
            f"device {entry.name}: topic {entry.topic!r} names no Sparkplug device;"
            " write group/node/device, or group/node for the edge node itself"
        )
    return Place(*parts)
