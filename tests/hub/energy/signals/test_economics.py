"""What hashes earn: by series or formula, and what holds when it is stale; PUE by temperature."""

import numpy as np
import pytest

from lode_hub.energy.prices import OPEN_MS, Values, periods
from lode_hub.energy.signals import formula_usd_th_day, hashprice
from lode_hub.energy.signals.economics import described, doubt, earned_usd_th_day
from lode_hub.energy.tariff import Rates
from lode_hub.errors import InvalidError

T0 = 1_800_000_000_000
H = 3_600_000


def series(*rows: tuple[int, float], unit: str = "USD/TH/day") -> Values:
    begin, value = (np.array(column) for column in zip(*rows, strict=True))
    return Values(unit=unit, from_ms=begin, until_ms=np.full(len(begin), OPEN_MS),
                  value=value.astype(float), published_ms=begin)  # fmt: skip


def told(text: str = ""):
    return described(f"[hashprice]\n{text}").hashprice


RATES = Rates({("hashprice", ""): series((T0 - 20 * H, 0.05), (T0 - H, 0.052))})
BLOCK = {
    ("difficulty", ""): series((T0 - 200 * H, 1.2e14), unit="1"),
    ("coin-price", ""): series((T0 - H, 100_000.0), unit="USD/BTC"),
    ("fees", ""): series((T0 - 5 * H, 0.05), unit="BTC"),
}


def test_the_formula_on_known_figures() -> None:
    # Difficulty 1e14, 3.125 BTC and no fees at 100 000 USD: 86400e12 / (1e14 * 2^32) * 312500
    found = formula_usd_th_day(np.array(1e14), 3.125, np.array(0.0), np.array(1e5))
    assert found == pytest.approx(0.0628643, rel=1e-5)


def test_a_fresh_price_counts_and_says_its_age() -> None:
    found = hashprice(told(), RATES, T0)
    assert (found.value, found.basis, found.is_stale, found.age_s) == (
        0.052,
        "measured",
        False,
        3600,
    )


@pytest.mark.parametrize(
    ("text", "value", "basis", "says"),
    [
        ("", None, "last", "no new plan is made"),
        ('fallback = "last"', 0.052, "last", "counts on"),
        ('fallback = "assume"\nassume_usd_th_day = 0.04', 0.04, "assumed", "is assumed"),
    ],
)  # fmt: skip
def test_a_stale_price_never_drives_a_plan_unsaid(text, value, basis, says) -> None:
    found = hashprice(told(text), RATES, T0 + 9 * H)
    assert (found.value, found.basis, found.is_stale) == (value, basis, True)
    assert says in found.says


def test_without_any_price_there_is_none() -> None:
    assert hashprice(told(), Rates(), T0).value is None
    found = hashprice(told('fallback = "assume"\nassume_usd_th_day = 0.04'), Rates(), T0)
    assert (found.value, found.basis) == (0.04, "assumed")


def test_by_formula_the_coins_price_ages() -> None:
    rates = Rates(dict(BLOCK))
    found = hashprice(told('by = "formula"'), rates, T0)
    expected = 86400e12 / (1.2e14 * 2**32) * 3.175 * 100_000
    assert found.value == pytest.approx(expected)
    assert (found.basis, found.is_stale) == ("formula", False)
    assert hashprice(told('by = "formula"'), rates, T0 + 9 * H).is_stale
    del rates.series["difficulty", ""]
    assert hashprice(told('by = "formula"'), rates, T0).value is None


def test_series_and_formula_that_differ_are_doubted() -> None:
    expected = 86400e12 / (1.2e14 * 2**32) * 3.175 * 100_000
    assert doubt(told(), Rates(BLOCK), T0) == ""
    close = Rates(BLOCK | {("hashprice", ""): series((T0 - H, expected * 1.1))})
    assert doubt(told(), close, T0) == ""
    far = Rates(BLOCK | {("hashprice", ""): series((T0 - H, expected * 1.3))})
    assert "by difficulty and coin price" in doubt(told(), far, T0)


@pytest.mark.parametrize(
    ("unit", "value"),
    [("USD/PH/day", 52.0), ("USD/PH/s/day", 52.0), ("USD/EH/day", 52_000.0), ("EUR/PH/day", 40.0)],
)
def test_a_hashprice_in_another_unit_is_the_same_hashprice(unit, value) -> None:
    rates = Rates({
        ("hashprice", ""): series((T0 - H, value), unit=unit),
        ("exchange", "EUR"): series((T0 - H, 1.3), unit="USD/EUR"),
    })  # fmt: skip
    assert hashprice(told(), rates, T0).value == pytest.approx(0.052)
    earned = earned_usd_th_day(told(), rates, *periods(T0, 1, 3600))
    assert earned.tolist() == pytest.approx([0.052])


def test_by_formula_the_coin_is_worth_its_dollars() -> None:
    rates = Rates({
        ("difficulty", ""): series((T0 - 200 * H, 120.0), unit="T"),
        ("coin-price", ""): series((T0 - H, 80_000.0), unit="EUR/BTC"),
        ("fees", ""): series((T0 - 5 * H, 5e6), unit="sat"),
        ("exchange", "EUR"): series((T0 - H, 1.25), unit="USD/EUR"),
    })  # fmt: skip
    by = told('by = "formula"')
    expected = hashprice(by, Rates(BLOCK), T0).value
    assert hashprice(by, rates, T0).value == pytest.approx(expected)
    earned = [earned_usd_th_day(by, r, *periods(T0, 1, 3600)) for r in (rates, Rates(BLOCK))]
    assert earned[0].tolist() == pytest.approx(earned[1].tolist())
    assert doubt(by, rates, T0) == ""


@pytest.mark.parametrize(
    ("unit", "says"),
    [("EUR/TH/day", "no exchange rate of EUR"), ("USD/GH/day", "no hashprice"),
     ("USD/MWh", "no hashprice"), ("", "no hashprice")],
)  # fmt: skip
def test_a_hashprice_that_cannot_be_told_in_dollars_is_missing(unit, says) -> None:
    rates = Rates({("hashprice", ""): series((T0 - H, 0.05), unit=unit)})
    found = hashprice(told(), rates, T0)
    assert (found.value, found.basis) == (None, "none")
    assert says in found.says
    assert np.isnan(earned_usd_th_day(told(), rates, *periods(T0, 1, 3600))).all()


def test_past_periods_have_no_price_older_than_the_limit() -> None:
    found = earned_usd_th_day(told("stale_after_s = 7200"), RATES, *periods(T0 - 2 * H, 4, 3600))
    assert np.isnan(found[0])
    assert found[1:3].tolist() == [0.052, 0.052]
    assert np.isnan(found[3])


def test_pue_is_between_its_points_and_held_beyond() -> None:
    found = described("pue = [[-10, 1.03], [20, 1.05], [40, 1.13]]").pue_at(
        np.array([-40.0, -10.0, 5.0, 30.0, 50.0])
    )
    assert found == pytest.approx([1.03, 1.03, 1.04, 1.09, 1.13])


@pytest.mark.parametrize(
    ("text", "why"),
    [("pue = [[20, 1.1], [10, 1.0]]", "rise"), ("pue = [[20, 0.9]]", "1 to 3"),
     ("pue = []", "rise"), ('[hashprice]\nfallback = "assume"', "assume_usd_th_day"),
     ("pool_fee_ratio = 1.0", "pool_fee")],
)  # fmt: skip
def test_economics_that_cannot_be_say_why(text: str, why: str) -> None:
    with pytest.raises(InvalidError, match=why):
        described(text)
