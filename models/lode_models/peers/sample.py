"""One round of readings, at most one a rig, and what the charts make of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from lode_models.features import Floats, Numbers, floats
from lode_wire.records import State

Mask: TypeAlias = npt.NDArray[np.bool_]
Slots: TypeAlias = npt.NDArray[np.intp]
Times: TypeAlias = npt.NDArray[np.int64]
Table: TypeAlias = npt.NDArray[np.void]
Columns: TypeAlias = Mapping[str, npt.NDArray[Any]]

FLOATS = ("hashrate_ths", "power_w", "board_temp_c", "chip_temp_c", "fan_rpm")
COUNTED = ("boards_alive", "chips_alive", "fans_alive")
TOTALS = ("accepted_shares", "rejected_shares", "uptime_s")

SAMPLE = np.dtype(
    [("at_ms", "i8"), ("state", "u1"), ("mode", "i2")]
    + [(name, "f4") for name in (*FLOATS, *COUNTED)]
    + [(name, "f8") for name in TOTALS]
)
"""A reading as it is judged: NaN is missing; `mode` is what was commanded, 0 where none is known.

Any change of `mode` gives the rig its grace, so a preset, a power limit's watts or the number of a
command will do.
"""

METRICS = ("hashrate", "power", "efficiency", "chip_temp", "board_temp", "fan_rpm")
"""What is charted: temperatures in °C, all others as natural logarithms, so that a residual of
0.1 is about 10 %."""

HASH, POWER, EFFICIENCY, CHIP, BOARD, FAN = range(6)
IS_TEMP: Mask = np.array([name.endswith("temp") for name in METRICS])

RAW = ("hashrate_ths", "power_w", "chip_temp_c", "board_temp_c")
"""What a stuck sensor or interface repeats."""

RESTING = (State.SLEEPING, State.CURTAILED, State.TUNING)
JUDGED = ("at_ms", "fan_rpm", *RAW, *COUNTED)
"""The columns that are looked at beside what is charted."""

_RESTS, _SAYS = np.zeros((2, 256), bool)
_RESTS[list(RESTING)] = _SAYS[[*RESTING, State.FAULTED]] = True

LEAST_HASH_THS, LEAST_POWER_W, LEAST_RPM = 1e-3, 1.0, 50.0  # nothing, where a logarithm is wanted


@dataclass(frozen=True, kw_only=True, slots=True)
class Turn:
    """Some rigs' samples on their way through the charts; arrays by (metric, row) or (row)."""

    at: Slots | slice
    rows: Columns
    x: Floats
    step_s: Floats  # since the reading before
    judged: Mask
    heard: Mask  # where this is of all rigs: there is a reading, else all is missing

    def some(self, which: Slots | slice) -> "Turn":
        """Give some rows of it; a slice is only taken of a turn's whole."""
        at: Slots | slice
        if isinstance(self.at, slice):
            at = which if isinstance(which, slice) else self.at.start + which
        else:
            at = self.at[which]
        return Turn(
            at=at, rows=some(self.rows, which), x=self.x[:, which],
            step_s=self.step_s[which], judged=self.judged[which],
            heard=self.heard[which],
        )  # fmt: skip


def samples(at_ms: Times, columns: Mapping[str, Numbers]) -> Table:
    """Put columns of `RigReading` into a table of samples; columns that lack are missing values."""
    table = np.zeros(len(at_ms), SAMPLE)
    table["at_ms"] = at_ms
    for name in ("state", "mode"):
        table[name] = columns.get(name, np.zeros(len(at_ms)))
    for name in (*FLOATS, *COUNTED, *TOTALS):
        table[name] = doubles(columns[name]) if name in columns else np.nan
    return table


def doubles(column: Numbers) -> npt.NDArray[np.float64]:
    """Turn a column as it travels into float64; share counters outgrow float32 within days."""
    if column.dtype.kind in "iu":
        info = np.iinfo(column.dtype.str)
        missing = info.min if column.dtype.kind == "i" else info.max
        return np.where(column == missing, np.nan, column.astype(np.float64))
    return column.astype(np.float64)


def by_column(rows: Table) -> Columns:
    """Give each column of samples by itself: arithmetic on fields of rows is slow."""
    return {name: rows[name].copy() for name in SAMPLE.fields or ()}


def some(rows: Columns, which: Slots | slice | Mask) -> Columns:
    """Give some of the samples."""
    return {name: column[which] for name, column in rows.items()}


def pairs(mask: Mask) -> tuple[Slots, Slots]:
    """Give row and column of what is true, as `numpy.nonzero` does, but fast where that is rare."""
    row, column = np.divmod(np.flatnonzero(mask), max(1, mask.shape[-1]))
    return row, column


def rests(state: npt.NDArray[Any]) -> Mask:
    """Tell whose state is one in which nothing is expected of a rig."""
    mask: Mask = _RESTS[state]
    return mask


def says_something(rows: Columns | Table) -> Mask:
    """Tell which samples are of a rig that answered: any figure, or a state that says why not."""
    state = rows["state"]
    mask: Mask = _SAYS[state] | ~np.isnan(rows[FLOATS[0]])
    rest = np.flatnonzero(~mask)  # few
    for name in (*FLOATS[1:], *COUNTED, "uptime_s"):
        mask[rest] |= ~np.isnan(rows[name][rest])
    mask &= state != State.UNREACHABLE
    return mask


def measures(rows: Columns | Table) -> Floats:
    """Give what is charted, (metric, row)."""
    out = np.empty((len(METRICS), len(rows["state"])), np.float32)
    faulted = (rows["state"] == State.FAULTED) & np.isnan(rows["hashrate_ths"])
    out[HASH] = _log(np.where(faulted, 0, rows["hashrate_ths"]), LEAST_HASH_THS)
    out[POWER] = _log(rows["power_w"], LEAST_POWER_W)
    out[EFFICIENCY] = out[POWER] - out[HASH]
    out[CHIP], out[BOARD] = _temp(rows["chip_temp_c"]), _temp(rows["board_temp_c"])
    out[FAN] = _log(rows["fan_rpm"], LEAST_RPM)
    return out


def _temp(values: Numbers) -> Floats:
    celsius = floats(values)
    return np.where(np.abs(celsius) < 250, celsius, np.float32(np.nan))  # noqa: PLR2004 -- no °C


def _log(values: Numbers, least: float) -> Floats:
    plain = floats(values)
    plain = np.where((plain >= 0) & np.isfinite(plain), plain, np.float32(np.nan))
    return np.log(np.maximum(plain, np.float32(least)))
