"""One step of the closed loop at a time: who is taken, who is given back, who is not trusted."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lode_hub.energy.live import trim as trim_
from lode_hub.energy.live.trim import Aim, Seen, Trim, seen_of
from lode_hub.energy.live.wishes import SLEEP
from tests.hub.energy.live.plant import rig_of

T0 = 1_800_000_000_000
TUNED = {"offers": ["sleep", "wake", "preset"], "presets": ["190MHz", "415MHz"]}
AIM = Aim(setpoint_w=1_000_000.0, is_bound=True)
LIMIT = Aim(setpoint_w=1_000_000.0, is_bound=False)
RECKONED = Aim(setpoint_w=1_000_000.0, is_bound=True, is_metered=False)


def seen(number: int, **says) -> Seen:
    """A rig of 3 kW, the higher its number the more efficient."""
    figures = {"is_asleep": False, "sleep_w": 100.0, "may_sleep": True, "may_wake": True}
    return Seen(rig=rig_of(number, full_ths=90.0 + number), **{**figures, **says})


def awake(n: int) -> list[Seen]:
    return [seen(number) for number in range(1, n + 1)]


def asleep(n: int) -> list[Seen]:
    return [seen(number, is_asleep=True) for number in range(1, n + 1)]


@pytest.mark.parametrize(
    ("aim", "measured_w", "moves"),
    [
        (AIM, 1_000_001.0, True),  # above: something sleeps
        (AIM, 1_000_000.0, False),
        (AIM, 988_001.0, False),  # within the band
        (AIM, 988_000.0, True),  # below it: something wakes
        (LIMIT, 1_000_001.0, True),
        (LIMIT, 970_001.0, False),  # a limit gives back later than a promise
        (LIMIT, 970_000.0, True),
        (RECKONED, 1_000_001.0, True),
        (RECKONED, 500_000.0, False),  # without a meter nothing wakes
    ],
)
def test_nothing_is_moved_within_the_band(aim, measured_w, moves):
    trim = Trim(override={1: True, 2: True})
    rigs = [*asleep(2), *(seen(number) for number in range(3, 9))]
    assert trim.step(T0, measured_w, aim, {}, rigs) == moves


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(0.9885, 0.9999), min_size=1, max_size=40))
def test_a_meter_that_trembles_within_the_band_moves_nothing(shares):
    trim, rigs = Trim(), [*awake(20), *(seen(n, is_asleep=True) for n in range(21, 41))]
    planned = dict.fromkeys(range(21, 41), SLEEP)
    for place, share in enumerate(shares):
        assert not trim.step(T0 + 30_000 * place, share * AIM.setpoint_w, AIM, planned, rigs)


def test_one_wild_value_of_the_meter_moves_nothing():
    trim = Trim()
    for place, watts in enumerate([995_000.0, 995_000.0, 5_000_000.0, 995_000.0, 0.0, 995_000.0]):
        assert not trim.step(T0 + 30_000 * place, watts, AIM, {}, awake(50))


@settings(max_examples=60, deadline=None)
@given(st.floats(1.0, 60_000.0))
def test_just_as_many_sleep_as_it_takes_the_least_efficient_first(over_w):
    trim = Trim()
    trim.step(T0, AIM.setpoint_w + over_w, AIM, {}, awake(40))
    needed_w = over_w + (1 - trim_.AIM) * AIM.setpoint_w
    assert trim.override == dict.fromkeys(range(1, len(trim.override) + 1), True)
    assert (len(trim.override) - 1) * 2900.0 < needed_w <= len(trim.override) * 2900.0


@pytest.mark.parametrize(
    ("first", "is_taken"),
    [
        ({}, True),
        ({"may_sleep": False}, False),
        ({"is_asleep": None}, False),  # unknown is not awake
        ({"is_asleep": True}, False),
        ({"sleep_w": 3000.0}, False),  # saves nothing
    ],
)
def test_who_may_be_taken(first, is_taken):
    trim = Trim()
    trim.step(T0, AIM.setpoint_w + 1, AIM, {}, [seen(1, **first), seen(2), seen(3), seen(4)])
    assert (1 in trim.override) == is_taken
    assert trim.override[2]


def test_what_is_asked_is_counted_on_until_it_shows():
    trim, rigs = Trim(), awake(40)
    assert trim.step(T0, AIM.setpoint_w + 20_000, AIM, {}, rigs)
    was = dict(trim.override)
    assert not trim.step(T0 + 5000, AIM.setpoint_w + 20_000, AIM, {}, rigs)
    assert not trim.step(T0 + 45_000, AIM.setpoint_w + 20_000, AIM, {}, rigs)
    assert trim.step(T0 + 55_000, AIM.setpoint_w + 20_000, AIM, {}, rigs)  # others in their place
    assert set(trim.override) > set(was)


def test_agents_whose_ramps_take_long_are_waited_for():
    slow = Aim(setpoint_w=1_000_000.0, is_bound=True, response_s=300.0)
    trim, rigs = Trim(), awake(40)
    trim.step(T0, slow.setpoint_w + 20_000, slow, {}, rigs)
    for second in range(5, 340, 5):
        assert not trim.step(T0 + 1000 * second, slow.setpoint_w + 20_000, slow, {}, rigs)
    assert not trim.disobeying


def disobedient() -> Trim:
    """Rig 1 was told to sleep by its plan, and is awake."""
    trim = Trim()
    for second in range(0, 130, 5):
        trim.step(T0 + 1000 * second, 995_000.0, AIM, {1: SLEEP}, awake(4))
    return trim


def test_one_that_does_not_obey_is_named_and_not_asked_in_anothers_place():
    trim = disobedient()
    assert trim.disobeying == {1: T0 + 125_000}
    assert trim.unreliable == {1}
    trim.absorb({1: SLEEP})
    assert trim.override == {}
    trim.absorb({})  # a new plan would have it awake: it is told to sleep on
    assert trim.override == {1: True}


def test_one_that_obeys_late_is_trusted_again():
    trim = disobedient()
    trim.step(T0 + 135_000, 995_000.0, AIM, {1: SLEEP}, [seen(1, is_asleep=True), *awake(4)[1:]])
    assert (trim.disobeying, trim.unreliable) == ({}, set())


def test_one_that_disobeyed_is_tried_again_after_half_an_hour():
    trim = disobedient()
    began_ms = trim.disobeying[1]
    for minute in range(1, 30):
        trim.step(began_ms + 60_000 * minute, 995_000.0, AIM, {1: SLEEP}, awake(4))
        assert trim.disobeying == {1: began_ms}
    trim.step(began_ms + 1_800_001, 995_000.0, AIM, {1: SLEEP}, awake(4))
    assert trim.disobeying == {}


@pytest.mark.parametrize(
    ("aim", "planned", "one", "wakes"),
    [
        (AIM, {1: SLEEP}, {}, True),
        (LIMIT, {1: SLEEP}, {}, False),  # for a limit nothing wakes that a plan has sleep
        (LIMIT, {}, {}, True),
        (AIM, {1: SLEEP}, {"may_wake": False}, False),
        (AIM, {1: SLEEP}, {"is_asleep": None}, False),
        (AIM, {1: SLEEP}, {"sleep_w": -200_000.0}, False),  # more than there is room for
    ],
)
def test_who_may_be_given_back(aim, planned, one, wakes):
    trim = Trim(override={} if planned else {1: True})
    before = dict(trim.override)
    others = awake(20)[1:]
    moved = trim.step(T0, 900_000.0, aim, planned, [seen(1, **{"is_asleep": True, **one}), *others])
    assert moved == wakes
    assert trim.override == (({1: False} if planned else {}) if wakes else before)


def test_a_twentieth_is_given_back_each_twenty_seconds_the_most_efficient_first():
    trim, planned = Trim(), dict.fromkeys(range(1, 61), SLEEP)
    assert trim.step(T0, 500_000.0, AIM, planned, asleep(60))
    assert trim.override == {60: False, 59: False, 58: False}
    assert not trim.step(T0 + 19_999, 500_000.0, AIM, planned, asleep(60))
    assert trim.step(T0 + 20_000, 500_000.0, AIM, planned, asleep(60))
    assert sorted(trim.override) == [55, 56, 57, 58, 59, 60]


def test_what_wakes_is_counted_before_the_meter_shows_it():
    trim, planned = Trim(), dict.fromkeys(range(1, 61), SLEEP)
    for place in range(30):
        trim.step(T0 + 20_000 * place, 950_000.0, AIM, planned, asleep(60))
    # 50 kW are free, less the share in which giving back ends
    assert len(trim.override) == int((50_000 - (1 - trim_.BACK) * 1_000_000) // 2900)


def test_rigs_that_are_gone_are_forgotten_without_harm():
    trim = disobedient()
    assert not trim.step(T0 + 200_000, 995_000.0, AIM, {1: SLEEP}, awake(4)[1:])
    trim.step(T0 + 2_200_000, 995_000.0, AIM, {1: SLEEP}, [])
    assert (trim.disobeying, trim.unreliable) == ({}, set())


@pytest.mark.parametrize(
    ("says", "is_asleep"),
    [
        ({}, False),
        ({"state": "sleeping", "power_w": 80.0}, True),
        ({"state": "sleeping", "power_w": 2900.0}, False),  # whatever it says
        ({"state": "mining", "power_w": 80.0}, True),
        ({"state": "mining", "power_w": 1500.0}, False),  # just half
        ({"state": "mining", "power_w": 850.0, **TUNED}, False),  # by its lowest preset
        ({"state": "mining", "power_w": 80.0, **TUNED}, True),
        ({"state": "curtailed", "power_w": None}, True),
        ({"state": "mining", "power_w": None}, False),
        ({"state": "sleeping", "full_w": None, "rated_power_w": None}, True),
        ({"state": "silent"}, None),
        ({"state": "unreachable", "power_w": 0.0}, None),
        ({"state": "unknown"}, None),
    ],
)
def test_a_rig_sleeps_by_its_power_else_by_what_it_says(says, is_asleep):
    one = seen_of(rig_of(1, **says), 100.0, may_sleep=True, may_wake=False)
    assert one.is_asleep is is_asleep
    assert (one.may_sleep, one.may_wake) == (True, False)
