"""A reply as a family's parser sees it: decoded, its status looked at, its values asked for."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import msgspec

from lode_edge.drivers.asic.mend import mend
from lode_edge.errors import BadAnswer, Denied, DriverError, NotNow, Unsupported
from lode_wire.records import Quality

Row = dict[str, object]

_DECODER: msgspec.json.Decoder[Row] = msgspec.json.Decoder(dict[str, object])
_INVALID_COMMAND, _ACCESS_DENIED = 14, 45  # cgminer's API.class
_TEXT_LIMIT = 80
_ROWS_LIMIT = 256  # no rig has more boards, fans or pools
_NUMBER_LIMIT = 64  # characters; no figure has more


@dataclass(frozen=True, slots=True)
class Reply:
    """One decoded reply, and whether it had to be mended or was cut short."""

    body: Row
    quality: Quality = Quality.GOOD


@dataclass(slots=True)
class Replies:
    """What a rig said to the commands of one poll, by command; and what it refused, and why."""

    by_command: dict[str, Row] = field(default_factory=dict)
    failed: dict[str, DriverError] = field(default_factory=dict)
    quality: Quality = Quality.GOOD

    def lacks(self, command: str) -> bool:
        """Tell whether an answer is missing that the rig would give another time."""
        is_refused = isinstance(self.failed.get(command), Unsupported)
        return command not in self.by_command and not is_refused

    def rows(self, command: str, key: str) -> list[Row]:
        """List the objects under a reply's key; none when the reply did not come."""
        return rows(self.by_command.get(command, {}), key)

    def row(self, command: str, key: str) -> Row:
        """Give the first object under a reply's key; empty when there is none."""
        found = self.rows(command, key)
        return found[0] if found else {}


def decode(data: bytes, place: str) -> Reply:
    """Decode a reply, mending it if a strict parser refuses it.

    Raises:
        BadAnswer: it is no JSON object, and nothing that can be mended into one.
    """
    data = data.rstrip(b"\x00\r\n\t ")
    try:
        return Reply(_DECODER.decode(data))
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        pass
    try:
        mended = mend(data)
        quality = Quality.REPAIRED | (Quality.PARTIAL if mended.is_cut else Quality.GOOD)
        return Reply(_DECODER.decode(mended.text), quality)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        shown = data[:40]
        raise BadAnswer(f"{place}: no JSON: {error}; it begins with {shown!r}") from error


def check(body: Row, place: str) -> None:
    """Look at a reply's status.

    Raises:
        Denied: the rig does not allow the command.
        Unsupported: it does not know the command.
        NotNow: the rig does not answer this in its present state.
        BadAnswer: the rig says that the command failed.
    """
    status = rows(body, "STATUS")
    row = status[0] if status else body
    if text(row, "STATUS") not in {"E", "F"}:
        return
    code, message = number(row, "Code"), text(row, "Msg")
    if code in (_INVALID_COMMAND, _ACCESS_DENIED):
        refusal = Denied if code == _ACCESS_DENIED else Unsupported
        raise refusal(f"{place}: refused with code {code:.0f}: {message}")
    if message.lower() == "unavailable":
        raise NotNow(f"{place}: unavailable")
    raise BadAnswer(f"{place}: failed with code {code}: {message}")


def rows(body: Row, key: str) -> list[Row]:
    """List the objects under a key, be there one, many or none."""
    value = body.get(key)
    if isinstance(value, dict):
        return [value]
    if isinstance(value, list):
        return [row for row in value[:_ROWS_LIMIT] if isinstance(row, dict)]
    return []


def number(row: Row, *keys: str) -> float | None:
    """Give the first of these keys that holds a finite number, be it written as a string."""
    for key in keys:
        value = as_number(row.get(key))
        if value is not None:
            return value
    return None


def as_number(value: object) -> float | None:
    """Give a finite number, be it written as a string; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    if isinstance(value, str) and len(value) > _NUMBER_LIMIT:
        return None
    try:
        parsed = float(value)
    except (ValueError, OverflowError):
        return None
    return parsed if math.isfinite(parsed) else None


def text(row: Row, *keys: str) -> str:
    """Give the first of these keys that holds a text, trimmed; empty when none does."""
    for key in keys:
        value = row.get(key)
        if isinstance(value, str) and value.strip():
            return value.strip()[:_TEXT_LIMIT]
    return ""


def hashrate_ths(row: Row, averages: Sequence[str] = ("5s", "30s", "1m", "5m")) -> float | None:
    """Give the shortest average that a row has, in TH/s; the unit is in the key's name."""
    for average in (*averages, "15m", "30m", "av"):
        for prefix, per_ths in (("GHS", 1e3), ("MHS", 1e6), ("THS", 1.0)):
            value = number(row, f"{prefix} {average}")
            if value is not None:
                return value / per_ths
    return None
