"""Tariffs: calendars over clock changes, prices by parts, and files that cannot be."""

import datetime as dt
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from lode_hub import cli
from lode_hub.energy.prices import Values, periods
from lode_hub.energy.tariff import Rates, described, priced
from lode_hub.energy.tariff.calendar import billing_month, counts, local
from lode_hub.energy.tariff.described import When
from lode_hub.errors import InvalidError

FILE = Path(__file__).with_name("west_texas.toml")
TEXT = FILE.read_text()
ZONES = ["America/Chicago", "Europe/Berlin", "Australia/Lord_Howe", "Asia/Kathmandu", "UTC",
         "America/St_Johns", "Africa/Casablanca"]  # fmt: skip


def ms(text: str) -> int:
    return round(dt.datetime.fromisoformat(text).timestamp() * 1000)


def flat(value: float, unit: str = "USD/MWh") -> Values:
    one = np.array([0])
    return Values(unit=unit, from_ms=one, until_ms=one + 2**61, value=np.array([value]),
                  published_ms=one)  # fmt: skip


WEST = {("real-time", "HB_WEST"): flat(40.0)}


def year(zone: str, step_min: int = 15) -> np.ndarray:
    begin, end = (
        round(dt.datetime(y, 1, 1, tzinfo=ZoneInfo(zone)).timestamp() * 1000) for y in (2026, 2027)
    )
    return np.arange(begin, end, step_min * 60_000)


@pytest.mark.parametrize("zone", ZONES)
def test_local_times_are_those_of_the_zone(zone: str) -> None:
    at_ms = np.random.default_rng(3).integers(ms("2025-01-01T00:00Z"), ms("2028-01-01T00:00Z"), 500)
    changes = year(zone)[:-1][np.diff(local(year(zone), ZoneInfo(zone)).minute) != 15]
    at_ms = np.concatenate((at_ms, changes[:400], changes[:400] + 1))
    shown = local(at_ms, ZoneInfo(zone))
    for n, moment in enumerate(at_ms):
        expected = dt.datetime.fromtimestamp(moment / 1000, ZoneInfo(zone))
        assert shown.minute[n] == expected.hour * 60 + expected.minute
        assert shown.weekday[n] == expected.weekday()
        assert (shown.year[n], shown.month[n]) == (expected.year, expected.month)
        assert shown.month_day[n] % 100 == expected.day


@pytest.mark.parametrize("zone", ZONES)
def test_windows_that_share_a_day_share_a_year_and_no_quarter_is_priced_twice(zone: str) -> None:
    at_ms = year(zone)
    shown = local(at_ms, ZoneInfo(zone))
    windows = [
        When(hours=("00:00-07:00",)),
        When(hours=("07:00-19:30",)),
        When(hours=("19:30-24:00",)),
    ]
    marks = np.sum([counts(when, shown) for when in windows], axis=0)
    assert (marks == 1).all()
    assert len(at_ms) == 8760 * 4
    night = counts(When(hours=("19:30-07:00",)), shown)
    assert (night == (counts(windows[0], shown) | counts(windows[2], shown))).all()
    seasons = [When(season="11-16..03-15"), When(season="03-16..11-15")]
    assert (np.sum([counts(when, shown) for when in seasons], axis=0) == 1).all()
    months = billing_month(shown, 17)
    assert (np.diff(months) >= 0).all()
    assert len(np.unique(months)) == 13


def test_a_changing_day_has_23_and_25_hours_of_price() -> None:
    shown = local(year("America/Chicago"), ZoneInfo("America/Chicago"))
    hours = {str(np.datetime64(int(day), "D")): n / 4
             for day, n in zip(*np.unique(shown.day, return_counts=True), strict=True)}  # fmt: skip
    assert hours["2026-03-08"] == 23
    assert hours["2026-11-01"] == 25
    assert sorted(set(hours.values())) == [23, 24, 25]


def test_the_price_of_a_moment_by_parts() -> None:
    span = periods(ms("2026-07-02T16:00-05:00"), 1, 900)
    found = priced([described(TEXT)], Rates(WEST), *span)
    parts = {part.name: (part.kind, round(float(part.usd_mwh[0]), 6)) for part in found.parts}
    assert parts == {
        "energy, real-time HB_WEST": ("energy", 40.0), "grid losses": ("losses", 0.8),
        "retail adder": ("adders", 2.5), "summer peak": ("adders", 14.0),
        # 60 $/kW-yr over 4 months in a quarter of an hour: 60000 $/MWh, one time in a hundred
        "4CP": ("peaks", 600.0), "gross receipts": ("tax", round(0.02 * 57.3, 6)),
    }  # fmt: skip
    assert found.total_usd_mwh[0] == pytest.approx(40 + 0.8 + 2.5 + 14 + 600 + 1.146)
    assert [part.name for part in found.parts if part.is_expected] == ["4CP"]


@pytest.mark.parametrize(
    ("moment", "is_peak"),
    [("2026-07-02T18:45-05:00", True), ("2026-07-02T19:00-05:00", False),
     ("2026-07-03T16:00-05:00", False), ("2026-07-04T16:00-05:00", False),
     ("2026-09-30T13:00-05:00", True), ("2026-10-01T13:00-05:00", False)],
)  # fmt: skip
def test_when_an_adder_counts(moment: str, is_peak: bool) -> None:
    found = priced([described(TEXT)], Rates(WEST), *periods(ms(moment), 1, 900))
    adder = next(part for part in found.parts if part.name == "summer peak")
    assert adder.usd_mwh[0] == (14.0 if is_peak else 0.0)


