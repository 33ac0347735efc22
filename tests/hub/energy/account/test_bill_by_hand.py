"""Bills reckoned by hand: each charge by itself, then together, over months, zones and gaps."""

import datetime as dt
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lode_hub.energy.account.bill import Bill, bill, windowed
from lode_hub.energy.account.metered import Metered
from lode_hub.energy.prices import OPEN_MS, Values
from lode_hub.energy.tariff import Rates, Tariff, described

HOUR_MS = 3_600_000
NOTHING = Rates()


def ms(text: str) -> int:
    return round(dt.datetime.fromisoformat(text).timestamp() * 1000)


def tariff(more: str = "", energy: str = 'price = "fixed"\nfixed_mwh = 50.0', **top) -> Tariff:
    head = {"name": "t", "currency": "USD", "time_zone": "UTC"} | top
    days = {"valid_from": "2020-01-01"} | {k: head.pop(k) for k in list(head) if "valid" in k}
    lines = [f"{key} = {value!r}" for key, value in head.items()]
    lines += [f"{key} = {value}" for key, value in days.items()]
    return described("\n".join([*lines, "[energy]", energy, more]))


def drawn(begin: str, *kwh: float, step_min: int = 60) -> Metered:
    from_ms = ms(begin) + np.arange(len(kwh)) * step_min * 60_000
    return Metered(
        meter="main", from_ms=from_ms, until_ms=from_ms + step_min * 60_000,
        energy_kwh=np.array(kwh, float),
    )  # fmt: skip


def joined(*parts: Metered) -> Metered:
    fields = ("from_ms", "until_ms", "energy_kwh")
    return Metered(
        meter="main", **{f: np.concatenate([getattr(p, f) for p in parts]) for f in fields}
    )


def series(*rows: tuple[str, float], unit: str = "USD/MWh") -> Values:
    begin = np.array([ms(text) for text, _ in rows])
    return Values(
        unit=unit, from_ms=begin, until_ms=np.full(len(rows), OPEN_MS),
        value=np.array([value for _, value in rows]), published_ms=begin,
    )  # fmt: skip


def lines(paid: Bill) -> list[tuple[str, str, float, float]]:
    return [(x.month, x.name, round(x.quantity, 6), round(x.usd, 6)) for x in paid.lines]


PEAK_HOURS = "when = { weekdays = ['mon', 'tue', 'wed', 'thu', 'fri'], hours = ['14:00-18:00'] }"


@pytest.mark.parametrize(
    ("more", "energy", "said"),
    [
        ("", "price = 'fixed'\nfixed_mwh = 50.0", [("energy, fixed", 2000, 100)]),
        ("", "price = 'fixed'\nfixed_mwh = -20.0", [("energy, fixed", 2000, -40)]),
        (
            "",
            "price = 'fixed'\nfixed_mwh = 50.0\nloss_ratio = 0.04",
            [("energy, fixed", 2000, 100), ("grid losses", 2000, 4)],
        ),
        (
            "[[adders]]\nname = 'wires'\nprice_mwh = 7.5",
            "price = 'fixed'\nfixed_mwh = 50.0",
            [("energy, fixed", 2000, 100), ("wires", 2000, 15)],
        ),
        (  # only the second of the two hours is in the adder's time
            f"[[adders]]\nname = 'summer'\nprice_mwh = 30.0\n{PEAK_HOURS}",
            "price = 'fixed'\nfixed_mwh = 50.0",
            [("energy, fixed", 2000, 100), ("summer", 1500, 45)],
        ),
        (
            "[[taxes]]\nname = 'city'\nratio = 0.1\non = ['energy']\n"
            "[[adders]]\nname = 'wires'\nprice_mwh = 7.5",
            "price = 'fixed'\nfixed_mwh = 50.0",
            [("energy, fixed", 2000, 100), ("wires", 2000, 15), ("city", 100, 10)],
        ),
        (  # a tax is on charges, never on another tax
            "[[taxes]]\nname = 'a'\nratio = 0.1\n[[taxes]]\nname = 'b'\nratio = 0.5",
            "price = 'fixed'\nfixed_mwh = 50.0",
            [("energy, fixed", 2000, 100), ("a", 100, 10), ("b", 100, 50)],
        ),
        (
            "[[taxes]]\nname = 'rebate'\nratio = -0.25",
            "price = 'fixed'\nfixed_mwh = 50.0",
            [("energy, fixed", 2000, 100), ("rebate", 100, -25)],
        ),
        (
            "[[demand]]\nname = 'peak'\nprice_kw = 9.0\nwindow_min = 60",
            "price = 'fixed'\nfixed_mwh = 50.0",
            [("energy, fixed", 2000, 100), ("peak", 1500, 13_500)],
        ),
    ],
)
def test_two_hours_by_each_kind_of_charge(more: str, energy: str, said: list) -> None:
    paid = bill(drawn("2026-07-15T13:00Z", 500, 1500), [tariff(more, energy)], NOTHING)
    assert lines(paid) == [("2026-07", *line) for line in said]
    assert paid.usd == pytest.approx(sum(usd for *_, usd in said))
    assert paid.energy_kwh == 2000


