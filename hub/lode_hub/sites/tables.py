"""The arrays that detectors work on: a row a rig, float32 with NaN for missing."""

from collections.abc import Iterator, Mapping
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from lode_hub.rules.book import shipped
from lode_models.features import floats

Table: TypeAlias = npt.NDArray[np.void]
Mask: TypeAlias = npt.NDArray[np.bool_]
Slots: TypeAlias = npt.NDArray[np.intp]
Times: TypeAlias = npt.NDArray[np.int64]
Plain: TypeAlias = dict[str, float | int | None]

MEASURED = (
    "hashrate_ths",
    "board_temp_c",
    "chip_temp_c",
    "inlet_temp_c",
    "fan_rpm",
    "fans_alive",
    "boards_alive",
    "chips_alive",
    "uptime_s",
)
"""What detectors read of a `RigReading` beside its times, state and quality."""

RATED = (
    "interval_s",
    "rated_hashrate_ths",
    "rated_boards",
    "rated_fans",
    "chip_temp_max_c",
    "board_temp_max_c",
)
"""What detectors read of a device's facts."""

COUNTS = {"fans_alive", "boards_alive", "chips_alive", "uptime_s", "rated_boards", "rated_fans"}
"""Whole numbers, although they stand in float columns for the sake of NaN."""

READING = np.dtype(
    [("at_ms", "i8"), ("received_ms", "i8"), ("state", "u1"), ("quality", "u2")]
    + [(name, "f4") for name in MEASURED]
)


def as_shipped(*names: str) -> dict[str, float]:
    """Give what detectors take from the book of rules, as it is shipped; no two share a name."""
    return {
        key: float(value)
        for layer in shipped()
        if layer.name in names
        for key, value in layer.body["thresholds"].items()
    }


THRESHOLDS = as_shipped("rig-over-temperature", "rig-low-hashrate", "rig-unreachable", "rig-silent")

FACTS = np.dtype([(name, "f4") for name in (*RATED, *THRESHOLDS)])

MAX_PER_GROUP = 256
"""How many readings of one rig are judged in one group; of a longer backlog, the newest."""


def readings(
    at_ms: Times, received_ms: Times, columns: Mapping[str, npt.NDArray[np.generic]]
) -> Table:
    """Put committed columns into one table of readings."""
    table = np.zeros(len(at_ms), READING)
    table["at_ms"], table["received_ms"] = at_ms, received_ms
    table["state"], table["quality"] = columns["state"], columns["quality"]
    for name in MEASURED:
        table[name] = floats(columns[name])
    return table


def rounds(slots: Slots, rows: Table) -> Iterator[tuple[Slots, Table]]:
    """Deal readings out in order of time, at most one a rig in each round.

    The order of the rows does not matter.
    """
    if not len(slots):
        return
    order = np.lexsort((rows["at_ms"], slots))
    slots, rows = slots[order], rows.take(order)
    first = np.flatnonzero(np.diff(slots, prepend=-1))
    count = np.diff(first, append=len(slots))
    skipped = np.maximum(count - MAX_PER_GROUP, 0)
    first, count = first + skipped, count - skipped
    for turn in range(int(count.max())):
        here = first[count > turn] + turn
        yield slots[here], rows.take(here)


def put(table: Table, slots: Slots, rows: Table) -> None:
    """Write rows into their slots.

    numpy assigns structured rows field by field, and as plain bytes fifteen times as fast; reading
    them is as fast with `take`.
    """
    plain_bytes = np.dtype(f"V{table.itemsize}")
    table.view(plain_bytes)[slots] = rows.view(plain_bytes)


def grown(table: Table, size: int) -> Table:
    """Give the table with at least `size` rows, the new ones zero."""
    if size <= len(table):
        return table
    larger = np.zeros(max(size, len(table) * 3 // 2, 64), table.dtype)
    larger[: len(table)] = table
    return larger


def plain(table: Table) -> list[Plain]:
    """Give rows as Python numbers by name, None for missing, rounded to what people read."""
    names = table.dtype.names or ()
    rounding = [int if name in COUNTS else _rounded for name in names]
    return [
        {
            name: None if value != value else make(value)  # noqa: PLR0124 -- NaN is not itself
            for name, make, value in zip(names, rounding, row, strict=True)
        }
        for row in table.tolist()
    ]


def _rounded(value: float) -> float:
    return round(value, 2)
