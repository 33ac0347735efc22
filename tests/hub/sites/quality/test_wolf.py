"""Rigs that fall asleep, wake, start anew and round coarsely are not data of bad quality."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lode_hub.sites.quality import units
from lode_hub.sites.quality.sheet import METER
from lode_wire.records import State
from tests.hub.sites.quality.mine import LOOK_S, Mine

SETTLED = units.SETTLED_MS // 10_000 + 1


def with_one(mine, slot, base, value):
    """Noise about a base, and one device's own value."""
    column = mine.noisy(base)
    column[slot] = value
    return column


@pytest.mark.parametrize("average_s", [5.0, 30.0, 60.0, 300.0])
@pytest.mark.parametrize("step_s", [5.0, 15.0])
def test_an_average_that_dies_away_is_in_no_other_unit(average_s, step_s):
    mine = Mine(step_s=step_s)
    mine.reads(int(400 / step_s))
    for step in range(1, int(9 * average_s / step_s) + 20):
        ths = 100 * np.exp(-step * step_s / average_s)
        verdict = mine.read(hashrate_ths=with_one(mine, 2, 100, round(ths, 3)))
        assert not verdict.codes.any() or average_s < step_s
    mine.look()
    assert mine.found == {}


@pytest.mark.parametrize(("metric", "base", "value"), [
    ("hashrate_ths", 100, 0.1), ("hashrate_ths", 100, 1e5), ("power_w", 3000, 3.0),
])  # fmt: skip
def test_another_unit_is_told_only_after_a_good_number_of_steady_readings(metric, base, value):
    mine = Mine()
    for _ in range(SETTLED):
        mine.read()
    for _ in range(units.CONFIRMED - 1):
        verdict = mine.read(**{metric: with_one(mine, 4, base, value)})
        assert verdict.codes.any(axis=1).tolist() == [slot == 4 for slot in range(8)]
    mine.look()
    assert mine.found == {}
    mine.reads(1, **{metric: with_one(mine, 4, base, value)})
    assert mine.found == {"quality-units": {"device:5"}}


@pytest.mark.parametrize(("power_w", "voltage_v", "current_a", "is_told"), [
    (3.0, 230.0, 13.0, True), (3.0, 400.0, 4.3, True), (3.0, np.nan, 13.0, True),
    (3.0, 230.0, 0.013, False), (3.0, 230.0, 0.0, False), (3.0, 400.0, 0.05, False),
])  # fmt: skip
def test_a_feeder_whose_load_fell_is_in_no_other_unit_by_its_volts_and_amperes(
    power_w, voltage_v, current_a, is_told
):
    mine = Mine(kind=METER, rated=None)
    mine.reads(5)
    for _ in range(units.CONFIRMED):
        mine.read(
            power_w=with_one(mine, 4, 3000, power_w),
            voltage_v=with_one(mine, 4, 230, voltage_v),
            current_a=with_one(mine, 4, 13, current_a),
        )
    mine.look()
    assert ("device:5" in mine.found.get("quality-units", ())) == is_told


def test_no_unit_is_told_of_within_minutes_of_a_change_of_state():
    mine = Mine()
    mine.reads(SETTLED)
    mine.reads(3, state=State.SLEEPING, hashrate_ths=0.0)
    mine.reads(SETTLED - 1, hashrate_ths=with_one(mine, 1, 100, 0.1))
    assert mine.found == {}
    mine.reads(units.CONFIRMED + 1, hashrate_ths=with_one(mine, 1, 100, 0.1))
    assert mine.found == {"quality-units": {"device:2"}}


