"""The charts: what a rig's residual is, its moving averages, and what they may be.

residual ─► 30 s, 3 min, 15 min averages ─► each against its own learned spread
"""

import numpy as np

from lode_models.peers.memory import CHART_S, Memory, of, put
from lode_models.peers.rigs import Rigs
from lode_models.peers.sample import IS_TEMP, METRICS, Mask, Slots, Turn

THRESHOLDS = np.array([7.5, 7.5, 7.0], np.float32)
"""By chart, in its own spreads."""

LEAST = np.array(
    [  # hashrate, power, efficiency, chip °C, board °C, fan
        [0.06, 0.05, 0.06, 4.0, 4.0, 0.20],
        [0.03, 0.035, 0.035, 3.0, 3.0, 0.12],
        [0.02, 0.025, 0.025, 2.5, 2.5, 0.10],
    ],
    np.float32,
)
"""By chart and metric: a smaller deviation is nobody's business, however quiet the rig."""

PRIOR = np.array(
    [
        [0.030, 0.015, 0.030, 1.2, 1.2, 0.05],
        [0.020, 0.010, 0.020, 1.0, 1.0, 0.04],
        [0.014, 0.007, 0.014, 0.8, 0.8, 0.03],
    ],
    np.float32,
)
"""Spreads of a rig of which nothing is known, nor of its class."""

ROWS = len(CHART_S) * len(METRICS)
"""How many limits a rig has; `set_limit` sets one of all rigs."""

OWN_S = np.where(IS_TEMP | (np.array(METRICS) == "fan_rpm"), 3600.0, 4 * 3600.0).astype(np.float32)
"""How fast a rig's own level follows: within an hour where the weather moves it."""

BIAS_S = 4 * 3600.0
SPREAD_S = 4 * 3600.0
PRIOR_S = 10 * np.array(CHART_S, np.float32)
READY_S = 600.0
CLIP = np.where(IS_TEMP, 25.0, 1.0).astype(np.float32)[:, None]
CALM = 2.0 / 7.5  # of the limit
POOL_QUANTILE = 0.75
WINSOR = 2.5  # spreads
_WINSOR = (WINSOR / THRESHOLDS)[:, None, None].astype(np.float32)
_THRESHOLDS = THRESHOLDS[:, None, None]
_MINUS_TAU = -np.array(CHART_S, np.float32)
_LEAST = np.float32(1e-9)
DOUBT, DOUBTING = 0.5, 0.2  # beyond half the limit, learn at a fifth


def residuals(m: Memory, at: Slots | slice, x: np.ndarray, median: np.ndarray) -> np.ndarray:
    """Give how far each value is from what it should be, (metric, row), NaN where unsaid.

    It must differ from its peers and from its own past in the same direction; the smaller of the
    two counts. So neither the weather nor peers that fail make a rig look bad. A rig without
    peers has its past alone.
    """
    peer = x - median
    peer -= of(m.bias, at)
    # Between nothing and what its peers say; where they say nothing, anything.
    least = np.fmax(np.minimum(peer, 0), -CLIP)
    most = np.fmin(np.maximum(peer, 0, out=peer), CLIP, out=peer)
    own = x - of(m.own, at)
    e: np.ndarray = np.minimum(np.maximum(own, least, out=own), most, out=own)
    return e


def update(
    m: Memory, at: Slots | slice, e: np.ndarray, step_s: np.ndarray, at_ms: np.ndarray
) -> Mask:
    """Move the charts by a residual each; NaN holds them.

    Gives (row) where any chart is beyond its limit, or the hashrate is gone.
    """
    chart, limit, calm_ms = of(m.chart, at), of(m.limit, at), of(m.calm_ms, at)
    is_unsaid, is_far = np.isnan(e), np.zeros(e.shape, bool)
    step_s = step_s.astype(np.float32)
    # One chart at a time: all three are more than the processor's cache holds.
    for one, its_limit, minus_tau in zip(chart, limit, _MINUS_TAU, strict=True):
        move = e - one
        move *= 1 - np.exp(step_s / minus_tau)
        np.copyto(move, 0, where=is_unsaid)
        np.add(one, move, out=one)
        is_far |= np.abs(one, out=move) > its_limit
    put(m.chart, at, chart)
    is_calm = (np.abs(chart[0]) < CALM * limit[0]) & (limit[0] < np.inf)
    np.copyto(calm_ms, at_ms, where=is_calm)
    put(m.calm_ms, at, calm_ms)
    far: Mask = np.logical_or.reduce(is_far)
    return far


def forget(m: Memory, slots: Slots) -> None:
    """Let the slow charts of rigs whose trouble is over begin anew where the fast ones are."""
    m.chart[1:, :, slots] = m.chart[0][:, slots]


def learn(m: Memory, turn: Turn, median: np.ndarray, e: np.ndarray, step_s: np.ndarray) -> None:
    """Learn levels, offsets and spreads over `step_s`; that is 0 of rigs in trouble."""
    at, x = turn.at, turn.x
    known = of(m.learned_s, at)
    step = np.where(np.isnan(x), 0, step_s).astype(np.float32)
    for array, value, tau in ((m.own, x, OWN_S[:, None]), (m.bias, x - median, BIAS_S)):
        held = of(array, at)
        move = value - held
        move *= step / (np.minimum(known, np.float32(tau)) + step + _LEAST)
        np.copyto(move, 0, where=np.isnan(move))
        is_first = np.isnan(held) & (step > 0)
        held += move
        np.copyto(held, value, where=is_first)
        put(array, at, held)
    chart, spread, limit = of(m.chart, at), of(m.spread, at), of(m.limit, at)
    # A drift must neither widen what is thought its noise nor be learned as its level.
    most = limit * _WINSOR
    np.copyto(most, 1e3, where=np.isinf(limit))
    size = np.abs(chart)
    step[size[2] > DOUBT * limit[2]] *= DOUBTING
    surprise = np.square(np.minimum(size, most, out=size), out=size)
    surprise -= spread
    surprise *= step / (np.minimum(known, SPREAD_S) + step + _LEAST)
    np.copyto(surprise, 0, where=np.isnan(e))
    spread += surprise
    put(m.spread, at, spread)
    known += step
    put(m.learned_s, at, known)


def set_limit(m: Memory, rigs: Rigs, row: int) -> None:
    """Set the limits of one chart of one metric, from each rig's own spread and its class's."""
    chart, metric = divmod(row, len(METRICS))
    learned_s, spread = m.learned_s[metric], m.spread[chart, metric]
    ready = learned_s >= READY_S
    pool = _pool(
        np.where(ready, spread, np.float32(np.nan)), rigs, float(PRIOR[chart, metric] ** 2)
    )
    weight = learned_s / (learned_s + PRIOR_S[chart])
    limit = THRESHOLDS[chart] * np.sqrt(pool + weight * (spread - pool))
    m.limit[chart, metric] = np.where(ready, np.maximum(limit, LEAST[chart, metric]), np.inf)


def _pool(spread: np.ndarray, rigs: Rigs, prior: float) -> np.ndarray:
    """Give by slot what is typical of the rig's class, on the high side."""
    classed = rigs.classed
    ranked = classed.ranked(spread)
    # NaN sorts last, so the quantile of a class that is half known is on the high side.
    typical = ranked[classed.starts + (POOL_QUANTILE * (classed.sizes - 1)).astype(np.intp)]
    is_known = ~np.isnan(ranked[classed.starts + 2]) & np.isfinite(typical)
    return classed.to_slots(np.where(is_known, typical, prior), prior)
