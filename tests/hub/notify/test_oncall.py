"""Quiet hours, digests and who is on call: pure, over changes to summer time."""

import datetime
import itertools
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lode_hub.notify import oncall, quiet
from lode_hub.store.telling import Habit, Layer, Override, Schedule

BERLIN = ZoneInfo("Europe/Berlin")
TIME = datetime.time


def utc(text):
    return datetime.datetime.fromisoformat(text).replace(tzinfo=datetime.UTC)


def habit(**more):
    return Habit(time_zone="Europe/Berlin", **more)


NIGHT = habit(quiet_from=TIME(22), quiet_until=TIME(7))


@pytest.mark.parametrize(
    ("now", "until"),
    [
        ("2026-01-10T20:59", None),
        ("2026-01-10T21:00", "2026-01-11T06:00"),
        ("2026-01-11T05:59", "2026-01-11T06:00"),
        ("2026-01-11T06:00", None),
        ("2026-07-10T20:00", "2026-07-11T05:00"),
        ("2026-03-28T23:00", "2026-03-29T05:00"),  # the night that is an hour shorter
        ("2026-10-24T23:00", "2026-10-25T06:00"),  # and the one that is longer
    ],
)
def test_quiet_hours_are_local_and_over_midnight(now, until):
    assert quiet.quiet_until(NIGHT, utc(now)) == (utc(until) if until else None)


def test_quiet_hours_that_end_in_an_hour_that_comes_twice_end_the_first_time():
    short = habit(quiet_from=TIME(1), quiet_until=TIME(2, 30))
    assert quiet.quiet_until(short, utc("2026-10-25T00:15")) == utc("2026-10-25T00:30")
    assert quiet.quiet_until(short, utc("2026-10-25T01:15")) is None


def test_quiet_hours_that_end_in_an_hour_that_is_skipped_end_after_it():
    short = habit(quiet_from=TIME(1), quiet_until=TIME(2, 30))
    assert quiet.quiet_until(short, utc("2026-03-29T00:30")) == utc("2026-03-29T01:30")


@pytest.mark.parametrize(
    ("more", "severity", "held"),
    [
        ({}, "critical", None),
        ({"is_critical_through": False}, "critical", "quiet"),
        ({}, "warning", "quiet"),
        ({"quiet_from": None, "quiet_until": None}, "warning", None),
        ({"quiet_from": None, "quiet_until": None, "digest": "daily"}, "info", "digest"),
        ({"quiet_from": None, "quiet_until": None, "digest": "daily"}, "warning", None),
        (
            {"quiet_from": None, "quiet_until": None, "digest": "hourly", "digest_max": "warning"},
            "warning",
            "digest",
        ),
    ],
)
def test_what_is_held_and_why(more, severity, held):
    one = habit(**({"quiet_from": TIME(22), "quiet_until": TIME(7)} | more))
    found = quiet.held_until(one, severity, utc("2026-01-10T23:00"))
    assert (found[1] if found else None) == held


@given(
    st.datetimes(*map(datetime.datetime.fromisoformat, ("2025-01-01", "2028-01-01"))),
    st.times(),
    st.times(),
    st.sampled_from(["Europe/Berlin", "America/St_Johns", "Asia/Kathmandu", "Australia/Lord_Howe"]),
)
def test_what_is_held_is_told_within_a_day_or_so(now, begin, end, zone):
    now = now.replace(tzinfo=datetime.UTC)
    one = Habit(time_zone=zone, quiet_from=begin, quiet_until=end, digest="daily", digest_at=begin)
    until = quiet.quiet_until(one, now)
    assert until is None or now < until <= now + datetime.timedelta(hours=25)
    for digest in ("daily", "hourly"):
        due = quiet.digest_at(Habit(time_zone=zone, digest=digest, digest_at=end), now)
        assert now < due <= now + datetime.timedelta(hours=25)


WEEKLY = Layer(people=("ann", "bob"), begins_on=datetime.date(2026, 3, 2), handover=TIME(9))


def schedule(*layers, overrides=()):
    return Schedule(
        id=1, name="north", time_zone="Europe/Berlin", sites=None, layers=layers,
        overrides=tuple(overrides),
    )  # fmt: skip