def test_prices_of_a_market_below_zero_are_paid_out() -> None:
    market = tariff(energy="price = 'real-time'\nnode = 'HB_WEST'")
    rates = Rates({("real-time", "HB_WEST"): series(
        ("2026-07-15T00:00Z", 30.0), ("2026-07-15T01:00Z", -10.0), ("2026-07-15T02:00Z", 500.0)
    )})  # fmt: skip
    paid = bill(drawn("2026-07-15T00:00Z", 1000, 4000, 100), [market], rates)
    assert paid.usd == pytest.approx(30 - 40 + 50)


def test_hours_without_counter_or_price_are_in_no_line_and_are_told() -> None:
    market = tariff(energy="price = 'day-ahead'\nnode = 'HB_WEST'")
    rates = Rates({("day-ahead", "HB_WEST"): series(("2026-07-15T01:00Z", 20.0))})
    paid = bill(drawn("2026-07-15T00:00Z", 700, np.nan, 1000), [market], rates)
    assert lines(paid) == [("2026-07", "energy, day-ahead HB_WEST", 1000, 20)]
    assert (paid.missing_h, paid.unpriced_kwh, paid.energy_kwh) == (1.0, 700.0, 1700.0)


@pytest.mark.parametrize(
    ("unit", "value", "usd"), [("EUR/MWh", 40.0, 44.0), ("EUR/kWh", 0.04, 44.0)]
)
def test_a_market_in_euros_is_paid_in_dollars_by_that_hours_rate(unit, value, usd) -> None:
    market = tariff(energy="price = 'day-ahead'\nnode = 'DE'", currency="EUR", usd_per_unit=1.1)
    rates = Rates({
        ("day-ahead", "DE"): series(("2026-01-01T00:00Z", value), unit=unit),
        ("exchange", "EUR"): series(("2026-01-01T00:00Z", 1.1), unit="USD/EUR"),
    })  # fmt: skip
    assert bill(drawn("2026-07-15T00:00Z", 1000), [market], rates).usd == pytest.approx(usd)


QUARTERS = (100, 250, 250, 20)  # kWh: 400, 1000, 1000, 80 kW


@pytest.mark.parametrize(
    ("window_min", "kw"), [(15, 1000.0), (30, 700.0), (60, 620.0)], ids=["15", "30", "60"]
)
def test_the_demand_is_the_mean_over_its_window(window_min: int, kw: float) -> None:
    of = tariff(f"[[demand]]\nname = 'd'\nprice_kw = 2.0\nwindow_min = {window_min}")
    paid = bill(drawn("2026-07-15T13:00Z", *QUARTERS, step_min=15), [of], NOTHING)
    (found,) = [line for line in paid.lines if line.kind == "demand"]
    assert (found.quantity, found.usd) == (pytest.approx(kw), pytest.approx(2 * kw))


