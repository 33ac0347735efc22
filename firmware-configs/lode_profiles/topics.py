"""Where a device's figures are in what is said on a broker: MQTT topics and JSON, or Sparkplug.

Nothing computes in a map but a signal's `scale` and `offset`, and a path only follows keys and
indexes: `phases[0].power`, `["total energy"].value`.
"""

import contextlib
import datetime as dt
import math
import re
from typing import Annotated, Literal

import msgspec

from lode_profiles.schema import MeterField, Text

DEVICE = "{topic}"  # in a filter: what the settings call the device on its broker
_STEP = re.compile(r'(?:^|\.)([^.\[\]"]+)|\[(\d{1,4})\]|\["([^"]{1,128})"\]')
_MAX_STEPS = 16

Step = str | int
Path = Annotated[str, msgspec.Meta(max_length=256)]


class Signal(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where one value is said: value = said * scale + offset, in `unit`.

    `topic` is an MQTT topic filter, or the name of a Sparkplug metric. `path` leads to the value
    in a JSON payload; without one the payload is the number itself.
    """

    topic: Text
    path: Path = ""
    unit: str
    scale: float = 1.0
    offset: float = 0.0

    def __post_init__(self) -> None:
        """Refuse what the types cannot say."""
        steps(self.path)


class Stamp(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where a JSON payload says when it was measured; `iso` is a time with its zone."""

    path: Path
    form: Literal["s", "ms", "iso"]

    def __post_init__(self) -> None:
        """Refuse what the types cannot say."""
        steps(self.path)


class TopicVector(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Proof of a map: this payload on this topic means these values."""

    note: Text
    topic: Text
    payload: str
    at_ms: int | None = None  # when the payload says that it was measured
    values: dict[str, float | None]  # None is written as the text "missing"


class TopicProfile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A device that speaks on a broker by itself.

    `fields` fill a meter reading, `points` are everything else it measures.
    """

    name: str = ""  # the file's, set when it is loaded
    vendor: Text
    model: Text
    aliases: tuple[Text, ...] = ()
    source: Text
    verified: bool
    protocol: Literal["mqtt", "sparkplug"]
    stamp: Stamp | None = None
    fields: dict[MeterField, Signal] = {}
    points: dict[Text, Signal] = {}
    vectors: tuple[TopicVector, ...] = ()

    def __post_init__(self) -> None:
        """Refuse what the types cannot say."""
        both = set(self.fields) & set(self.points)
        if both:
            raise ValueError(f"{min(both)} is both a field and a point; keep one")
        signals = self.signals()
        if not signals:
            raise ValueError("fields and points are both empty; name what the device says")
        if self.protocol == "mqtt" and not self.vectors:
            raise ValueError("vectors is empty; give a payload and what it means")
        for name, signal in signals.items():
            _check(name, signal, self.protocol)
        for name in (name for vector in self.vectors for name in vector.values):
            if name not in signals:
                raise ValueError(f"vectors.values names {name!r}, which is no field and no point")

    def signals(self) -> dict[str, Signal]:
        """List every signal by the name of its field or point."""
        fields: dict[str, Signal] = {str(name): signal for name, signal in self.fields.items()}
        return fields | self.points


def _check(name: str, signal: Signal, protocol: str) -> None:
    if protocol == "mqtt" and not is_filter(signal.topic):
        raise ValueError(f"{name}.topic is no MQTT topic filter; correct it")
    if protocol == "sparkplug" and signal.path:
        raise ValueError(f"{name}.path: a Sparkplug metric has no path; remove it")


def steps(path: str) -> tuple[Step, ...]:
    """Take a path apart.

    Raises:
        ValueError: it is no path.
    """
    found: list[Step] = []
    place = 0
    while place < len(path):
        match = _STEP.match(path, place)
        if match is None or len(found) == _MAX_STEPS:
            raise ValueError(f"path {path!r}: write keys and indexes, such as phases[0].power")
        key, index, quoted = match.groups()
        found.append(int(index) if index is not None else key if key is not None else quoted)
        place = match.end()
    return tuple(found)


def is_filter(text: str) -> bool:
    """Tell whether a text may be an MQTT topic filter."""
    levels = text.split("/")
    whole = all(level in {"+", "#"} or not set(level) & set("+#\0") for level in levels)
    return bool(text) and len(text) <= 1024 and whole and "#" not in levels[:-1]  # noqa: PLR2004


def pick(document: object, path: tuple[Step, ...]) -> object:
    """Follow a path through a decoded JSON document.

    Raises:
        LookupError: the document has nothing there.
    """
    found = document
    for step in path:
        if isinstance(found, dict) if isinstance(step, str) else isinstance(found, list):
            found = found[step]  # type: ignore[index]
        else:
            raise LookupError(step)
    return found


def number(said: object, signal: Signal) -> float | None:
    """Make a signal's value of what was said; None when the device says that it has none.

    Raises:
        ValueError: it is no number.
    """
    if said is None:
        return None
    if not isinstance(said, (int, float, str)):
        raise ValueError(f"{type(said).__name__} is no number")  # noqa: TRY004 -- it is JSON's
    try:
        value = float(said) * signal.scale + signal.offset
    except (ValueError, OverflowError):
        raise ValueError(f"{said!r:.40} is no number") from None
    if not math.isfinite(value):
        raise ValueError(f"{said!r:.40} is no finite number")
    return value


def moment(said: object, stamp: Stamp) -> int:
    """Read when something was measured: Unix ms.

    Raises:
        ValueError: it is no time, or one without its zone.
    """
    at = math.nan
    with contextlib.suppress(ValueError, OverflowError, TypeError):
        if stamp.form == "iso" and isinstance(said, str):
            time = dt.datetime.fromisoformat(said)
            at = time.timestamp() if time.tzinfo is not None else math.nan
        elif stamp.form != "iso" and isinstance(said, (int, float)) and said is not True:
            at = said if stamp.form == "s" else said / 1000
    if not math.isfinite(at):
        raise ValueError(f"{said!r:.40} is no time, or one without its zone")
    return round(at * 1000)
