"""Counts by source and five minutes: nothing is lost, doubled or put into another's row."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lode_hub.sites.quality.follow import Verdict
from lode_hub.sites.quality.sheet import POINT, RIG
from lode_hub.sites.quality.tally import Tally, flags_of
from lode_hub.store.quality import BUCKET_MS, COUNTED, KEEP_DAYS
from lode_wire.records import Quality
from tests.hub.sites.quality.mine import device, sheet_of

NOW_MS = 5_000_000 * BUCKET_MS
DAY_MS = 86_400_000
DRIVERS = ("asic", "braiins", "asic")


def sheet():
    return sheet_of(RIG, [device(n + 1, driver=driver) for n, driver in enumerate(DRIVERS)])


def counted(slots, at_ms, **flags):
    """A tally of these readings, received now."""
    tally, n = Tally(), len(slots)
    tally.count(sheet(), np.array(slots, np.intp), np.array(at_ms, np.int64),
                np.full(n, NOW_MS, np.int64), flags)  # fmt: skip
    return tally


def verdict(n, **masks):
    parts = {name: np.zeros(n, bool) for name in ("late", "duplicate", "reset", "rolled_over")}
    codes = masks.pop("codes", np.zeros((n, len(RIG.metrics)), np.uint8))
    return Verdict(**parts | masks, codes=codes)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 3 * BUCKET_MS), st.booleans()),
                min_size=1, max_size=40), st.integers(0, 40))  # fmt: skip
def test_every_reading_is_counted_once_however_the_groups_fall(readings, cut):
    whole, parts = Tally(), Tally()
    for tally, groups in ((whole, [readings]), (parts, [readings[:cut], readings[cut:]])):
        for group in filter(None, groups):
            slots, ages_ms, late = (np.array(part) for part in zip(*group, strict=True))
            received_ms = np.full(len(group), NOW_MS)
            tally.count(sheet(), slots, NOW_MS - ages_ms, received_ms, {"late": late})
    rows = sorted(whole.rows({"rig": sheet()}), key=str)
    assert rows == sorted(parts.rows({"rig": sheet()}), key=str)
    wanted = {}
    for slot, age_ms, is_late in readings:
        key = ((NOW_MS - age_ms) // BUCKET_MS * BUCKET_MS, DRIVERS[slot])
        old = wanted.setdefault(key, [0, 0, 0])
        wanted[key] = [old[0] + 1, old[1] + is_late, max(old[2], age_ms)]
    late_at = COUNTED.index("late")
    assert wanted == {
        (row.bucket_ms, row.driver): [row.counts[0], row.counts[late_at], row.lag_ms]
        for row in rows
    }


@pytest.mark.parametrize(("age_ms", "is_odd"), [
    (0, False), ((KEEP_DAYS - 1) * DAY_MS, False), ((KEEP_DAYS - 1) * DAY_MS + 1, True),
    (-BUCKET_MS, False), (-BUCKET_MS - 1, True), (NOW_MS, True),
])  # fmt: skip
def test_a_time_that_cannot_be_right_is_counted_at_its_receipt(age_ms, is_odd):
    (row,) = counted([0], [NOW_MS - age_ms]).rows({"rig": sheet()})
    assert row.bucket_ms == (NOW_MS if is_odd else (NOW_MS - age_ms) // BUCKET_MS * BUCKET_MS)
    assert row.lag_ms == (0 if is_odd else max(age_ms, 0))


def test_a_row_says_how_many_devices_and_readings_there_should_be():
    rows = counted([0, 1, 2], [NOW_MS] * 3).rows({"rig": sheet()})
    assert {(row.driver, row.devices, row.expected) for row in rows} == {
        ("asic", 2, 60.0), ("braiins", 1, 30.0)
    }  # fmt: skip
    tally, points = Tally(), sheet_of(POINT, [device(1, kind=3)])
    now_ms = np.array([NOW_MS])
    tally.count(points, np.array([0]), now_ms, now_ms, {})
    assert [row.expected for row in tally.rows({"point": points})] == [None]


def test_a_source_that_is_gone_is_still_written_and_then_forgotten():
    tally = counted([0], [NOW_MS])
    (row,) = tally.rows({})
    assert (row.devices, row.expected, row.counts[0]) == (0, None, 1)
    tally.forget()
    assert tally.rows({"rig": sheet()}) == []


@pytest.mark.parametrize(("mark", "name"), [
    (Quality.TIMED_OUT, "no_answer"), (Quality.REFUSED, "no_answer"),
    (Quality.BAD_ANSWER, "bad_answer"), (Quality.PARTIAL, "partial"),
    (Quality.REPAIRED, "partial"), (Quality.OUT_OF_RANGE, "out_of_range"),
    (Quality.CLOCK, "clock"), (Quality.HELD, "held"),
])  # fmt: skip
def test_a_mark_is_counted_under_one_name(mark, name):
    flags = flags_of(np.array([0, int(mark)], np.uint16), None)
    assert {key: flag.tolist() for key, flag in flags.items() if flag.any()} == {
        name: [False, True]
    }


@pytest.mark.parametrize(("masks", "name", "count"), [
    ({"late": [True]}, "late", 1), ({"duplicate": [True]}, "duplicate", 1),
    ({"late": [True], "duplicate": [True]}, "duplicate", 1), ({"reset": [True]}, "reset", 1),
    ({"rolled_over": [True]}, "rollover", 1),
    ({"codes": np.array([[2, 0, 0, 1, 0, 0]], np.uint8)}, "unit", 2),
])  # fmt: skip
def test_a_verdict_is_counted_under_one_name(masks, name, count):
    masks = {key: np.asarray(mask) for key, mask in masks.items()}
    flags = flags_of(np.zeros(1, np.uint16), verdict(1, **masks))
    assert {key: int(flag.sum()) for key, flag in flags.items() if flag.any()} == {name: count}
    (row,) = counted([0], [NOW_MS], **flags).rows({"rig": sheet()})
    assert dict(zip(COUNTED, row.counts, strict=True))[name] == count


def test_nothing_odd_is_nothing_to_count():
    assert flags_of(np.zeros(3, np.uint16), None) == {}
