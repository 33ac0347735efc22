"""The site's data as the planner's Market: prices, hashprice, PUE, charges, calls, by period."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from lode_hub.energy import nouns
from lode_hub.energy.account.make import Told
from lode_hub.energy.prices import Figures, Times
from lode_hub.energy.signals.cooling import cooling
from lode_hub.energy.signals.economics import Belief, hashprice
from lode_hub.energy.signals.reached import Reached, reached
from lode_hub.energy.tariff import Priced, Rates, Tariff, priced
from lode_hub.energy.tariff.calendar import Bools, billing_month, counts, local
from lode_hub.energy.tariff.described import Demand
from lode_hub.energy.tariff.price import exchange, probability, taxed, valid
from lode_hub.store.connection import Connection

TH_PER_PH = 1000.0
HOUR_MS = 3_600_000
MONTH_MS = 32 * 24 * HOUR_MS


@dataclass(frozen=True, kw_only=True, slots=True)
class Seen:
    """A market as it is known now, and what about it is not sure.

    `market` is None when nothing may be planned: a price is missing, or the hashprice is stale and
    is to be held. The standing plan then runs on.
    """

    market: nouns.Market | None
    hashprice: Belief
    notes: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Facts:
    """What is measured of a site: PUE by period, what each charge has reached, and what is not."""

    pue: Figures
    reached: Reached
    notes: tuple[str, ...]


async def facts(
    conn: Connection, told: Told, known: Rates, span: tuple[Times, Times], now_ms: int,
    metered_w: float | None = None,
) -> Facts:  # fmt: skip
    """Gather what is measured, for a plan of these periods; `metered_w` is what is drawn now."""
    pue, why = await cooling(conn, told, known, span, now_ms)
    if not told.tariffs:
        return Facts(pue=pue, reached={}, notes=why)
    found, missing = await reached(conn, told, now_ms, int(span[1][-1]) - 1, metered_w)
    return Facts(pue=pue, reached=found, notes=(*why, *missing))


def seen(  # noqa: PLR0913
    told: Told,
    known: Rates,
    calls: Sequence[dict[str, Any]],
    span: tuple[Times, Times],
    *,
    now_ms: int,
    measured: Facts | None = None,
    baseline_w: float = 0.0,
) -> Seen:
    """Lay what is known on periods; what is not measured is as the economics assume."""
    prices = priced(told.tariffs, known, *span)
    belief = hashprice(told.economics.hashprice, known, now_ms)
    energy = prices.usd_mwh("energy", "losses", "tax")
    energy = np.where([bool(name) for name in prices.tariff], energy, np.nan)
    notes = [belief.says] if belief.is_stale else []
    notes += measured.notes if measured else ()
    if np.isnan(energy).any():
        notes.append(f"no price for {int(np.isnan(energy).sum())} of {len(energy)} periods")
    if belief.value is None or np.isnan(energy).any():
        return Seen(market=None, hashprice=belief, notes=tuple(notes))
    earned = np.full(len(energy), belief.value)
    made = laid(
        told, known, calls, prices, usd_th_day=earned, measured=measured, baseline_w=baseline_w
    )
    return Seen(market=made, hashprice=belief, notes=tuple(notes))


def laid(  # noqa: PLR0913
    told: Told,
    known: Rates,
    calls: Sequence[dict[str, Any]],
    prices: Priced,
    *,
    usd_th_day: Figures,
    measured: Facts | None = None,
    baseline_w: float = 0.0,
) -> nouns.Market:
    """Lay a hashprice, charges and calls beside the prices of periods, all of which are known."""
    n, span = len(prices.from_ms), (prices.from_ms, prices.until_ms)
    assumed = told.economics.pue_at(np.full(n, told.economics.ambient_assume_c))
    return nouns.Market(
        start_ms=int(span[0][0]),
        dt_s=(span[1] - span[0]) / 1000.0,
        day=local(span[0], told.zone_at(int(span[0][0]))).day,
        price_usd_mwh=prices.usd_mwh("energy", "losses", "tax"),
        adder_usd_mwh=prices.usd_mwh("adders"),
        hashprice_usd_phd=usd_th_day * TH_PER_PH,
        pue=assumed if measured is None else measured.pue,
        cap_w=np.full(n, np.inf),
        demand_charges=tuple(_charges(told.tariffs, known, span, measured)),
        commitments=tuple(_commitments(calls, span, baseline_w)),
    )


def _charges(
    tariffs: Sequence[Tariff], known: Rates, span: tuple[Times, Times], measured: Facts | None
) -> Iterator[nouns.DemandCharge]:
    """Give the charges of each period's own tariff."""
    which = valid(tariffs, span[0])
    for number in np.unique(which[which >= 0]).tolist():
        mine = which == number
        yield from _demands(tariffs, number, known, span, measured.reached if measured else {})
        yield from _peaks(tariffs[number], known, span, mine)


