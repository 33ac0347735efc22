"""What is known of devices: slots that stay, groups, what each metric should be about."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lode_hub.sites.quality.sheet import METER, PEERS_MS, RIG, Sheet
from tests.hub.sites.quality.mine import T0_MS, device, sheet_of

HASHRATE, POWER = RIG.metrics.index("hashrate_ths"), RIG.metrics.index("power_w")
CHIP = RIG.metrics.index("chip_temp_c")


def heard(sheet, metric, values):
    """The sheet, after each device said a value just now."""
    sheet.state["received_ms"][:] = T0_MS
    sheet.state["last"][:, metric] = values
    sheet.expect(T0_MS)
    return sheet.state["expected"][:, metric].tolist()


@settings(max_examples=40, deadline=None)
@given(st.lists(st.sets(st.integers(1, 60), max_size=12), min_size=1, max_size=4))
def test_a_slot_belongs_to_its_device_whatever_comes_and_goes(loads):
    sheet, slot_of = Sheet(RIG), {}
    for ids in loads:
        sheet.load([device(number) for number in sorted(ids)])
        for number in ids:
            slot = int(sheet.slots(np.array([number]))[0])
            assert sheet.rows[slot].device_id == number
            assert slot_of.setdefault(number, slot) == slot
    assert len(sheet) == len(slot_of) == len(set(slot_of.values()))


@given(st.lists(st.integers(-5, 400), max_size=20))
def test_an_unknown_number_has_no_slot(asked):
    sheet = sheet_of(RIG, [device(n) for n in (3, 7, 120)])
    wanted = [{3: 0, 7: 1, 120: 2}.get(number, -1) for number in asked]
    assert sheet.slots(np.array(asked, np.int64)).tolist() == wanted
    assert Sheet(RIG).slots(np.array(asked, np.int64)).tolist() == [-1] * len(asked)


def test_what_is_known_outlives_a_load_and_what_is_new_is_missing():
    sheet = sheet_of(RIG, [device(1)])
    for name, column in sheet.state.items():
        column[0] = name != "event"
    sheet.load([device(1, name="other"), device(2)])
    assert sheet.rows[0].name == "other"
    for name, column in sheet.state.items():
        assert (column[0] == (name != "event")).all(), name
        fill = np.nan if name in ("last", "expected", "count") else 0
        np.testing.assert_array_equal(column[1], np.full_like(column[1], fill), err_msg=name)


@pytest.mark.parametrize(("facts", "same_class", "same_source"), [
    ({}, True, True),
    ({"model": "S21"}, False, True),
    ({"site_id": 2}, False, True),
    ({"site_id": None}, False, True),
    ({"agent_id": 2}, True, False),
    ({"driver": "braiins"}, True, False),
    ({"is_configured": False}, True, True),
])  # fmt: skip
def test_devices_are_compared_by_site_and_model_and_counted_by_source(
    facts, same_class, same_source
):
    sheet = sheet_of(RIG, [device(1), device(2, **facts)])
    assert (sheet.cls[0] == sheet.cls[1]) == same_class
    assert (sheet.source[0] == sheet.source[1]) == same_source


@pytest.mark.parametrize(("values", "rated", "expected"), [
    ([90, 100, 110], None, 100), ([90, 100, 110], 150.0, 150), ([0, 100, 110], None, np.nan),
    ([-1, 100, 110], None, np.nan), ([np.nan, 100, 110], None, np.nan),
    ([0, 90, 100, 110], None, 100), ([0, 0, 0], 95.0, 95), ([90, 100, 110], 0.0, 100),
])  # fmt: skip
def test_a_hashrate_should_be_its_rating_or_that_of_three_peers_at_work(values, rated, expected):
    sheet = sheet_of(RIG, [device(n, rated_hashrate_ths=rated) for n in range(1, len(values) + 1)])
    assert heard(sheet, HASHRATE, values) == pytest.approx([expected] * len(values), nan_ok=True)


def test_frost_is_a_temperature_like_any_other():
    assert heard(sheet_of(RIG, [device(n) for n in (1, 2, 3)]), CHIP, [-12, -10, 0]) == [-10] * 3


def test_a_rating_of_power_is_taken_for_rigs_and_not_for_meters():
    rows = [device(n, rated_power_w=3250.0) for n in (1, 2, 3)]
    assert heard(sheet_of(RIG, rows), POWER, [1, 2, 3]) == [3250] * 3
    assert heard(sheet_of(METER, rows), 0, [1, 2, 3]) == [2] * 3


@pytest.mark.parametrize(("age_ms", "code", "configured", "is_peer"), [
    (0, 0, True, True), (PEERS_MS - 1, 0, True, True), (PEERS_MS, 0, True, False),
    (0, 2, True, False), (0, 0, False, False),
])  # fmt: skip
def test_who_is_silent_in_another_unit_or_gone_is_no_peer(age_ms, code, configured, is_peer):
    rows = [device(n) for n in (1, 2)] + [device(3, is_configured=configured)]
    sheet = sheet_of(RIG, rows)
    sheet.state["received_ms"][2] = -age_ms
    sheet.state["code"][2, HASHRATE] = code
    sheet.state["last"][:, HASHRATE] = 100.0
    sheet.expect(0)
    assert (sheet.state["expected"][0, HASHRATE] == 100.0) == is_peer


@given(st.lists(st.tuples(st.sampled_from([None, 0.0, 2.0, 10.0, 60.0]), st.booleans()),
                min_size=1, max_size=12))  # fmt: skip
def test_what_is_expected_of_a_source_is_the_sum_over_its_devices(given_rows):
    sheet = sheet_of(RIG, [
        device(n + 1, interval_s=interval_s, is_configured=is_configured)
        for n, (interval_s, is_configured) in enumerate(given_rows)
    ])  # fmt: skip
    wanted = sum(300 / (interval_s or 10.0) for interval_s, there in given_rows if there)
    assert sheet.expected_a_bucket.tolist() == pytest.approx([wanted])
    assert sheet.devices_a_source.tolist() == [sum(there for _, there in given_rows)]
