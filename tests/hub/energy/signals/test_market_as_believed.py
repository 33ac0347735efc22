"""The market that is planned by: what makes it none, stale prices said, charges and calls."""

import datetime as dt

import numpy as np
import pytest

from lode_hub.energy.account.make import Told
from lode_hub.energy.prices import OPEN_MS, Values, periods
from lode_hub.energy.signals.economics import described as economics
from lode_hub.energy.signals.economics import doubt, earned_usd_th_day, hashprice
from lode_hub.energy.signals.market import Facts, Seen, seen
from lode_hub.energy.tariff import Rates, described

H = 3_600_000
T0 = round(dt.datetime(2026, 7, 15, 12, tzinfo=dt.UTC).timestamp() * 1000)
TARIFF = """name = "t"
currency = "{currency}"
time_zone = "America/Chicago"
valid_from = 2026-01-01
{head}
[energy]
price = "real-time"
node = "HB_WEST"
{more}"""


def series(*rows: tuple[int, float], unit: str = "USD/MWh", holds: int | None = None) -> Values:
    begin, value = (np.array(column) for column in zip(*rows, strict=True))
    until = np.full(len(rows), OPEN_MS) if holds is None else begin + holds
    return Values(
        unit=unit, from_ms=begin, until_ms=until, value=value.astype(float), published_ms=begin
    )


def told(more: str = "", by: str = "", head: str = "", currency: str = "USD") -> Told:
    text = TARIFF.format(more=more, head=head, currency=currency)
    return Told(
        site="north", site_id=1, tariffs=(described(text),), economics=economics(by),
        programmes={}, revisions=(),
    )  # fmt: skip


PRICES = {("real-time", "HB_WEST"): series((T0 - 9 * H, 40.0))}
FRESH = {("hashprice", ""): series((T0 - H, 0.05), unit="USD/TH/day")}
STALE = {("hashprice", ""): series((T0 - 9 * H, 0.05), unit="USD/TH/day")}


def look(what: Told, rates: dict, calls=(), n: int = 4, **more) -> Seen:
    return seen(what, Rates(rates), calls, periods(T0, n, 3600.0), now_ms=T0, **more)


def test_prices_and_hashprice_in_the_planners_units() -> None:
    found = look(told("[[adders]]\nname = 'wires'\nprice_mwh = 7.0"), PRICES | FRESH)
    assert found.notes == ()
    assert found.market.price_usd_mwh.tolist() == [40] * 4
    assert found.market.adder_usd_mwh.tolist() == [7] * 4
    assert found.market.hashprice_usd_phd == pytest.approx([50] * 4)
    assert found.market.day.tolist() == [found.market.day[0]] * 4


@pytest.mark.parametrize(
    ("by", "rates", "usd_phd", "note"),
    [
        ("", STALE, None, "9.0 h old; no new plan is made"),
        ("[hashprice]\nfallback = 'last'", STALE, 50, "0.05000 USD/TH/day counts on"),
        (
            "[hashprice]\nfallback = 'assume'\nassume_usd_th_day = 0.04",
            STALE,
            40,
            "0.04 USD/TH/day is assumed",
        ),
        ("[hashprice]\nfallback = 'assume'\nassume_usd_th_day = 0.04", {}, 40, "no hashprice"),
        ("[hashprice]\nfallback = 'last'", {}, None, "no hashprice; add a source"),
        ("[hashprice]\nstale_after_s = 36000.0", STALE, 50, None),
        ("[hashprice]\nby = 'formula'", FRESH, None, "no hashprice; add a source"),
    ],
)
def test_a_stale_hashprice_is_held_or_said(by, rates, usd_phd, note) -> None:
    found = look(told(by=by), PRICES | rates)
    assert (found.market is None) == (usd_phd is None)
    if usd_phd is not None:
        assert found.market.hashprice_usd_phd == pytest.approx([usd_phd] * 4)
    assert [note in said for said in found.notes] == ([True] if note else [])


