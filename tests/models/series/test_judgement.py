"""What it finds, what it leaves alone, and what it is not thrown by."""

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lode_models.series import SeriesDetector, replay, state
from tests.models.series.families import FAULT, series

TOLD = 0.5  # the score at which a person should be told
SEEDS = range(3)
DAY_MS = 86_400_000


def scored(values: npt.NDArray, step_s: int = 300) -> npt.NDArray[np.float32]:
    at_ms = 1_760_054_400_000 + np.arange(values.size, dtype=np.int64) * step_s * 1000
    return replay(at_ms, values).score


def told(scores: npt.NDArray, where: slice) -> int:
    return int((scores[where] >= TOLD).sum())


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(
    ("fault", "within"),
    [("spike", 1), ("step", 1), ("off", 1), ("noisier", 25), ("drift", 150)],
)
def test_a_fault_is_told_in_time_and_once(fault: str, within: int, seed: int) -> None:
    found = series(fault, seed)
    scores = replay(found.at_ms, found.values).score
    assert told(scores, slice(FAULT.start, FAULT.start + within)) >= 1
    assert told(scores, FAULT) <= 5
    assert told(scores, slice(0, FAULT.start)) == 0


@pytest.mark.parametrize("seed", SEEDS)
def test_a_quiet_series_stays_quiet(seed: int) -> None:
    found = series("nothing", seed)
    assert told(replay(found.at_ms, found.values).score, slice(None)) <= 1


@settings(max_examples=20, deadline=None)
@given(
    st.floats(1e-9, 1e9),
    st.floats(-1e3, 1e3),
    st.sampled_from(["spike", "step", "noisier"]),
)
def test_neither_unit_nor_zero_nor_sign_matters(scale: float, offset: float, fault: str) -> None:
    found = series(fault, 1)
    rows = slice(FAULT.start - 600, FAULT.start + 50)
    plain = replay(found.at_ms[rows], found.values[rows]).score
    moved = replay(found.at_ms[rows], (offset * 1000 - found.values[rows]) * scale).score
    assert moved == pytest.approx(plain, abs=0.02)


def test_a_constant_says_nothing_until_it_changes() -> None:
    values = np.full(500, 0.1)
    values[400:] = 0.2
    scores = scored(values)
    assert scores[:400].max() == 0
    assert scores[400] >= TOLD
    assert told(scores, slice(401, None)) == 0


def test_rounding_is_no_change() -> None:
    values = np.where(np.arange(300) % 7 == 6, 0.1 + 0.2, 0.3)
    assert scored(values).max() < TOLD


def test_one_outlier_does_not_move_the_level() -> None:
    values = np.random.default_rng(1).normal(100, 1, 2000)
    spoilt = values.copy()
    spoilt[1000] = 1e30
    detectors = {name: SeriesDetector(1) for name in ("clean", "spoilt")}
    for name, column in (("clean", values), ("spoilt", spoilt)):
        for row, value in enumerate(column[:1010]):
            detectors[name].tick(row * 300_000, np.array([value]))
    clean, other = (
        {"level": s[state.LEVEL, 0], "fast": s[state.FAST, 0], "scale": s[state.SCALE][0, 0]}
        for s in (detectors["clean"].state, detectors["spoilt"].state)
    )
    assert abs(other["level"] - clean["level"]) < 0.05
    assert abs(other["fast"] - clean["fast"]) < 0.5
    assert other["scale"] == pytest.approx(clean["scale"], rel=0.02)


@pytest.mark.parametrize("garbage", [4_294_967_295.0, 65_535.0, -9999.0, 1e36])
@pytest.mark.parametrize("places", [[0], [3], [0, 1, 2, 3], [10], [29]])
def test_garbage_at_the_start_blinds_nobody(garbage: float, places: list[int]) -> None:
    values = np.random.default_rng(8).normal(50, 1, 1200)
    values[1000:] += 20
    clean = scored(values, 20)
    values[places] = garbage
    scores = scored(values, 20)
    assert scores[1000] >= TOLD
    assert scores[1000] == pytest.approx(clean[1000], abs=0.1)
    assert told(scores, slice(40, 1000)) <= 1


def test_it_gets_used_to_a_new_level() -> None:
    values = np.random.default_rng(2).normal(100, 1, 6000)
    values[2000:] += 30
    scores = scored(values)
    assert scores[2000] >= TOLD
    assert told(scores, slice(2050, None)) <= 4
    values[5000] += 12
    assert scored(values)[5000] >= TOLD


def test_a_gap_changes_nothing() -> None:
    values = np.random.default_rng(3).normal(100, 1, 1000)
    detector = SeriesDetector(1)
    for row, value in enumerate(values):
        detector.tick(row * 1000, np.array([value]))
    before = detector.snapshot()
    for missing in (np.nan, np.inf, -np.inf):
        seen = detector.tick(2_000_000, np.array([missing]))
        assert np.isnan(seen.score[0])
        assert np.isnan(seen.surprise[0])
    assert detector.snapshot() == before


def test_repeated_and_earlier_times_are_taken() -> None:
    values = np.random.default_rng(4).normal(100, 1, 600)
    at_ms = np.arange(600, dtype=np.int64) * 1000
    at_ms[300:350] = at_ms[300]
    at_ms[400:410] = at_ms[399:389:-1]
    scores = replay(at_ms, values).score
    assert np.isfinite(scores).all()
    assert told(scores, slice(None)) <= 1


def test_a_time_of_day_is_known_the_next_day() -> None:
    hour = np.arange(20 * 24 * 12) // 12 % 24
    values = np.where(hour == 3, 80.0, 20.0) + np.random.default_rng(5).normal(0, 0.5, hour.size)
    usual = scored(values)
    assert told(usual, slice(15 * 288, None)) == 0
    values[17 * 288 + 180 : 17 * 288 + 192] = 80.0  # as high as ever, but at three in the afternoon
    assert told(scored(values), slice(17 * 288 + 180, 17 * 288 + 192)) >= 1


def test_the_surprise_stays_while_the_score_says_it_once() -> None:
    values = np.random.default_rng(6).normal(100, 1, 1200)
    values[1000:1006] += 15
    seen = replay(np.arange(1200, dtype=np.int64) * DAY_MS // 288, values)
    assert (seen.surprise[1000:1003] > 5).all()
    assert 1 <= told(seen.score, slice(1000, 1006)) <= 2


def test_a_score_is_between_0_and_1_whatever_comes() -> None:
    random = np.random.default_rng(7)
    values = random.normal(0, 1, 3000) * 10 ** random.uniform(-300, 300, 3000)
    scores = scored(values)
    assert scores.min() >= 0
    assert scores.max() < 1
