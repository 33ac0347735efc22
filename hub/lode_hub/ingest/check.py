"""Decide whether a payload is fit for the database, before anything is written.

Incoming ─► topic ─► decode ─► who, where, what ─► values ─► Fit | Unfit(reason)
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from lode_hub.ingest import conduct
from lode_hub.ingest.inbox import Incoming
from lode_hub.store import readings
from lode_hub.trust.known import Known
from lode_wire import codec, records, topics
from lode_wire.columns import Numbers, Strings
from lode_wire.errors import DecodeError

EARLIEST_MS = 1_230_768_000_000
"""2009-01-01: nothing that Lode watches was there before."""

LATEST_AHEAD_MS = 86_400_000
"""How far in the future a reading may be: more than a day is no clock, but nonsense."""

CLOCK_LIMIT_MS = 2_000
"""A clock that is off by more marks its readings."""

CORRECT_LIMIT_MS = 30_000
"""What comes by a clock that is off by more is shown at the hub's time, not at its own."""

HOLD_LIMIT_MS = 300_000
"""What comes by a clock that is off by more is kept, and not used."""

HOLD_AHEAD_MS = 60_000
"""So far in the future no reading can be, whatever its clock is thought to be."""

MAX_SEQ = 1 << 62
MAX_EPOCH_CHARS = 64
_MAX_TEXT_CHARS = 200
_MAX_SMALLINT = 32_767
_MAX_INT = (1 << 31) - 1
_STATE_KINDS = {"birth", "death", "device", "health", "gap", "controls", "command_state"}
_MEANINGLESS = 0xFFFF ^ sum(records.Quality) | records.Quality.HELD  # which no agent may say
_CHOICES = {"state": max(records.State), "power_source": max(records.PowerSource)}
_NUMBER = {"rig": "rig", "meter": "meter", "point": "device"}


@dataclass(frozen=True, slots=True)
class Readings:
    """A checked batch of readings: arrays by column name, and the device numbers."""

    kind: readings.Kind
    numbers: npt.NDArray[np.uint32]
    at_ms: npt.NDArray[np.int64]
    values: dict[str, npt.NDArray[Any]]
    points: tuple[list[tuple[str, str]], npt.NDArray[np.int64]] | None  # distinct, and which
    offset_ms: int = 0  # of the agent's clock, where times are shown corrected


@dataclass(frozen=True, slots=True)
class Fit:
    """A payload that may be committed."""

    incoming: Incoming
    header: codec.Header
    content: Readings | list[records.Record]


@dataclass(frozen=True, slots=True)
class Unfit:
    """A payload for the quarantine; with a header when its number counts as taken."""

    incoming: Incoming
    agent: str | None
    header: codec.Header | None
    reason: str


Checked = Fit | Unfit


class _UnfitError(Exception):
    pass


def check(
    incoming: Incoming, *, clock_offset_ms: float | None = None, known: Known | None = None
) -> Checked:
    """Check a payload; the offset, of its agent's clock, decides about `CLOCK` and `HELD`.

    What an agent that is known says must fit its enrolment.
    """
    upward = topics.parse(incoming.topic)
    if upward is None:
        return Unfit(incoming, None, None, f"topic {incoming.topic!r}: no topic of batches")
    objection = known.objection(upward) if known is not None else None
    if objection is not None:
        return Unfit(incoming, upward.agent, None, objection)
    try:
        batch = codec.decode(incoming.payload)
    except DecodeError as error:
        return Unfit(incoming, upward.agent, _readable(incoming, upward.agent), str(error))
    header = batch.header
    try:
        _check_header(incoming, upward, header)
    except _UnfitError as error:
        return Unfit(incoming, upward.agent, None, str(error))
    try:
        content = _content(incoming, upward, batch, clock_offset_ms)
        _check_site(content, known.site(upward.agent) if known is not None else None)
    except (_UnfitError, DecodeError) as error:
        return Unfit(incoming, upward.agent, header, str(error))
    return Fit(incoming, header, content)


