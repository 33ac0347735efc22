"""The charts: what a rig's residual is, its moving averages, and what they may be.

residual ─► 30 s, 3 min, 15 min averages ─► each against its own learned spread
"""

import numpy as np

from lode_models.peers.memory import CHART_S, Memory
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
DOUBT, DOUBTING = 0.5, 0.2  # beyond half the limit, learn at a fifth


def residuals(m: Memory, at: Slots | slice, x: np.ndarray, median: np.ndarray) -> np.ndarray:
    """Give how far each value is from what it should be, (metric, row), NaN where unsaid.

    It must differ from its peers and from its own past in the same direction; the smaller of the
    two counts. So neither the weather nor peers that fail make a rig look bad. A rig without
    peers has its past alone.
    """
    own = x - m.own[:, at]
    peer = x - median - m.bias[:, at]
    with np.errstate(invalid="ignore"):
        both = np.where(own * peer > 0, np.copysign(np.minimum(np.abs(own), np.abs(peer)), own), 0)
    has_peer, has_own = ~np.isnan(peer), ~np.isnan(own)
    e = np.where(has_peer & has_own, both, np.where(has_own, own, np.nan))
    return np.clip(e, -CLIP, CLIP)


def update(
    m: Memory, at: Slots | slice, e: np.ndarray, step_s: np.ndarray, at_ms: np.ndarray
) -> None:
    """Move the charts by a residual each; NaN holds them."""
    tau = np.array(CHART_S, np.float32)[:, None, None]
    share = (1 - np.exp(-step_s / tau)).astype(np.float32)
    chart = m.chart[:, :, at]
    chart = chart + np.where(np.isnan(e), 0, share * (e - chart))
    m.chart[:, :, at] = chart
    limit = m.limit[0][:, at]
    is_calm = np.abs(chart[0]) < CALM * np.where(np.isinf(limit), 0, limit)
    m.calm_ms[:, at] = np.where(is_calm, at_ms, m.calm_ms[:, at])


def beyond(m: Memory, at: Slots | slice) -> Mask:
    """Tell (row) where any chart is beyond its limit, or the hashrate is gone."""
    is_far = np.abs(m.chart[:, :, at]) > m.limit[:, :, at]
    return np.asarray(is_far.any(axis=(0, 1)), bool)


def forget(m: Memory, slots: Slots) -> None:
    """Let the slow charts of rigs whose trouble is over begin anew where the fast ones are."""
    m.chart[1:, :, slots] = m.chart[0][:, slots]


def learn(m: Memory, turn: Turn, e: np.ndarray, step_s: np.ndarray, free: Mask) -> None:
    """Learn levels, offsets and spreads of rigs that are free of trouble; others keep theirs."""
    at, x = turn.at, turn.x
    takes = free & ~np.isnan(x)
    known = m.learned_s[:, at]
    step = np.where(takes, step_s, 0).astype(np.float32)
    for array, value, tau in ((m.own, x, OWN_S[:, None]), (m.bias, x - turn.median, BIAS_S)):
        held = array[:, at]
        share = step / (np.minimum(known, tau) + step + 1e-9)
        moved = held + share * (value - held)
        is_first = takes & np.isnan(held)
        array[:, at] = np.where(is_first, value, np.where(np.isnan(moved), held, moved))
    chart, spread, limit = m.chart[:, :, at], m.spread[:, :, at], m.limit[:, :, at]
    # A drift must neither widen what is thought its noise nor be learned as its level.
    most = np.where(np.isinf(limit), 1e3, WINSOR * limit / THRESHOLDS[:, None, None])
    surprise = np.minimum(chart * chart, most * most)
    step = np.where(np.abs(chart[2]) > DOUBT * limit[2], DOUBTING * step, step)
    share = step / (np.minimum(known, SPREAD_S) + step + 1e-9)
    m.spread[:, :, at] = spread + np.where(np.isnan(e), 0, share * (surprise - spread))
    m.learned_s[:, at] = known + step


def set_limits(m: Memory, rigs: Rigs) -> None:
    """Set each chart's limit from its own spread, its class's, and what is worth saying."""
    pool = np.broadcast_to((PRIOR * PRIOR)[:, :, None], m.spread.shape).copy()
    ready = m.learned_s >= READY_S
    for slots in rigs.by_class:
        seen = np.where(ready[:, slots], m.spread[:, :, slots], np.nan)
        has = np.isfinite(seen).sum(axis=2) >= 3  # noqa: PLR2004 -- fewer are no class
        place = int(POOL_QUANTILE * (len(slots) - 1))
        # NaN sorts last, so the quantile of a class that is half known is on the high side.
        typical = np.partition(seen, place, axis=2)[:, :, place]
        known = has & np.isfinite(typical)
        pool[:, :, slots] = np.where(known, typical, PRIOR * PRIOR)[:, :, None]
    weight = m.learned_s / (m.learned_s + PRIOR_S[:, None, None])
    variance = weight * m.spread + (1 - weight) * pool
    limit = np.maximum(THRESHOLDS[:, None, None] * np.sqrt(variance), LEAST[:, :, None])
    m.limit[...] = np.where(ready, limit, np.inf)


def medians(latest: np.ndarray, rigs: Rigs, least: int, out: np.ndarray) -> None:
    """Write each class's median into `out`, (metric, slot); NaN where fewer than `least` speak."""
    out[:] = np.nan
    rows = np.arange(len(latest))
    for slots in rigs.by_class:
        values = np.sort(latest[:, slots], axis=1)  # NaN comes last
        n = len(slots) - np.isnan(values).sum(axis=1)
        middle = (values[rows, (n - 1) // 2] + values[rows, n // 2]) / 2
        out[:, slots] = np.where(n >= least, middle, np.nan)[:, None]
