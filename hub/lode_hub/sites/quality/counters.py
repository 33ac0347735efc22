"""What a counter says it has counted between two readings: on, over its end, or anew.

before, after, time ─► move ─► delta, and how it came about; NaN where it cannot be known
"""

import enum
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

WRAPS = tuple(2.0**bits * scale for bits in (16, 32) for scale in (0.001, 0.01, 0.1, 1.0))
"""Where an energy counter ends, in kWh: registers of 16 and 32 bits that count Wh to kWh."""

WHOLE_WRAPS = (2.0**16, 2.0**32)
"""Where a counter of single events ends, such as of shares."""


UNKNOWN_W = 10e6
"""What may flow through a meter that does not say its power."""

PEAK_TIMES = 4.0
LEAST_PEAK_W = 1_000.0


class Move(enum.IntEnum):
    """How a counter came from one reading to the next."""

    ON = 0
    ROLLED_OVER = 1  # past the end of its register
    RESET = 2  # it began anew: what it had counted up to then is not known
    JUMPED = 3  # further than it can have counted: the difference is not known


@dataclass(frozen=True, kw_only=True, slots=True)
class Moved:
    """Differences of counters, and how each came about; arrays of equal length."""

    delta: Floats  # never negative; NaN where it is not known
    move: npt.NDArray[np.uint8]


def moved(before: Floats, after: Floats, most: Floats, wraps: tuple[float, ...] = WRAPS) -> Moved:
    """Say what was counted, given the most that can have been between each two readings.

    A counter that fell has run over its end if that makes a possible amount, by the smallest end
    that does; else it was reset, and has counted at least what it shows since, if that is possible.
    Where a value is missing the difference is missing, and nothing has happened.
    """
    delta = after - before
    move = np.zeros(len(delta), np.uint8)
    fell = delta < 0
    jumped = delta > most
    move[jumped] = Move.JUMPED
    if fell.any():
        over = _over(before[fell], after[fell], most[fell], wraps)
        since = np.where(after[fell] <= most[fell], after[fell], np.nan)
        is_over = ~np.isnan(over)
        delta[fell] = np.where(is_over, over, since)
        move[fell] = np.where(is_over, Move.ROLLED_OVER, Move.RESET)
    return Moved(delta=np.where(jumped, np.nan, delta), move=move)


def most_kwh(peak_w: Floats, passed_s: Floats) -> Floats:
    """Give the most that an energy counter can have counted in so many seconds.

    `peak_w` is the highest power its meter has shown; not above 0 where it has shown none.
    """
    most_w = np.where(peak_w > 0, PEAK_TIMES * np.maximum(peak_w, LEAST_PEAK_W), UNKNOWN_W)
    found = most_w * (passed_s + 60) / 3.6e6 + 1.0  # a register may step by a whole kWh
    return np.asarray(found, np.float64)


def _over(before: Floats, after: Floats, most: Floats, wraps: tuple[float, ...]) -> Floats:
    found = np.full(len(before), np.nan)
    for end in sorted(wraps, reverse=True):
        counted = after + end - before
        # 2^n - 1 is the last value there is; a reading a rounding above it is still within.
        is_possible = (before <= end) & (counted >= 0) & (counted <= most)
        found = np.where(is_possible, counted, found)
    return found
