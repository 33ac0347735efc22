"""The site's file and the prices': each trouble is told with where it is and what to do."""

from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from lode_hub.energy.plan.backtest import story
from lode_hub.energy.plan.price_file import read_forecast, read_prices
from lode_hub.energy.plan.site_file import PlanFileError, read, site_of

GOLDEN = Path(__file__).parents[3] / "golden" / "energy"
EXAMPLE = (GOLDEN / "site.toml").read_text()
UTC_ZONE, CHICAGO = ZoneInfo("UTC"), ZoneInfo("America/Chicago")


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("limit_kw = 3000.0 ", "", "missing required field `limit_kw` - at `$.site`"),
        ("limit_kw = 3000.0 ", "limit_kw = '3 MW' ", "Expected `float`, got `str` - at `$.site.li"),
        ("limit_kw = 3000.0 ", "limit_kw = 0 ", "Expected `float` > 0.0 - at `$.site.limit_kw`"),
        ("sleep_w = 15.0", "sleep = 15.0", "unknown field `sleep` - at `$.class[0]`"),
        ("count = 400", "count = 0", "Expected `int` >= 1 - at `$.class[0].count`"),
        ('feeder = "south"', 'feeder = "east"', "class S19j Pro: no feeder 'east'; there are: nor"),
        ('name = "south"', 'name = "north"', "feeder: north is there twice"),
        ('"reduce_to" ', '"reduce" ', "Invalid enum value 'reduce' - at `$.commitment[0].kind`"),
        ("sleep_w = 15.0", "sleep_w = 2500.0", "class S21: sleep_w is not below the lowest mode"),
        ("to_hour = 20", "to_hour = 9", "demand_charge monthly peak: from_hour is not before"),
        ("2017-03-03T01:00:00Z", "2017-03-01T01:00:00Z", "commitment DR 17: begin is not before"),
        ("2017-03-03T01:00:00Z", "2017-03-03T01:00:00", "commitment DR 17: a time without zone"),
        ("America/Chicago", "Texas", "site.timezone: no zone 'Texas'; use a name such as"),
        ("[[10.0, 1.03], [35.0", "[[40.0, 1.03], [35.0", "site.pue: temperatures do not rise"),
        ('name = "high", power_w = 4400', 'name = "high", power_w = 3500', "3500.0 is there twice"),
        ("[site]", "[site", "not TOML: "),
    ],
)
def test_what_is_wrong_in_a_site_is_told(tmp_path, old, new, says):
    assert old in EXAMPLE
    path = tmp_path / "site.toml"
    path.write_text(EXAMPLE.replace(old, new))
    with pytest.raises(PlanFileError) as told:
        read(path)
    assert says in str(told.value)
    assert str(told.value).startswith(f"{path}: ")
    assert ";" in str(told.value)


def test_a_site_is_what_its_file_says():
    site = site_of(read(GOLDEN / "site.toml"), 3600.0)
    assert [kind.count for kind in site.classes] == [400, 300]
    assert site.classes[0].modes[0].power_w == 2100.0
    assert (site.limit_w, site.feeders[0].ramp_kw_min) == (3e6, 100.0)
    assert site.pue_at(np.array([0.0, 22.5, 99.0])) == pytest.approx([1.03, 1.075, 1.12])


def prices(tmp_path, *lines: str, header="timestamp,price_usd_mwh") -> Path:
    path = tmp_path / "prices.csv"
    path.write_text("\n".join([header, *lines]) + "\n")
    return path


HOURS = ["2026-07-01T00:00Z,20", "2026-07-01T01:00Z,-5.5", "2026-07-01T02:00Z,30"]


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        ([], "no line after the header"),
        (HOURS[:1], "1 periods; give two or more"),
        ([*HOURS, "2026-07-01T02:00Z,1"], "line 5: 2026-07-01T02:00Z is there twice"),
        ([*HOURS, "2026-07-01T01:30Z,1"], "line 5: 2026-07-01T01:30Z is out of order"),
        (
            [*HOURS, "2026-07-01T05:00Z,1"],
            "line 5: steps of 3600 s, but 10800 s from 2026-07-01T02",
        ),
        ([*HOURS, "1 July,1"], "line 5: timestamp '1 July'; write it like"),
        ([*HOURS, "2026-07-01T03:00Z,cheap"], "line 5: price_usd_mwh 'cheap'; give a number"),
        ([*HOURS, "2026-07-01T03:00Z,nan"], "line 5: price_usd_mwh 'nan'; give a number"),
        ([*HOURS, "2026-07-01T03:00Z,"], "line 5: no price_usd_mwh; fill it in"),
        ([*HOURS, "2026-07-01T03:00Z,1,2"], "line 5: not 2 cells"),
        (["2026-07-01T00:00Z,1", "2026-07-01T06:00Z,1"], "steps of 21600 s; use steps of 300 s"),
    ],
)
def test_what_is_wrong_in_prices_is_told(tmp_path, lines, says):
    with pytest.raises(PlanFileError) as told:
        read_prices(prices(tmp_path, *lines), UTC_ZONE)
    assert says in str(told.value)