@pytest.mark.parametrize(
    ("prices", "missing"),
    [
        ({}, 4),
        ({("real-time", "HB_WEST"): series((T0, 40.0), (T0 + H, 30.0), holds=H)}, 2),
        ({("real-time", "HB_WEST"): series((T0 + H, 40.0))}, 1),
        ({("real-time", "HB_WEST"): series((T0 - H, 40.0), (T0 + 3 * H, np.nan))}, 1),
        ({("real-time", "HB_NORTH"): series((T0 - H, 40.0))}, 4),
        ({("real-time", "HB_WEST"): series((T0 - H, 40.0), unit="EUR/MWh")}, 4),  # no rate
    ],
)
def test_without_a_price_for_every_period_nothing_is_planned(prices, missing) -> None:
    found = look(told(), prices | FRESH)
    assert found.market is None
    assert found.notes == (f"no price for {missing} of 4 periods",)


def test_a_tariff_that_ends_leaves_no_price_of_nothing() -> None:
    found = look(told(head="valid_until = 2026-07-15"), PRICES | FRESH)
    assert found.market is None  # midnight in Chicago was at 05:00 UTC


def test_a_negative_price_is_a_price() -> None:
    rates = {("real-time", "HB_WEST"): series((T0 - H, -25.0))}
    assert look(told(), rates | FRESH).market.price_usd_mwh.tolist() == [-25] * 4


def test_a_demand_charge_counts_in_its_local_hours_and_by_month() -> None:
    charge = "[[demand]]\nname = 'd'\nprice_kw = 9.0\nwhen = { hours = ['08:00-10:00'] }"
    (found,) = look(told(charge), PRICES | FRESH).market.demand_charges
    assert found.counts.tolist() == [False, True, True, False]
    # Two hours of the 34 that still count in July: the peak serves in all of them.
    assert found.usd_kw == pytest.approx(9.0 * 2 / 34)
    end = T0 + 16 * 24 * H + 14 * H  # 21:00 on 31 July in Chicago
    both = seen(
        told("[[demand]]\nname = 'd'\nprice_kw = 9.0"), Rates(PRICES | FRESH), (),
        periods(end, 6, 3600.0), now_ms=T0,
    ).market.demand_charges  # fmt: skip
    assert [one.counts.tolist() for one in both] == [[True] * 3 + [False] * 3,
                                                     [False] * 3 + [True] * 3]  # fmt: skip
    assert [one.usd_kw for one in both] == pytest.approx([9.0, 9.0 * 3 / (31 * 24)])


def test_a_likely_peak_is_a_charge_times_its_probability() -> None:
    peak = (
        "[[peaks]]\nname = '4CP'\nprice_kw_year = 48.0\nprobability = 0.25\n"
        "when = { months = [6, 7, 8, 9], hours = ['08:00-10:00'] }"
    )
    (found,) = look(told(peak), PRICES | FRESH).market.demand_charges
    assert found.counts.tolist() == [False, True, True, False]
    assert found.usd_kw == pytest.approx(48 / 4 * 0.25 * 2)


def call(**more) -> dict:
    return {
        "programme": "ERS", "event": "e1", "from_ms": T0 + H, "until_ms": T0 + 2 * H,
        "reduce": "to", "power_kw": 500.0, "penalty_usd_mwh": 1000.0, "is_cancelled": False,
    } | more  # fmt: skip


@pytest.mark.parametrize(
    ("more", "kind", "counts"),
    [
        ({}, "reduce_to", [False, True, False, False]),
        ({"reduce": "by"}, "reduce_by", [False, True, False, False]),
        ({"reduce": "all", "power_kw": None}, "all", [False, True, False, False]),
        ({"from_ms": T0 + H + 1, "until_ms": T0 + 2 * H + 1}, "reduce_to", [False, True, True, 0]),
        ({"from_ms": T0 - H, "until_ms": T0 + 9 * H}, "reduce_to", [True] * 4),
        ({"until_ms": T0 + H, "from_ms": T0}, "reduce_to", [True, False, False, False]),
        ({"is_cancelled": True}, None, None),
        ({"from_ms": T0 - 2 * H, "until_ms": T0}, None, None),
        ({"from_ms": T0 + 4 * H, "until_ms": T0 + 5 * H}, None, None),
    ],
)
def test_a_call_binds_every_period_that_it_touches(more, kind, counts) -> None:
    found = look(told(), PRICES | FRESH, [call(**more)], baseline_w=2e6).market.commitments
    assert [one.kind for one in found] == ([kind] if kind else [])
    for one in found:
        assert one.counts.tolist() == counts
        assert one.watts == (0 if kind == "all" else 5e5)
        assert (one.name, one.baseline_w) == ("ERS/e1", 2e6)


