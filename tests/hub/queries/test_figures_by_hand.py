"""What rows become before anybody sees them: figures, floods, counters, verdicts, CSV, flags."""

import csv
import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lode_hub.errors import InvalidError
from lode_hub.queries import alerts, energy, fleet, health, quality
from lode_hub.queries.energy_nouns import AccountRow
from lode_hub.rules.replay import Alarm, Replayed
from lode_hub.rules.tried import summed

T0 = 1_800_000_000_000 - 1_800_000_000_000 % 600_000
BIN, HOUR = 600_000, 3_600_000


@pytest.mark.parametrize(
    ("bins", "expected"),
    [
        ({}, (0, 0)),
        ({0: 9}, (0, 0)),
        ({0: 10}, (1, 1)),
        ({0: 10, 1: 5, 2: 4, 3: 5}, (1, 2)),  # it goes on down to five
        ({0: 10, 1: 4, 2: 10}, (2, 2)),
        ({0: 10, 2: 9}, (1, 1)),  # ten minutes without any end it
        ({0: 10, 2: 10}, (2, 2)),
        ({0: 5, 1: 9, 2: 10, 3: 9}, (1, 2)),
    ],
)
def test_a_flood_begins_with_ten_and_ends_below_five(bins, expected):
    at_ms = [T0 + BIN * place for place in bins]
    assert alerts._floods(at_ms, list(bins.values())) == expected


def test_alarm_figures_are_by_ten_minutes_day_and_operator():
    bins = [{"at_ms": T0, "n": 30}, {"at_ms": T0 + BIN, "n": 2}, {"at_ms": T0 + 5 * BIN, "n": 4}]
    totals = {
        "standing": 1, "chattering": 2, "shelved": 3, "by_severity": {"info": 36}, "is_cut": False,
        "most_frequent": [{"rule": "r", "key": "device:1", "subject": "rig-1", "n": 9}],
    }  # fmt: skip
    found = alerts._figures(bins, totals, (T0, T0 + 86_400_000), 2)
    assert (found.alarms, found.per_day, found.peak_10_min) == (36, 18.0, 15.0)
    assert found.per_10_min == pytest.approx(18 / 144)
    assert found.busy_ratio == pytest.approx(2 / 144)  # more than one an operator: 30 and 4
    assert (found.floods, found.flood_ratio) == (1, pytest.approx(1 / 144))
    assert (found.most_frequent[0].n, found.bin_n) == (9, [30, 2, 4])


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([(0, HOUR, 100.0, 110.0, 10_000.0)], (10.0, True, 0, 0)),
        ([(0, HOUR, 100.0, 110.0, 9e3), (2 * HOUR, 3 * HOUR, 120.0, 130.0, 9e3)],
         (30.0, True, 0, 0)),  # the gap between is counted too
        ([(0, HOUR, 100.0, None, 9e3), (2 * HOUR, 3 * HOUR, 120.0, 130.0, 9e3)],
         (30.0, True, 0, 0)),
        ([(0, HOUR, 100.0, 110.0, 9e3), (HOUR, 2 * HOUR, 1.0, 11.0, 9e3)], (21.0, False, 1, 0)),
        ([(0, HOUR, 65_530.0, 65_535.5, 9e3), (HOUR, 2 * HOUR, 0.5, 10.5, 9e3)],
         (16.5, True, 0, 1)),
        ([(0, HOUR, 100.0, 100_000.0, 9e3)], (0.0, False, 0, 0)),  # more than can have been
        ([(0, HOUR, None, None, None)], (0.0, False, 0, 0)),
        ([(0, 0, 5.0, None, 9e3)], (0.0, False, 0, 0)),  # one reading is no difference
        ([(0, HOUR, 100.0, 5000.0, None)], (4900.0, True, 0, 0)),  # no power to hold it against
    ],
)  # fmt: skip
def test_a_counter_is_added_up_over_its_buckets(rows, expected):
    table = [(7, T0 + begin, T0 + end, *more) for begin, end, *more in rows]
    kwh, *others = quality._counted(table)
    assert (pytest.approx(kwh), *others) == expected


def test_energy_of_several_meters_is_whole_when_all_counted():
    row = (T0, T0 + HOUR, 100.0, 110.0, 9e3)
    found = quality._energy([(1, *row), (2, *row)], ["a", "b"], [1, 2], "how")
    assert (found.energy_kwh, found.is_whole) == (20.0, True)
    assert (found.from_ms, found.to_ms) == (T0, T0 + HOUR)
    found = quality._energy([(1, *row)], ["a", "b"], [1, 2], "how")
    assert (found.energy_kwh, found.is_whole) == (10.0, False)
    found = quality._energy([], [], [], "how")
    assert (found.energy_kwh, found.is_whole, found.from_ms) == (None, False, None)