@pytest.mark.parametrize(
    ("header", "says"),
    [
        (
            "timestamp,price",
            "line 1: no column price_usd_mwh; the header has ['timestamp', 'price'",
        ),
        ("timestamp,price_usd_mwh,temp", "line 1: unknown column 'temp'; known are timestamp, pri"),
    ],
)
def test_a_wrong_header_is_told(tmp_path, header, says):
    with pytest.raises(PlanFileError) as told:
        read_prices(prices(tmp_path, *HOURS, header=header), UTC_ZONE)
    assert says in str(told.value)


def test_the_hour_that_comes_twice_is_two_hours(tmp_path):
    lines = [f"2026-11-01T{hour:02}:00,{n}" for n, hour in enumerate([0, 1, 1, 2])]
    found = read_prices(prices(tmp_path, *lines), CHICAGO)
    assert (np.diff(found.at_ms) == 3_600_000).all()
    assert found.columns["price_usd_mwh"].tolist() == [0, 1, 2, 3]
    with pytest.raises(PlanFileError, match="line 4: 2026-11-01T01:00 is there twice"):
        read_prices(prices(tmp_path, *lines), UTC_ZONE)


def test_the_hour_that_is_skipped_is_no_gap_and_no_time(tmp_path):
    lines = [f"2026-03-08T{hour:02}:00,1" for hour in (0, 1, 3, 4)]
    found = read_prices(prices(tmp_path, *lines), CHICAGO)
    assert (np.diff(found.at_ms) == 3_600_000).all()
    with pytest.raises(PlanFileError, match="line 2: 2026-03-08T02:00 is skipped by the clocks"):
        read_prices(prices(tmp_path, "2026-03-08T02:00,1"), CHICAGO)


def test_a_forecast_may_have_holes_but_must_meet_the_prices(tmp_path):
    found = read_prices(prices(tmp_path, *HOURS), UTC_ZONE)
    path = tmp_path / "forecast.csv"
    path.write_text("timestamp,price_usd_mwh\n2026-07-01T00:00Z,\n2026-07-01T02:00Z,28\n")
    forecast = read_forecast(path, UTC_ZONE, found)
    assert np.isnan(forecast[:2]).all()
    assert forecast[2] == 28.0
    path.write_text("timestamp,price_usd_mwh\n2025-07-01T00:00Z,1\n")
    with pytest.raises(PlanFileError, match="no forecast for any period"):
        read_forecast(path, UTC_ZONE, found)


def test_what_stands_beside_a_price_counts_before_the_site(tmp_path):
    header = "timestamp,price_usd_mwh,temp_c,cap_kw,hashprice_usd_phd"
    lines = [line + f",35,{cap},44" for line, cap in zip(HOURS, ["", "800", ""], strict=True)]
    file = read(GOLDEN / "site.toml")
    found = story(file, read_prices(prices(tmp_path, *lines, header=header), file.zone)).market
    assert found.pue.tolist() == [1.12] * 3
    assert found.cap_w.tolist() == [np.inf, 8e5, np.inf]
    assert found.hashprice_usd_phd.tolist() == [44.0] * 3
    assert found.adder_usd_mwh.tolist() == [6.0] * 3


@pytest.mark.parametrize(
    ("name", "cell", "says"),
    [
        ("adder_usd_mwh", "", "prices line 3: no adder_usd_mwh; fill it in, or leave the column"),
        ("temp_c", "", "prices line 3: no temp_c; fill it in, or leave the column out"),
        ("hashprice_usd_phd", "-1", "prices line 3: hashprice_usd_phd is below 0; mend it, or"),
    ],
)
def test_a_hole_in_what_stands_beside_a_price_is_told(tmp_path, name, cell, says):
    lines = [f"{line},{given}" for line, given in zip(HOURS, ["20", cell, "20"], strict=True)]
    file = read(GOLDEN / "site.toml")
    series = read_prices(
        prices(tmp_path, *lines, header=f"timestamp,price_usd_mwh,{name}"), UTC_ZONE
    )
    with pytest.raises(PlanFileError) as told:
        story(file, series)
    assert says in str(told.value)


def test_charges_and_days_go_by_local_clocks(tmp_path):
    start = datetime(2026, 6, 29, tzinfo=UTC).timestamp()  # Sunday 19:00 in Chicago
    lines = [
        f"{datetime.fromtimestamp(start + 3600 * n, UTC):%Y-%m-%dT%H:%M}Z,20" for n in range(72)
    ]
    file = read(GOLDEN / "site.toml")
    told = story(file, read_prices(prices(tmp_path, *lines), file.zone))
    june, july = told.market.demand_charges
    assert np.flatnonzero(june.counts).tolist() == [21, 22, 23, 24, 45, 46, 47, 48]
    assert np.flatnonzero(july.counts).tolist() == [69, 70, 71]
    assert (june.peak_w, july.peak_w) == (9e5, 0.0)
    assert np.flatnonzero(np.diff(told.market.day)).tolist() == [4, 28, 52]
