"""What goes into and what comes out of the scoring of series."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lode_models.features import Floats
from lode_models.series.constants import HALF_SURPRISE, VALUE_MOST
from lode_models.series.step import Doubles

_DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class Scores:
    """What was thought of samples, float32, one each; NaN where the value is missing.

    `surprise` is the summed -log10 of how likely the sample was, and stays high as long as samples
    are unlikely. `score` maps it to [0, 1), with 0.5 where a person should be told, and is 0 where
    something as surprising was said within the refractory time: it says an event once.
    """

    score: Floats
    surprise: Floats


def scores(surprise: Doubles, said: Doubles) -> Scores:
    """Map what is said to scores; the order of surprises is kept."""
    square = said * said
    score = square / (square + HALF_SURPRISE**2)
    return Scores(score.astype(np.float32), surprise.astype(np.float32))


def prepared(
    at_ms: npt.NDArray[np.int64], values: npt.NDArray[np.floating]
) -> tuple[Doubles, Doubles, Doubles]:
    """Give values that float32 can hold or NaN, times as days since 1970, seconds of the day."""
    value = np.clip(values.astype(np.float64), -VALUE_MOST, VALUE_MOST)
    value = np.where(np.isfinite(values), value, np.nan)
    return value, (at_ms // _DAY_MS).astype(np.float64), (at_ms % _DAY_MS) / 1000
