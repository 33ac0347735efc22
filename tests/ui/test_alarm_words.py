"""Alerts, rules, turns and try-outs as words: units, rounding, time zones, what is missing."""

import datetime
import itertools
import math
from dataclasses import replace

import pytest

from lode_hub.queries.telling import ShiftRow
from lode_hub.queries.tryouts import Tried
from lode_ui import alarm_words, calendar, figures, rule_words
from lode_ui.evidence_chart import charted, metric_of
from lode_ui.figures import MISSING, Scale
from lode_ui.summary import Verdict
from lode_ui.widgets.alarm_targets import targets
from lode_ui.widgets.oncall import told_words
from lode_ui.widgets.sentence import Sentence
from lode_ui.widgets.tryout import sentence
from lode_ui.widgets.week import Week
from tests.ui import made, world_alarms
from tests.ui.reading import seen
from tests.ui.stage import staged

HOUR_MS = 3_600_000
NOON_MS = 1_800_014_400_000  # Fri 15 January 2027, 12:00 UTC


def plain(text: object) -> str:
    return str(text).replace("\N{NO-BREAK SPACE}", " ")


@pytest.mark.parametrize(
    ("about", "said"),
    [
        ({"subject": "rig-017", "rack": "A3"}, ["north", "rack A3"]),
        ({"subject": "rack A3", "rack": "A3"}, ["north"]),
        ({"subject": "north", "rack": ""}, []),
        ({"subject": "channel mail", "site": None, "rack": ""}, []),
    ],
)
def test_where_an_alert_is_does_not_repeat_what_it_is_about(about, said):
    assert alarm_words.where(made.alert(1, **about)) == said


@pytest.mark.parametrize(
    ("name", "said"),
    [("heat", "Heat"), ("quality", "Data quality"), ("", "Other"), ("dust", "Dust")],
)
def test_a_cause_has_a_name_also_when_it_is_new(name, said):
    assert alarm_words.cause(name) == said


@pytest.mark.parametrize(
    ("what", "said"),
    [("untold", "Nobody is told"), ("returned", "The trouble is back"), ("put_off", "Put off")],
)
def test_an_event_has_a_name_also_when_it_is_new(what, said):
    assert alarm_words.event(what) == said


@pytest.mark.parametrize(
    ("reason", "number"),
    [("inhibited by alert 12", 12), ("inhibited by alert 12 and more", None),
     ("inhibited by alert x", None), ("", None)],
)  # fmt: skip
def test_only_an_alert_explains_an_alert(reason, number):
    assert alarm_words.explained_by(reason) == number


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("for_s", 0, "0 s"),
        ("for_s", 0.25, "0.25 s"),
        ("for_s", 1.5, "1.5 s"),  # not 1 s: it would look like another rule
        ("for_s", 90, "1 min 30 s"),
        ("low_ratio", 0.0, "0 %"),
        ("low_ratio", 0.85, "85 %"),
        ("skew_ratio", 0.0005, "0.05 %"),
        ("low_ratio", None, "none"),
        ("limit_c", 33.333333, "33.3333 °C"),
        ("limit_c", -5, "\N{MINUS SIGN}5 °C"),
        ("power_w", 12_345_678.0, "12,345,678 W"),
        ("enabled", False, "False"),
        ("low_readings", 3, "3"),
        ("stake", "lost", "lost"),
    ],
)
def test_an_amount_of_a_rule_has_its_unit_and_digits(key, value, said):
    assert plain(rule_words.amount(key, value)) == said


@pytest.mark.parametrize(
    ("key", "unit", "name"),
    [("far_above_c", "°C", "far above"), ("power_factor", "", "power factor"), ("c", "", "c"),
     ("low_s", "s", "low for"), ("uptime_s", "s", "uptime"), ("freq_hz", "Hz", "freq"),
     ("low_ratio", "", "low ratio"), ("energy_in_kwh", "kWh", "energy in")],
)  # fmt: skip
def test_a_key_ends_in_its_unit_and_is_called_without_it(key, unit, name):
    assert (rule_words.unit(key), rule_words.name(key)) == (unit, name)


