"""A series' first samples: kept until there are enough, then learnt at once, without garbage.

A register that is not set yet, or the first answer of a device that starts, may be anything. Taken
as the first of a mean and a scale it would blind the series for days.

The rows that a state does not need before it is judged hold them: [BEGIN][value, rest, second][n],
the value and what float32 leaves of it.
"""

import numpy as np

from lode_models.features import Floats
from lode_models.series import constants as c
from lode_models.series import state as at
from lode_models.series.step import Doubles, step

_KEPT = slice(at.EDGE.start, at.EDGE.start + 3 * c.BEGIN)


def begin(state: Floats, day: Doubles, second: Doubles, value: Doubles) -> None:
    """Keep one finite value of each series that has fewer than `BEGIN`; learn those that have."""
    count, columns = state[at.COUNT].astype(np.intp), np.arange(value.size)
    row = _KEPT.start + 3 * count
    for part, kept in enumerate((value, value - value.astype(np.float32), second)):
        state[row + part, columns] = kept
    state[at.COUNT] += 1
    ready = np.flatnonzero(state[at.COUNT] == c.BEGIN)
    if ready.size:
        state[:, ready] = _learnt(state[_KEPT, ready], day[ready])


def _learnt(kept: Floats, day: Doubles) -> Floats:
    value, rest, seconds = kept.reshape(c.BEGIN, 3, -1).transpose(1, 0, 2).astype(np.float64)
    values = without_garbage(value + rest)
    # A second of the day before the one that follows is of the same day, or of the day before.
    later = np.cumsum((seconds[:-1] > seconds[1:])[::-1], axis=0)[::-1]
    days = day - np.vstack([later, np.zeros_like(day)])
    state = at.empty(day.size)
    for one in zip(days, seconds, values, strict=True):
        step(state, *one)
    return state


def without_garbage(values: Doubles) -> Doubles:
    """Take the median for what is far beyond where most of a series' values, [BEGIN][n], are.

    Most of few values may be equal, or nearly; so it is garbage only if it is far from the median
    beside what that is itself, too.
    """
    middle = _median(values)
    usual = _median(np.abs(values - middle))
    reach = np.maximum(c.GARBAGE * usual, c.GARBAGE_PART * np.abs(middle))
    return np.where((np.abs(values - middle) > reach) & (reach > 0), middle, values)


def _median(values: Doubles) -> Doubles:
    ordered = np.sort(values, axis=0)
    middle: Doubles = (ordered[(c.BEGIN - 1) // 2] + ordered[c.BEGIN // 2]) / 2
    return middle
