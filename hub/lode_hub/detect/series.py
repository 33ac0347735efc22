"""Scores a series of a CSV file: `timestamp,value` in, `timestamp,value,anomaly_score` out."""

import math
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import numpy.typing as npt
import typer

from lode_hub.detect import table
from lode_hub.errors import InvalidError
from lode_models.files.table import rows as rows_of
from lode_models.series import replay

COLUMNS = ("timestamp", "value")
_ROWS_MOST = 5_000_000  # some 2 GB of memory
_MISSING = {"", "-", "na", "n/a", "nan", "none", "null"}
_MS_FROM = 1e11  # a number of at least this size is in ms: it would be the year 5138 in s
_MS_MOST = 253_402_300_800_000  # the year 10000


def run(file: Path, out: Path) -> None:
    """Score the rows of `file` in their order and write them with their scores to `out`.

    A row is scored by the rows above it only. One whose value is missing or cannot be read as a
    number gets 0: nothing was seen, so nothing was wrong.

    Raises: InvalidError for a file that is not such a series, with the line.
    """
    with table.reading():
        rows = list(rows_of(file, COLUMNS, _ROWS_MOST))
    if not rows:
        raise InvalidError(f"{file}: no rows below the header; give at least one")
    scores = replay(_times(file, rows), _values(file, rows)).score
    table.write(out, file, (*COLUMNS, "anomaly_score"), _scored(rows, scores))


def _scored(
    rows: list[tuple[int, list[str]]], scores: npt.NDArray[np.float32]
) -> Iterator[tuple[str, str, str]]:
    for (_, (timestamp, value)), score in zip(rows, np.nan_to_num(scores).tolist(), strict=True):
        yield timestamp, value, f"{score:.6f}"


def _times(file: Path, rows: list[tuple[int, list[str]]]) -> npt.NDArray[np.int64]:
    """Read all times, in ms since 1970, as the first one is written."""
    first = rows[0][1][0].strip()
    parse = _iso_ms if _number(first) is None else _unix_ms
    found = np.empty(len(rows), np.int64)
    for index, (line, (timestamp, _)) in enumerate(rows):
        at_ms = parse(timestamp.strip())
        if at_ms is None:
            raise InvalidError(
                f"{file}, line {line}: timestamp {timestamp[:40]!r} is not {_KINDS[parse]}"
            )
        found[index] = at_ms
    return found


def _iso_ms(text: str) -> int | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return round(moment.timestamp() * 1000)


def _unix_ms(text: str) -> int | None:
    number = _number(text)
    if number is None or not math.isfinite(number):
        return None
    at_ms = number if abs(number) >= _MS_FROM else number * 1000
    return round(at_ms) if abs(at_ms) < _MS_MOST else None


_KINDS: dict[Callable[[str], int | None], str] = {
    _iso_ms: "a date and time; write it like 2026-01-31T12:00:00Z, or all as Unix s or ms",
    _unix_ms: "a number of s or ms since 1970 as the first is; write all in one way",
}


def _values(file: Path, rows: list[tuple[int, list[str]]]) -> npt.NDArray[np.float64]:
    """Read all values, NaN where there is none; tell how many could not be read."""
    found = np.full(len(rows), np.nan)
    unread: list[tuple[int, str]] = []
    for index, (line, (_, text)) in enumerate(rows):
        number = _number(text)
        if number is not None:
            found[index] = number
        elif text.strip().lower() not in _MISSING:
            unread.append((line, text))
    if unread:
        line, text = unread[0]
        what = f"{file}, line {line}: value {text[:40]!r} is not a number"
        if len(unread) == len(rows):
            raise InvalidError(f"{what}, nor is any other; give numbers in the column value")
        count = f"{len(unread)} of {len(rows)} values like it count as missing"
        typer.echo(f"lode-hub: {what}; {count}", err=True)
    return found


def _number(text: str) -> float | None:
    try:
        return float(text) if "_" not in text else None  # Python alone reads 1_000
    except ValueError:
        return None