@pytest.mark.parametrize(
    ("zone", "begin"),
    [
        ("Asia/Kathmandu", "2026-07-15T07:15Z"),  # 13:00 there
        ("Asia/Kolkata", "2026-07-15T07:30Z"),
        ("Australia/Eucla", "2026-07-15T04:15Z"),
        ("UTC", "2026-07-15T13:00Z"),
    ],
)
def test_windows_of_an_hour_begin_with_the_hours_of_local_clocks(zone: str, begin: str) -> None:
    at_one = "when = { hours = ['13:00-14:00'] }"
    of = tariff(
        f"[[demand]]\nname = 'd'\nprice_kw = 2.0\nwindow_min = 60\n{at_one}", time_zone=zone
    )
    used = drawn(begin, *QUARTERS, step_min=15)
    (found,) = [line for line in bill(used, [of], NOTHING).lines if line.kind == "demand"]
    assert found.quantity == pytest.approx(620)
    assert found.note == f"window of {begin}"


def test_an_hour_that_clocks_show_twice_is_two_windows() -> None:
    of = tariff("[[demand]]\nname = 'd'\nprice_kw = 1.0\nwindow_min = 60",
                time_zone="America/Chicago")  # fmt: skip
    used = drawn("2026-11-01T06:00Z", 100, 100, 100, 100, 200, 200, 200, 200, step_min=15)
    (found,) = [line for line in bill(used, [of], NOTHING).lines if line.kind == "demand"]
    assert found.quantity == pytest.approx(800)


def test_a_window_that_clocks_cut_short_sets_no_peak() -> None:
    """On Lord Howe clocks go back half an hour: half of that hour is shown twice."""
    of = tariff("[[demand]]\nname = 'd'\nprice_kw = 1.0\nwindow_min = 60",
                time_zone="Australia/Lord_Howe")  # fmt: skip
    used = drawn("2026-04-04T14:00Z", 10, 10, 900, 900, 20, 20, 20, 20, step_min=15)
    (found,) = [line for line in bill(used, [of], NOTHING).lines if line.kind == "demand"]
    assert found.quantity == pytest.approx(1820)


def test_hours_of_utc_show_no_demand_by_the_hours_of_other_clocks() -> None:
    of = tariff("[[demand]]\nname = 'd'\nprice_kw = 2.0\nwindow_min = 60",
                time_zone="Asia/Kathmandu")  # fmt: skip
    paid = bill(drawn("2026-07-15T13:00Z", 900, 900), [of], NOTHING)
    assert [line.kind for line in paid.lines] == ["energy"]
    assert paid.notes == ("d: periods of the series do not divide 60 min",)


def test_a_window_with_a_hole_sets_no_peak() -> None:
    of = tariff("[[demand]]\nname = 'd'\nprice_kw = 2.0\nwindow_min = 30")
    paid = bill(drawn("2026-07-15T13:00Z", 900, np.nan, 25, 25, step_min=15), [of], NOTHING)
    assert [x.quantity for x in paid.lines if x.kind == "demand"] == [100.0]


def test_a_demand_that_the_series_cannot_show_is_a_note_and_no_zero() -> None:
    of = tariff("[[demand]]\nname = 'd'\nprice_kw = 2.0\nwindow_min = 15")
    paid = bill(drawn("2026-07-15T13:00Z", 900), [of], NOTHING)
    assert [line.kind for line in paid.lines] == ["energy"]
    assert paid.notes == ("d: periods of the series do not divide 15 min",)


MONTHS = joined(
    drawn("2026-07-15T12:00Z", 1000), drawn("2026-08-15T12:00Z", 500),
    drawn("2026-09-15T12:00Z", 100), drawn("2026-10-15T12:00Z", 100),
)  # fmt: skip


