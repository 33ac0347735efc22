"""All of one series, number by number: the same bits as `step`, some ten times as fast for one.

Each function here is the function of `step` with its name, in Python floats: the same operations in
the same order, rounded to float32 at the end of each sample.
"""

import math
import struct

import numpy as np
import numpy.typing as npt

from lode_models.series import constants as c
from lode_models.series import state as at
from lode_models.series.begin import begin
from lode_models.series.scores import Scores, prepared, scores

_NOW = struct.Struct(f"={at.HOUR}f")
_ONE = struct.Struct("=f")
_LN10 = float(np.log(10.0))
_SCALE, _EDGE, _PEAK = at.SCALE.start, at.EDGE.start, at.PEAK.start
_HOUR_STREAM = at.STREAMS.index("hour")


def replay(at_ms: npt.NDArray[np.int64], values: npt.NDArray[np.floating]) -> Scores:
    """Score all samples of one series in their order, as `SeriesDetector.tick` would one by one."""
    missing = (math.nan, math.nan)
    value, day, second = prepared(at_ms, values)
    first = np.flatnonzero(~np.isnan(value))[: c.BEGIN]
    start = int(first[-1]) + 1 if first.size == c.BEGIN else len(value)
    found = [missing if math.isnan(one) else (0.0, 0.0) for one in value[:start].tolist()]
    if first.size == c.BEGIN:
        begun = at.empty(1)
        for place in first:
            begin(begun, day[[place]], second[[place]], value[[place]])
        now, hours = begun[: at.HOUR, 0].tolist(), begun[at.HOUR :, 0].tolist()
        rows = zip(*(column[start:].tolist() for column in (value, day, second)), strict=True)
        found += [
            missing if value != value else _step(now, hours, day, second, value)  # noqa: PLR0124
            for value, day, second in rows
        ]
    return scores(*np.array(found, np.float64).reshape(-1, 2).T)


def _step(
    now: list[float], hours: list[float], day: float, second: float, value: float
) -> tuple[float, float]:
    count = now[at.COUNT]
    if count == 0:
        now[at.ORIGIN] = _float32(value)
    x = _float32(value - now[at.ORIGIN])
    if count == 0:
        now[at.LEVEL] = now[at.FAST] = x
    rate = 1 / (count + 1)
    cell = int(second // 3600)
    hour = hours[cell]
    residuals = _residuals(now, x, rate, hour)
    surprise = _tails(now, residuals, c.RESOLUTION * abs(value) + 1e-300, hour)
    said = _held_back(now, surprise)
    held = _learn(now, residuals, rate, hour)
    hours[cell] = _float32(
        x if hour != hour else hour + _hour_rate(now, day, second) * held  # noqa: PLR0124
    )
    now[at.COUNT] = min(count + 1, c.COUNT_MOST)
    now[at.DAY], now[at.SECOND] = day, second
    now[:] = _NOW.unpack(_NOW.pack(*now))
    return surprise, said


def _float32(number: float) -> float:
    return float(_ONE.unpack(_ONE.pack(number))[0])


def _residuals(now: list[float], x: float, rate: float, hour: float) -> list[float]:
    jump = x - now[at.FAST]
    if now[_SCALE] > 0 and now[at.COUNT] >= c.LEARN_FROM:
        limit = c.FAST_WINSOR * now[_SCALE]
        jump = min(max(jump, -limit), limit)
    fast_rate = max(c.SHIFT_RATE, rate)
    now[at.FAST] += fast_rate * jump
    now[at.SPREAD] += fast_rate * (abs(jump) - now[at.SPREAD])
    return [
        x - now[at.LEVEL],
        now[at.FAST] - now[at.LEVEL],
        0.0 if hour != hour else x - hour,  # noqa: PLR0124
        now[at.SPREAD] - now[at.USUAL_SPREAD],
    ]


def _tails(now: list[float], residuals: list[float], floor: float, hour: float) -> float:
    count = now[at.COUNT]
    total = 0.0
    for stream, residual in enumerate(residuals):
        size = abs(residual)
        z = size / max(now[_SCALE + stream], c.STEEPEST * size, floor)
        learns = count >= c.LEARN_FROM and (stream != _HOUR_STREAM or hour == hour)  # noqa: PLR0124
        lower = 4 if residual < 0 else 0
        total += _tail(now, stream + lower, z, learns)
        if learns:
            other = stream + 4 - lower
            edge = now[_EDGE + other] - c.EDGE_FALL * now[_PEAK + other]
            now[_EDGE + other] = max(edge, c.EDGE_LEAST)
    if count < c.SPEAK_FROM:
        return 0.0
    return total * min(count / c.SURE_FROM, 1.0)


def _tail(now: list[float], tail: int, z: float, learns: bool) -> float:
    edge, mean = now[_EDGE + tail], now[_PEAK + tail]
    over = z - edge
    if over <= 0:
        if learns:
            now[_EDGE + tail] = max(edge - c.EDGE_FALL * mean, c.EDGE_LEAST)
        return c.TAIL_SURPRISE * (z / edge)
    if learns:
        risen = mean + c.PEAK_RATE * (min(over, c.PEAK_WINSOR * mean) - mean)
        now[_PEAK + tail] = max(risen, c.PEAK_LEAST)
        now[_EDGE + tail] = max(edge + c.EDGE_RISE * now[_PEAK + tail], c.EDGE_LEAST)
    # NumPy's logarithm, since the C library's may differ in the last bit.
    reach = float(np.log(1 + c.TAIL_SHAPE * over / (mean * (1 - c.TAIL_SHAPE))))
    return c.TAIL_SURPRISE + reach / (c.TAIL_SHAPE * _LN10)


def _held_back(now: list[float], surprise: float) -> float:
    refractory = min(c.REFRACTORY_MOST, c.REFRACTORY_PART * (now[at.COUNT] + 1))
    if surprise > now[at.HELD] or now[at.AGE] >= refractory:
        now[at.HELD], now[at.AGE] = surprise, 0.0
        return surprise
    now[at.AGE] += 1
    return 0.0


def _learn(now: list[float], residuals: list[float], rate: float, hour: float) -> float:
    known = now[at.COUNT] >= c.LEARN_FROM
    scale_rate = max(c.SCALE_RATE, rate)
    held = []
    for stream, residual in enumerate(residuals):
        scale = now[_SCALE + stream]
        limit = c.WINSOR * scale
        least = min(max(residual, -limit), limit) if known and scale > 0 else residual
        held.append(least)
        if stream != _HOUR_STREAM or hour == hour:  # noqa: PLR0124
            now[_SCALE + stream] += scale_rate * (c.ABS_TO_SD * abs(least) - scale)
    now[at.LEVEL] += max(c.LEVEL_RATE, rate) * held[0]
    now[at.USUAL_SPREAD] += scale_rate * held[3]
    return held[_HOUR_STREAM]


def _hour_rate(now: list[float], day: float, second: float) -> float:
    if now[at.COUNT] == 0:
        return 0.0
    since = (day - now[at.DAY]) * 86_400 + (second - now[at.SECOND])
    since = min(max(since, 0.0), 3_600.0)
    return since / (since + c.HOUR_MEMORY_S)