def test_a_price_covers_its_validity_without_a_hole_and_nothing_beyond() -> None:
    at_ms = year("America/Chicago")
    found = priced([described(TEXT)], Rates(WEST), at_ms, at_ms + 900_000)
    assert not np.isnan(found.total_usd_mwh).any()
    before = priced([described(TEXT)], Rates(WEST), at_ms[:1] - 900_000, at_ms[:1])
    assert np.isnan(before.total_usd_mwh).all()


def test_a_missing_price_is_missing_and_never_zero() -> None:
    found = priced([described(TEXT)], Rates(), *periods(ms("2026-07-02T16:00-05:00"), 4, 900))
    assert np.isnan(found.total_usd_mwh).all()


def test_the_last_of_several_tariffs_counts() -> None:
    later = TEXT.replace("West Texas 2026", "from July").replace(
        "valid_from = 2026-01-01", "valid_from = 2026-07-01"
    )
    later = later.replace("price_mwh = 2.5", "price_mwh = 5.0")
    span = periods(ms("2026-06-30T23:00-05:00"), 2, 3600)
    found = priced([described(TEXT), described(later)], Rates(WEST), *span)
    adder = next(part for part in found.parts if part.name == "retail adder")
    assert adder.usd_mwh.tolist() == [2.5, 5.0]
    assert found.tariff == ("West Texas 2026", "from July")


EURO = """
name = "Belgium"
currency = "EUR"
time_zone = "Europe/Brussels"
valid_from = 2026-01-01
[energy]
price = "day-ahead"
node = "10YBE----------2"
[[adders]]
name = "grid"
price_mwh = 10
"""


def test_euros_become_dollars_by_a_series_or_a_given_rate() -> None:
    span = periods(ms("2026-02-17T00:00Z"), 2, 3600)
    series = {("day-ahead", "10YBE----------2"): flat(-0.05, "EUR/kWh")}
    assert np.isnan(priced([described(EURO)], Rates(series), *span).total_usd_mwh).all()
    series[("exchange", "EUR")] = flat(1.1, "USD/EUR")
    assert priced([described(EURO)], Rates(series), *span).total_usd_mwh == pytest.approx(
        [-55 + 11, -44]
    )
    given = EURO.replace("[energy]", "usd_per_unit = 1.2\n[energy]")
    assert priced([described(given)], Rates(series), *span).total_usd_mwh == pytest.approx(
        [-55 + 12, -43]
    )


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('"13:00-19:00"', '"13-19"', "write them as 07:00-22:00"),
        ('"13:00-19:00"', '"13:00-25:00"', "from 00:00 to 24:00"),
        ('"06-01..09-30"', '"06-01..09-31"', "day"),
        ('"America/Chicago"', '"Texas"', "time_zone 'Texas'"),
        ("2027-01-01", "2025-01-01", "not after"),
        ('"summer peak"', '"retail adder"', "comes twice"),
        ("price_kw = 4.2", "price_kw = -1", "demand[0].price_kw"),
        ("months = [6, 7, 8, 9],", "", "months is empty"),
        ("months = [6, 7, 8, 9]", "months = [13]", "peaks[0].when.months[0]"),
        ("loss_ratio", "lost_ratio", "lost_ratio"),
        ('"real-time"', '"fixed"', "fixed_mwh"),
        ('"USD"', '"dollars"', "currency"),
        ("[energy]", "[energy", "no TOML"),
    ],
)  # fmt: skip
def test_a_tariff_that_cannot_be_says_where_and_why(old: str, new: str, said: str) -> None:
    with pytest.raises(InvalidError) as caught:
        described(TEXT.replace(old, new, 1), "tariff x")
    assert said in str(caught.value)
    assert str(caught.value).startswith("tariff x: ")


def test_the_command_says_what_a_tariff_comes_to(tmp_path: Path) -> None:
    said = CliRunner().invoke(cli.app, ["tariff", "check", str(FILE)])
    assert said.exit_code == 0, said.output
    assert "West Texas 2026: right" in said.output
    assert "energy, real-time HB_WEST: by the market" in said.output
    assert "summer peak: 14.00 USD/MWh in 522 of 8760 h" in said.output
    wrong = tmp_path / "wrong.toml"
    wrong.write_text(TEXT.replace("price_mwh", "price_mhw", 1))
    assert isinstance(
        CliRunner().invoke(cli.app, ["tariff", "check", str(wrong)]).exception, InvalidError
    )


@given(
    st.lists(st.sampled_from(range(24)), max_size=3), st.sets(st.integers(1, 12), max_size=5),
    st.sampled_from(ZONES), st.integers(0, 365 * 96),
)  # fmt: skip
def test_a_rule_says_of_a_moment_what_it_says_among_others(hours, months, zone, quarter) -> None:
    when = When(hours=tuple(f"{h:02}:00-{h:02}:45" for h in hours), months=tuple(sorted(months)))
    at_ms = year(zone)[quarter : quarter + 9]
    whole = counts(when, local(at_ms, ZoneInfo(zone)))
    single = [
        bool(counts(when, local(at_ms[n : n + 1], ZoneInfo(zone)))[0]) for n in range(len(at_ms))
    ]
    assert whole.tolist() == single