@pytest.mark.parametrize(
    ("ratio", "months", "kw"),
    [
        (0.0, 11, [1000, 500, 100, 100]),
        (0.8, 11, [1000, 800, 800, 800]),
        (0.8, 1, [1000, 800, 400, 100]),  # holds up by what was drawn, not by what was charged
        (0.8, 2, [1000, 800, 800, 400]),
        (1.0, 36, [1000, 1000, 1000, 1000]),
    ],
)
def test_a_ratchet_holds_a_peak_up_for_its_months(ratio, months, kw) -> None:
    of = tariff(
        f"[[demand]]\nname = 'd'\nprice_kw = 1.0\nwindow_min = 60\n"
        f"ratchet_ratio = {ratio}\nratchet_months = {months}"
    )
    charged = [line for line in bill(MONTHS, [of], NOTHING).lines if line.kind == "demand"]
    assert [line.quantity for line in charged] == pytest.approx(kw)
    held = ["held up" in line.note for line in charged]
    assert held == [k > d for k, d in zip(kw, (1000, 500, 100, 100), strict=True)]


@pytest.mark.parametrize(
    ("zone", "billing_day", "begin", "month"),
    [
        ("UTC", 1, "2026-07-31T23:00Z", "2026-07"),
        ("America/Chicago", 1, "2026-08-01T04:00Z", "2026-07"),
        ("America/Chicago", 1, "2026-08-01T05:00Z", "2026-08"),
        ("UTC", 15, "2026-08-14T23:00Z", "2026-07"),
        ("UTC", 15, "2026-08-15T00:00Z", "2026-08"),
        ("UTC", 28, "2026-01-27T00:00Z", "2025-12"),
        ("Asia/Kathmandu", 1, "2026-07-31T18:30Z", "2026-08"),
    ],
)
def test_an_hour_is_of_the_billing_month_of_its_local_day(zone, billing_day, begin, month) -> None:
    of = tariff(time_zone=zone, billing_day=billing_day)
    assert [line.month for line in bill(drawn(begin, 1), [of], NOTHING).lines] == [month]


PEAKS = """[[peaks]]
name = "4CP"
price_kw_year = 48.0
window_min = 15
probability = 0.25
when = { months = [6, 7, 8, 9], hours = ["13:00-14:00"] }"""


def test_a_grids_peak_is_expected_by_probability_and_known_afterwards() -> None:
    used = drawn("2026-07-15T13:00Z", *QUARTERS, step_min=15)
    (guess,) = [x for x in bill(used, [tariff(PEAKS)], NOTHING).lines if x.kind == "peaks"]
    # A quarter of each window's power, times a fourth of the year's price.
    assert guess.quantity == pytest.approx((400 + 1000 + 1000 + 80) / 4)
    assert guess.usd == pytest.approx(620 * 12)
    assert "expected" in guess.note
    known = {"4CP": [ms("2026-07-15T13:15Z")]}
    (true,) = [x for x in bill(used, [tariff(PEAKS)], NOTHING, known).lines if x.kind == "peaks"]
    assert (true.quantity, true.usd) == (pytest.approx(1000), pytest.approx(12_000))
    elsewhere = bill(used, [tariff(PEAKS)], NOTHING, {"4CP": [ms("2026-07-16T13:15Z")]})
    assert [x for x in elsewhere.lines if x.kind == "peaks"] == []


YEARS = (
    tariff(valid_from="2026-01-01", valid_until="2026-07-01"),
    tariff(energy="price = 'fixed'\nfixed_mwh = 80.0", valid_from="2026-07-01"),
)


def test_two_years_of_a_tariff_that_keeps_its_name_are_billed_once_each() -> None:
    used = joined(drawn("2026-06-30T23:00Z", 1000), drawn("2026-07-01T00:00Z", 1000))
    assert lines(bill(used, YEARS, NOTHING)) == [
        ("2026-06", "energy, fixed", 1000, 50),
        ("2026-07", "energy, fixed", 1000, 80),
    ]


