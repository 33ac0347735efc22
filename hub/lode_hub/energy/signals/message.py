"""What a message says of calls: JSON, by the programme's own columns, made into what a call says.

Nothing is decided here; `taking` keeps it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import msgspec

from lode_hub.energy.prices import Refusal
from lode_hub.energy.signals.programme import Programme
from lode_hub.energy.sources.described import zone
from lode_hub.energy.sources.rows import LocalClock, moment, number
from lode_hub.errors import InvalidError

MAX_CALLS = 100
_BOOLS = {"true": True, "1": True, "false": False, "0": False}
_FIGURES = ("power_kw", "random_s", "level", "modification")

Said = dict[str, Any]
"""What a call says, as `call_of` has it; what it does not say is not in it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Heard:
    """The calls of a message, each with its place, and those that could not be read."""

    calls: tuple[tuple[int, Said], ...]
    refused: tuple[Refusal, ...]


def heard(told: Programme, data: bytes) -> Heard:
    """Read a message.

    Raises:
        InvalidError: it is no JSON, or has no call in it.
    """
    calls: list[tuple[int, Said]] = []
    refused: list[Refusal] = []
    for place, row in enumerate(_rows(told, data), 1):
        try:
            calls.append((place, said(told, row)))
        except (ValueError, OverflowError) as error:
            refused.append(Refusal(line=place, reason=str(error)))
    return Heard(calls=tuple(calls), refused=tuple(refused))


def said(told: Programme, row: object) -> Said:
    """Read one call.

    Raises:
        ValueError: something of it cannot be; says what and where.
    """
    columns = told.columns
    found: Said = {}
    for name, path in _columns(told):
        value = _pick(row, path)
        if value is not None and name != "level":
            found[name] = _read(name, path, value, told)
    level = _pick(row, columns.level)
    if level is not None and "power_kw" not in found:
        found |= told.asked(_read("level", columns.level, level, told))
    if "event" not in found:
        raise ValueError(f"no {columns.event}; a call has a name of its own")
    return found


def _columns(told: Programme) -> Iterator[tuple[str, str]]:
    names = {"begin": "from_ms", "end": "until_ms", "test": "is_test", "cancelled": "is_cancelled"}
    for name in told.columns.__struct_fields__:
        if name not in {"format", "rows"}:
            yield names.get(name, name), getattr(told.columns, name)


def _read(name: str, path: str, value: object, told: Programme) -> Any:  # noqa: ANN401 -- by name
    try:
        if name in {"from_ms", "until_ms"}:
            return moment(str(value), told.columns.format, LocalClock(zone(told.time_zone)), "")
        if name in _FIGURES:
            figure = number(value)
            return int(figure) if name == "modification" and figure.is_integer() else figure
        if name in {"is_test", "is_cancelled"}:
            return _BOOLS[str(value).lower()]
    except (ValueError, OverflowError) as error:
        raise ValueError(f"{path}: {error}") from None
    except KeyError:
        raise ValueError(f"{path}: {str(value)[:40]!r}; expected true or false") from None
    return str(value)


def _rows(told: Programme, data: bytes) -> list[object]:
    try:
        tree = msgspec.json.decode(data)
    except (msgspec.DecodeError, RecursionError) as error:
        raise InvalidError(f"no JSON: {error}; send a call as a JSON object") from None
    rows = _pick(tree, told.columns.rows) if told.columns.rows else tree
    rows = rows if isinstance(rows, list) else [rows]
    if not 0 < len(rows) <= MAX_CALLS or not all(isinstance(row, dict) for row in rows):
        raise InvalidError(
            f"no call at {told.columns.rows or 'the top'}; expected an object or a list of up to "
            f"{MAX_CALLS}, see [columns] of the programme"
        )
    return rows


def _pick(tree: object, path: str) -> object:
    """Follow a path; None where there is nothing, or null."""
    for part in filter(None, path.split(".")):
        if isinstance(tree, list) and part.isdecimal() and int(part) < len(tree):
            tree = tree[int(part)]
        elif isinstance(tree, dict):
            tree = tree.get(part)
        else:
            return None
    return tree