def _demands(
    tariffs: Sequence[Tariff], place: int, known: Rates, span: tuple[Times, Times], had: Reached
) -> Iterator[nouns.DemandCharge]:
    tariff = tariffs[place]
    mine = valid(tariffs, span[0]) == place
    shown = local(span[0], tariff.zone)
    usd = exchange(tariff, known, *span)
    month = billing_month(shown, tariff.billing_day)
    for demand in tariff.demand:
        is_on = counts(demand.when, shown, tariff.holidays) & mine
        for number in np.unique(month[is_on]).tolist():
            here = is_on & (month == number)
            share = _share(demand, tariffs, place, here, span)
            yield nouns.DemandCharge(
                name=demand.name,
                usd_kw=share * demand.price_kw * float(usd[here][0]) * taxed(tariff, "demand"),
                counts=here,
                peak_w=1000 * had.get((place, demand.name, number), 0.0),
            )


def _peaks(
    tariff: Tariff, known: Rates, span: tuple[Times, Times], mine: Bools
) -> Iterator[nouns.DemandCharge]:
    shown = local(span[0], tariff.zone)
    usd = exchange(tariff, known, *span)
    for peak in tariff.peaks:
        chance = np.where(mine, probability(peak, known, shown, tariff, span), 0.0)
        share = peak.price_kw_year / len(peak.when.months) * taxed(tariff, "peaks")
        for likely in np.unique(chance[chance > 0]):
            here = chance == likely
            yield nouns.DemandCharge(
                name=peak.name,
                usd_kw=share * float(usd[here][0]) * min(1.0, float(likely * here.sum())),
                counts=here,
            )


def _share(
    demand: Demand, tariffs: Sequence[Tariff], place: int, here: Bools, span: tuple[Times, Times]
) -> float:
    """Give the part of a charge that these periods are to earn back.

    A peak is paid for once, and used in all periods that still count in its billing month.
    """
    tariff = tariffs[place]
    after = np.arange(span[1][-1], span[1][-1] + MONTH_MS, HOUR_MS)
    shown = local(np.concatenate([span[0][here][-1:], after]), tariff.zone)
    month = billing_month(shown, tariff.billing_day)
    is_later = (month == month[0]) & counts(demand.when, shown, tariff.holidays)
    later_ms = HOUR_MS * int((is_later[1:] & (valid(tariffs, after) == place)).sum())
    here_ms = int((span[1] - span[0])[here].sum())
    return here_ms / (here_ms + later_ms)


def _commitments(
    calls: Sequence[dict[str, Any]], span: tuple[Times, Times], baseline_w: float
) -> list[nouns.Commitment]:
    found = []
    for call in calls:
        here = (span[0] < call["until_ms"]) & (span[1] > call["from_ms"])
        if call["is_cancelled"] or not here.any():
            continue
        kind = {"to": "reduce_to", "by": "reduce_by", "all": "all"}[call["reduce"]]
        found.append(
            nouns.Commitment(
                name=f"{call['programme']}/{call['event']}",
                kind=kind,  # type: ignore[arg-type]
                counts=here,
                penalty_usd_mwh=call["penalty_usd_mwh"] or 0.0,
                watts=(call["power_kw"] or 0.0) * 1000,
                baseline_w=baseline_w,
            )
        )
    return found
