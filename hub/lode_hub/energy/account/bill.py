"""What a metered series costs by a tariff: also what it would have cost by another.

Metered ─► energy, losses, adders by period ─► demand and peaks by billing month ─► taxes
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal
from zoneinfo import ZoneInfo

import numpy as np

from lode_hub.energy.account.metered import Metered
from lode_hub.energy.prices import Figures, Times
from lode_hub.energy.tariff import Rates, Tariff, priced
from lode_hub.energy.tariff.calendar import Bools, billing_month, counts, local, offsets_ms
from lode_hub.energy.tariff.described import Demand, Peak
from lode_hub.energy.tariff.price import exchange, probability, valid

LineKind = Literal["energy", "losses", "adders", "demand", "peaks", "tax"]
Before = Mapping[tuple[int, str, int], float | None]
"""The highest window, kW, by a tariff's place, a charge's name and the number of a billing month.

None where no window is metered.
"""

_HOUR_MS = 3_600_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """One line of a bill; `month` as 2026-07. A line that is only expected says so in its note."""

    month: str
    kind: LineKind
    name: str
    quantity: float
    unit: str
    usd: float
    note: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Bill:
    """What power cost; `missing_h` had no counter and `unpriced_kwh` no price: neither is in it."""

    lines: tuple[Line, ...]
    energy_kwh: float
    missing_h: float
    unplaced_kwh: float
    unpriced_kwh: float
    notes: tuple[str, ...] = ()

    @property
    def usd(self) -> float:
        """The sum of all lines."""
        return sum(line.usd for line in self.lines)


def bill(
    metered: Metered,
    tariffs: Sequence[Tariff],
    rates: Rates,
    peaked_ms: Mapping[str, Sequence[int]] | None = None,
    before_kw: Before | None = None,
) -> Bill:
    """Bill what was metered.

    Args:
        metered: by periods that divide the windows of the demand charges.
        tariffs: where several are valid the last counts.
        rates: the series they need.
        peaked_ms: by a peak's name, when the windows that counted began; without them the charge
            is what was to be expected.
        before_kw: of the months before, for ratchets; without it only what was metered counts.
    """
    prices = priced(tariffs, rates, metered.from_ms, metered.until_ms)
    lines: list[Line] = []
    notes = list(metered.notes)
    which = valid(tariffs, metered.from_ms)
    for number, tariff in enumerate(tariffs):
        mine = which == number  # not by its name: the next year's tariff may have the same
        if mine.any():
            before = {key[1:]: kw for key, kw in (before_kw or {}).items() if key[0] == number}
            one = _Billing(tariff, rates, _chosen(metered, mine), peaked_ms or {}, before)
            lines += one.lines()
            notes += one.notes
    is_placed = ~np.isnan(metered.energy_kwh)
    unpriced = is_placed & np.isnan(prices.total_usd_mwh)
    return Bill(
        lines=tuple(sorted(lines, key=lambda line: line.month)),
        energy_kwh=float(metered.energy_kwh[is_placed].sum()),
        missing_h=metered.missing_h,
        unplaced_kwh=metered.unplaced_kwh,
        unpriced_kwh=float(metered.energy_kwh[unpriced].sum()),
        notes=tuple(notes),
    )


class _Billing:
    def __init__(
        self,
        tariff: Tariff,
        rates: Rates,
        mine: Metered,
        peaked_ms: Mapping[str, Sequence[int]],
        before_kw: Mapping[tuple[str, int], float | None],
    ) -> None:
        self.tariff = tariff
        self.rates = rates
        self.mine = mine
        self.notes: list[str] = []
        self._peaked_ms = peaked_ms
        self._before_kw = before_kw
        self._shown = local(mine.from_ms, tariff.zone)
        self._month = billing_month(self._shown, tariff.billing_day)
        self._usd = exchange(tariff, rates, mine.from_ms, mine.until_ms)

    def lines(self) -> list[Line]:
        found = self._energy()
        found += [line for demand in self.tariff.demand for line in self._demand(demand)]
        found += [line for peak in self.tariff.peaks for line in self._peak(peak)]
        return found + self._taxes(found)

    def _energy(self) -> list[Line]:
        found = []
        for part in priced([self.tariff], self.rates, self.mine.from_ms, self.mine.until_ms).parts:
            if part.kind in {"peaks", "tax"}:
                continue
            usd_mwh = part.usd_mwh
            for month in np.unique(self._month):
                here = self._month == month
                good = here & ~np.isnan(self.mine.energy_kwh) & ~np.isnan(usd_mwh)
                if part.kind == "adders":
                    good &= usd_mwh != 0  # at other times it is not charged
                kwh = self.mine.energy_kwh[good]
                usd = float((kwh * usd_mwh[good]).sum()) / 1000.0
                if kwh.any():
                    found.append(_line(month, part.kind, part.name, kwh.sum(), "kWh", usd))
        return found

    def _demand(self, demand: Demand) -> list[Line]:
        windows = windowed(self.mine, demand.window_min, self.tariff.zone)
        if windows is None:
            self.notes.append(
                f"{demand.name}: periods of the series do not divide {demand.window_min} min"
            )
            return []
        begin_ms, power_kw = windows
        shown = local(begin_ms, self.tariff.zone)
        is_on = counts(demand.when, shown, self.tariff.holidays)
        month = billing_month(shown, self.tariff.billing_day)
        usd = exchange(self.tariff, self.rates, begin_ms, begin_ms + demand.window_min * 60_000)
        found: list[Line] = []
        seen = {at: kw for (name, at), kw in self._before_kw.items() if name == demand.name}
        for number in np.unique(month).tolist():
            here = (month == number) & is_on & ~np.isnan(power_kw)
            peak = _highest(power_kw, here)
            if peak < 0:
                continue
            before = [seen.get(n) for n in range(number - demand.ratchet_months, number)]
            floor_kw = demand.ratchet_ratio * max(kw or 0.0 for kw in before)
            kw = max(float(power_kw[peak]), floor_kw)
            unknown = sum(
                n in seen and seen[n] is None for n in range(number - len(before), number)
            )
            if unknown:
                self.notes.append(
                    f"{demand.name}: {unknown} of the {len(before)} months before have no metered "
                    "window; the ratchet is by the others"
                )
            seen[number] = max(float(power_kw[peak]), seen.get(number) or 0.0)
            note = f"window of {_moment(int(begin_ms[peak]))}"
            note += ", held up by the months before" if kw > power_kw[peak] else ""
            cost = kw * demand.price_kw * float(usd[peak])
            if np.isnan(cost):
                self._without_rate(demand.name)
                continue
            found.append(_line(number, "demand", demand.name, kw, "kW", cost, note))
        return found

    def _peak(self, peak: Peak) -> list[Line]:
        share = peak.price_kw_year / len(peak.when.months)
        windows = windowed(self.mine, peak.window_min, self.tariff.zone)
        if windows is None:
            self.notes.append(f"{peak.name}: periods of the series do not divide its window")
            return []
        begin_ms, power_kw = windows
        shown = local(begin_ms, self.tariff.zone)
        month = billing_month(shown, self.tariff.billing_day)
        known = self._peaked_ms.get(peak.name)
        if known is not None:
            weight, note = np.isin(begin_ms, known).astype(float), "the window that counted"
        else:
            span = (begin_ms, begin_ms + peak.window_min * 60_000)
            weight = probability(peak, self.rates, shown, self.tariff, span)
            note = "expected, by the probability of each window"
        usd = exchange(self.tariff, self.rates, begin_ms, begin_ms + peak.window_min * 60_000)
        found = []
        for number in np.unique(month):
            here = (month == number) & (weight > 0) & ~np.isnan(power_kw)
            if here.any() and np.isnan(usd[here]).any():
                self._without_rate(peak.name)
            elif here.any():
                kw = float((power_kw * weight)[here].sum())
                cost = float((power_kw * weight * usd)[here].sum()) * share
                found.append(_line(number, "peaks", peak.name, kw, "kW", cost, note))
        return found

    def _without_rate(self, name: str) -> None:
        self.notes.append(f"{name}: no exchange rate of {self.tariff.currency}; in no line")

    def _taxes(self, lines: list[Line]) -> list[Line]:
        found = []
        for tax in self.tariff.taxes:
            for month in sorted({line.month for line in lines}):
                base = sum(x.usd for x in lines if x.month == month and x.kind in tax.on)
                found.append(
                    Line(month=month, kind="tax", name=tax.name, quantity=base, unit="USD",
                         usd=tax.ratio * base)
                )  # fmt: skip
        return found


def windowed(metered: Metered, window_min: int, zone: ZoneInfo) -> tuple[Times, Figures] | None:
    """Give the begin and the mean power in kW of each window; NaN where a part is missing.

    Windows begin with the hours of local clocks, which in some zones are not those of UTC. None
    when the periods do not divide the window, or do not begin with one.
    """
    window_ms = window_min * 60_000
    if not len(metered.from_ms):
        return metered.from_ms, metered.energy_kwh
    step_ms = int(metered.until_ms[0] - metered.from_ms[0])
    ahead_ms = offsets_ms(metered.from_ms, zone)
    shown_ms = metered.from_ms + ahead_ms
    if window_ms % step_ms or (shown_ms % step_ms).any():
        return None
    # By their begins in UTC: the hour that clocks show twice is two windows.
    begins, which = np.unique(shown_ms - shown_ms % window_ms - ahead_ms, return_inverse=True)
    n = np.bincount(which)
    energy = np.bincount(which, metered.energy_kwh)  # NaN spreads, as it should
    energy[n < window_ms // step_ms] = np.nan
    return begins, energy / (window_ms / _HOUR_MS)


def _highest(power_kw: Figures, here: Bools) -> int:
    return int(np.argmax(np.where(here, power_kw, -np.inf))) if here.any() else -1


def _chosen(metered: Metered, mine: Bools) -> Metered:
    return Metered(
        meter=metered.meter,
        from_ms=metered.from_ms[mine],
        until_ms=metered.until_ms[mine],
        energy_kwh=metered.energy_kwh[mine],
    )


def _line(  # noqa: PLR0913, PLR0917 -- the columns of a bill
    month: int, kind: LineKind, name: str, quantity: float, unit: str, usd: float, note: str = ""
) -> Line:
    return Line(
        month=f"{month // 12:04}-{month % 12 + 1:02}",
        kind=kind,
        name=name,
        quantity=float(quantity),
        unit=unit,
        usd=usd,
        note=note,
    )


def _moment(at_ms: int) -> str:
    return str(np.datetime64(at_ms, "ms").astype("datetime64[m]")) + "Z"


__all__ = ["Before", "Bill", "Line", "LineKind", "bill", "windowed"]
