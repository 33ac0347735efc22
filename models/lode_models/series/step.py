"""One sample of each of n series: residual streams, their tails, the summed surprise, learning.

Arithmetic is float64 and uses only what rounds the same everywhere; what is remembered is rounded
to float32 once, at the end. `replay` does the same for one series, number by number: a change here
is a change there, and a test holds both to the same bits.
"""

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from lode_models.features import Floats
from lode_models.series import constants as c
from lode_models.series import state as at

Doubles: TypeAlias = npt.NDArray[np.float64]
Pair: TypeAlias = tuple[Doubles, Doubles]


def step(state: Floats, day: Doubles, second: Doubles, value: Doubles) -> Pair:
    """Take one finite value of each series into `state`, [FIELDS][n].

    Time is in days since 1970 and seconds of the day. Gives the summed surprise, where that of a
    stream is -log10 of how likely a residual is so far out on its side; and what is said of it, 0
    where something as surprising was said within the refractory time.
    """
    now = state[: at.HOUR].astype(np.float64)
    count = now[at.COUNT].copy()
    first = count == 0
    now[at.ORIGIN] = np.where(first, value, now[at.ORIGIN]).astype(np.float32)
    x = (value - now[at.ORIGIN]).astype(np.float32).astype(np.float64)
    for mean in (at.LEVEL, at.FAST):
        now[mean] = np.where(first, x, now[mean])
    rate = 1 / (count + 1)

    cell = (second // 3600).astype(np.intp) + at.HOUR, np.arange(value.size)
    hour = state[cell].astype(np.float64)
    residuals = _residuals(now, x, rate, hour)
    floor = c.RESOLUTION * np.abs(value) + 1e-300
    scale = np.maximum(np.maximum(now[at.SCALE], c.STEEPEST * np.abs(residuals)), floor)
    surprise = _tails(now, residuals / scale, count, hour)
    said = _held_back(now, surprise, count)
    learnt = _learn(now, residuals, rate, hour)
    state[cell] = np.where(np.isnan(hour), x, hour + _hour_rate(now, day, second) * learnt[2])
    now[at.COUNT] = np.minimum(count + 1, c.COUNT_MOST)
    now[at.DAY], now[at.SECOND] = day, second
    state[: at.HOUR] = now
    return surprise, said


def _residuals(now: Doubles, x: Doubles, rate: Doubles, hour: Doubles) -> Doubles:
    """Give the four residuals, [stream][n], and move the fast means."""
    known = (now[at.SCALE][0] > 0) & (now[at.COUNT] >= c.LEARN_FROM)
    limit = np.where(known, c.FAST_WINSOR * now[at.SCALE][0], np.inf)
    jump = np.minimum(np.maximum(x - now[at.FAST], -limit), limit)
    fast_rate = np.maximum(c.SHIFT_RATE, rate)
    now[at.FAST] += fast_rate * jump
    now[at.SPREAD] += fast_rate * (np.abs(jump) - now[at.SPREAD])
    return np.stack(
        [
            x - now[at.LEVEL],
            now[at.FAST] - now[at.LEVEL],
            np.where(np.isnan(hour), 0.0, x - hour),
            now[at.SPREAD] - now[at.USUAL_SPREAD],
        ]
    )


def _tails(now: Doubles, z: Doubles, count: Doubles, hour: Doubles) -> Doubles:
    """Give the summed surprise of residuals in scales, and let the tails learn from them."""
    edge, peak = (now[rows].reshape(2, *z.shape) for rows in (at.EDGE, at.PEAK))
    excess = np.stack([z, -z]) - edge
    share = np.where(z > 0, z / edge[0], -z / edge[1])
    surprise = c.TAIL_SURPRISE * share
    learns = np.broadcast_to(count >= c.LEARN_FROM, z.shape).copy()
    learns[2] &= ~np.isnan(hour)
    fallen = edge - c.EDGE_FALL * peak * learns

    side, stream, series = found = np.nonzero(excess > 0)
    over, mean = excess[found], peak[found]
    reach = np.log(1 + c.TAIL_SHAPE * over / (mean * (1 - c.TAIL_SHAPE)))
    surprise[stream, series] = c.TAIL_SURPRISE + reach / (c.TAIL_SHAPE * np.log(10.0))
    risen = mean + c.PEAK_RATE * (np.minimum(over, c.PEAK_WINSOR * mean) - mean)
    risen = np.where(learns[stream, series], np.maximum(risen, c.PEAK_LEAST), mean)
    raised = edge[found] + c.EDGE_RISE * risen * learns[stream, series]
    fallen[side, stream, series] = raised
    peak[found] = risen
    now[at.EDGE] = np.maximum(fallen, c.EDGE_LEAST).reshape(8, -1)
    now[at.PEAK] = peak.reshape(8, -1)
    total = surprise[0] + surprise[1] + surprise[2] + surprise[3]
    sure = np.minimum(count / c.SURE_FROM, 1.0)
    return np.where(count >= c.SPEAK_FROM, total * sure, 0.0)


def _held_back(now: Doubles, surprise: Doubles, count: Doubles) -> Doubles:
    """Give 0 for what is no more surprising than what was said within the refractory time."""
    refractory = np.minimum(c.REFRACTORY_MOST, c.REFRACTORY_PART * (count + 1))
    said = (surprise > now[at.HELD]) | (now[at.AGE] >= refractory)
    now[at.HELD] = np.where(said, surprise, now[at.HELD])
    now[at.AGE] = np.where(said, 0.0, now[at.AGE] + 1)
    return np.where(said, surprise, 0.0)


def _learn(now: Doubles, residuals: Doubles, rate: Doubles, hour: Doubles) -> Doubles:
    """Move the slow means and the scales; give the residuals, none further out than `WINSOR`."""
    known = (now[at.SCALE] > 0) & (now[at.COUNT] >= c.LEARN_FROM)
    limit = np.where(known, c.WINSOR * now[at.SCALE], np.inf)
    held = np.minimum(np.maximum(residuals, -limit), limit)
    now[at.LEVEL] += np.maximum(c.LEVEL_RATE, rate) * held[0]
    now[at.USUAL_SPREAD] += np.maximum(c.SCALE_RATE, rate) * held[3]
    moved = np.maximum(c.SCALE_RATE, rate) * (c.ABS_TO_SD * np.abs(held) - now[at.SCALE])
    moved[2] = np.where(np.isnan(hour), 0.0, moved[2])
    now[at.SCALE] += moved
    return held


def _hour_rate(now: Doubles, day: Doubles, second: Doubles) -> Doubles:
    """Weigh a sample by the time since the last, so that it does not matter how often they come."""
    since = (day - now[at.DAY]) * 86_400 + (second - now[at.SECOND])
    since = np.minimum(np.maximum(since, 0.0), 3_600.0)
    return np.where(now[at.COUNT] == 0, 0.0, since / (since + c.HOUR_MEMORY_S))