@pytest.mark.parametrize(("uptime_s", "is_told"), [
    (86_400, True), (units.SETTLED_MS // 1000, True), (60, False), (np.nan, False),
])  # fmt: skip
def test_a_rig_that_was_long_at_work_when_first_seen_is_told_at_once(uptime_s, is_told):
    mine = Mine()
    mine.sheet.expect(mine.at_ms)
    mine.reads(units.CONFIRMED, hashrate_ths=with_one(mine, 4, 100, 0.1), uptime_s=uptime_s)
    assert mine.found == ({"quality-units": {"device:5"}} if is_told else {})


def test_an_average_that_was_dying_away_when_first_seen_is_in_no_other_unit():
    mine = Mine()
    mine.sheet.expect(mine.at_ms)
    for step in range(200):
        ths = 5 * np.exp(-step / 30)
        mine.read(hashrate_ths=with_one(mine, 2, 100, ths), uptime_s=86_400)
    mine.look()
    assert mine.found == {}


def test_a_rig_in_another_unit_that_dips_is_still_in_another_unit():
    mine = Mine()
    mine.reads(SETTLED, hashrate_ths=with_one(mine, 1, 100, 0.1))
    mine.read(hashrate_ths=with_one(mine, 1, 100, 0.05))
    mine.reads(units.CONFIRMED, hashrate_ths=with_one(mine, 1, 100, 0.1))
    assert mine.found == {"quality-units": {"device:2"}}


@pytest.mark.parametrize("metric", ["fan_rpm", "hashrate_ths", "power_w"])
def test_what_stands_still_at_zero_is_no_stuck_sensor(metric):
    mine = Mine()
    mine.reads(60)
    for _ in range(150):
        mine.read(**{metric: with_one(mine, 3, 5000 if metric == "fan_rpm" else 100, 0.0)})
    mine.look()
    assert "quality-flatline" not in mine.found


def test_a_class_that_stands_still_for_minutes_tells_nothing_of_one_that_does_so_for_longer():
    mine = Mine(step_s=5.0)
    mine.sheet.interval_s[:] = 5.0
    steps = 19 * np.arange(mine.rigs)
    for step in range(800):
        chip = 70.0 + (step + steps) // 80 % 2
        if step > 200:
            chip[3] = 71.0
        mine.read(chip_temp_c=chip)
    assert mine.found == {}


def test_whole_degrees_among_peers_with_tenths_are_no_stuck_sensor():
    mine = Mine()
    for step in range(900):
        chip = mine.noisy(75)
        chip[2] = 70 + step // 14 % 2 + (step // 300)  # now and then it repeats for longer
        if 600 <= step < 640:
            chip[2] = 72
        mine.read(chip_temp_c=chip)
    assert mine.found == {}


@pytest.mark.parametrize("usual", [10, 14, 20])
def test_a_class_that_repeats_often_is_given_longer(usual):
    mine = Mine()
    steps = np.arange(mine.rigs) * 3
    for step in range(600):
        mine.read(board_temp_c=60 + (step + steps) // usual % 2)
    for step in range(34):
        board = 60 + (step + steps) // usual % 2
        board[5] = 61
        mine.read(board_temp_c=board)
    mine.look()
    assert mine.found == {}


@pytest.mark.parametrize(("steady", "flat", "is_told"), [
    (60, 29, False), (60, 33, True), (0, 59, False), (0, 61, True),
])  # fmt: skip
def test_a_sensor_that_hangs_among_noisy_ones_is_told(steady, flat, is_told):
    mine = Mine()
    mine.reads(steady)
    for _ in range(flat):
        mine.read(chip_temp_c=with_one(mine, 1, 75, 71.0))
    mine.look()
    assert mine.found == ({"quality-flatline": {"device:2"}} if is_told else {})


@pytest.mark.parametrize(("step_s", "anew_s", "told_s"), [
    (0.5, 0.5, 40), (0.5, 10, 60), (5, 5, 160), (10, 10, 310), (30, 30, 930),
])  # fmt: skip
def test_a_sensor_that_hangs_is_told_soon_however_often_it_is_read(step_s, anew_s, told_s):
    mine = Mine(step_s=step_s)
    mine.sheet.interval_s[:] = step_s
    shown, since_s, hangs_s = mine.noisy(75), 0.0, max(300, 60 * step_s)
    while "quality-flatline" not in mine.found:
        since_s += step_s
        if since_s % anew_s == 0:
            shown = mine.noisy(75)
        if since_s > hangs_s:
            shown[1] = 71.0
        mine.read(chip_temp_c=shown)
        assert since_s < hangs_s + told_s + LOOK_S
    assert mine.found == {"quality-flatline": {"device:2"}}


@st.composite
def fleets(draw):
    """How a class of rigs averages, rounds and is polled, and what it goes through."""
    return {
        "seed": draw(st.integers(0, 10_000)),
        "rigs": 16,
        "step_s": draw(st.sampled_from([10.0, 15.0])),
        "average_s": draw(st.sampled_from([5.0, 30.0, 60.0, 300.0])),
        "hash_step": draw(st.sampled_from([0.01, 0.1, 1.0])),
        "temp_steps": draw(st.lists(st.sampled_from([0.1, 0.5, 1.0]), min_size=1, max_size=2)),
        "says_it_sleeps": draw(st.booleans()),
        "restart": draw(st.integers(0, 15)),
        "fan": draw(st.integers(0, 15)),
    }


def hours_of(plan, hours):
    """Live through hours with a curtailment, a restart and a fan that stops; give the findings."""
    mine = Mine(rigs=plan["rigs"], step_s=plan["step_s"], seed=plan["seed"], rated=172.0)
    n, dice, step_s = mine.rigs, mine.dice, mine.step_s
    temp_step = np.resize(plan["temp_steps"], n)
    made, slow, heat = np.ones(n), dice.normal(0, 1, n), np.full(n, 50.0)
    keep = np.exp(-step_s / 240)
    stagger, place = dice.random(n), dice.normal(0, 2, n)
    for turn in range(int(hours * 3600 / step_s)):
        now_s = turn * step_s
        away = (now_s > 1500 + 60 * stagger) & (now_s < 3600 + 200 * stagger) & (stagger < 0.8)
        warm = np.clip((now_s - 3600 - 200 * stagger) / 200, 0.02, 1)
        share = np.where(away, 0, np.where((stagger < 0.8) & (now_s > 3600), warm, 1))
        if 6000 <= now_s < 6200:
            share[plan["restart"]] = max(0.02, (now_s - 6000) / 200)
        made += (1 - np.exp(-step_s / plan["average_s"])) * (share - made)
        slow = keep * slow + dice.normal(0, np.sqrt(1 - keep**2), n)
        draw = 0.02 + 0.98 * share
        heat += (1 - np.exp(-step_s / 200)) * (50 * draw - heat)
        air = 20 + 1.2 * np.sin(now_s / 970) + heat + place + 0.7 * slow
        chip, board = air + 0.25 * dice.normal(size=n), air - 14 + 0.25 * dice.normal(size=n)
        rpm = 5000 * (1 + 0.012 * dice.normal(size=n))
        rpm[plan["fan"]] *= now_s < 5000
        hashrate = 172 * made * (1 + 0.01 * dice.normal(size=n))
        mine.read(
            state=np.where(away & plan["says_it_sleeps"], State.SLEEPING, State.MINING),
            hashrate_ths=np.round(hashrate / plan["hash_step"]) * plan["hash_step"],
            power_w=np.round(3300 * draw * (1 + 0.005 * dice.normal(size=n))),
            chip_temp_c=np.round(chip / temp_step) * temp_step,
            board_temp_c=np.round(board), inlet_temp_c=np.nan,
            fan_rpm=np.round(rpm / 30) * 30,
        )  # fmt: skip
    return mine.found


@settings(max_examples=3, deadline=None)
@given(fleets())
def test_hours_of_a_healthy_fleet_raise_nothing(plan):
    assert hours_of(plan, 2.0) == {}
