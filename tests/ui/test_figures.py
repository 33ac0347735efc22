"""Numbers as people read them."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lode_ui import figures
from lode_ui.figures import MINUS, MISSING

NUMBERS = st.floats(-1e15, 1e15) | st.sampled_from([None, math.nan, math.inf, -math.inf])


def plain(figure: object) -> str:
    """Read a figure with ordinary spaces."""
    return str(figure).replace("\N{NO-BREAK SPACE}", " ")


@pytest.mark.parametrize(
    ("ths", "shown"),
    [
        (None, MISSING),
        (math.nan, MISSING),
        (math.inf, MISSING),
        (0, "0 TH/s"),
        (0.4, "0.400 TH/s"),
        (9.876, "9.876 TH/s"),
        (104.24, "104.2 TH/s"),
        (999.94, "999.9 TH/s"),
        (999.96, "1.000 PH/s"),
        (4180.2, "4.180 PH/s"),
        (41_370, "41.37 PH/s"),
        (1_155_000, "1.155 EH/s"),
        (2e9, "2.000 ZH/s"),
        (-12.5, f"{MINUS}12.50 TH/s"),
    ],
)
def test_hashrate(ths, shown):
    assert plain(figures.hashrate(ths)) == shown


@pytest.mark.parametrize(
    ("watts", "shown"),
    [
        (None, MISSING),
        (0.0, "0 W"),
        (45, "45 W"),
        (980.4, "980.4 W"),
        (3247, "3.247 kW"),
        (139_800, "139.8 kW"),
        (999_960, "1.000 MW"),
        (28_900_000, "28.90 MW"),
        (-0.0, "0 W"),
    ],
)
def test_power(watts, shown):
    assert plain(figures.power(watts)) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (None, MISSING),
        (math.nan, MISSING),
        (-3, "0 s"),
        (0.8, "0 s"),
        (12, "12 s"),
        (59.99, "59 s"),
        (60, "1 min"),
        (200, "3 min 20 s"),
        (3600, "1 h"),
        (15_120, "4 h 12 min"),
        (86_399, "23 h 59 min"),
        (273_600, "3 d 4 h"),
        (86_400 * 1234, "1,234 d"),
    ],
)
def test_duration(seconds, shown):
    assert plain(figures.duration(seconds)) == shown


@pytest.mark.parametrize(
    ("figure", "shown"),
    [
        (figures.efficiency(29.54), "29.5 J/TH"),
        (figures.temperature(68.44), "68.4 °C"),
        (figures.temperature(-0.01), "0.0 °C"),
        (figures.fan(5880.4), "5,880 rpm"),
        (figures.energy(81.26), "81.3 kWh"),
        (figures.energy(81_231.4), "81.2 MWh"),
        (figures.energy(0.0), "0.0 kWh"),
        (figures.energy(0.04), "40 Wh"),
        (figures.energy(-0.0004), f"{MINUS}0.4 Wh"),
        (figures.percent(0.973), "97.3 %"),
        (figures.percent(1.004, 0), "100 %"),
        (figures.percent(1.0), "100.0 %"),
        (figures.percent(0.9996), ">99.9 %"),
        (figures.percent(0.9994), "99.9 %"),
        (figures.percent(0.997, 0), ">99 %"),
        (figures.percent(0.0), "0.0 %"),
        (figures.percent(0.0004), "<0.1 %"),
        (figures.percent(0.0004, 2), "0.04 %"),
        (figures.percent(0.00004, 2), "<0.01 %"),
        (figures.count(10_000, "rigs"), "10,000 rigs"),
        (figures.size(18_400), "18.4 kB"),
        (figures.size(512), "512 B"),
        (figures.size(48_100_000), "48.1 MB"),
        (figures.number(0.985), "0.98"),
        (figures.number(126.0, ""), "126"),
        (figures.number(34.2, "TH/s"), "34.2 TH/s"),
        (figures.number(100.0, "V"), "100 V"),
        (figures.milliseconds(41.2), "41 ms"),
        (figures.milliseconds(2310, signed=True), "+2.3 s"),
        (figures.milliseconds(-12.4, signed=True), f"{MINUS}12 ms"),
        (figures.milliseconds(0, signed=True), "0 ms"),
        (figures.age(None), "never"),
        (figures.age(3), "3 s ago"),
        (figures.plural(1, "rig"), "1 rig"),
        (figures.plural(2400, "rig"), "2,400 rigs"),
        (figures.plural(2, "batch", "batches"), "2 batches"),
    ],
)
def test_other_figures(figure, shown):
    assert plain(figure) == shown


SHOW = [
    figures.hashrate,
    figures.power,
    figures.size,
    figures.efficiency,
    figures.temperature,
    figures.fan,
    figures.energy,
    figures.percent,
    figures.count,
    figures.number,
    figures.milliseconds,
    figures.duration,
]


@pytest.mark.parametrize("show", SHOW, ids=lambda show: show.__name__)
@given(value=NUMBERS)
def test_what_is_no_number_is_a_dash_and_nothing_else_is(show, value):
    text = str(show(value))
    is_number = value is not None and math.isfinite(value)
    assert (text == MISSING) is not is_number
    assert "nan" not in text
    assert "inf" not in text


@given(st.floats(min_value=0, max_value=1e12))
def test_a_scaled_figure_has_at_most_four_whole_digits_below_the_last_unit(ths):
    figure = figures.hashrate(ths)
    if figure.unit != "ZH/s":
        assert float(figure.value.replace(",", "")) < 1000


@pytest.mark.parametrize(
    ("peak", "unit"),
    [(None, "TH/s"), (0, "TH/s"), (999, "TH/s"), (1000, "PH/s"), (2_000_000, "EH/s")],
)
def test_a_chart_is_scaled_by_its_peak(peak, unit):
    assert figures.hashrate_scale(peak).unit == unit


def test_the_peak_looks_at_real_values_only():
    assert figures.peak([None, math.nan, 3.0, 7.0, None]) == 7.0
    assert figures.peak([None]) is None
