"""A class's efficiency curve: the steps up from asleep, each with what it draws and hashes more.

Between two modes the marginal J/TH decides, not the average: it rises with the power, so a rig is
throttled long before it is put to sleep.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from lode_hub.energy.nouns import Floats, Ints, Mode, RigClass

HASH_USD = 1.0 / (1000.0 * 24.0)  # $ per TH/s and hour, for one $/PH/day


@dataclass(frozen=True, kw_only=True, slots=True)
class Curve:
    """The steps of a class, the start first: mode reached, watts and TH/s more than before it."""

    mode: Ints
    step_w: Floats
    step_ths: Floats


@lru_cache(maxsize=1024)
def curve(rigs: RigClass) -> Curve:
    """Give the steps between the modes worth having, by falling TH/s per watt.

    The mode of least power stays, being the cheapest way not to sleep; of the others those stay
    that no mix of two neighbours beats (the upper hull of hashrate over power).
    """
    best: list[int] = []
    for at in sorted(range(len(rigs.modes)), key=lambda at: rigs.modes[at].power_w):
        if best and rigs.modes[at].hashrate_ths <= rigs.modes[best[-1]].hashrate_ths:
            continue
        while len(best) > 1 and _slope(rigs.modes, best[-2], best[-1]) <= _slope(
            rigs.modes, best[-1], at
        ):
            best.pop()
        best.append(at)
    power = np.array([rigs.sleep_w, *(rigs.modes[at].power_w for at in best)])
    hashrate = np.array([0.0, *(rigs.modes[at].hashrate_ths for at in best)])
    return Curve(mode=np.array(best), step_w=np.diff(power), step_ths=np.diff(hashrate))


def profit_usd_h(
    mode: Mode, *, price_usd_mwh: float, hashprice_usd_phd: float, fee_ratio: float, pue: float
) -> float:
    """Give what a rig in this mode earns in an hour; the price includes the adders."""
    earned = mode.hashrate_ths * hashprice_usd_phd * (1 - fee_ratio) * HASH_USD
    return earned - mode.power_w * 1e-6 * pue * price_usd_mwh


def break_even_usd_mwh(
    j_th: float, *, hashprice_usd_phd: float, fee_ratio: float, pue: float, adder_usd_mwh: float
) -> float:
    """Give the price of power above which hashing at this J/TH loses money.

    $/MWh = 41.667 · hashprice · (1 - fee) / (J/TH · PUE) - adders.
    """
    return HASH_USD * 1e6 * hashprice_usd_phd * (1 - fee_ratio) / (j_th * pue) - adder_usd_mwh


def marginal_j_th(rigs: RigClass) -> Floats:
    """Give the J/TH of each step of the curve: from asleep to the lowest mode, then each above."""
    steps = curve(rigs)
    return steps.step_w / steps.step_ths


def _slope(modes: tuple[Mode, ...], low: int, high: int) -> float:
    more_w = modes[high].power_w - modes[low].power_w
    return (modes[high].hashrate_ths - modes[low].hashrate_ths) / more_w
