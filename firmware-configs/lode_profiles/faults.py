"""Say where in a file a description is wrong, so that a person finds the place."""

import copy
import re
from collections.abc import Iterator
from typing import Any

import msgspec

_ANY = "[...]"
_STEP = re.compile(r"\.([^.\[\]]+)|\[(\d+)\]|(\[\.\.\.\])")
_KEY = r"""(?:"[^"]*"|'[^']*'|[A-Za-z0-9_-]+)"""
_HEADER = re.compile(rf"\s*(\[\[?)\s*({_KEY}(?:\s*\.\s*{_KEY})*)\s*\]")
_LINE = re.compile(rf"\s*({_KEY}(?:\s*\.\s*{_KEY})*)\s*=")
_UNKNOWN = re.compile(r"unknown field (\S+)")

Place = tuple[str | int, ...]


def explained(
    text: str, data: dict[str, Any], shape: type[msgspec.Struct], error: msgspec.ValidationError
) -> str:
    """Write an error of msgspec as `line 12: points."speed".scale: expected float, got str`."""
    said, _, where = str(error).replace("`", "").partition(" - at $")
    place = _pinned(data, shape, where)
    unknown = _UNKNOWN.search(said)
    if unknown:
        place = (*place, unknown[1])
    place = place or _mentioned(data, said)
    line = line_of(text, place)
    at = f"line {line}: " if line else ""
    return f"{at}{_shown(place)}{said[:1].lower()}{said[1:]}"


def line_of(text: str, place: Place) -> int | None:
    """Find the line of a key, or of the nearest one that holds it."""
    best, found = 0, None
    for line, here in _places(text):
        if len(here) > best and here == place[: len(here)]:
            best, found = len(here), line
    return found


def _places(text: str) -> Iterator[tuple[int, Place]]:
    section: Place = ()
    counts: dict[Place, int] = {}
    for number, line in enumerate(text.splitlines(), 1):
        header = _HEADER.match(line)
        if header:
            section = _keys(header[2])
            if header[1] == "[[":
                counts[section] = counts.get(section, -1) + 1
                section = (*section, counts[section])
            yield number, section
            continue
        key = _LINE.match(line)
        if key:
            yield number, (*section, *_keys(key[1]))


def _keys(dotted: str) -> Place:
    return tuple(key.strip("\"'") for key in re.findall(_KEY, dotted))


def _pinned(data: dict[str, Any], shape: type[msgspec.Struct], where: str) -> Place:
    """Make a place of msgspec's path; which entry of a table it means, it does not say."""
    place: Place = ()
    for name, index, is_any in _STEP.findall(where):
        if not is_any:
            place = (*place, name or int(index))
            continue
        culprit = next((key for key in _at(data, place) if _fails(data, shape, place, key)), None)
        if culprit is None:
            return place
        place = (*place, culprit)
    return place


def _fails(data: dict[str, Any], shape: type[msgspec.Struct], place: Place, key: str) -> bool:
    """Tell whether a table with this entry alone is still refused for an entry of it."""
    alone = copy.deepcopy(data)
    table = _at(alone, place)
    for other in [other for other in table if other != key]:
        del table[other]
    try:
        msgspec.convert(alone, shape)
    except msgspec.ValidationError as error:
        return _ANY in str(error) and _first_table(str(error)) == [*map(str, place)]
    return False


def _first_table(said: str) -> list[str]:
    steps = _STEP.findall(said.partition(" - at `$")[2].partition(_ANY)[0])
    return [name or index for name, index, _ in steps]


def _at(data: Any, place: Place) -> Any:  # noqa: ANN401 -- TOML
    for step in place:
        data = data[step]
    return data


def _mentioned(data: dict[str, Any], said: str) -> Place:
    """Find the register that an error names."""
    for table in ("fields", "points"):
        entries = data.get(table)
        for key in entries if isinstance(entries, dict) else ():
            if re.search(rf"(^|[ '.]){re.escape(key)}([ '.:,]|$)", said):
                return table, key
    return ()


def _shown(place: Place) -> str:
    text = ""
    for step in place:
        if isinstance(step, int):
            text += f"[{step}]"
        else:
            name = step if step.isidentifier() else f'"{step}"'
            text += f".{name}" if text else name
    return f"{text}: " if text else ""
