"""One device that speaks on a site's own broker, understood by its profile's map.

- A retained message is what was said once, not what is so now: it is taken only if it says when
  it was measured, and it never counts as a sign of life.
- A meter's reading is made as soon as every field has been said, or when the interval ends with
  some of them (PARTIAL). No value is used twice.
- Silence for an interval gives the record that says so; a message without sense gives its values
  as missing, flagged.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import structlog

from lode_edge.clock import SYSTEM, Clock
from lode_edge.drivers import meter
from lode_edge.drivers.driver import DeviceEntry, Facts
from lode_edge.drivers.mqtt.broker import Broker
from lode_edge.drivers.mqtt.link import Message, Server
from lode_edge.drivers.mqtt.said import Said, TopicMap
from lode_edge.errors import EdgeError
from lode_edge.settings import TlsSettings
from lode_profiles import ProfileError, load
from lode_profiles.topics import TopicProfile
from lode_wire.records import PointReading, Quality, Record

MAX_PER_S = 100  # messages of one device; what goes beyond is dropped and counted

Emit = Callable[[Sequence[Record]], None]

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Counters:
    """What has happened since the start."""

    heard: int = 0
    retained: int = 0  # not taken, because they do not say when they were measured
    bad: int = 0  # made no sense, in part or as a whole
    dropped: int = 0  # came too fast


class MqttStream:
    """Listens to one device through the connection that all devices on its broker share."""

    def __init__(
        self,
        entry: DeviceEntry,
        number: int,
        tls: TlsSettings | None = None,
        *,
        clock: Clock = SYSTEM,
    ) -> None:
        self._server = Server.at(entry.address, entry.login, tls)
        self.address = str(self._server)
        self.counters = Counters()
        self._name, self._number, self._interval_s = entry.name, number, entry.interval_s
        self._profile = profile_of(entry, "mqtt")
        self._map = TopicMap(self._profile, topic_of(entry))
        self.filters: Sequence[str] = self._map.filters
        self._clock = clock
        self._fields = _Fields(len(self._profile.fields))
        self._alive_s = clock.mono_s()  # when something fresh was heard, or silence was told
        self._second, self._in_second = 0, 0
        self._emit: Emit | None = None
        self._learn: Callable[[Facts], None] | None = None

    async def run(self, emit: Emit, learn: Callable[[Facts], None]) -> None:
        """Listen until cancelled, over every loss of the connection."""
        self._emit, self._learn = emit, learn
        broker = Broker.shared(self._server)
        self._alive_s = self._clock.mono_s()
        async with broker.joined(self):
            while True:
                await asyncio.sleep(max(0.01, self._due_s() - self._clock.mono_s()))
                now_s = self._clock.mono_s()
                if self._fields.began_s is not None and now_s >= self._fields.began_s + (
                    self._interval_s
                ):
                    emit([self._reading(Quality.PARTIAL)])
                if now_s >= self._alive_s + self._interval_s:
                    self._alive_s = now_s
                    emit(self._missed(broker.silence))

    def heard(self, message: Message) -> None:
        """Take a message: emit its points, and the meter's reading when it is whole."""
        now_s = self._clock.mono_s()
        if self._emit is None or self._is_too_fast(now_s):
            return
        self.counters.heard += 1
        said = self._map.read(message, self._clock.now_ms())
        if message.is_retained and not said.is_stamped:
            self.counters.retained += 1
            return
        if said.bad:
            self._complain(message.topic, said)
        if not message.is_retained and (said.values or said.bad):
            self._alive_s = now_s
        if self._learn is not None and said.values:
            profile, learn = self._profile, self._learn
            self._learn = None
            learn(Facts(vendor=profile.vendor, model=profile.model, profile=profile.name))
        self._tell(said, now_s)

    def _tell(self, said: Said, now_s: float) -> None:
        records: list[Record] = [
            self._point(name, said.at_ms, value, said.quality)
            for name, value in said.values.items()
            if name in self._profile.points
        ]
        records += [
            self._point(name, said.at_ms, None, said.quality | Quality.BAD_ANSWER)
            for name in said.bad
            if name in self._profile.points
        ]
        values = {name: value for name, value in said.values.items() if self._is_field(name)}
        bad = {name: None for name in said.bad if self._is_field(name)}
        quality = said.quality | (Quality.BAD_ANSWER if bad else Quality.GOOD)
        if (values or bad) and self._fields.take(said.at_ms, {**values, **bad}, quality, now_s):
            records.append(self._reading(Quality.GOOD))
        if records and self._emit is not None:
            self._emit(records)

    def _reading(self, quality: Quality) -> Record:
        at_ms, found, flags = self._fields.give()
        return meter.reading(self._number, at_ms, found, quality | flags)

    def _missed(self, quality: Quality) -> list[Record]:
        """Say that nothing was heard, and why."""
        at_ms = self._clock.now_ms()
        if self._profile.fields:
            return [meter.reading(self._number, at_ms, {}, quality)]
        return [self._point(name, at_ms, None, quality) for name in self._profile.points]

    def _point(self, name: str, at_ms: int, value: float | None, quality: Quality) -> PointReading:
        return PointReading(
            at_ms=at_ms,
            device=self._number,
            point=name,
            value=value,
            unit=self._profile.points[name].unit,
            quality=int(quality),
        )

    def _is_field(self, name: str) -> bool:
        return name in self._profile.fields

    def _due_s(self) -> float:
        ends = [self._alive_s, self._alive_s if (b := self._fields.began_s) is None else b]
        return min(ends) + self._interval_s

    def _is_too_fast(self, now_s: float) -> bool:
        if int(now_s) != self._second:
            self._second, self._in_second = int(now_s), 0
        self._in_second += 1
        self.counters.dropped += self._in_second > MAX_PER_S
        return self._in_second > MAX_PER_S

    def _complain(self, topic: str, said: Said) -> None:
        if not self.counters.bad:  # said once, not at every message
            log.warning(
                "message makes no sense",
                device=self._name,
                topic=topic[:200],
                values=sorted(said.bad)[:5],
            )
        self.counters.bad += 1