def source(**says) -> quality.QualitySource:
    row = {
        "agent": "a", "kind": 1, "driver": "d", "devices": 10, "fresh": 10, "newest_age_s": 1.0,
        "oldest_age_s": 2.0, "expected": 10_000.0, "whole": 10_000, "received": 10_000,
        "no_answer": 0, "bad_answer": 0, "partial": 0, "out_of_range": 0, "clock": 0, "held": 0,
        "late": 0, "duplicate": 0, "unit": 0, "reset": 0, "rollover": 0, "lag_ms": 1500,
    }  # fmt: skip
    return quality._source({**row, **says})


@pytest.mark.parametrize(
    ("says", "verdict", "advice"),
    [
        ({}, "good", []),
        ({"fresh": 6}, "doubtful", ["4 of 10 devices are silent"]),
        ({"fresh": 5}, "bad", ["5 of 10 devices are silent"]),
        ({"whole": 9800}, "good", []),
        ({"whole": 9799}, "doubtful", ["2% of the readings are missing"]),
        ({"whole": 8999}, "bad", ["10% of the readings are missing"]),
        ({"expected": None, "whole": 0}, "good", []),  # not known is not missing
        ({"whole": 12_000}, "good", []),
        ({"no_answer": 60, "bad_answer": 40}, "good", []),
        ({"no_answer": 60, "bad_answer": 41}, "doubtful", ["1% of the polls end in no answer"]),
        ({"no_answer": 1, "bad_answer": 1000}, "bad", ["10% of the polls end in answers without"]),
        ({"held": 1}, "bad", ["1 readings are kept and not used"]),
        ({"unit": 1}, "bad", ["1 values are in a wrong unit"]),
        ({"duplicate": 10}, "good", []),
        ({"duplicate": 11}, "doubtful", ["11 readings came twice"]),
        ({"partial": 60, "out_of_range": 41}, "doubtful", ["101 readings lack a part"]),
        ({"reset": 9}, "good", []),  # a rig's shares begin anew with it
        ({"duplicate": 11, "held": 2}, "bad", ["2 readings are kept", "11 readings came twice"]),
    ],
)
def test_what_is_said_of_a_source_the_worst_first(says, verdict, advice):
    found = source(**says)
    assert found.verdict == verdict
    assert len(found.advice) == len(advice)
    assert all(a.startswith(b) for a, b in zip(found.advice, advice, strict=True))
    assert found.lag_s == 1.5


@pytest.mark.parametrize(
    ("says", "verdict", "advice"),
    [
        ({}, "good", []),
        ({"clock_offset_ms": None}, "good", []),
        ({"clock_offset_ms": -2000.0}, "good", []),
        ({"clock_offset_ms": 2001.0}, "doubtful", ["readings are marked"]),
        ({"clock_offset_ms": -2001.0, "correction_ms": -2001}, "doubtful", ["times are shown"]),
        ({"clock_offset_ms": 60_001.0}, "bad", ["readings are kept and not used"]),
        ({"clock_offset_ms": -300_000.0}, "doubtful", ["readings are marked"]),
        ({"clock_offset_ms": -300_001.0}, "bad", ["readings are kept and not used"]),
        ({"open_gaps": 1}, "doubtful", ["records are missing and asked for"]),
        ({"open_gaps": 1, "lost_gaps": 1}, "bad", ["records are lost"]),
        ({"quarantined": 1, "last_reason": "x" * 500}, "bad", ["payloads were refused: xxx"]),
        ({"state": "stopped"}, "good", []),
        ({"state": "stale"}, "bad", ["it sends nothing"]),
    ],
)
def test_what_is_said_of_an_agent(says, verdict, advice):
    row = {
        "name": "a", "state": "live", "committed_age_s": 1.0, "clock_offset_ms": 0.0,
        "correction_ms": 0, "open_gaps": 0, "lost_gaps": 0, "lost_records": 0, "quarantined": 0,
        "last_reason": "",
    }  # fmt: skip
    found = quality._agent({**row, **says})
    assert found.verdict == verdict
    assert all(a.startswith(b) for a, b in zip(found.advice, advice, strict=True))
    assert all(len(text) < 200 for text in found.advice)


def test_a_sites_completeness_is_of_what_is_known():
    parts = [source(expected=100.0, whole=50), source(expected=None, whole=0),
             source(expected=300.0, whole=300)]  # fmt: skip
    found = quality._site("n", "hour", parts, [])
    assert found.completeness_ratio == pytest.approx(350 / 400)
    assert found.verdict == "bad"
    assert found.sources[0] == parts[0]
    assert quality._site("n", "hour", [], []).completeness_ratio is None


