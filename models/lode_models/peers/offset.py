"""Rigs that differ from their neighbours from the start: what the charts have learned as normal."""

from itertools import pairwise

import numpy as np

from lode_models.peers.memory import Memory
from lode_models.peers.rigs import LEAST_PEERS, LEVELS, Rigs
from lode_models.peers.sample import BOARD, CHIP, EFFICIENCY, HASH, Mask

READY_S, SETTLED_S = 3600.0, 10_000.0
LEAST_NEIGHBOURS = 5
MAD_TO_SIGMA = 1.4826

HEAT_C, HEAT_SIGMA = 5.0, 3.6
HASH_LOG, EFFICIENCY_LOG, LOG_SIGMA = 0.08, 0.10, 4.5
BACK = 0.7  # of the limit: nearer is over


def judge(m: Memory, rigs: Rigs) -> tuple[Mask, Mask]:
    """Tell by slot who is offset from its peers, and who is not.

    All are compared within the class, and temperatures then within the rack, which may be warm.
    """
    on, off = np.zeros(len(m), bool), np.zeros(len(m), bool)
    ready = m.learned_s >= READY_S
    bias = np.where(ready, m.bias, np.nan)
    is_new = m.learned_s.max(axis=0) <= SETTLED_S  # later, a drift is the charts' to find
    heat = _mean(bias[CHIP], bias[BOARD])
    for slots in rigs.by_class:
        heat[slots] -= np.nanmedian(heat[slots]) if np.isfinite(heat[slots]).any() else 0
    heat -= _of_neighbours(heat, rigs.group_of[LEVELS.index("rack")])
    for slots in rigs.by_class:
        mine = bias[:, slots]
        worst = np.fmax(
            np.fmax(
                _ratio(heat[slots], HEAT_C, HEAT_SIGMA), _ratio(-mine[HASH], HASH_LOG, LOG_SIGMA)
            ),
            _ratio(mine[EFFICIENCY], EFFICIENCY_LOG, LOG_SIGMA),
        )
        with np.errstate(invalid="ignore"):
            on[slots], off[slots] = worst > 1, worst < BACK
    return on & is_new, off


def _ratio(deviation: np.ndarray, least: float, sigmas: float) -> np.ndarray:
    """Give deviations as shares of what may be; NaN where too few are known."""
    known = deviation[~np.isnan(deviation)]
    if len(known) < LEAST_PEERS:
        return np.full(len(deviation), np.nan, np.float32)
    middle = np.median(known)
    sigma = MAD_TO_SIGMA * float(np.median(np.abs(known - middle)))
    ratio: np.ndarray = (deviation - middle) / max(least, sigmas * sigma)
    return ratio


def _mean(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    both = (one + other) / 2
    return np.where(np.isnan(one), other, np.where(np.isnan(other), one, both))


def _of_neighbours(heat: np.ndarray, racks: np.ndarray) -> np.ndarray:
    """Give the median of each rig's rack; 0 where it has too few neighbours."""
    out = np.zeros(len(heat), np.float32)
    order = np.argsort(racks, kind="stable")
    edges = np.flatnonzero(np.diff(racks[order], prepend=-2, append=-2))
    for begin, end in pairwise(edges):
        here = order[begin:end]
        known = heat[here][~np.isnan(heat[here])]
        if racks[here[0]] >= 0 and len(known) > LEAST_NEIGHBOURS:
            out[here] = np.median(known)
    return out
