"""The account of one event: a call, a curtailment, a period of a plan.

metered, baseline ─► delivered ─► against what was asked ─► money, by period and by rig
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lode_hub.energy.account.baseline import Expected
from lode_hub.energy.account.metered import Metered
from lode_hub.energy.prices import Figures
from lode_hub.energy.signals.programme import Reduce

_HOUR_MS = 3_600_000
_DAY_H = 24.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Terms:
    """What was asked and what it pays; `power_kw` None for all, or where nothing was asked."""

    reduce: Reduce | None
    power_kw: float | None = None
    credit_usd_mwh: float | None = None
    penalty_usd_mwh: float | None = None
    tolerance_ratio: float = 0.05


@dataclass(frozen=True, kw_only=True, slots=True)
class RigHashing:
    """What one rig hashed before an event and in it: means in TH/s, None where it did not say.

    `reported_kwh` is by the rig's own word of its power: no meter, and in no sum of money.
    """

    rig: str
    model: str
    before_ths: float | None
    during_ths: float | None
    lost_thh: float | None
    lost_usd: float | None
    reported_kwh: float | None


@dataclass(frozen=True, kw_only=True, slots=True)
class PeriodRow:
    """One period of an event; None is missing."""

    from_ms: int
    until_ms: int
    metered_kwh: float | None
    baseline_kwh: float | None
    delivered_kwh: float | None
    asked_kwh: float | None
    price_usd_mwh: float | None
    hashprice_usd_th_day: float | None


@dataclass(frozen=True, kw_only=True, slots=True)
class EventAccount:
    """What an event came to; sums are over the periods that have their figures, see `notes`."""

    method: str
    baseline: str
    baseline_days: tuple[str, ...]
    metered_kwh: float | None
    baseline_kwh: float | None
    delivered_kwh: float | None
    asked_kwh: float | None
    shortfall_kwh: float | None
    compliance_ratio: float | None  # delivered by asked
    is_compliant: bool | None
    energy_usd: float | None
    avoided_usd: float | None  # energy not bought
    hash_lost_usd: float | None
    credit_usd: float
    penalty_usd: float
    earned_usd: float | None  # avoided + credit - penalty - lost
    missing_h: float
    unplaced_kwh: float  # ran through meanwhile; in no sum, for its time is not known
    periods: tuple[PeriodRow, ...]
    rigs: tuple[RigHashing, ...]
    notes: tuple[str, ...]


def event_account(
    terms: Terms,
    event: Metered,
    baseline: Expected,
    price_usd_mwh: Figures,
    hashprice_usd_th_day: Figures,
    rigs: Sequence[RigHashing],
) -> EventAccount:
    """Reckon an event; arrays are by its periods."""
    hours = (event.until_ms - event.from_ms) / _HOUR_MS
    delivered = baseline.energy_kwh - event.energy_kwh
    asked, shortfall = _asked(terms, hours, event, baseline)
    money = _money_of(terms, delivered, asked, shortfall)
    avoided_usd = _money(delivered, price_usd_mwh)
    lost = [rig.lost_usd for rig in rigs if rig.lost_usd is not None]
    lost_usd = float(sum(lost)) if lost else None
    rows = _rows(event, baseline, delivered, asked, price_usd_mwh, hashprice_usd_th_day)
    return EventAccount(
        method=baseline.method,
        baseline=baseline.says,
        baseline_days=baseline.days,
        metered_kwh=_sum(event.energy_kwh),
        baseline_kwh=_sum(baseline.energy_kwh),
        delivered_kwh=_sum(delivered),
        asked_kwh=money.asked_kwh,
        shortfall_kwh=money.shortfall_kwh,
        compliance_ratio=_ratio(_sum(delivered), money.asked_kwh),
        is_compliant=money.is_compliant,
        energy_usd=_money(event.energy_kwh, price_usd_mwh),
        avoided_usd=avoided_usd,
        hash_lost_usd=lost_usd,
        credit_usd=money.credit_usd,
        penalty_usd=money.penalty_usd,
        earned_usd=_earned(avoided_usd, lost_usd, money),
        missing_h=event.missing_h,
        unplaced_kwh=event.unplaced_kwh,
        periods=tuple(rows),
        rigs=tuple(rigs),
        notes=tuple(_notes(event, delivered, price_usd_mwh, rigs)),
    )


def hashing(
    rig: tuple[str, str],
    before_ths: Figures,
    during_ths: Figures,
    power_w: Figures,
    hours: Figures,
    usd_th_day: Figures,
) -> RigHashing:
    """Reckon what a rig lost; `usd_th_day` is after the pool's fee, arrays by the event's periods.

    A period without a reading of the rig is no loss and no gain: it is left out.
    """
    before = float(np.nanmean(before_ths)) if not np.isnan(before_ths).all() else None
    seen = ~np.isnan(during_ths)
    during = float(np.average(during_ths[seen], weights=hours[seen])) if seen.any() else None
    lost_thh = lost_usd = None
    if before is not None and seen.any():
        lost = (before - during_ths[seen]) * hours[seen]
        lost_thh = float(lost.sum())
        usd = lost / _DAY_H * usd_th_day[seen]
        lost_usd = float(usd.sum()) if not np.isnan(usd).any() else None
    told = ~np.isnan(power_w)
    return RigHashing(
        rig=rig[0],
        model=rig[1],
        before_ths=before,
        during_ths=during,
        lost_thh=lost_thh,
        lost_usd=lost_usd,
        reported_kwh=float((power_w[told] * hours[told]).sum()) / 1000 if told.any() else None,
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class _Due:
    asked_kwh: float | None = None
    shortfall_kwh: float | None = None
    is_compliant: bool | None = None
    credit_usd: float = 0.0
    penalty_usd: float = 0.0


def _money_of(terms: Terms, delivered: Figures, asked: Figures, shortfall: Figures) -> _Due:
    """Hold what was delivered against what was asked, where both are known."""
    known = ~np.isnan(delivered)
    if terms.reduce is None or not known.any():
        return _Due()
    due, short = float(asked[known].sum()), float(shortfall[known].sum())
    paid = float(np.clip(np.minimum(delivered, asked)[known], 0, None).sum())
    is_compliant = short <= terms.tolerance_ratio * due + 1e-9
    return _Due(
        asked_kwh=due,
        shortfall_kwh=short,
        is_compliant=is_compliant,
        credit_usd=paid / 1000 * (terms.credit_usd_mwh or 0.0),
        penalty_usd=0.0 if is_compliant else short / 1000 * (terms.penalty_usd_mwh or 0.0),
    )


def _earned(avoided_usd: float | None, lost_usd: float | None, money: _Due) -> float | None:
    if avoided_usd is None or lost_usd is None:
        return None
    return avoided_usd + money.credit_usd - money.penalty_usd - lost_usd


def _asked(
    terms: Terms, hours: Figures, event: Metered, baseline: Expected
) -> tuple[Figures, Figures]:
    """Give what was to be reduced and how much of it was not, by period, kWh."""
    limit = hours * (terms.power_kw or 0.0)
    if terms.reduce is None:
        return np.zeros(len(hours)), np.zeros(len(hours))
    if terms.reduce == "by":
        return limit, np.maximum(0.0, limit - (baseline.energy_kwh - event.energy_kwh))
    return np.maximum(0.0, baseline.energy_kwh - limit), np.maximum(0.0, event.energy_kwh - limit)


def _money(kwh: Figures, price_usd_mwh: Figures) -> float | None:
    usd = kwh * price_usd_mwh / 1000
    return float(np.nansum(usd)) if not np.isnan(usd).all() else None


def _rows(event: Metered, baseline: Expected, *columns: Figures) -> list[PeriodRow]:
    delivered, asked, price, hashprice = columns
    return [
        PeriodRow(
            from_ms=int(event.from_ms[n]),
            until_ms=int(event.until_ms[n]),
            metered_kwh=_figure(event.energy_kwh[n]),
            baseline_kwh=_figure(baseline.energy_kwh[n]),
            delivered_kwh=_figure(delivered[n]),
            asked_kwh=_figure(asked[n]),
            price_usd_mwh=_figure(price[n]),
            hashprice_usd_th_day=_figure(hashprice[n]),
        )
        for n in range(len(event.from_ms))
    ]


def _notes(
    event: Metered, delivered: Figures, price_usd_mwh: Figures, rigs: Sequence[RigHashing]
) -> list[str]:
    found = []
    if event.missing_h:
        found.append(f"no counter for {event.missing_h:g} h; no sum has them")
    if event.gaps:
        found.append(f"{event.unplaced_kwh:.1f} kWh ran through meanwhile; when is not known")
    found += event.notes
    if np.isnan(delivered).all():
        found.append("what was delivered is not known")
    if np.isnan(price_usd_mwh).any():
        found.append(f"no price for {int(np.isnan(price_usd_mwh).sum())} periods")
    silent = sum(rig.lost_usd is None for rig in rigs)
    if silent:
        found.append(f"what {silent} of {len(rigs)} rigs lost is not known, and in no sum")
    return found


def _sum(figures: Figures) -> float | None:
    return float(np.nansum(figures)) if not np.isnan(figures).all() else None


def _figure(value: float) -> float | None:
    return None if np.isnan(value) else float(value)


def _ratio(part: float | None, whole: float | None) -> float | None:
    return part / whole if part is not None and whole else None