def test_a_point_is_called_as_its_device_has_it():
    body = {"of": "point", "metric": "pump_a", "above": None, "below": 3.0, "clear_at": 4.0}
    assert plain(rule_words.judged(body)) == "pump_a of points below 3, until 4"
    body |= {"of": "meter", "metric": "current_a", "below": 0.0, "clear_at": None}
    assert plain(rule_words.judged(body)) == "current of meters below 0 A"


@pytest.mark.parametrize(
    ("ms", "said"),
    [(999.4, "999 ms"), (999.6, "1.0 s"), (-999.6, "\N{MINUS SIGN}1.0 s"), (math.nan, MISSING)],
)
def test_a_thousand_milliseconds_are_a_second_after_rounding_too(ms, said):
    assert plain(figures.milliseconds(ms)) == said


@pytest.mark.parametrize(
    ("key", "metric"),
    [("fan_rpm_rpm", "fan_rpm"), ("fan_rpm", "fan_rpm"), ("hashrate_ths", "hashrate_ths"),
     ("power_w_w", "power_w"), ("peers", "peers")],
)  # fmt: skip
def test_a_piece_of_evidence_names_its_metric(key, metric):
    assert metric_of(key) == metric


@pytest.mark.parametrize(
    ("limit", "scale", "name"),
    [
        (90, Scale(1.0, "°C"), "limit 90 °C"),
        (12_500, Scale(1.0, "rpm"), "limit 12,500 rpm"),  # no power of ten
        (104.3333, Scale(1.0, "TH/s"), "limit 104.3 TH/s"),
        (0, Scale(1.0, "A"), "limit 0 A"),
        (0.95, Scale(1.0, ""), "limit 0.95"),
    ],
)
def test_a_level_is_written_out(limit, scale, name):
    shown = charted(made.alert(1, evidence={"metric": "fan_rpm", "limit": limit}))
    assert shown is not None
    assert [each.name for each in shown.limits(scale)] == [name]


def test_a_limit_that_is_no_number_is_no_level():
    for limit in (None, True, "90", [90]):
        shown = charted(made.alert(1, evidence={"metric": "fan_rpm", "limit": limit}))
        assert shown is not None
        assert shown.levels == ()


@pytest.mark.parametrize(
    ("zone", "said"),
    [
        ("UTC", "Fri 15 Jan, 12:00"),
        ("Asia/Kolkata", "Fri 15 Jan, 17:30"),
        ("Pacific/Kiritimati", "Sat 16 Jan, 02:00"),
        ("America/Los_Angeles", "Fri 15 Jan, 04:00"),
        ("Mars/Olympus", "Fri 15 Jan, 12:00"),
        ("../../etc/passwd", "Fri 15 Jan, 12:00"),
        ("Europe", "Fri 15 Jan, 12:00"),
        ("", "Fri 15 Jan, 12:00"),
    ],
)
def test_a_moment_is_in_the_zone_or_in_utc_where_there_is_none(zone, said):
    assert calendar.said(NOON_MS, zone) == said


