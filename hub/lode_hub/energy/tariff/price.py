"""What a MWh costs in each period, by parts: energy, losses, adders, peaks to be expected, taxes.

A demand charge is no price per MWh: the bill has it, and the planner by itself.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from lode_hub.energy.prices import Figures, Quantity, Times, Values, none, over
from lode_hub.energy.tariff.calendar import Bools, Local, counts, local
from lode_hub.energy.tariff.described import Peak, Tariff
from lode_hub.energy.units import in_ours, unit

Kind = Literal["energy", "losses", "adders", "peaks", "tax"]
KWH_PER_MWH = 1000.0


@dataclass(frozen=True, slots=True)
class Rates:
    """The series a tariff needs, by (quantity, node); what is not there is missing."""

    series: dict[tuple[Quantity, str], Values] = field(default_factory=dict)

    def of(self, quantity: Quantity, node: str) -> Values:
        """Give one in our unit, money in its own currency; an empty one when there is none."""
        return in_ours(quantity, self.series.get((quantity, node), none()))

    def currency(self, quantity: Quantity, node: str) -> str:
        """Give the currency of one that is money; dollars when it is none, or nothing is known."""
        known = self.of(quantity, node)
        return (unit(quantity, known.unit).currency if len(known) else "") or "USD"

    def usd(self, quantity: Quantity, node: str, from_ms: Times, until_ms: Times) -> Figures:
        """Give the dollars of one unit of its currency, by period; 1 when it is no money."""
        return usd_per(self.currency(quantity, node), self, from_ms, until_ms)


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """One part of the price, by period; `is_expected`: it may come or not, and is weighed so."""

    kind: Kind
    name: str
    usd_mwh: Figures
    is_expected: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Priced:
    """The price of each period in USD/MWh, all in; NaN where a price or a rate is missing."""

    from_ms: Times
    until_ms: Times
    tariff: tuple[str, ...]  # by period; empty where none is valid
    parts: tuple[Part, ...]

    @property
    def total_usd_mwh(self) -> Figures:
        """The sum of the parts; NaN where no tariff is valid."""
        total = np.sum([part.usd_mwh for part in self.parts], axis=0) if self.parts else 0.0
        return np.where([bool(name) for name in self.tariff], total, np.nan)

    def usd_mwh(self, *kinds: Kind) -> Figures:
        """The sum of the parts of some kinds."""
        chosen = [part.usd_mwh for part in self.parts if part.kind in kinds]
        return np.sum(chosen, axis=0) if chosen else np.zeros(len(self.from_ms))


def priced(tariffs: Sequence[Tariff], rates: Rates, from_ms: Times, until_ms: Times) -> Priced:
    """Price periods; where several tariffs are valid the last of them counts.

    A period is priced by the rules of its begin; choose periods that end where rules change.
    """
    which = valid(tariffs, from_ms)
    parts: dict[tuple[Kind, str], Part] = {}
    for number in sorted(set(which.tolist()) - {-1}):
        mine = which == number
        for part in _parts(tariffs[number], rates, from_ms[mine], until_ms[mine]):
            whole = parts.get((part.kind, part.name))
            usd_mwh = np.zeros(len(from_ms)) if whole is None else whole.usd_mwh
            usd_mwh[mine] = part.usd_mwh
            parts[part.kind, part.name] = Part(
                kind=part.kind, name=part.name, usd_mwh=usd_mwh, is_expected=part.is_expected
            )
    return Priced(
        from_ms=from_ms,
        until_ms=until_ms,
        tariff=tuple("" if number < 0 else tariffs[number].name for number in which),
        parts=tuple(parts.values()),
    )


def valid(tariffs: Sequence[Tariff], from_ms: Times) -> Times:
    """Give by period the number of the tariff that counts at its begin; -1 where none does."""
    which = np.full(len(from_ms), -1)
    for number, tariff in enumerate(tariffs):
        begin, end = tariff.span_ms
        which[(from_ms >= begin) & (from_ms < end)] = number
    return which


def exchange(tariff: Tariff, rates: Rates, from_ms: Times, until_ms: Times) -> Figures:
    """Give the dollars of one unit of a tariff's currency, by period."""
    if tariff.usd_per_unit is not None:
        return np.full(len(from_ms), tariff.usd_per_unit)
    return usd_per(tariff.currency, rates, from_ms, until_ms)


