"""PRICES.csv and FORECAST.csv: periods of equal length, one a line, read with every trouble named.

A time with an offset (or Z) is what it says; one without is in the site's time zone, where the
hour that comes twice in autumn may stand there twice.
"""

import csv
import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import TextIO
from zoneinfo import ZoneInfo

import numpy as np

from lode_hub.energy.nouns import Floats, Ints
from lode_hub.energy.plan.site_file import PlanFileError

TIME, PRICE = "timestamp", "price_usd_mwh"
BESIDE = ("adder_usd_mwh", "hashprice_usd_phd", "temp_c", "cap_kw")
LEAST_ROWS, MAX_ROWS = 2, 1_000_000
STEPS_S = (300.0, 3600.0)
HIGHEST = 1e6


@dataclass(frozen=True, kw_only=True, slots=True)
class Series:
    """Values by period: when it begins, and what its columns say, NaN where a cell is empty."""

    at_ms: Ints
    columns: dict[str, Floats]


def read_prices(path: Path, zone: ZoneInfo) -> Series:
    """Read the prices that came true, with what may stand beside them; steps of 5 min to 1 h.

    Raises:
        PlanFileError: a line, a gap, a repeat or a step that cannot be used.
    """
    found = _read(path, zone)
    missing = np.flatnonzero(np.isnan(found.columns[PRICE]))
    if len(missing):
        raise PlanFileError(f"{path} line {missing[0] + 2}: no {PRICE}; fill it in")
    if len(found.at_ms) < LEAST_ROWS:
        raise PlanFileError(f"{path}: {len(found.at_ms)} periods; give two or more")
    steps_s = np.diff(found.at_ms) / 1000.0
    step_s = float(np.median(steps_s))
    if not STEPS_S[0] <= step_s <= STEPS_S[1]:
        raise PlanFileError(f"{path}: steps of {step_s:g} s; use steps of 300 s to 3600 s")
    odd = np.flatnonzero(steps_s != step_s)
    if len(odd):
        begin, end = (_text(found.at_ms[odd[0] + n]) for n in (0, 1))
        what = f"{step_s:g} s, but {steps_s[odd[0]]:g} s from {begin} to {end}"
        more = f" (and {len(odd) - 1} more such)" if len(odd) > 1 else ""
        raise PlanFileError(
            f"{path} line {odd[0] + 3}: steps of {what}{more}; fill the gap, or cut the file there"
        )
    return found


def read_forecast(path: Path, zone: ZoneInfo, prices: Series) -> Floats:
    """Read forecasts for the periods of the prices, NaN where there is none.

    Raises:
        PlanFileError: a line that cannot be used, or no forecast for any of the periods.
    """
    found = _read(path, zone)
    at = np.searchsorted(found.at_ms, prices.at_ms)
    at = np.minimum(at, len(found.at_ms) - 1)
    is_there = found.at_ms[at] == prices.at_ms
    forecast = np.where(is_there, found.columns[PRICE][at], np.nan)
    if np.isnan(forecast).all():
        raise PlanFileError(f"{path}: no forecast for any period of the prices; compare the times")
    return forecast


def _read(path: Path, zone: ZoneInfo) -> Series:
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = list(_rows(path, file, zone))
    except OSError as error:
        raise PlanFileError(f"{path}: {error.strerror}; give a file that can be read") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise PlanFileError(f"{path}: not CSV in UTF-8: {error}") from None
    if not rows:
        raise PlanFileError(f"{path}: no line after the header; give one a period")
    names = list(rows[0][1])
    return Series(
        at_ms=np.array([at_ms for at_ms, _ in rows]),
        columns={name: np.array([row[name] for _, row in rows]) for name in names},
    )


def _rows(path: Path, file: TextIO, zone: ZoneInfo) -> Iterator[tuple[int, dict[str, float]]]:
    table = csv.DictReader(file)
    names = table.fieldnames or []
    for name in (TIME, PRICE):
        if name not in names:
            raise PlanFileError(f"{path} line 1: no column {name}; the header has {list(names)}")
    for name in names:
        if name not in (TIME, PRICE, *BESIDE):
            known = ", ".join((TIME, PRICE, *BESIDE))
            raise PlanFileError(f"{path} line 1: unknown column {name!r}; known are {known}")
    before_ms = -(1 << 62)
    for line, row in enumerate(islice(table, MAX_ROWS + 1), start=2):
        where = f"{path} line {line}"
        if line > MAX_ROWS + 1:
            raise PlanFileError(f"{where}: more than {MAX_ROWS} periods; cut the file")
        if None in row or None in row.values():
            raise PlanFileError(f"{where}: not {len(names)} cells; one for each column")
        before_ms = _at_ms(where, row[TIME], zone, before_ms)
        yield before_ms, {name: _number(where, name, row[name]) for name in names if name != TIME}


def _at_ms(where: str, text: str, zone: ZoneInfo, before_ms: int) -> int:
    try:
        at = datetime.fromisoformat(text.strip())
    except ValueError:
        raise PlanFileError(
            f"{where}: {TIME} {text!r}; write it like 2026-07-01T17:00:00Z"
        ) from None
    if at.tzinfo is not None:
        turns = [at]
    else:
        turns = [at.replace(tzinfo=zone, fold=fold) for fold in (0, 1)]
        if turns[0].astimezone(UTC).astimezone(zone).replace(tzinfo=None) != at:
            raise PlanFileError(
                f"{where}: {text} is skipped by the clocks of {zone.key}; "
                "set site.timezone to the one the file is in"
            )
    found_ms = [round(turn.timestamp() * 1000) for turn in turns]
    for at_ms in found_ms:
        if at_ms > before_ms:
            return at_ms
    kind = "is there twice" if before_ms in found_ms else "is out of order"
    raise PlanFileError(f"{where}: {text} {kind}; give each period one line, by rising time")


def _number(where: str, name: str, text: str) -> float:
    if not text.strip():
        return math.nan
    try:
        number = float(text)
    except ValueError:
        number = math.inf
    if not abs(number) <= HIGHEST:
        raise PlanFileError(f"{where}: {name} {text!r}; give a number within ±{HIGHEST:g}")
    return number


def _text(at_ms: int) -> str:
    return datetime.fromtimestamp(int(at_ms) / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