def override(number, person, begin, end):
    return Override(id=number, person=person, from_at=utc(begin), until_at=utc(end))


@pytest.mark.parametrize(
    ("at", "person"),
    [
        ("2026-03-02T07:59", None),  # before it begins
        ("2026-03-02T08:00", "ann"),
        ("2026-03-09T07:59", "ann"),
        ("2026-03-09T08:00", "bob"),
        ("2026-03-30T06:59", "bob"),  # summer time has begun: nine is an hour earlier
        ("2026-03-30T07:00", "ann"),
    ],
)
def test_turns_change_at_the_handover_by_the_local_clock(at, person):
    assert oncall.on_call(schedule(WEEKLY), utc(at)) == person


def test_a_later_layer_stands_above_and_an_override_above_all():
    nights = Layer(
        people=("cid",), begins_on=datetime.date(2026, 3, 2), days=1, handover=TIME(0),
        from_time=TIME(20), until_time=TIME(6), weekdays=(4,),
    )  # fmt: skip
    over = override(1, "dan", "2026-03-06T22:00", "2026-03-06T23:00")
    found = schedule(WEEKLY, nights, overrides=[over])
    friday = {
        "2026-03-06T18:00": "ann",
        "2026-03-06T19:30": "cid",
        "2026-03-06T22:30": "dan",
        "2026-03-07T04:30": "cid",  # of the night that began on Friday
        "2026-03-07T05:30": "ann",
    }
    assert {at: oncall.on_call(found, utc(at)) for at in friday} == friday


def test_gaps_are_found_and_so_is_who_cannot_be_reached():
    office = Layer(
        people=("ann",), begins_on=datetime.date(2026, 3, 2), days=1, handover=TIME(0),
        from_time=TIME(8), until_time=TIME(18),
    )  # fmt: skip
    begin, end = utc("2026-03-03T08:00"), utc("2026-03-04T08:00")
    gap = oncall.gap(schedule(office), begin, end, {"ann"})
    assert gap is not None
    assert (gap.person, gap.from_at, gap.until_at) == (
        None, utc("2026-03-03T17:00"), utc("2026-03-04T07:00"),
    )  # fmt: skip
    assert oncall.gap(schedule(WEEKLY), begin, end, {"ann"}) is None
    unreachable = oncall.gap(schedule(WEEKLY), begin, end, {"bob"})
    assert unreachable is not None
    assert unreachable.person == "ann"


@given(
    st.lists(
        st.builds(
            Layer,
            people=st.lists(st.sampled_from(["ann", "bob", "cid"]), min_size=1, max_size=3).map(
                tuple
            ),
            begins_on=st.dates(datetime.date(2026, 3, 1), datetime.date(2026, 4, 10)),
            days=st.integers(1, 9),
            handover=st.times().map(lambda t: t.replace(second=0, microsecond=0)),
            from_time=st.sampled_from([None, TIME(8), TIME(22)]),
            until_time=st.sampled_from([None, TIME(6), TIME(20)]),
            weekdays=st.sampled_from([(), (0, 1), (5, 6)]),
        ),
        min_size=1,
        max_size=3,
    ),
    st.lists(st.floats(0, 1), min_size=1, max_size=8),
)
def test_shifts_have_no_hole_and_say_what_each_moment_says(layers, places):
    begin, end = utc("2026-03-20T00:00"), utc("2026-04-10T00:00")
    found = schedule(
        *layers, overrides=[override(1, "dan", "2026-03-28T12:00", "2026-03-29T12:00")]
    )
    shifts = oncall.shifts(found, begin, end)
    assert (shifts[0].from_at, shifts[-1].until_at) == (begin, end)
    for one, after in itertools.pairwise(shifts):
        assert one.until_at == after.from_at
        assert one.person != after.person
    for place in places:
        at = begin + (end - begin) * min(place, 0.999999)
        (shift,) = [shift for shift in shifts if shift.from_at <= at < shift.until_at]
        assert shift.person == oncall.on_call(found, at)