def _readable(incoming: Incoming, agent: str) -> codec.Header | None:
    try:
        header = codec.peek(incoming.payload)
    except DecodeError:
        return None
    is_theirs = header.agent == agent and header.seq < MAX_SEQ
    return header if is_theirs and len(header.epoch) <= MAX_EPOCH_CHARS else None


def _check_header(incoming: Incoming, upward: topics.Upward, header: codec.Header) -> None:
    if upward.partition != incoming.partition:
        raise _UnfitError(f"topic: partition {upward.partition}, expected {incoming.partition}")
    if header.agent != upward.agent:
        raise _UnfitError(f"header: agent {header.agent!r}, but the topic says {upward.agent!r}")
    if not topics.is_name(header.epoch) or header.seq >= MAX_SEQ:
        raise _UnfitError(f"header: epoch {header.epoch!r}, number {header.seq}")


def _content(
    incoming: Incoming, upward: topics.Upward, batch: codec.Batch, clock_offset_ms: float | None
) -> Readings | list[records.Record]:
    tag = batch.header.kind
    segment = records.KINDS[tag].topic
    if segment != upward.kind:
        raise _UnfitError(f"topic: {upward.kind!r}, but {tag!r} belongs under {segment!r}")
    at_ms = _numbers(batch, "at_ms")
    _check_times(at_ms, incoming.received_ms)
    if tag in readings.KINDS:
        return _readings(batch, at_ms, incoming.received_ms, clock_offset_ms)
    if tag not in _STATE_KINDS:
        raise _UnfitError(f"batch: no consumer for kind {tag!r} yet")
    listed = batch.records()
    for record in listed:
        _check_state(record, upward, batch.header)
    return listed


def _check_times(at_ms: npt.NDArray[np.int64], received_ms: int) -> None:
    earliest, latest = int(at_ms.min()), int(at_ms.max())
    if earliest < EARLIEST_MS:
        raise _UnfitError(f"at_ms: {earliest} is before 2009; set the agent's clock")
    if latest > received_ms + LATEST_AHEAD_MS:
        raise _UnfitError(f"at_ms: {latest} is more than a day after {received_ms}, when it came")


def _readings(
    batch: codec.Batch,
    at_ms: npt.NDArray[np.int64],
    received_ms: int,
    clock_offset_ms: float | None,
) -> Readings:
    kind = readings.KINDS[batch.header.kind]
    values = {
        name: _column(batch, name, of, is_optional=name in kind.optional)
        for name, of in kind.values.items()
    }
    for name, highest in _CHOICES.items():
        if name in values and int(values[name].max()) > highest:
            raise _UnfitError(f"{name}: {int(values[name].max())}, expected 0 to {highest}")
    if np.any(values["quality"] & _MEANINGLESS):
        raise _UnfitError(f"quality: {int(values['quality'].max())} has bits without a meaning")
    values["quality"] = _mark_clock(values["quality"], at_ms, received_ms, clock_offset_ms)
    numbers = _numbers(batch, _NUMBER[kind.tag])
    points = _points(batch) if kind is readings.POINT else None
    return Readings(kind, numbers, at_ms, values, points, correction_ms(clock_offset_ms))


def _column(batch: codec.Batch, name: str, of: str, *, is_optional: bool) -> npt.NDArray[Any]:
    if name not in batch.columns:
        code = {"float4": "f4", "float8": "f8", "int8": "i8", "int4": "i4", "int2": "i2"}[of]
        dtype = np.dtype(code)
        missing: Any = np.nan if dtype.kind == "f" else np.iinfo(dtype).min
        return np.full(batch.header.n, missing if is_optional else 0, dtype)
    values = _numbers(batch, name)
    if values.dtype.kind == "f" and np.isinf(values).any():
        raise _UnfitError(f"{name}: an infinite value")
    return values


def _numbers(batch: codec.Batch, name: str) -> npt.NDArray[Any]:
    column = batch.columns[name]
    if not isinstance(column, Numbers):
        raise _UnfitError(f"{name}: no column of numbers")
    return np.frombuffer(column.data, f"<{column.scalar.code}")


def correction_ms(clock_offset_ms: float | None) -> int:
    """Give what is taken off the times of a clock before they are shown; 0 when it is near."""
    offset_ms = round(clock_offset_ms or 0)
    return offset_ms if abs(offset_ms) > CORRECT_LIMIT_MS else 0