def test_a_change_of_tariff_leaves_no_line_of_the_other() -> None:
    market = tariff(
        "[[adders]]\nname = 'wires'\nprice_mwh = 5.0",
        "price = 'real-time'\nnode = 'HB_WEST'",
        name="market", valid_from="2026-07-01",
    )  # fmt: skip
    rates = Rates({("real-time", "HB_WEST"): series(("2026-01-01T00:00Z", 20.0))})
    used = joined(drawn("2026-06-30T23:00Z", 1000), drawn("2026-07-01T00:00Z", 1000))
    assert lines(bill(used, [YEARS[0], market], rates)) == [
        ("2026-06", "energy, fixed", 1000, 50),
        ("2026-07", "energy, real-time HB_WEST", 1000, 20),
        ("2026-07", "wires", 1000, 5),
    ]


def test_what_no_tariff_is_valid_for_is_unpriced() -> None:
    used = drawn("2025-12-31T23:00Z", 300, 1000)
    paid = bill(used, YEARS, NOTHING)
    assert (paid.usd, paid.unpriced_kwh) == (50.0, 300.0)


def test_the_days_of_change_have_23_and_25_hours_in_the_bill() -> None:
    of = tariff(
        "[[adders]]\nname = 'night'\nprice_mwh = 10.0\nwhen = { hours = ['00:00-06:00'] }",
        time_zone="America/Chicago",
    )
    for day, hours in (("2026-03-08T06:00Z", 5), ("2026-11-01T05:00Z", 7)):
        used = drawn(day, *[1000] * (18 + hours))
        night = next(x for x in bill(used, [of], NOTHING).lines if x.name == "night")
        assert (night.quantity, night.usd) == (1000 * hours, 10 * hours)


@given(st.lists(st.integers(0, 5000), min_size=1, max_size=60), st.integers(1, 59))
def test_energy_is_billed_the_same_whole_or_in_parts(kwh: list[int], cut: int) -> None:
    of = tariff("[[adders]]\nname = 'a'\nprice_mwh = 3.0\n" + PEAK_HOURS)
    whole = drawn("2026-07-14T00:00Z", *kwh)
    parts = [drawn("2026-07-14T00:00Z", *kwh[:cut])] if kwh[:cut] else []
    if kwh[cut:]:
        begin = dt.datetime.fromtimestamp(ms("2026-07-14T00:00Z") / 1000 + cut * 3600, dt.UTC)
        parts.append(drawn(begin.isoformat(), *kwh[cut:]))
    apart = sum(bill(part, [of], NOTHING).usd for part in parts)
    assert bill(whole, [of], NOTHING).usd == pytest.approx(apart)


def test_a_charge_in_a_currency_without_a_rate_is_a_note_and_the_rest_is_billed() -> None:
    of = tariff(
        f"[[demand]]\nname = 'd'\nprice_kw = 2.0\nwindow_min = 60\n{PEAKS}",
        "price = 'day-ahead'\nnode = 'DE'", currency="EUR",
    )  # fmt: skip
    rates = Rates({("day-ahead", "DE"): series(("2026-01-01T00:00Z", 40.0))})
    used = drawn("2026-07-15T13:00Z", *QUARTERS, step_min=15)
    paid = bill(used, [of], rates)
    assert paid.usd == pytest.approx(0.62 * 40)
    assert paid.notes == tuple(f"{x}: no exchange rate of EUR; in no line" for x in ("d", "4CP"))


def test_windows_of_nothing_are_none() -> None:
    begins, power = windowed(drawn("2026-07-14T00:00Z"), 15, ZoneInfo("UTC")) or (None, None)
    assert (len(begins), len(power)) == (0, 0)
    assert bill(drawn("2026-07-14T00:00Z"), [tariff(PEAKS)], NOTHING).lines == ()
