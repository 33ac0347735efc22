"""Rigs that differ from their neighbours from the start: what the charts have learned as normal."""

import numpy as np

from lode_models.peers.memory import Memory
from lode_models.peers.rigs import LEAST_NEIGHBOURS, LEAST_PEERS, Rigs
from lode_models.peers.sample import BOARD, CHIP, EFFICIENCY, HASH, Mask

READY_S, SETTLED_S = 3600.0, 10_000.0
MAD_TO_SIGMA = 1.4826

LEAST = np.array([[5.0], [0.08], [0.10]], np.float32)  # °C; hashrate, J/TH as logarithms
SIGMAS = np.array([[3.6], [4.5], [4.5]], np.float32)
BACK = 0.7  # of the limit: nearer is over


def judge(m: Memory, rigs: Rigs) -> tuple[Mask, Mask]:
    """Tell by slot who is offset from its peers, and who is not.

    All are compared within the class, and temperatures then within the rack, which may be warm;
    where the two cannot be told apart they are not judged.
    """
    classed = rigs.classed
    bias = np.where(m.learned_s >= READY_S, m.bias, np.float32(np.nan))
    is_new = m.learned_s.max(axis=0) <= SETTLED_S  # later, a drift is the charts' to find
    heat = _mean(bias[CHIP], bias[BOARD])[None]
    for peers, least in ((classed, 1), (rigs.racked, LEAST_NEIGHBOURS)):
        usual = peers.medians(heat, least)
        heat -= np.where(np.isnan(usual), 0, usual)
    heat[:, ~rigs.knows_air] = np.nan
    worse = np.stack([heat[0], -bias[HASH], bias[EFFICIENCY]])
    worse -= classed.medians(worse, LEAST_PEERS)
    sigma = MAD_TO_SIGMA * classed.medians(np.abs(worse), LEAST_PEERS)
    worst = np.fmax.reduce(worse / np.maximum(LEAST, SIGMAS * sigma))
    with np.errstate(invalid="ignore"):
        return (worst > 1) & is_new, worst < BACK


def _mean(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    both = (one + other) / 2
    return np.where(np.isnan(one), other, np.where(np.isnan(other), one, both))