def _mark_clock(
    quality: npt.NDArray[Any],
    at_ms: npt.NDArray[np.int64],
    received_ms: int,
    clock_offset_ms: float | None,
) -> npt.NDArray[Any]:
    # The offset is by presence, never by the age of readings: a backlog is old and not wrong.
    held = records.Quality.CLOCK | records.Quality.HELD
    off_ms = abs(clock_offset_ms or 0)
    if off_ms > HOLD_LIMIT_MS:
        return quality | held
    if off_ms > CLOCK_LIMIT_MS:
        quality = quality | records.Quality.CLOCK
    if int(at_ms.max()) <= received_ms + CLOCK_LIMIT_MS:
        return quality
    ahead_ms = at_ms - received_ms
    quality = np.where(ahead_ms > CLOCK_LIMIT_MS, quality | records.Quality.CLOCK, quality)
    return np.where(ahead_ms > HOLD_AHEAD_MS, quality | held, quality)


def _points(batch: codec.Batch) -> tuple[list[tuple[str, str]], npt.NDArray[np.int64]]:
    names, units = batch.columns["point"], batch.columns["unit"]
    if not isinstance(names, Strings) or not isinstance(units, Strings):
        raise _UnfitError("point, unit: no columns of strings")
    for word in (*names.words, *units.words):
        if len(word) > _MAX_TEXT_CHARS or "\0" in word:
            raise _UnfitError(f"point: {word[:40]!r}..., longer than {_MAX_TEXT_CHARS} characters")
    width = max(len(units.words), 1)
    both = np.frombuffer(names.index, "<u4").astype(np.int64) * width
    both += np.frombuffer(units.index, "<u4")
    distinct, which = np.unique(both, return_inverse=True)
    pairs = [(names.words[i // width], units.words[i % width]) for i in distinct.tolist()]
    return pairs, which


def _check_state(record: records.Record, upward: topics.Upward, header: codec.Header) -> None:
    if isinstance(record, records.Birth):
        _check_birth(record, upward)
    if isinstance(record, records.Device):
        _check_device(record)
    if isinstance(record, records.Gap):
        _check_gap(record, header)
    if isinstance(record, records.Controls) and (objection := conduct.objection(record)):
        raise _UnfitError(objection)


def _check_birth(birth: records.Birth, upward: topics.Upward) -> None:
    if not topics.is_name(birth.site):
        raise _UnfitError(f"birth: site {birth.site!r} is no name")
    expected = topics.partition_of(birth.site)
    if expected != upward.partition:
        raise _UnfitError(
            f"birth: site {birth.site!r} is at home in partition {expected}, not {upward.partition}"
        )


def _check_site(content: Readings | list[records.Record], site: str | None) -> None:
    for record in content if isinstance(content, list) else ():
        if isinstance(record, records.Birth) and site not in {None, record.site}:
            raise _UnfitError(f"birth: site {record.site!r}, but it is enrolled for {site!r}")


def _check_device(device: records.Device) -> None:
    if device.number > _MAX_INT:
        raise _UnfitError(f"device {device.number}: a number above {_MAX_INT}")
    if not 0 < len(device.name) <= _MAX_TEXT_CHARS:
        raise _UnfitError(f"device {device.number}: a name of {len(device.name)} characters")
    for count in (device.rated_boards, device.rated_fans):
        if count is not None and count > _MAX_SMALLINT:
            raise _UnfitError(f"device {device.number}: {count} rated boards or fans")


def _check_gap(gap: records.Gap, header: codec.Header) -> None:
    if not topics.is_name(gap.epoch):
        raise _UnfitError(f"gap: epoch {gap.epoch!r} is none")
    low, high = gap.from_seq, gap.to_seq
    if low is None and high is None:
        return
    # A batch can only tell of batches before it; one that voids later ones would lose them.
    limit = header.seq if gap.epoch == header.epoch else MAX_SEQ
    if low is None or high is None or not 0 < low <= high < limit:
        raise _UnfitError(f"gap: numbers {low} to {high} in batch {header.seq}")
