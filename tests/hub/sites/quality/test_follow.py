"""Devices from reading to reading: new, late and repeated ones, runs, counters, power."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lode_hub.sites.quality.counters import Move
from lode_hub.sites.quality.follow import FORGET_RUN, MAX_TURNS, SET_BACK_MS, follow
from lode_hub.sites.quality.sheet import METER, RIG, RING
from lode_wire.records import State
from tests.hub.sites.quality.mine import T0_MS, USUAL, Mine, device, sheet_of, wide

CHIP, FAN = RIG.metrics.index("chip_temp_c"), RIG.metrics.index("fan_rpm")


def sheet_with(n, kind=RIG):
    return sheet_of(kind, [device(number + 1) for number in range(n)])


def send(sheet, slots, at_s, received_s=None, state=State.MINING, **columns):
    """Follow a group of readings, observed so many seconds after T0."""
    n = len(slots)
    at_ms = T0_MS + 1000 * np.asarray(at_s, np.int64)
    received_ms = at_ms if received_s is None else np.full(n, T0_MS + 1000 * received_s)
    names = (*sheet.kind.metrics, *sheet.kind.counters)
    made = {
        name: wide(columns.get(name, USUAL[name]), n, "f8" if name in sheet.kind.counters else "f4")
        for name in names
    }
    made["state"] = wide(state, n, "u1")
    made["uptime_s"] = wide(columns.get("uptime_s", np.nan), n, "f8")
    return follow(sheet, np.asarray(slots, np.intp), at_ms, received_ms, made)


def test_an_empty_group_says_nothing():
    verdict = send(sheet_with(2), [], [])
    assert len(verdict.late) == 0
    assert verdict.codes.shape == (0, len(RIG.metrics))


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(1, 25)), min_size=1, max_size=40))
def test_a_group_is_judged_as_its_readings_would_be_one_by_one_in_order(readings):
    slots, at_s = (list(part) for part in zip(*readings, strict=True))
    temps = [float(20 + at) for at in at_s]
    together, single = sheet_with(4), sheet_with(4)
    verdict = send(together, slots, at_s, received_s=30, chip_temp_c=temps)
    for row in np.lexsort((at_s, slots)).tolist():
        one = send(single, [slots[row]], [at_s[row]], received_s=30, chip_temp_c=[temps[row]])
        assert (one.late[0], one.duplicate[0]) == (verdict.late[row], verdict.duplicate[row])
    for name, column in together.state.items():
        np.testing.assert_array_equal(column, single.state[name], err_msg=name)


@settings(max_examples=25, deadline=None)
@given(st.permutations(range(RING)), st.data())
def test_what_comes_again_is_known_within_the_ring(order, data):
    sheet = sheet_with(1)
    for at_s in range(RING):
        assert not send(sheet, [0], [at_s]).duplicate[0]
    for at_s in order[: data.draw(st.integers(1, 5))]:
        verdict = send(sheet, [0], [at_s], received_s=RING)
        assert verdict.duplicate[0]
        assert verdict.late[0]
    assert sheet.state["seen"][0] == RING


@pytest.mark.parametrize(("age_s", "after_s", "late", "duplicate"), [
    (0, 1, True, True),  # the newest again
    (5, 1, True, False),  # older, and never seen
    (-5, 1, False, False),  # newer
    (5, SET_BACK_MS // 1000, True, False),  # not yet long enough without a newer one
    (5, SET_BACK_MS // 1000 + 1, False, False),  # the clock was set back
    (0, SET_BACK_MS // 1000 + 1, True, True),  # a repeat is no clock that was set back
])  # fmt: skip
def test_an_older_reading_is_late_until_it_is_clear_that_the_clock_was_set_back(
    age_s, after_s, late, duplicate
):
    sheet = sheet_with(1)
    send(sheet, [0], [100], received_s=100)
    verdict = send(sheet, [0], [100 - age_s], received_s=100 + after_s)
    assert (bool(verdict.late[0]), bool(verdict.duplicate[0])) == (late, duplicate)
    assert sheet.state["at_ms"][0] == T0_MS + 1000 * (100 if late else 100 - age_s)


def test_a_late_reading_changes_nothing_that_is_known():
    sheet = sheet_with(1)
    send(sheet, [0], [50], chip_temp_c=70.0)
    before = {name: column.copy() for name, column in sheet.state.items()}
    send(sheet, [0], [40], received_s=51, chip_temp_c=7e4, accepted_shares=1.0, state=3)
    for name, column in sheet.state.items():
        np.testing.assert_array_equal(column, before[name], err_msg=name)


def test_of_a_long_backlog_the_newest_are_followed():
    sheet = sheet_with(1)
    send(sheet, [0] * 200, list(range(200)), chip_temp_c=np.arange(200.0))
    assert sheet.state["seen"][0] == MAX_TURNS
    assert sheet.state["last"][0, CHIP] == 199


@settings(max_examples=40, deadline=None)
@given(st.lists(st.sampled_from([np.nan, 60.0, 61.0, 62.0]), min_size=1, max_size=40))
def test_a_run_is_counted_over_what_is_missing(values):
    sheet = sheet_with(1)
    for at_s, value in enumerate(values):
        send(sheet, [0], [at_s], chip_temp_c=value)
    known = [value for value in values if not np.isnan(value)]
    run = 0
    while run < len(known) and known[-1 - run] == known[-1]:
        run += 1
    assert sheet.state["run"][0, CHIP] == run
    assert not known or sheet.state["last"][0, CHIP] == known[-1]
    assert sheet.state["longest"][0, CHIP] <= len(known)


@pytest.mark.parametrize(("state", "rpm", "run"), [
    (State.MINING, 5000.0, 9), (State.SLEEPING, 5000.0, 0), (State.CURTAILED, 5000.0, 0),
    (State.UNKNOWN, 5000.0, 0), (State.FAULTED, 5000.0, 0), (State.MINING, 0.0, 0),
])  # fmt: skip
def test_what_is_at_rest_repeats_nothing(state, rpm, run):
    sheet = sheet_with(1)
    for at_s in range(9):
        send(sheet, [0], [at_s], state=state, fan_rpm=rpm)
    assert sheet.state["run"][0, FAN] == run


def test_the_longest_run_is_slowly_forgotten():
    sheet = sheet_with(1)
    for at_s in range(200):
        send(sheet, [0], [at_s], chip_temp_c=70.0 if at_s < 20 else at_s)
        if at_s == 20:
            assert sheet.state["longest"][0, CHIP] == 20
    assert sheet.state["longest"][0, CHIP] == pytest.approx(20 * FORGET_RUN**179, rel=0.01)


@pytest.mark.parametrize(("missing", "kind"), [("accepted_shares", RIG), ("energy_in_kwh", METER)])
def test_a_missing_count_is_bridged(missing, kind):
    sheet = sheet_with(1, kind)
    moves = [send(sheet, [0], [at_s], **{missing: count}).reset[0]
             for at_s, count in enumerate([500.0, np.nan, 501.0, np.nan, 0.5])]  # fmt: skip
    assert moves == [False] * 4 + [True]
    assert sheet.state["event"][0].tolist() == [0, Move.RESET, 501.0, 0.5]


@settings(max_examples=30, deadline=None)
@given(st.floats(0, 9e5), st.floats(1_000, 1e6), st.integers(1, 86_400))
def test_energy_that_the_power_explains_is_no_event(begin_kwh, power_w, passed_s):
    sheet = sheet_with(1, METER)
    send(sheet, [0], [0], power_w=power_w, energy_in_kwh=begin_kwh)
    end_kwh = begin_kwh + 1.5 * power_w * passed_s / 3.6e6
    send(sheet, [0], [passed_s], power_w=power_w, energy_in_kwh=end_kwh)
    assert sheet.state["event_ms"][0] == 0
    leap_kwh = end_kwh + 5 * power_w * (passed_s + 120) / 3.6e6 + 2
    send(sheet, [0], [2 * passed_s], power_w=power_w, energy_in_kwh=leap_kwh)
    assert Move(int(sheet.state["event"][0, 1])) is Move.JUMPED


def test_a_state_that_is_new_or_set_back_must_settle_again():
    mine = Mine(rigs=1)
    for state in (State.MINING, State.MINING, State.SLEEPING, State.MINING, State.MINING):
        mine.read(state=state)
    assert mine.sheet.state["changed_ms"][0] == mine.at_ms - 10_000
    mine.at_ms -= 3_600_000
    mine.sheet.state["fresh_ms"][:] = 0
    mine.read()
    assert mine.sheet.state["changed_ms"][0] == mine.at_ms
