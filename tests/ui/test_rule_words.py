"""Rules in words, and moments as a schedule's time zone has them."""

from itertools import pairwise

from lode_ui import calendar, rule_words

SPACE = "\N{NO-BREAK SPACE}"
OWN = {
    "metric": "inlet_temp_c", "of": "rig", "above": 35.0, "below": None, "for_s": 120.0,
    "clear_at": 33.0, "scope": {"rack": "A*", "site": None}, "on_delay_s": 0, "off_delay_s": 60,
}  # fmt: skip
HOUR_MS = 3_600_000


def test_a_threshold_says_its_value_limit_span_and_scope():
    assert rule_words.judged(OWN) == (
        f"inlet temp of rigs above 35{SPACE}°C for 2{SPACE}min, until 33{SPACE}°C; rack A*"
    )
    assert rule_words.delays(OWN) == f"on at once, off after 1{SPACE}min"


def test_thresholds_have_their_units():
    body = {
        "thresholds": {"low_s": 180.0, "low_ratio": 0.85, "far_above_c": 5.0, "low_readings": 3}
    }
    assert rule_words.judged(body) == (
        f"far above 5{SPACE}°C · low ratio 85{SPACE}% · low readings 3 · low for 3{SPACE}min"
    )


def test_a_version_says_what_it_changed_and_nothing_else():
    old = {"severity": None, "inhibited_by": ["order"], "thresholds": {"low_s": 180.0, "x_c": 1.0}}
    new = {"severity": "info", "inhibited_by": [], "thresholds": {"low_s": 60.0, "x_c": 1.0}}
    assert rule_words.changes(old, new) == [
        "severity none → info",
        "inhibited by order → none",
        f"thresholds: low for 3{SPACE}min → 1{SPACE}min",
    ]
    assert rule_words.changes(new, new) == []


def test_midnights_keep_to_the_time_zone_over_the_end_of_summer_time():
    from_ms = 1_792_828_800_000  # Sat 24 October 2026, 10:00 in Berlin; a day of 25 h follows
    found = list(calendar.midnights(from_ms, from_ms + 72 * HOUR_MS, "Europe/Berlin"))
    assert [(weekday, number) for _, weekday, number in found] == [
        ("Sun", "25"), ("Mon", "26"), ("Tue", "27"),
    ]  # fmt: skip
    assert [(after[0] - before[0]) // HOUR_MS for before, after in pairwise(found)] == [25, 24]
    assert calendar.said(from_ms, "Europe/Berlin") == "Sat 24 Oct, 10:00"


def test_what_is_typed_is_read_or_is_nothing():
    assert calendar.day("2026-02-30") is None
    assert calendar.time_of_day("25:00") is None
    assert calendar.time_of_day("07:30").isoformat() == "07:30:00"
    assert calendar.names(" a, ,b ,") == ["a", "b"]
