"""Many series at once, a tick at a time."""

from typing import Self

import numpy as np
import numpy.typing as npt

from lode_models.features import Floats
from lode_models.series import state
from lode_models.series.begin import begin
from lode_models.series.constants import BEGIN
from lode_models.series.scores import Scores, prepared, scores
from lode_models.series.step import Doubles, step

_CHUNK = 4096  # series: what a step works on then stays in the cache of a core


class SeriesDetector:
    """Scores series by their own past; a series is a column, known by its number from 0."""

    def __init__(self, series: int) -> None:
        self.state = state.empty(series)

    @property
    def series(self) -> int:
        """How many series there are."""
        return int(self.state.shape[1])

    def tick(self, at_ms: npt.NDArray[np.int64] | int, values: npt.NDArray[np.floating]) -> Scores:
        """Take one value of every series, and score it by what was before.

        `at_ms` is one time for all or one a series, ms since 1970; a repeated or earlier time is
        taken as it is. NaN and infinite values are missing: they change nothing.

        Raises: ValueError if there is not one value a series.
        """
        if values.shape != (self.series,):
            raise ValueError(f"values: {values.shape} for {self.series} series; give one each")
        at = np.broadcast_to(np.asarray(at_ms, np.int64), values.shape)
        found = np.empty((2, self.series))
        for start in range(0, self.series, _CHUNK):
            part = slice(start, start + _CHUNK)
            found[:, part] = _chunk(self.state[:, part], *prepared(at[part], values[part]))
        return scores(*found)

    def grow(self, series: int) -> None:
        """Make room for more series; those there are keep their numbers."""
        self.state = np.hstack([self.state, state.empty(series - self.series)])

    def forget(self, numbers: npt.NDArray[np.integer]) -> None:
        """Let series begin anew, as when a column is given to another series."""
        self.state[:, numbers] = state.empty(numbers.size)

    def snapshot(self) -> bytes:
        """Write everything down that is remembered."""
        return state.to_bytes(self.state)

    @classmethod
    def restore(cls, data: bytes) -> Self:
        """Go on from a snapshot as if there had been no break.

        Raises: ValueError if it is not a snapshot of this version, whole and undamaged.
        """
        detector = cls(0)
        detector.state = state.from_bytes(data)
        return detector


def _chunk(known: Floats, value: Doubles, day: Doubles, second: Doubles) -> Doubles:
    """Take a tick of a chunk's series: those that begin, and those that are judged."""
    young = known[state.COUNT] < BEGIN
    if not young.any():
        return _judged(known, value, day, second)
    found = np.full((2, value.size), np.nan)
    new, old = np.flatnonzero(young & ~np.isnan(value)), np.flatnonzero(~young)
    begun, moved = known[:, new], known[:, old]
    begin(begun, day[new], second[new], value[new])
    found[:, new] = 0.0
    found[:, old] = _judged(moved, value[old], day[old], second[old])
    known[:, new], known[:, old] = begun, moved
    return found


def _judged(known: Floats, value: Doubles, day: Doubles, second: Doubles) -> Doubles:
    """Take a tick of series; those without a value stay as they are."""
    missing = np.isnan(value)
    found = np.full((2, value.size), np.nan)
    # State is copied for whichever are fewer: those that stay, or those that move.
    if 2 * missing.sum() <= value.size:
        columns = np.flatnonzero(missing)
        kept = known[:, columns]
        found[:] = step(known, day, second, np.where(missing, 0.0, value))
        known[:, columns], found[:, columns] = kept, np.nan
    else:
        columns = np.flatnonzero(~missing)
        moved = known[:, columns]
        found[:, columns] = step(moved, day[columns], second[columns], value[columns])
        known[:, columns] = moved
    return found