def test_the_day_that_summer_time_begins_is_short():
    from_ms = 1_774_688_400_000  # Sat 28 March 2026, 10:00 in Berlin
    found = [ms for ms, *_ in calendar.midnights(from_ms, from_ms + 72 * HOUR_MS, "Europe/Berlin")]
    hours = [(after - before) // HOUR_MS for before, after in itertools.pairwise(found)]
    assert hours == [23, 24]
    assert list(calendar.midnights(from_ms, from_ms, "Europe/Berlin")) == []


@pytest.mark.parametrize(
    ("text", "found"),
    [("09:05", datetime.time(9, 5)), ("", None), ("24:01", None), ("9", None), ("noon", None)],
)
def test_a_time_of_day_is_read_or_is_none(text, found):
    assert calendar.time_of_day(text) == found


def shift(person: str | None, n: int, *, is_reachable: bool = True) -> ShiftRow:
    begin = NOON_MS + n * 12 * HOUR_MS
    return ShiftRow(person=person, is_reachable=is_reachable, from_ms=begin,
                    until_ms=begin + 12 * HOUR_MS)  # fmt: skip


async def test_a_week_names_its_gaps_and_lists_the_first_turns():
    shifts = [shift("ann", 0), shift(None, 1, is_reachable=False),
              *(shift("bob", n) for n in range(2, 11))]  # fmt: skip
    async with staged(Week) as stage:
        stage.made.show(shifts, "Asia/Tokyo")
        said = seen(stage)
        assert "Nobody is on call | Sat 16 Jan, 09:00 to Sat 16 Jan, 21:00." in said
        assert "and 3 more in the bar above" in said
        widths = [e.style["width"] for e in stage._client.elements.values() if "width" in e.style]
        assert sum(float(width.rstrip("%")) for width in widths) == pytest.approx(100, abs=0.1)
        stage.made.show(shifts[:1], "Asia/Tokyo")
        assert "Nobody is on call" not in seen(stage)


async def test_a_sentence_shows_how_grave_it_is():
    async with staged(lambda: Sentence("Alerts")) as stage:
        assert seen(stage) == "Alerts"
        stage.made.show(Verdict("bad", "alert", "3 critical alerts"))
        assert seen(stage) == "3 critical alerts"
        drawn = [" ".join(e.classes) for e in stage._client.elements.values()]
        assert "lode-headline lode-bad" in drawn
        assert "lode-shape lode-shape-alert" in drawn


TRIED = Tried(days=7, devices=40, values=900, alerts=3, devices_hit=2, flapping=0, messages=1,
              open_still=0, middle_s=60.0, longest_s=90.0, often=[])  # fmt: skip


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({}, "It would have fired 3 times in the last 7 days, on 2 of 40 devices, and made "
             "1 notification."),
        ({"alerts": 0, "days": 1.0},
         "It would not have fired in the last day, on any of 40 devices."),
        ({"values": 0, "devices": 1}, "Nothing is stored of 1 device in the last 7 days; try it "
         "again when there are readings."),
        ({"alerts": 0, "caveat": "runs shorter than 240 s may be missed: minutes were read"},
         "It would not have fired in the last 7 days, on any of 40 devices. But runs shorter than "
         "240 s may be missed: minutes were read."),
        ({"days": 0.5, "alerts": 1, "messages": 0}, "It would have fired 1 time in the last 0.5 "
         "days, on 2 of 40 devices, and made 0 notifications."),
    ],
)  # fmt: skip
def test_a_try_out_tells_no_reading_from_no_alert(values, said):
    assert plain(sentence(replace(TRIED, **values))) == said


@pytest.mark.parametrize(
    ("told", "said"),
    [("schedule:a:b", "whoever is on call in a:b"), ("person:ann", "ann"), ("person:", "")],
)
def test_a_step_says_whom_it_tells(told, said):
    assert told_words(told) == said


def test_alarm_figures_are_held_against_targets_at_their_edge():
    found = replace(world_alarms.figures(7, 1), per_10_min=1.0, peak_10_min=10.0, per_day=150.0,
                    flood_ratio=0.01, standing=10, chattering=0)  # fmt: skip
    kept = {row.name: row.is_kept for row in targets(found) if row.is_kept is not None}
    assert kept == {
        "Alarms in 10 min": False, "Peak in 10 min": True, "Alarms a day": False,
        "Time in a flood": False, "Standing": False, "Chattering": True,
    }  # fmt: skip


def test_shares_of_no_alarm_at_all_are_not_known():
    found = replace(world_alarms.figures(7, 1), alarms=0, by_severity={})
    measured = {row.name: row.measured for row in targets(found)}
    assert [measured[word] for word in ("Critical", "Warning", "Info")] == [MISSING] * 3
