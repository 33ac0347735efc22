"""What a hash earns and what cooling takes: measured, or assumed, and said which.

hashprice series ─┐
difficulty, coin price, fees ─► formula ─┴─► Belief: a value, its age, on what it rests
"""

from dataclasses import dataclass
from typing import Annotated, Literal

import msgspec
import numpy as np

from lode_hub.energy.prices import Figures, Quantity, Times, Values, at, over
from lode_hub.energy.tariff import Rates, document

Positive = Annotated[float, msgspec.Meta(gt=0, le=1e9)]
Basis = Literal["measured", "formula", "last", "assumed", "none"]
HASHES_PER_BLOCK = 2.0**32  # at difficulty 1
DAY_S = 86_400.0
DOUBT_RATIO = 0.2
"""Series and formula that differ by more are worth a look."""


class Hashprice(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the hashprice comes from, and what holds when that is stale.

    `hold`: no new plan is made and the standing one runs on; `last`: the last value counts on;
    `assume`: the assumed one. Whichever it is, is shown.
    """

    by: Literal["series", "formula"] = "series"
    fallback: Literal["hold", "last", "assume"] = "hold"
    assume_usd_th_day: Positive | None = None
    stale_after_s: Annotated[float, msgspec.Meta(ge=60, le=30 * 86_400)] = 6 * 3600.0
    subsidy_coin: Annotated[float, msgspec.Meta(ge=0, le=50)] = 3.125

    def __post_init__(self) -> None:
        """Check that there is something to assume."""
        if self.fallback == "assume" and self.assume_usd_th_day is None:
            raise ValueError('fallback = "assume" needs assume_usd_th_day')


class Ambient(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A measured point in °C, °F or K: the outside temperature."""

    point: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    device: Annotated[str, msgspec.Meta(max_length=200)] = ""  # empty: whichever spoke last
    stale_after_s: Annotated[float, msgspec.Meta(ge=10, le=86_400)] = 1800.0


class Economics(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a site earns and loses besides the price of power."""

    pool_fee_ratio: Annotated[float, msgspec.Meta(ge=0, lt=1)] = 0.0
    hashprice: Hashprice = Hashprice()
    pue: tuple[tuple[float, float], ...] = ((20.0, 1.0),)  # (outside °C, PUE), rising
    pue_by: Literal["table", "meters"] = "table"
    ambient: Ambient | None = None
    ambient_assume_c: Annotated[float, msgspec.Meta(ge=-60, le=60)] = 20.0
    meters: tuple[str, ...] = ()  # that are billed; empty: those that rigs hang on
    it_meters: tuple[str, ...] = ()  # of these, or behind them: what the rigs alone draw

    def __post_init__(self) -> None:
        """Check that the table rises and can be."""
        temps = [temp for temp, _ in self.pue]
        if not temps or temps != sorted(set(temps)):
            raise ValueError("pue: temperatures have to rise; sort them")
        if any(not 1.0 <= pue <= 3.0 for _, pue in self.pue):  # noqa: PLR2004
            raise ValueError("pue: a PUE is 1 to 3; check the table")
        if self.pue_by == "meters" and not (self.meters and self.it_meters):
            raise ValueError('pue_by = "meters" needs meters, of all power, and it_meters')

    def pue_at(self, temp_c: Figures) -> Figures:
        """Give the PUE at outside temperatures: between the points in a line, beyond them held."""
        points = np.asarray(self.pue)
        return np.asarray(np.interp(temp_c, points[:, 0], points[:, 1]), np.float64)


@dataclass(frozen=True, kw_only=True, slots=True)
class Belief:
    """A value that is acted on: how old, on what it rests, and how that is said to people."""

    value: float | None  # None: nothing may be planned by it
    basis: Basis
    at_ms: int | None
    age_s: float | None
    is_stale: bool
    says: str


def described(text: str, where: str = "economics") -> Economics:
    """Read a description.

    Raises:
        InvalidError: it cannot be.
    """
    return document.read(text, Economics, where)


def formula_usd_th_day(
    difficulty: Figures, subsidy_coin: float, fees_coin: Figures, coin_usd: Figures
) -> Figures:
    """Give what one TH/s is expected to earn in a day.

    A block takes difficulty × 2³² hashes in the mean (Bitcoin's definition of difficulty).
    """  # noqa: RUF002
    blocks_per_day = DAY_S * 1e12 / (difficulty * HASHES_PER_BLOCK)
    return blocks_per_day * (subsidy_coin + fees_coin) * coin_usd


def hashprice(told: Hashprice, rates: Rates, now_ms: int) -> Belief:
    """Say what a TH/s earns in a day, USD, now."""
    value, at_ms = _newest(told, rates, now_ms)
    if value is None or at_ms is None:
        return _without(told, rates, now_ms)
    age_s = (now_ms - at_ms) / 1000
    basis: Basis = "measured" if told.by == "series" else "formula"
    if age_s <= told.stale_after_s:
        return Belief(value=value, basis=basis, at_ms=at_ms, age_s=age_s, is_stale=False,
                      says=f"{value:.5f} USD/TH/day, {age_s / 60:.0f} min old")  # fmt: skip
    stale = f"stale: the last hashprice is {age_s / 3600:.1f} h old"
    if told.fallback == "assume":
        return _assumed(told, f"{stale}; {told.assume_usd_th_day:g} USD/TH/day is assumed")
    is_held = told.fallback == "hold"
    says = "no new plan is made" if is_held else f"{value:.5f} USD/TH/day counts on"
    return Belief(value=None if is_held else value, basis="last", at_ms=at_ms, age_s=age_s,
                  is_stale=True, says=f"{stale}; {says}")  # fmt: skip


def earned_usd_th_day(told: Hashprice, rates: Rates, from_ms: Times, until_ms: Times) -> Figures:
    """Give the hashprice of past periods; NaN where none younger than the limit was known."""
    if told.by == "formula":
        fees = np.nan_to_num(over(_fresh(told, rates, "fees"), from_ms, until_ms))
        difficulty = over(_fresh(told, rates, "difficulty", 30 * DAY_S), from_ms, until_ms)
        coin = over(_fresh(told, rates, "coin-price"), from_ms, until_ms)
        coin_usd = coin * rates.usd("coin-price", "", from_ms, until_ms)
        return formula_usd_th_day(difficulty, told.subsidy_coin, fees, coin_usd)
    money = over(_fresh(told, rates, "hashprice"), from_ms, until_ms)
    return money * rates.usd("hashprice", "", from_ms, until_ms)


def doubt(told: Hashprice, rates: Rates, now_ms: int) -> str:
    """Say how series and formula differ, when they do; empty when they agree or one is missing."""
    difficulty, coin, fees, series = (
        at(rates.of(name, ""), now_ms) * _usd(rates, name, now_ms)
        for name in ("difficulty", "coin-price", "fees", "hashprice")
    )
    expected = formula_usd_th_day(
        np.array(difficulty), told.subsidy_coin, np.nan_to_num(np.array(fees)), np.array(coin)
    )
    if np.isnan(series) or np.isnan(expected) or abs(series - expected) <= DOUBT_RATIO * expected:
        return ""
    return f"hashprice {series:.5f} USD/TH/day, by difficulty and coin price {expected:.5f}"


def _newest(told: Hashprice, rates: Rates, now_ms: int) -> tuple[float | None, int | None]:
    needed: tuple[Quantity, ...] = (
        ("hashprice",) if told.by == "series" else ("difficulty", "coin-price")
    )
    newest = [_last(rates, name, now_ms) for name in needed]
    if any(one is None for one in newest):
        return None, None
    found = [one for one in newest if one is not None]
    if told.by == "series":
        return found[0]
    fees = _last(rates, "fees", now_ms)
    value = formula_usd_th_day(
        np.array(found[0][0]), told.subsidy_coin, np.array(fees[0] if fees else 0.0),
        np.array(found[1][0]),
    )  # fmt: skip
    return float(value), found[1][1]  # difficulty holds for two weeks; the coin's price ages


def _last(rates: Rates, name: Quantity, now_ms: int) -> tuple[float, int] | None:
    values, usd = rates.of(name, ""), _usd(rates, name, now_ms)
    known = np.flatnonzero((values.from_ms <= now_ms) & ~np.isnan(values.value))
    if not len(known) or np.isnan(usd):
        return None
    return float(values.value[known[-1]]) * usd, int(values.from_ms[known[-1]])


def _usd(rates: Rates, name: Quantity, now_ms: int) -> float:
    moment = np.array([now_ms], np.int64)
    return float(rates.usd(name, "", moment, moment + 1)[0])


def _fresh(told: Hashprice, rates: Rates, name: Quantity, most_s: float | None = None) -> Values:
    """Let no value hold for longer than until it is stale."""
    values = rates.of(name, "")
    most_ms = round((most_s or told.stale_after_s) * 1000)
    following = np.append(values.from_ms[1:], np.iinfo(np.int64).max)
    until = np.minimum(np.minimum(values.until_ms, following), values.from_ms + most_ms)
    return Values(unit=values.unit, from_ms=values.from_ms, until_ms=until, value=values.value,
                  published_ms=values.published_ms)  # fmt: skip


def _without(told: Hashprice, rates: Rates, now_ms: int) -> Belief:
    money: Quantity = "hashprice" if told.by == "series" else "coin-price"
    why = "no hashprice"
    if np.isnan(_usd(rates, money, now_ms)):
        why += f", for there is no exchange rate of {rates.currency(money, '')}"
    if told.fallback == "assume":
        return _assumed(told, f"{why}; {told.assume_usd_th_day:g} USD/TH/day is assumed")
    return Belief(value=None, basis="none", at_ms=None, age_s=None, is_stale=True,
                  says=f"{why}; add a source of it, or what to assume")  # fmt: skip


def _assumed(told: Hashprice, says: str) -> Belief:
    return Belief(value=told.assume_usd_th_day, basis="assumed", at_ms=None, age_s=None,
                  is_stale=True, says=says)  # fmt: skip
