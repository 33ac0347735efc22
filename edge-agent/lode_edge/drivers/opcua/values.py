"""What a node says: a value, how good it is, and when it was so."""

import math
from dataclasses import dataclass
from datetime import UTC, datetime

from asyncua import ua

from lode_profiles.nodes import Node
from lode_wire.records import Quality

CLOCK_MS = 2000  # by so much a server's clock may be off
_FIRST = datetime(2000, 1, 1, tzinfo=UTC)
_UNCERTAIN, _BAD = 1, 2
_OVERFLOW = 0x480  # a data value's info bits: the server's queue was too short

# By the code's upper half. The rest of the bad ones are a bad answer.
_BAD_CODES: dict[int, Quality] = {
    **dict.fromkeys(
        # communication error, time-out, no communication, waiting for initial data, not connected,
        # no data, no data available
        (0x8005, 0x800A, 0x8031, 0x8032, 0x808A, 0x809B, 0x80B1),
        Quality.TIMED_OUT,
    ),
    **dict.fromkeys(
        # access denied, node id invalid, unknown, attribute invalid, not readable, not supported
        (0x801F, 0x8033, 0x8034, 0x8035, 0x803A, 0x803D),
        Quality.REFUSED,
    ),
    0x803C: Quality.OUT_OF_RANGE,
}
# Uncertain values that are not of now, or cannot be right, are missing; others are kept, flagged.
_UNCERTAIN_CODES: dict[int, Quality] = {
    0x408F: Quality.TIMED_OUT,  # no communication, last usable value
    0x4090: Quality.TIMED_OUT,  # last usable value
    0x4092: Quality.BAD_ANSWER,  # initial value: nobody has set it yet
    0x4094: Quality.OUT_OF_RANGE,  # engineering units exceeded
}


@dataclass(frozen=True, slots=True)
class Told:
    """A node's value as the server told it; `source` is by the server's clock."""

    name: str
    value: float | None
    quality: Quality
    source: datetime | None


def told(name: str, node: Node, data: ua.DataValue) -> Told:
    """Read what a server sent for a node."""
    source = utc(data.SourceTimestamp) or utc(data.ServerTimestamp)
    code = data.StatusCode.value if data.StatusCode is not None else 0
    is_kept, quality = _judged(code)
    value = None
    if is_kept:
        raw = data.Value.Value if data.Value is not None else None
        if isinstance(raw, bool | int | float):
            scaled = raw * node.scale + node.offset
            value = scaled if math.isfinite(scaled) else None
        else:
            quality |= Quality.BAD_ANSWER  # no number
    return Told(name, value, quality, source)


def _judged(code: int) -> tuple[bool, Quality]:
    """Tell whether the value that came with a status code counts, and what is wrong with it."""
    severity, half = code >> 30, code >> 16
    if severity >= _BAD:
        return False, _BAD_CODES.get(half, Quality.BAD_ANSWER)
    if severity == _UNCERTAIN:
        quality = _UNCERTAIN_CODES.get(half)
        return quality is None, quality or Quality.PARTIAL
    return True, Quality.PARTIAL if code & _OVERFLOW == _OVERFLOW else Quality.GOOD


def moment(source: datetime | None, now_ms: int, ahead_ms: int) -> tuple[int, Quality]:
    """Say when a value was so by our clock, and whether the server's can be believed.

    `ahead_ms` is by how much the server's clock is before ours. When that is too much, its times
    are set right by it; a time that makes no sense even so gives way to ours. Both are flagged.
    """
    is_off = abs(ahead_ms) > CLOCK_MS
    if source is not None and source >= _FIRST:
        at_ms = int(source.timestamp() * 1000) - (ahead_ms if is_off else 0)
        if at_ms <= now_ms + CLOCK_MS:
            return min(at_ms, now_ms), Quality.CLOCK if is_off else Quality.GOOD
    return now_ms, Quality.CLOCK


def utc(moment: datetime | None) -> datetime | None:
    """Say a moment with its zone; asyncua leaves it out in places."""
    if moment is None or moment.tzinfo is not None:
        return moment
    return moment.replace(tzinfo=UTC)