@pytest.mark.parametrize("bits", range(0, 256, 5))
def test_every_bit_of_a_quality_has_its_name_and_none_has_another(bits):
    names = fleet.flags(bits)
    alone = [fleet.flags(1 << place) for place in range(8) if bits >> place & 1]
    assert set(names) == {name for one in alone for name in one}
    assert len(set(names)) == len(names)
    assert fleet.flags(0) == ()


def test_an_agent_without_health_says_nothing_of_its_own():
    row = {name: None for name in health.AgentRow.__dataclass_fields__ if name not in health._SAID}
    found = health.agent({**row, "health": None})
    assert [getattr(found, name) for name in health._SAID] == [None] * len(health._SAID)
    found = health.agent({**row, "health": {"lag_s": 0.0, "polls_late": 3, "new": 1}})
    assert (found.lag_s, found.polls_late, found.rss_bytes) == (0.0, 3, None)


def alarm(subject: str, begins_s: int, ends_s: int | None, *, is_flapping: bool = False) -> Alarm:
    ends_ms = None if ends_s is None else T0 + 1000 * ends_s
    return Alarm(subject=subject, begins_ms=T0 + 1000 * begins_s, ends_ms=ends_ms,
                 is_flapping=is_flapping)  # fmt: skip


def test_what_a_rule_would_have_done_is_summed_up():
    found = (alarm("device:1", 0, 10), alarm("device:2", 5, 65, is_flapping=True),
             alarm("device:1", 50, None))  # fmt: skip
    done = Replayed(from_ms=T0, to_ms=T0 + 100_000, alarms=found, devices=9, values=99, messages=4)
    tried = summed(done, {"device:1": "rig-1"})
    assert (tried.alerts, tried.devices_hit, tried.flapping, tried.open_still) == (3, 2, 1, 1)
    assert (tried.middle_s, tried.longest_s) == (50.0, 60.0)
    assert [(one.device, one.n, one.first_ms) for one in tried.often] == [
        ("rig-1", 2, T0),
        ("device:2", 1, T0 + 5000),
    ]
    empty = Replayed(from_ms=T0, to_ms=T0, alarms=(), devices=0, values=0, messages=0)
    assert summed(empty, {}).middle_s is None


@pytest.mark.parametrize(
    ("span", "step_s", "n"),
    [((T0, T0 + HOUR), 300, 12), ((T0, T0 + 1000), 1, 1), ((T0, T0 + 1500), 1, 2)],
)
def test_a_span_is_so_many_steps(span, step_s, n):
    assert energy._count(*span, step_s) == n


@pytest.mark.parametrize(
    ("span", "step_s"),
    [((T0, T0), 300), ((T0, T0 - 1), 300), ((T0, T0 + HOUR), 0.5), ((T0, T0 + HOUR), np.nan),
     ((T0, T0 + HOUR), np.inf), ((T0, T0 + 1), 300), ((0, T0), 1)],
)  # fmt: skip
def test_a_span_that_cannot_be_is_an_error_that_says_what_to_do(span, step_s):
    with pytest.raises(InvalidError, match=r"^span: "):
        energy._count(*span, step_s)


@pytest.mark.parametrize(
    ("from_s", "until_s", "is_cancelled", "state"),
    [(0, 10, False, "holds"), (-10, 0, False, "over"), (1, 10, False, "to come"),
     (0, 10, True, "cancelled"), (-10, 0, True, "cancelled")],
)  # fmt: skip
def test_a_call_holds_from_its_begin_until_just_before_its_end(
    from_s, until_s, is_cancelled, state
):
    row = dict.fromkeys(energy.CallRow.__dataclass_fields__)
    del row["state"]
    row |= {"from_ms": T0 + from_s, "until_ms": T0 + until_s, "is_cancelled": is_cancelled}
    assert energy._call(row, T0).state == state


TEXTS = st.text(alphabet="=+-@'\"a1,; ", max_size=6)


@settings(max_examples=80, deadline=None)
@given(TEXTS, TEXTS)
def test_no_cell_of_an_account_is_a_formula_and_figures_stay(subject, note):
    body = {"earned_usd": -3.5, "notes": [note], "rigs": [{"name": note, "kwh": -1.0}]}
    row = AccountRow(
        account_id=1, site="n", kind="call", subject=subject, from_ms=T0, until_ms=T0 + 1,
        as_of_ms=T0, made_ms=T0, person="ada", digest="d", body=body,
    )  # fmt: skip
    rows = list(csv.reader(io.StringIO(energy._csv(row), newline="")))
    assert rows[1][2].lstrip("'") == subject.lstrip("'")
    assert ["earned_usd", "-3.5"] in rows
    for cell in (rows[1][2], *(cell for line in rows[5:] for cell in line)):
        number = cell.lstrip("-").replace(".", "").isdigit()
        assert number or not cell.startswith(("=", "+", "-", "@", "\t", "\r"))
