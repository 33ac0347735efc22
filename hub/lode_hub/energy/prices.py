"""Prices and other figures over time, and how they are laid on periods.

source ─► Quotes ─► (database: every revision kept) ─► Values, as known at a moment ─► over periods
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

Quantity = Literal[
    "day-ahead",
    "real-time",
    "exchange",
    "hashprice",
    "difficulty",
    "coin-price",
    "fees",
    "ambient",
    "peak-probability",
]
QUANTITIES: tuple[Quantity, ...] = get_args(Quantity)
PRICES: tuple[Quantity, ...] = ("day-ahead", "real-time")

NODELESS: tuple[Quantity, ...] = ("hashprice", "difficulty", "coin-price", "fees", "ambient")
"""What is looked up without a node, so that one with a node would never be believed."""

OPEN_MS = np.iinfo(np.int64).max
"""The end of a value that holds until the next one."""

Times = npt.NDArray[np.int64]
Figures = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, slots=True)
class Quotes:
    """What a source says about one quantity: arrays of equal length; a NaN value is withdrawn.

    `published_ms` is when each became known by the source's word; 0: when it is received.
    """

    quantity: Quantity
    node: str
    unit: str
    from_ms: Times
    until_ms: Times
    value: Figures
    published_ms: Times

    def __len__(self) -> int:
        return len(self.from_ms)


@dataclass(frozen=True, kw_only=True, slots=True)
class Refusal:
    """A row that could not be read: where it is, and what to do."""

    line: int
    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Parsed:
    """What was read of a file or an answer, and the rows that could not be."""

    quotes: tuple[Quotes, ...]
    refused: tuple[Refusal, ...] = ()
    refused_n: int = 0  # all of them; `refused` has the first

    def __len__(self) -> int:
        return sum(len(quotes) for quotes in self.quotes)


@dataclass(frozen=True, kw_only=True, slots=True)
class Values:
    """One quantity as known at a moment: arrays of equal length, sorted by `from_ms`.

    Spans may overlap, when a correction has another resolution; the last published counts there.
    """

    unit: str
    from_ms: Times
    until_ms: Times
    value: Figures
    published_ms: Times

    def __len__(self) -> int:
        return len(self.from_ms)


def quotes(
    quantity: Quantity,
    node: str,
    unit: str,
    rows: Sequence[tuple[int, int, float, int]],
) -> Quotes:
    """Make quotes of rows (from_ms, until_ms, value, published_ms)."""
    table = list(zip(*rows, strict=True)) or [(), (), (), ()]
    return Quotes(
        quantity=quantity,
        node=node,
        unit=unit,
        from_ms=np.array(table[0], np.int64),
        until_ms=np.array(table[1], np.int64),
        value=np.array(table[2], np.float64),
        published_ms=np.array(table[3], np.int64),
    )


def none(unit: str = "") -> Values:
    """Give values of which nothing is known."""
    times = np.empty(0, np.int64)
    return Values(unit=unit, from_ms=times, until_ms=times, value=np.empty(0), published_ms=times)


def periods(from_ms: int, n: int, step_s: float) -> tuple[Times, Times]:
    """Give the begins and ends of n periods of step_s seconds."""
    begins = from_ms + np.arange(n, dtype=np.int64) * round(step_s * 1000)
    return begins, begins + round(step_s * 1000)


def over(values: Values, from_ms: Times, until_ms: Times) -> Figures:
    """Give the mean over each period, by time; NaN where any part of it has no value."""
    begins, ends, value = _flat(values)
    found = np.full(len(from_ms), np.nan)
    if not len(begins):
        return found
    place = np.searchsorted(begins, from_ms, side="right") - 1
    at = np.maximum(place, 0)
    inside = (place >= 0) & (until_ms <= ends[at])
    found[inside] = value[at[inside]]
    for i in np.flatnonzero((place >= 0) & ~inside & (from_ms < ends[at])):
        found[i] = _mean(begins, ends, value, int(from_ms[i]), int(until_ms[i]))
    return found


def at(values: Values, moment_ms: int) -> float:
    """Give the value at a moment; NaN where there is none."""
    one = np.array([moment_ms], np.int64)
    return float(over(values, one, one + 1)[0])


def _mean(begins: Times, ends: Times, value: Figures, from_ms: int, until_ms: int) -> float:
    first = int(np.searchsorted(begins, from_ms, side="right")) - 1
    last = int(np.searchsorted(begins, until_ms, side="left"))
    lengths = np.minimum(ends[first:last], until_ms) - np.maximum(begins[first:last], from_ms)
    if int(lengths.sum()) < until_ms - from_ms:
        return float("nan")
    return float(np.average(value[first:last], weights=lengths))


def _flat(values: Values) -> tuple[Times, Times, Figures]:
    """Give spans that do not overlap; where they did, the last published is on top."""
    begins, ends, value = values.from_ms, _closed(values), values.value
    if np.all(ends[:-1] <= begins[1:]):
        return begins, ends, value
    edges = np.unique(np.concatenate((begins, ends)))
    painted = np.full(len(edges) - 1, np.nan)
    is_painted = np.zeros(len(painted), bool)
    low, high = np.searchsorted(edges, begins), np.searchsorted(edges, ends)
    for i in np.argsort(values.published_ms, kind="stable"):
        painted[low[i] : high[i]] = value[i]
        is_painted[low[i] : high[i]] = True
    return edges[:-1][is_painted], edges[1:][is_painted], painted[is_painted]


def _closed(values: Values) -> Times:
    """End each open value where the next begins."""
    following = np.append(values.from_ms[1:], OPEN_MS)
    return np.where(values.until_ms == OPEN_MS, following, values.until_ms)
