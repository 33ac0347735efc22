"""A device that fails again and again is left alone, and is not lost for it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lode_edge.breaker import FAILURES, OPEN_S, TRIALS, WITHIN_S, Breaker


def opened(at_s: float = 0.0) -> Breaker:
    breaker = Breaker()
    for _ in range(FAILURES):
        breaker.failed(at_s)
    assert not breaker.is_closed
    return breaker


@pytest.mark.parametrize(
    ("times_s", "is_closed"),
    [
        ([0.0] * (FAILURES - 1), True),
        ([0.0] * FAILURES, False),
        ([0.0] * (FAILURES - 1) + [WITHIN_S], False),
        ([0.0] * (FAILURES - 1) + [WITHIN_S + 0.1], True),
        ([20.0 * n for n in range(50)], True),  # one every 20 s is bad luck, not an outage
        ([20.0 * n for n in range(9)] + [161.0, 162.0, 163.0, 164.0], False),
    ],
)
def test_it_opens_after_so_many_failures_within_so_long(
    times_s: list[float], is_closed: bool
) -> None:
    breaker = Breaker()
    for at_s in times_s:
        breaker.failed(at_s)
    assert breaker.is_closed is is_closed
    assert breaker.allows(times_s[-1]) is is_closed


def test_it_asks_again_when_its_time_is_over_and_every_trial_must_be_good() -> None:
    breaker = opened()
    assert not breaker.allows(OPEN_S - 0.1)
    assert breaker.allows(OPEN_S)
    for _ in range(TRIALS - 1):
        breaker.succeeded()
    assert not breaker.is_closed
    breaker.failed(OPEN_S)  # one bad trial: from the beginning
    assert not breaker.allows(2 * OPEN_S - 0.1)
    for _ in range(TRIALS):
        assert not breaker.is_closed
        breaker.succeeded()
    assert breaker.is_closed


def test_what_failed_before_it_closed_is_forgotten() -> None:
    breaker = opened()
    for _ in range(TRIALS):
        breaker.succeeded()
    for _ in range(FAILURES - 1):
        breaker.failed(1.0)
    assert breaker.is_closed


@given(st.lists(st.tuples(st.booleans(), st.floats(0, 40)), max_size=80))
def test_no_device_is_left_alone_for_longer_than_its_time(turns: list[tuple[bool, float]]) -> None:
    breaker, now_s, last_failed_s = Breaker(), 0.0, -OPEN_S
    for is_good, pause_s in turns:
        now_s += pause_s
        if breaker.allows(now_s):
            if is_good:
                breaker.succeeded()
            else:
                breaker.failed(now_s)
                last_failed_s = now_s
        else:
            assert now_s - last_failed_s < OPEN_S
    assert breaker.allows(now_s + OPEN_S)