class _Fields:
    """A meter's fields, gathered from as many messages as the device needs to say them."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._values: dict[str, float | None] = {}
        self._at_ms, self._quality = 0, Quality.GOOD
        self.began_s: float | None = None  # when the first of them was said

    def take(
        self, at_ms: int, values: dict[str, float | None], quality: Quality, now_s: float
    ) -> bool:
        """Take what was said; tell whether that is all of it."""
        self.began_s = now_s if self.began_s is None else self.began_s
        self._values |= values
        self._at_ms = max(self._at_ms, at_ms)
        self._quality |= quality
        return len(self._values) == self._count

    def give(self) -> tuple[int, dict[str, float | None], Quality]:
        """Hand out what was gathered, once."""
        given = self._at_ms, self._values, self._quality
        self._values, self._at_ms, self._quality, self.began_s = {}, 0, Quality.GOOD, None
        return given


def profile_of(entry: DeviceEntry, protocol: str) -> TopicProfile:
    """Load the map of a device on a broker.

    Raises:
        EdgeError: there is none, or it is another protocol's.
    """
    if not entry.profile:
        raise EdgeError(f"device {entry.name}: a {protocol} device needs a profile; name one")
    try:
        profile = load(entry.profile)
    except ProfileError as error:
        raise EdgeError(f"device {entry.name}: {error}") from error
    if not isinstance(profile, TopicProfile) or profile.protocol != protocol:
        raise EdgeError(f"device {entry.name}: profile {entry.profile!r} is no {protocol} map")
    return profile


def topic_of(entry: DeviceEntry) -> str:
    """Say what stands for a device in its profile's filters.

    Raises:
        EdgeError: it cannot stand in a topic.
    """
    topic = entry.topic or entry.name
    if set(topic) & set("+#\0") or topic.startswith("$"):
        raise EdgeError(f"device {entry.name}: topic {topic!r} may not contain + or #; correct it")
    return topic
