"""Counters that go on, run over their end, begin anew or leap: told apart by what is possible."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from lode_hub.sites.quality.counters import WRAPS, Move, moved

amounts = st.floats(0, 1e5, allow_nan=False)


def one(before, after, most, wraps=WRAPS):
    """Judge one pair of readings."""
    made = moved(np.array([before]), np.array([after]), np.array([most]), wraps)
    return float(made.delta[0]), Move(int(made.move[0]))


@given(amounts, amounts)
def test_what_goes_on_is_the_difference(before, counted):
    after = before + counted
    assert one(before, after, most=2e5) == (after - before, Move.ON)


@given(st.sampled_from(WRAPS), st.floats(0, 1), st.floats(0, 1))
def test_what_ran_over_its_end_is_counted_whole(end, left, further):
    before, after = end - left, further * min(1.0, end / 4)
    delta, move = one(before, after, most=2.1)
    assert move is Move.ROLLED_OVER
    assert abs(delta - (left + after)) < 1e-6 * end


@given(st.floats(1_000, 5_000), st.floats(0, 1))
def test_what_began_anew_has_counted_at_least_what_it_shows(before, after):
    assert one(before, after, most=1.5) == (after, Move.RESET)


@given(amounts, st.floats(2, 1e9))
def test_what_leapt_is_not_known(before, leap):
    delta, move = one(before, before + leap, most=1.0)
    assert move is Move.JUMPED
    assert np.isnan(delta)


def test_what_began_anew_with_more_than_it_can_have_counted_is_not_known():
    delta, move = one(9_000.0, 4_000.0, most=1.0)
    assert move is Move.RESET
    assert np.isnan(delta)


@given(st.lists(st.tuples(amounts, amounts, amounts), min_size=1))
def test_no_difference_is_ever_negative_or_more_than_possible(pairs):
    before, after, most = np.array(pairs).T
    delta = moved(before, after, most).delta
    known = ~np.isnan(delta)
    assert (delta[known] >= 0).all()
    assert (delta[known] <= most[known]).all()


def test_a_missing_value_is_no_event():
    made = moved(np.array([np.nan, 3.0]), np.array([5.0, np.nan]), np.array([1.0, 1.0]))
    assert np.isnan(made.delta).all()
    assert made.move.tolist() == [Move.ON, Move.ON]