def usd_per(currency: str, rates: Rates, from_ms: Times, until_ms: Times) -> Figures:
    """Give the dollars of one unit of a currency, by period."""
    if currency == "USD":
        return np.ones(len(from_ms))
    return over(rates.of("exchange", currency), from_ms, until_ms)


def market_usd_mwh(
    quantity: Quantity, node: str, rates: Rates, from_ms: Times, until_ms: Times
) -> Figures:
    """Give a market's price of each period in USD/MWh, whatever unit its source has."""
    price = over(rates.of(quantity, node), from_ms, until_ms)
    return price * rates.usd(quantity, node, from_ms, until_ms)


def probability(peak: Peak, rates: Rates, shown: Local, tariff: Tariff, span: "Span") -> Figures:
    """Give how likely each window at a period is the one that counts; 0 outside its times."""
    chance = np.full(len(span[0]), peak.probability)
    if peak.probability_node:
        told = over(rates.of("peak-probability", peak.probability_node), *span)
        chance = np.where(np.isnan(told), chance, told)
    return np.where(counts(peak.when, shown, tariff.holidays), chance, 0.0)


Span = tuple[Times, Times]


def _parts(tariff: Tariff, rates: Rates, from_ms: Times, until_ms: Times) -> list[Part]:
    span = (from_ms, until_ms)
    shown = local(from_ms, tariff.zone)
    usd = exchange(tariff, rates, *span)
    energy = _energy(tariff, rates, span, usd)
    found = [Part(kind="energy", name=_energy_name(tariff), usd_mwh=energy)]
    if tariff.energy.loss_ratio:
        losses = energy * tariff.energy.loss_ratio
        found.append(Part(kind="losses", name="grid losses", usd_mwh=losses))
    for adder in tariff.adders:
        is_on = counts(adder.when, shown, tariff.holidays)
        found.append(
            Part(kind="adders", name=adder.name, usd_mwh=_where(is_on, adder.price_mwh * usd))
        )
    for peak in tariff.peaks:
        chance = probability(peak, rates, shown, tariff, span)
        found.append(
            Part(
                kind="peaks",
                name=peak.name,
                usd_mwh=_where(chance > 0, chance * per_mwh(peak) * usd),
                is_expected=True,
            )
        )
    return found + _taxes(tariff, found)


def _taxes(tariff: Tariff, found: Sequence[Part]) -> list[Part]:
    """Give the taxes; what is due on a peak is expected as the peak is, and no price of energy."""
    taxes = []
    for tax in tariff.taxes:
        due = [part for part in found if part.kind in tax.on]
        sure = [part.usd_mwh for part in due if not part.is_expected]
        expected = [part.usd_mwh for part in due if part.is_expected]
        if sure:
            usd_mwh = tax.ratio * np.sum(sure, axis=0)
            taxes.append(Part(kind="tax", name=tax.name, usd_mwh=usd_mwh))
        if expected:
            usd_mwh = tax.ratio * np.sum(expected, axis=0)
            name = f"{tax.name}, on peaks"
            taxes.append(Part(kind="peaks", name=name, usd_mwh=usd_mwh, is_expected=True))
    return taxes


def taxed(tariff: Tariff, kind: Literal["demand", "peaks"]) -> float:
    """Give what a charge of a kind comes to with its taxes, by what it is without."""
    return 1.0 + sum(tax.ratio for tax in tariff.taxes if kind in tax.on)


def per_mwh(peak: Peak) -> float:
    """Give what a MWh drawn evenly in the window that counts costs, in the tariff's currency."""
    per_kw = peak.price_kw_year / len(peak.when.months)
    return per_kw * KWH_PER_MWH / (peak.window_min / 60)


def _energy(tariff: Tariff, rates: Rates, span: Span, usd: Figures) -> Figures:
    energy = tariff.energy
    if energy.price == "fixed":
        return (energy.fixed_mwh or 0.0) * usd
    return market_usd_mwh(energy.price, energy.node, rates, *span)


def _energy_name(tariff: Tariff) -> str:
    energy = tariff.energy
    return "energy, fixed" if energy.price == "fixed" else f"energy, {energy.price} {energy.node}"


def _where(is_on: Bools, usd_mwh: Figures) -> Figures:
    return np.where(is_on, usd_mwh, 0.0)
