"""The drift monitor: exact counts over a sliding day, and a limit that few rigs do not break."""

import math
from itertools import pairwise

import msgspec
import numpy as np
import pytest

from lode_models.rig import FEATURES, load
from lode_models.rig.drift import PANE_MS, PANES, Counted, Drift, Monitor, bins, index, limit

CARD = load().card
T0_MS = 1_700_000_000_000 // PANE_MS * PANE_MS


def draw(random: np.random.Generator, n: int) -> np.ndarray:
    """Features distributed as the reference."""
    out = np.full((n, len(FEATURES)), np.nan, np.float32)
    for number, (edges, shares) in enumerate(zip(CARD.edges, CARD.shares, strict=True)):
        middles = [edges[0] - 1, *((a + b) / 2 for a, b in pairwise(edges)),
                   edges[-1] + 1, np.nan]  # fmt: skip
        out[:, number] = random.choice(middles, n, p=np.array(shares) / sum(shares))
    return out


def looked(monitor: Monitor, hour: int) -> tuple[Drift, ...]:
    monitor.look(T0_MS + hour * PANE_MS)
    return monitor.drifts


def test_the_index_is_the_formula():
    expected = np.array([0.5, 0.3, 0.2])
    counts = np.array([3000, 3000, 4000])
    p = (counts + 0.5) / (counts.sum() + 1.5)
    by_hand = sum((a - b) * math.log(a / b) for a, b in zip(p, expected, strict=True))
    assert index(counts, expected) == pytest.approx(by_hand)
    assert by_hand == pytest.approx(0.24 - 0.24 + 0.2407, abs=0.001)
    assert index((expected * 1000).astype(int), expected) < 1e-5


def test_bins_hold_all_values_and_the_unknown():
    edges = np.array([0.0, 1.0], np.float32)
    values = np.array([-9, 0, 0.5, 1, 99, np.nan], np.float32)
    assert bins(values, edges).tolist() == [0, 1, 1, 2, 2, 3]


@pytest.mark.parametrize(("n", "least", "most"), [(20, 1.3, 1.7), (200, 0.25, 0.25)])
def test_few_rigs_may_differ_by_chance(n, least, most):
    assert least <= limit(11, n, 1500) <= most


def test_like_rigs_do_not_drift_and_others_do_by_name():
    random, monitor = np.random.default_rng(1), Monitor(CARD)
    for hour in range(12):
        monitor.count(T0_MS + hour * PANE_MS, draw(random, 300))
    assert looked(monitor, 11) == ()
    name, number = "chip_temp", [f.name for f in FEATURES].index("chip_temp")
    for hour in range(12, 24):
        x = draw(random, 300)
        x[:, number] += 8
        monitor.count(T0_MS + hour * PANE_MS, x)
    (drift,) = looked(monitor, 23)
    assert (drift.feature, drift.words) == (name, "chip temperature, °C, against its class")
    assert drift.index > drift.limit
    (again,) = looked(monitor, 24)
    assert again.since_ms == drift.since_ms == T0_MS + 23 * PANE_MS
    for hour in range(24, 47):
        monitor.count(T0_MS + hour * PANE_MS, draw(random, 300))
    assert looked(monitor, 46) == ()


def test_a_sensor_that_is_missing_everywhere_is_drift():
    random, monitor = np.random.default_rng(2), Monitor(CARD)
    for hour in range(12):
        x = draw(random, 300)
        x[:, 0] = np.nan
        monitor.count(T0_MS + hour * PANE_MS, x)
    assert [drift.feature for drift in looked(monitor, 11)] == ["hashrate"]


def test_the_window_forgets_exactly_what_is_older_than_a_day():
    random, monitor, days = np.random.default_rng(3), Monitor(CARD), {}
    hour = 0
    for _ in range(80):
        hour += int(random.choice([0, 1, 1, 2, 30], p=[0.3, 0.3, 0.3, 0.07, 0.03]))
        x = draw(random, 20)
        days.setdefault(hour, []).append(x)
        monitor.count(T0_MS + hour * PANE_MS, x)
        fresh = Monitor(CARD)
        for old, parts in days.items():
            if old > hour - PANES:
                fresh.count(T0_MS + old * PANE_MS, np.concatenate(parts))
        np.testing.assert_array_equal(monitor._total, fresh._total)
    assert len(days) > PANES


def test_it_says_nothing_before_it_has_seen_enough_and_outlives_a_restart():
    random, monitor = np.random.default_rng(4), Monitor(CARD)
    for hour in range(5):
        monitor.count(T0_MS + hour * PANE_MS, draw(random, 300) + 5)
        assert looked(monitor, hour) == ()
    other = Monitor(CARD)
    kept = msgspec.msgpack.encode(monitor.snapshot())
    other.restore(msgspec.msgpack.decode(kept, type=Counted))
    for each in (monitor, other):
        each.count(T0_MS + 5 * PANE_MS, draw(np.random.default_rng(5), 300) + 5)
    assert looked(other, 5) == looked(monitor, 5) != ()
    again = Monitor(CARD)
    again.restore(other.snapshot())
    assert again.drifts == other.drifts


def test_counts_of_other_features_or_bins_are_refused_and_nothing_is_taken():
    monitor, kept = Monitor(CARD), Monitor(CARD).snapshot()
    for wrong in ({"panes": kept.panes[1:]}, {"rigs": [1]}, {"begun": [1] * (PANES + 1)}):
        with pytest.raises(ValueError, match=r"panes|shape"):
            monitor.restore(msgspec.structs.replace(kept, **wrong))
    assert monitor.snapshot() == kept
