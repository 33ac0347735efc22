"""What a device's messages mean: a payload in, values by the profile's map out; no I/O."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec
from paho.mqtt import client as paho

from lode_edge.drivers.mqtt.link import Message
from lode_profiles import topics
from lode_profiles.topics import Signal, Step, TopicProfile
from lode_wire.records import Quality

MAX_PAYLOAD_BYTES = 256 << 10
_AHEAD_MS = 60_000  # a device's clock may be so much ahead of ours
_BEHIND_MS = 366 * 86_400_000


@dataclass(slots=True)
class Said:
    """What one message says: when it was measured, and values by field or point.

    None is a value that the device says it does not have; what is `bad` made no sense.
    """

    at_ms: int
    values: dict[str, float | None] = field(default_factory=dict)
    bad: list[str] = field(default_factory=list)
    quality: Quality = Quality.GOOD
    is_stamped: bool = False  # the device said when


class TopicMap:
    """A profile's map for one device on its broker."""

    def __init__(self, profile: TopicProfile, topic: str) -> None:
        self._stamp = profile.stamp
        self._stamp_path = topics.steps(profile.stamp.path) if profile.stamp else ()
        places: dict[str, list[tuple[str, Signal, tuple[Step, ...]]]] = {}
        for name, signal in profile.signals().items():
            place = signal.topic.replace(topics.DEVICE, topic)
            places.setdefault(place, []).append((name, signal, topics.steps(signal.path)))
        self._places: Mapping[str, list[tuple[str, Signal, tuple[Step, ...]]]] = places
        self.filters = tuple(places)

    def read(self, message: Message, now_ms: int) -> Said:
        """Say what a message means; what it does not mention is not in it."""
        said = Said(at_ms=now_ms)
        wanted = [
            signal
            for place, signals in self._places.items()
            if paho.topic_matches_sub(place, message.topic)
            for signal in signals
        ]
        if len(message.payload) > MAX_PAYLOAD_BYTES:
            said.bad = [name for name, _, _ in wanted]
            return said
        document = _document(message.payload)
        self._date(said, document, now_ms)
        for name, signal, path in wanted:
            try:
                said.values[name] = topics.number(topics.pick(document, path), signal)
            except LookupError:
                # A device that sends JSON may leave out what has not changed.
                if not isinstance(document, dict):
                    said.bad.append(name)
            except ValueError:
                said.bad.append(name)
        return said

    def _date(self, said: Said, document: object, now_ms: int) -> None:
        if self._stamp is None:
            return
        try:
            at_ms = topics.moment(topics.pick(document, self._stamp_path), self._stamp)
        except (LookupError, ValueError):
            return
        if now_ms - _BEHIND_MS <= at_ms <= now_ms + _AHEAD_MS:
            said.at_ms, said.is_stamped = at_ms, True
        else:
            said.quality |= Quality.CLOCK


def _document(payload: bytes) -> object:
    """Decode JSON; anything else is its text, which may still be a number."""
    try:
        return msgspec.json.decode(payload)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return payload[:64].decode("utf-8", "replace")
