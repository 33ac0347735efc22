"""A threshold over arrays: when it fires and clears, beside a plain account of one device."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lode_hub.rules import threshold
from lode_hub.rules.schema import Rule

T0 = 1_800_000_000_000
GAP_MS = 60_000
NAN = float("nan")
HOT = {"above": 80.0, "clear_at": 75.0}
LOW = {"below": 50.0, "clear_at": 60.0}


def rule(**says) -> Rule:
    return Rule(name="mine", metric="chip_temp_c", **says)


def blank(n: int = 1) -> np.ndarray:
    state = np.zeros(n, threshold.STATE)
    state["value"] = NAN
    return state


def reading(at_ms: int, low: float, high: float | None = None, received_ms: int | None = None):
    received_ms = at_ms if received_ms is None else received_ms
    return np.array([(at_ms, received_ms, low, low if high is None else high)], threshold.VALUES)


def told(says: Rule, readings: list[tuple[float, float]]) -> str:
    """Give a letter a reading (s, value): F fires, C clears, - nothing."""
    state, gap, said = blank(), np.array([GAP_MS]), ""
    for at_s, value in readings:
        fires, clears = threshold.judge(says, state, reading(T0 + round(at_s * 1000), value), gap)
        assert not (fires & clears).any()
        said += "F" if fires[0] else "C" if clears[0] else "-"
    return said


@pytest.mark.parametrize(
    ("says", "values", "expected"),
    [
        (HOT, [80.0, 80.1, 80.1, 75.1, 75.0, 75.0], "-F--C-"),
        (HOT, [81, 76, 81, 74, 81], "F--CF"),
        (LOW, [50, 49.9, 55, 59.9, 60], "-F--C"),
        ({"below": 0.0}, [0.0, -0.1, 0.0], "-FC"),
        ({"above": 80.0}, [81, NAN, NAN, 80], "F--C"),
        ({"above": 80.0}, [NAN, 81], "-F"),
    ],
)
def test_a_value_alone_fires_and_the_deadband_keeps(says, values, expected):
    assert told(rule(**says), [(10 * n, value) for n, value in enumerate(values)]) == expected


@pytest.mark.parametrize(
    ("readings", "expected"),
    [
        ([(0, 81), (30, 81), (59.999, 81), (60, 81)], "---F"),
        ([(0, 81), (30, 76), (60, 81), (119, 81), (120, 81)], "----F"),  # the deadband ends a run
        ([(0, 81), (60, 81)], "-F"),  # just as long as a run may be interrupted
        ([(0, 81), (60.001, 81), (110, 81), (121, 81)], "---F"),
        ([(0, 81), (30, NAN), (60, 81)], "--F"),  # one value missing is no interruption
        ([(0, 81), (40, NAN), (80, NAN), (120, 81)], "----"),
        ([(0, 81), (40, NAN), (80, NAN), (120, 81), (180, 81)], "----F"),
        ([(0, 81), (60, 81), (500, 81), (501, 74)], "-F-C"),  # what has fired outlives a gap
    ],
)
def test_a_run_has_to_last_without_a_gap(readings, expected):
    assert told(rule(**HOT, for_s=60), readings) == expected


@pytest.mark.parametrize(
    ("says", "low", "high", "fires"),
    [
        (HOT, 70, 81, True),  # any of a minute is enough where one value is
        (HOT | {"for_s": 60}, 70, 81, False),  # and all of it must be beyond for a run
        (HOT | {"for_s": 60}, 80.5, 90, True),
        (LOW, 40, 90, True),
        (LOW | {"for_s": 60}, 40, 90, False),
        (LOW | {"for_s": 60}, 40, 49, True),
    ],
)
def test_of_a_minute_its_lowest_and_highest_are_judged(says, low, high, fires):
    state, gap = blank(), np.array([GAP_MS])
    threshold.judge(rule(**says), state, reading(T0, low, high), gap)
    done = threshold.judge(rule(**says), state, reading(T0 + GAP_MS, low, high), gap)
    assert bool(state["is_active"][0]) == fires
    assert done[0][0] == (fires and "for_s" in says)
    assert state["value"][0] == (high if "above" in says else low)


def plainly(says: Rule, readings: list[tuple[int, float]]) -> str:
    """Say the same of one device, reading by reading."""
    said, since, last, active = "", None, None, False
    for at_ms, value in readings:
        if value != value:  # noqa: PLR0124 -- NaN
            said += "-"
            continue
        beyond = value > says.limit
        if last is None or at_ms - last > GAP_MS:
            since = since if active else None
        last = at_ms
        if active:
            active = value > says.clear
            since = since if active else None
            said += "-" if active else "C"
            continue
        since = (since or at_ms) if beyond else None
        active = since is not None and at_ms - since >= says.for_s * 1000
        said += "F" if active else "-"
    return said


VALUES = st.sampled_from([60.0, 75.0, 77.0, 80.0, 81.0, 95.0, NAN])
STEPS = st.lists(st.tuples(st.integers(1, 90), VALUES), min_size=1, max_size=25)


@settings(max_examples=150, deadline=None)
@given(devices=st.lists(STEPS, min_size=1, max_size=5), for_s=st.sampled_from([0, 1, 60, 120]))
def test_all_devices_at_once_are_each_alone(devices, for_s):
    says = rule(**HOT, for_s=for_s)
    series = []
    for steps in devices:
        at_ms = T0 + 1000 * np.cumsum([step for step, _ in steps])
        series.append(list(zip(at_ms.tolist(), [value for _, value in steps], strict=True)))
    state, said = blank(len(series)), ["" for _ in series]
    for turn in range(max(map(len, series))):
        here = np.array([n for n, one in enumerate(series) if turn < len(one)])
        rows = np.concatenate([reading(*series[n][turn]) for n in here])
        part = state[here]
        fires, clears = threshold.judge(says, part, rows, np.full(len(here), GAP_MS))
        state[here] = part
        for n, is_fired, is_over in zip(here.tolist(), fires, clears, strict=True):
            said[n] += "F" if is_fired else "C" if is_over else "-"
    assert said == [plainly(says, one) for one in series]


@pytest.mark.parametrize(
    ("was", "now", "is_fresh"),
    [
        ((0, 0), (T0, T0), True),  # the first
        ((T0, T0), (T0 + 1, T0), True),
        ((T0, T0), (T0, T0 + 600_000), False),  # said again
        ((T0, T0), (T0 - 1000, T0 + 60_000), False),  # late
        ((T0, T0), (T0 - 1000, T0 + 60_001), True),  # a clock set back
        ((T0 + 3_600_000, T0), (T0 + 10, T0 + 10), True),  # it was ahead of the hub's
    ],
)
def test_what_is_newer_counts_and_a_clock_set_back_begins_anew(was, now, is_fresh):
    state = blank()
    state["at_ms"], state["received_ms"] = was
    assert threshold.fresh(state, reading(now[0], 1.0, received_ms=now[1])).tolist() == [is_fresh]


def test_a_clock_set_back_begins_a_run_anew():
    says, state, gap = rule(**HOT, for_s=60), blank(), np.array([GAP_MS])
    for at_ms in (T0, T0 - 3_600_000, T0 - 3_560_000):
        fires, _ = threshold.judge(says, state, reading(at_ms, 99.0), gap)
        assert not fires.any()
    assert state["since_ms"][0] == T0 - 3_600_000


@pytest.mark.parametrize(("interval_s", "gap_ms"), [(NAN, 60_000), (10, 60_000), (60, 180_000)])
def test_a_run_may_lack_three_intervals_and_never_less_than_a_minute(interval_s, gap_ms):
    assert threshold.gaps_ms(np.array([interval_s])).tolist() == [gap_ms]
