"""Units told by ratio and by the Fahrenheit line; what overheats is never taken for a unit."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lode_hub.sites.quality import units


def named(metric, value, expected):
    """The unit that a value seems to be in, empty for its own."""
    code = int(units.verdict(metric, *np.array([[value], [expected]], np.float32))[0])
    return units.unit_of(metric, code) if code else ""


def is_fahrenheit(value, before=np.nan, was=False, expected=70.0):
    values = np.array([[value], [before], [expected]], np.float32)
    return bool(units.fahrenheit(values[0], values[1], np.array([was]), values[2])[0])


@pytest.mark.parametrize(
    ("metric", "value", "expected", "unit"),
    [
        ("hashrate_ths", 98_000.0, 100.0, "GH/s"),
        ("hashrate_ths", 1.02e8, 100.0, "MH/s"),
        ("hashrate_ths", 0.099, 100.0, "PH/s"),
        ("power_w", 3.1, 3200.0, "kW"),
        ("chip_temp_c", 71_500.0, 72.0, "m°C"),
        ("voltage_v", 2304.0, 230.0, "0.1 V"),
        ("freq_hz", 5001.0, 50.0, "0.01 Hz"),
        ("hashrate_ths", 12.0, 100.0, ""),
        ("fan_rpm", 6_000_000.0, 6000.0, ""),
    ],
)
def test_units_have_names(metric, value, expected, unit):
    assert named(metric, value, expected) == unit


@given(
    st.sampled_from([name for name, kept in units.METRICS.items() if kept]),
    st.floats(0.75, 1.3),
    st.floats(1, 1e4),
    st.data(),
)
def test_every_unit_is_known_by_its_power_of_ten(metric, ratio, expected, data):
    unit = data.draw(st.sampled_from(units.METRICS[metric]))
    assert named(metric, expected * ratio * 10.0**unit.decades, expected) == unit.name
    assert not named(metric, expected * ratio, expected)


@given(st.floats(0.21, 4.9), st.sampled_from(list(units.METRICS)))
def test_a_bad_rig_is_no_unit(ratio, metric):
    assert not named(metric, 100.0 * ratio, 100.0)


@pytest.mark.parametrize("pair", [(np.nan, 100.0), (1e5, np.nan), (0.0, 100.0), (-5.0, 100.0)])
def test_what_is_missing_or_zero_is_no_unit(pair):
    assert not named("hashrate_ths", *pair)


@given(st.floats(30, 85), st.floats(-3, 3))
def test_what_begins_on_the_line_or_leaps_onto_it_is_fahrenheit(median_c, noise_c):
    value = 1.8 * (median_c + noise_c) + 32
    assert is_fahrenheit(value, expected=median_c)
    assert is_fahrenheit(value, before=median_c, expected=median_c)
    assert is_fahrenheit(value, before=value - 1, was=True, expected=median_c)


@given(st.floats(30, 85), st.floats(0.1, 12))
def test_what_overheats_step_by_step_is_hot_and_not_fahrenheit(median_c, step_c):
    before, was = median_c, False
    while before < 250:
        value = before + step_c
        was = is_fahrenheit(value, before=before, was=was, expected=median_c)
        assert not was
        before = value


@given(st.lists(st.tuples(st.integers(0, 5), st.floats(-1e3, 1e3, width=32) | st.just(np.nan))))
def test_medians_are_those_of_each_group(rows):
    groups = np.array([group for group, _ in rows], np.intp)
    values = np.array([value for _, value in rows], np.float32)
    middle, count = units.medians(groups, 6, values)
    for group in range(6):
        mine = values[(groups == group) & ~np.isnan(values)]
        assert count[group] == len(mine)
        assert (np.isnan(middle[group]) and not len(mine)) or np.isclose(
            middle[group], np.median(mine), rtol=1e-5, atol=1e-4
        )
