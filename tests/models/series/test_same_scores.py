"""However samples are cut, grouped or carried over a restart, their scores are the same bits."""

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from lode_models.series import Scores, SeriesDetector, replay, state

LENGTH = 80  # more than it takes until tails are learnt and something is said

numbers = st.floats(allow_nan=True, allow_infinity=True, width=64)
calm = st.floats(-10, 10, width=16)
values = hnp.arrays(np.float64, LENGTH, elements=st.one_of(calm, calm, calm, numbers))
pauses_ms = hnp.arrays(np.int64, LENGTH, elements=st.integers(-10_000, 40_000_000))
tables = hnp.arrays(np.float64, (LENGTH, 5), elements=st.one_of(calm, calm, numbers))


def ticked(detector: SeriesDetector, at_ms: npt.NDArray[np.int64], rows: npt.NDArray) -> Scores:
    seen = [detector.tick(int(at), row) for at, row in zip(at_ms, rows, strict=True)]
    return Scores(np.array([s.score for s in seen]), np.array([s.surprise for s in seen]))


def assert_same(one: Scores, other: Scores) -> None:
    assert np.array_equal(one.score, other.score, equal_nan=True)
    assert np.array_equal(one.surprise, other.surprise, equal_nan=True)


@settings(max_examples=30, deadline=None)
@given(values, pauses_ms)
def test_replay_says_the_same_as_ticks(values: npt.NDArray, pauses: npt.NDArray) -> None:
    at_ms = 1_760_000_000_000 + pauses.cumsum()
    said = ticked(SeriesDetector(1), at_ms, values[:, None])
    assert_same(replay(at_ms, values), Scores(said.score[:, 0], said.surprise[:, 0]))


@settings(max_examples=20, deadline=None)
@given(values, pauses_ms, st.integers(1, LENGTH - 1))
def test_a_prefix_scores_as_in_the_whole(
    values: npt.NDArray, pauses: npt.NDArray, cut: int
) -> None:
    at_ms = 1_760_000_000_000 + pauses.cumsum()
    whole = replay(at_ms, values)
    assert_same(replay(at_ms[:cut], values[:cut]), Scores(whole.score[:cut], whole.surprise[:cut]))


@settings(max_examples=12, deadline=None)
@given(tables, st.integers(0, LENGTH))
def test_a_restart_changes_nothing(table: npt.NDArray, cut: int) -> None:
    at_ms = np.arange(LENGTH, dtype=np.int64) * 60_000
    unbroken = SeriesDetector(5)
    said = ticked(unbroken, at_ms, table)
    before = SeriesDetector(5)
    ticked(before, at_ms[:cut], table[:cut])
    after = SeriesDetector.restore(before.snapshot())
    rest = ticked(after, at_ms[cut:], table[cut:])
    assert np.array_equal(said.score[cut:], rest.score.reshape(-1, 5), equal_nan=True)
    assert after.snapshot() == unbroken.snapshot()


@settings(max_examples=12, deadline=None)
@given(tables, st.permutations(range(5)), st.integers(1, 4))
def test_series_know_nothing_of_each_other(table: npt.NDArray, order: list[int], some: int) -> None:
    at_ms = np.arange(LENGTH, dtype=np.int64) * 60_000
    together = ticked(SeriesDetector(5), at_ms, table)
    chosen = order[:some]
    apart = ticked(SeriesDetector(some), at_ms, table[:, chosen])
    assert_same(apart, Scores(together.score[:, chosen], together.surprise[:, chosen]))


def test_more_series_than_a_chunk_score_as_each_alone() -> None:
    random = np.random.default_rng(3)
    table = random.normal(50, 2, (120, 10_000))
    table[random.random(table.shape) < 0.02] = np.nan
    table[100, ::7] += 60
    at_ms = np.arange(120, dtype=np.int64) * 60_000
    together = ticked(SeriesDetector(10_000), at_ms, table)
    for column in (0, 4095, 4096, 7 * 1170, 9_999):
        alone = replay(at_ms, table[:, column])
        assert_same(alone, Scores(together.score[:, column], together.surprise[:, column]))


def test_each_series_may_have_its_own_time() -> None:
    table = np.random.default_rng(4).normal(0, 1, (200, 2))
    at_ms = np.arange(200, dtype=np.int64)[:, None] * [60_000, 7_000_000] + 1_760_000_000_000
    detector = SeriesDetector(2)
    said = np.array([detector.tick(at, row).score for at, row in zip(at_ms, table, strict=True)])
    for column in (0, 1):
        assert np.array_equal(said[:, column], replay(at_ms[:, column], table[:, column]).score)


def test_new_series_join_and_old_ones_are_forgotten() -> None:
    table = np.random.default_rng(5).normal(0, 1, (100, 3))
    at_ms = np.arange(100, dtype=np.int64) * 60_000
    detector = SeriesDetector(1)
    ticked(detector, at_ms[:50], table[:50, :1])
    detector.grow(3)
    detector.forget(np.array([0]))
    assert detector.series == 3
    fresh = SeriesDetector(3)
    assert_same(ticked(detector, at_ms, table), ticked(fresh, at_ms, table))
    assert detector.snapshot() == fresh.snapshot()


def test_a_series_takes_less_than_400_bytes() -> None:
    assert SeriesDetector(1000).state.nbytes / 1000 == 216
    assert state.empty(1).dtype == np.float32


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda data: b"", "too few"),
        (lambda data: b"X" + data[1:], "another version"),
        (lambda data: data[:-1], "cut short or damaged"),
        (lambda data: data[:-1] + b"\x01", "cut short or damaged"),
        (lambda data: data + b"more", "cut short or damaged"),
    ],
)
def test_a_damaged_snapshot_is_refused(damage, message: str) -> None:
    data = SeriesDetector(2).snapshot()
    with pytest.raises(ValueError, match=message):
        SeriesDetector.restore(damage(data))


def test_a_tick_needs_a_value_a_series() -> None:
    with pytest.raises(ValueError, match="give one each"):
        SeriesDetector(3).tick(0, np.zeros(2))