def test_what_is_measured_counts_before_what_is_assumed() -> None:
    by = "pue = [[0.0, 1.1], [40.0, 1.3]]\nambient_assume_c = 20.0"
    assert look(told(by=by), PRICES | FRESH).market.pue == pytest.approx([1.2] * 4)
    hot = np.array([1.1, 1.15, 1.3, 1.3])
    measured = Facts(
        pue=hot, reached={(0, "d", 2026 * 12 + 6): 750.0}, notes=("a meter is silent",)
    )
    found = look(
        told("[[demand]]\nname = 'd'\nprice_kw = 9.0", by=by), PRICES | FRESH, measured=measured
    )
    assert found.market.pue.tolist() == hot.tolist()
    assert [one.peak_w for one in found.market.demand_charges] == [750_000]
    assert found.notes == ("a meter is silent",)


# Difficulty 1e14 and a coin of 100 000 USD: 0.0628643 USD/TH/day without fees.
BLOCKS = {
    ("difficulty", ""): series((T0 - 99 * H, 1e14), unit="1"),
    ("coin-price", ""): series((T0 - H, 1e5), unit="USD/BTC"),
}


@pytest.mark.parametrize(
    ("usd", "is_doubted"), [(0.0628, False), (0.0755, True), (0.0752, False), (0.0502, True)]
)
def test_a_series_far_from_the_formula_is_doubted(usd: float, is_doubted: bool) -> None:
    rates = Rates(BLOCKS | {("hashprice", ""): series((T0 - H, usd), unit="USD/TH/day")})
    said = doubt(economics("").hashprice, rates, T0)
    assert said == (
        f"hashprice {usd:.5f} USD/TH/day, by difficulty and coin price 0.06286"
        if is_doubted
        else ""
    )


@pytest.mark.parametrize("lacking", list(BLOCKS))
def test_without_all_of_the_formula_nothing_is_doubted(lacking) -> None:
    rest = {key: values for key, values in BLOCKS.items() if key != lacking}
    rates = Rates(rest | {("hashprice", ""): series((T0 - H, 9.0), unit="USD/TH/day")})
    assert doubt(economics("").hashprice, rates, T0) == ""


def test_a_price_of_the_future_is_not_yet_known() -> None:
    rates = Rates({("hashprice", ""): series((T0 - 2 * H, 0.05), (T0 + 1, 0.9), unit="USD/TH/day")})
    assert hashprice(economics("").hashprice, rates, T0).value == 0.05


@pytest.mark.parametrize(("stale_h", "usd"), [(6, [0.05] * 4), (2, [0.05, 0.05, np.nan, np.nan])])
def test_past_hours_are_valued_while_the_price_is_young(stale_h, usd) -> None:
    of = economics(f"[hashprice]\nstale_after_s = {stale_h * 3600.0}").hashprice
    rates = Rates({("hashprice", ""): series((T0, 0.05), unit="USD/TH/day")})
    found = earned_usd_th_day(of, rates, *periods(T0, 4, 3600.0))
    assert found.tolist() == pytest.approx(usd, nan_ok=True)


def test_past_hours_by_formula_count_fees_where_they_are_known() -> None:
    of = economics("[hashprice]\nby = 'formula'").hashprice
    rates = Rates(BLOCKS | {("fees", ""): series((T0 + H, 0.3125), unit="BTC")})
    found = earned_usd_th_day(of, rates, *periods(T0, 2, 3600.0))
    assert found == pytest.approx([0.0628643, 0.0628643 * 1.1], rel=1e-5)
