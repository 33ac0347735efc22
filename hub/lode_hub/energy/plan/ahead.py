"""The market as believed at a moment: the coming periods, finer soon and coarser later."""

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from lode_hub.energy.nouns import Floats, Ints, Market
from lode_hub.energy.plan.earnings import starts_s

HORIZON_S = 24 * 3600.0
FINE_S = 2 * 3600.0
COARSE_S = 3600.0


def ahead(market: Market, now: int, price_usd_mwh: Floats, peaks_w: tuple[float, ...]) -> Market:
    """Give the market from period `now` on with prices as believed, and peaks as drawn so far.

    Periods later than two hours are joined to hours, so that a plan of a day in steps of five
    minutes has no more of them than it needs.
    """
    end = now + len(price_usd_mwh)
    group = _groups(market, now, end)
    first = np.flatnonzero(np.diff(group, prepend=-1))
    dt_s = np.add.reduceat(market.dt_s[now:end], first)

    def mean(values: Floats) -> Floats:
        return np.asarray(np.add.reduceat(values * market.dt_s[now:end], first) / dt_s)

    return Market(
        start_ms=market.start_ms + round(1000 * float(market.dt_s[:now].sum())),
        dt_s=dt_s,
        day=market.day[now:end][first],
        price_usd_mwh=mean(price_usd_mwh),
        adder_usd_mwh=mean(market.adder_usd_mwh[now:end]),
        hashprice_usd_phd=mean(market.hashprice_usd_phd[now:end]),
        pue=mean(market.pue[now:end]),
        cap_w=np.minimum.reduceat(market.cap_w[now:end], first),
        demand_charges=tuple(
            replace(
                charge,
                usd_kw=charge.usd_kw * _share(charge.counts, now, end),
                counts=np.logical_or.reduceat(charge.counts[now:end], first),
                peak_w=peak_w,
            )
            for charge, peak_w in zip(market.demand_charges, peaks_w, strict=True)
        ),
        commitments=tuple(
            replace(promise, counts=np.logical_or.reduceat(promise.counts[now:end], first))
            for promise in market.commitments
        ),
    )


def horizon(market: Market, now: int) -> int:
    """Give the first period that begins too late to be planned for now."""
    begins = starts_s(market)
    return int(np.searchsorted(begins[:-1], begins[now] + HORIZON_S))


def _share(counts: npt.NDArray[np.bool_], now: int, end: int) -> float:
    """Give the part of a demand charge that these periods are to earn back.

    A peak is paid for once and used in all periods that still count, not only in those planned now.
    """
    left = int(counts[now:].sum())
    return float(counts[now:end].sum()) / left if left else 0.0


def _groups(market: Market, now: int, end: int) -> Ints:
    begins = starts_s(market)[now:end]
    hour = begins // COARSE_S
    soon = begins < (begins[0] + FINE_S) // COARSE_S * COARSE_S
    change = np.diff(hour, prepend=-1) != 0
    return np.cumsum(soon | change) - 1
