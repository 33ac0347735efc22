"""What a server's values, statuses and times are taken for."""

from datetime import UTC, datetime, timedelta

import pytest
from asyncua import ua
from hypothesis import given
from hypothesis import strategies as st

from lode_edge.drivers.opcua.readings import Readings
from lode_edge.drivers.opcua.values import CLOCK_MS, Told, moment, told
from lode_profiles import load
from lode_profiles.nodes import Node
from lode_wire.records import MeterReading, Quality

KILO = Node(node="s=P", unit="W", scale=1000.0, offset=5.0)
NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
NOW_MS = int(NOW.timestamp() * 1000)


def value(raw, status=0, source=NOW):
    return ua.DataValue(ua.Variant(raw), ua.StatusCode(status), source)


@pytest.mark.parametrize(
    ("raw", "expected", "quality"),
    [
        (12.5, 12_505.0, Quality.GOOD),
        (3, 3005.0, Quality.GOOD),
        (True, 1005.0, Quality.GOOD),
        (float("nan"), None, Quality.GOOD),
        (float("inf"), None, Quality.GOOD),
        ("12.5", None, Quality.BAD_ANSWER),
        ([1.0, 2.0], None, Quality.BAD_ANSWER),
        (None, None, Quality.BAD_ANSWER),
    ],
)
def test_only_numbers_are_values(raw, expected, quality):
    assert told("p", KILO, value(raw)) == Told("p", expected, quality, NOW)


@pytest.mark.parametrize(
    ("status", "is_kept", "quality"),
    [
        ("Good", True, Quality.GOOD),
        ("GoodClamped", True, Quality.GOOD),
        ("BadNoCommunication", False, Quality.TIMED_OUT),
        ("BadCommunicationError", False, Quality.TIMED_OUT),
        ("BadTimeout", False, Quality.TIMED_OUT),
        ("BadWaitingForInitialData", False, Quality.TIMED_OUT),
        ("BadNotConnected", False, Quality.TIMED_OUT),
        ("BadUserAccessDenied", False, Quality.REFUSED),
        ("BadNodeIdInvalid", False, Quality.REFUSED),
        ("BadNodeIdUnknown", False, Quality.REFUSED),
        ("BadAttributeIdInvalid", False, Quality.REFUSED),
        ("BadNotReadable", False, Quality.REFUSED),
        ("BadNotSupported", False, Quality.REFUSED),
        ("BadOutOfRange", False, Quality.OUT_OF_RANGE),
        ("BadSensorFailure", False, Quality.BAD_ANSWER),
        ("BadDeviceFailure", False, Quality.BAD_ANSWER),
        ("BadNoData", False, Quality.TIMED_OUT),
        ("BadNoDataAvailable", False, Quality.TIMED_OUT),
        ("UncertainNoCommunicationLastUsableValue", False, Quality.TIMED_OUT),
        ("UncertainLastUsableValue", False, Quality.TIMED_OUT),
        ("UncertainInitialValue", False, Quality.BAD_ANSWER),
        ("UncertainEngineeringUnitsExceeded", False, Quality.OUT_OF_RANGE),
        ("UncertainSubNormal", True, Quality.PARTIAL),
        ("UncertainSensorNotAccurate", True, Quality.PARTIAL),
        ("UncertainSubstituteValue", True, Quality.PARTIAL),
    ],
)
def test_a_status_says_whether_the_value_counts(status, is_kept, quality):
    code = getattr(ua.StatusCodes, status)
    assert told("p", KILO, value(1.0, code)) == Told(
        *("p", 1005.0 if is_kept else None, quality, NOW)
    )


@given(code=st.integers(0, 0xFFFFFFFF), raw=st.floats() | st.integers() | st.text())
def test_no_status_makes_a_bad_value_good(code, raw):
    found = told("p", KILO, value(raw, code))
    if code >> 30:
        assert found.quality != Quality.GOOD
    if code >> 31:
        assert found.value is None


def test_a_full_queue_at_the_server_is_flagged():
    assert told("p", KILO, value(1.0, 0x480)).quality == Quality.PARTIAL


def test_a_server_whose_clock_is_off_is_set_right_and_flagged():
    ahead_ms = 3_600_000
    source = NOW + timedelta(hours=1) - timedelta(seconds=2)
    assert moment(source, NOW_MS, ahead_ms) == (NOW_MS - 2000, Quality.CLOCK)
    assert moment(NOW - timedelta(hours=3), NOW_MS, 0) == (NOW_MS - 3 * 3_600_000, Quality.GOOD)
    assert moment(None, NOW_MS, 0) == (NOW_MS, Quality.CLOCK)


@given(
    source=st.none() | st.datetimes(timezones=st.just(UTC)),
    ahead_ms=st.integers(-(10**12), 10**12),
)
def test_no_time_is_in_the_future_or_before_the_century(source, ahead_ms):
    at_ms, quality = moment(source, NOW_MS, ahead_ms)
    assert at_ms <= NOW_MS
    if abs(ahead_ms) > CLOCK_MS:
        assert quality == Quality.CLOCK


def readings() -> Readings:
    return Readings(7, load("example-feeder"), 1000)


def at(seconds: float, name: str, raw: float) -> Told:
    return Told(name, raw, Quality.GOOD, NOW + timedelta(seconds=seconds))


def test_values_of_one_publishing_are_one_reading_and_a_second_one_another():
    ours = readings()
    news = [at(-3, "power_w", 1.0), at(-2.9, "voltage_v", 230.0), at(-1, "power_w", 2.0)]
    first, second = ours.take(news, NOW_MS, 0, kind="live")
    assert isinstance(first, MeterReading)
    assert isinstance(second, MeterReading)
    assert (first.at_ms, first.power_w, first.voltage_v) == (NOW_MS - 2900, 1.0, 230.0)
    assert (second.at_ms, second.power_w, second.voltage_v) == (NOW_MS - 1000, 2.0, 230.0)


def test_what_a_history_has_told_a_new_subscription_does_not_tell_again():
    ours = readings()
    ours.take([at(-9, "power_w", 1.0)], NOW_MS, 0, kind="live")
    past = [at(-9, "power_w", 1.0), at(-8, "power_w", 2.0), at(-7, "power_w", 3.0)]
    assert [r.power_w for r in ours.take(past, NOW_MS, 0, kind="past")] == [2.0, 3.0]
    ours.renew()
    assert ours.take([at(-7, "power_w", 3.0)], NOW_MS, 0, kind="first") == []
    (held,) = ours.hold(NOW_MS)
    assert (held.at_ms, held.power_w) == (NOW_MS, 3.0)
    assert ours.hold(NOW_MS) == []


def test_a_server_clock_that_was_set_back_does_not_make_us_deaf():
    ours = readings()
    ours.take([at(0, "power_w", 1.0)], NOW_MS, 0, kind="live")
    (told_,) = ours.take([at(-3600, "power_w", 2.0)], NOW_MS, 0, kind="live")
    assert told_.power_w == 2.0


def test_an_old_value_heard_for_the_first_time_is_one_of_now():
    (first,) = readings().take([at(-86_400, "power_w", 1.0)], NOW_MS, 0, kind="first")
    assert first.at_ms == NOW_MS
