"""The features: the same at training and run time, and never wrong where something is missing."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lode_models.peers import SAMPLE, Rigs
from lode_models.rig import FEATURES, Learned, load
from lode_models.rig.examples import gather
from lode_models.rig.features import Window
from lode_wire.records import State
from tests.models.rig.halls import frames, rigs_of

NAMES = [feature.name for feature in FEATURES]
N, STEPS = 20, 60


def last(change=None, n: int = N, steps: int = STEPS, rigs: Rigs | None = None) -> np.ndarray:
    window = Window(rigs or rigs_of(n))
    for now_ms, slots, rows in frames(n, steps, change):
        window.take(slots, rows)
        at_ms = now_ms
    return window.features(at_ms)


def value(x: np.ndarray, name: str, slot: int = 0) -> float:
    return float(x[slot, NAMES.index(name)])


def test_run_time_asks_with_the_features_that_training_teaches(monkeypatch):
    asked = []
    model = load()
    score = model.score
    monkeypatch.setattr(model, "score", lambda x: asked.append(x) or score(x))
    learned = Learned(model, rigs_of(N))
    for now_ms, slots, rows in frames(N, STEPS):
        learned.take(slots, rows)
        learned.judge(now_ms, ())
    taught = gather(frames(N, STEPS), rigs_of(N), {})
    seen = [x[~np.isnan(x).all(axis=1)] for x in asked]
    assert len(taught.x) > N * 5
    np.testing.assert_array_equal(np.concatenate(seen), taught.x)


def test_each_feature_shows_what_it_is_named_for():
    def faults(step, columns):
        columns["hashrate_ths"][0] *= 0.9
        columns["chip_temp_c"][1] += 10
        columns["boards_alive"][2] = 2 if step > 50 else 3
        columns["fan_rpm"][3] *= 1.2
        columns["rejected_shares"][4] = 10 + step
        columns["power_w"][5] *= 1.1 if step > 50 else 1

    x, calm = last(faults), last()
    assert value(x, "hashrate") == pytest.approx(value(calm, "hashrate") + np.log(0.9), abs=0.005)
    assert value(x, "efficiency") == pytest.approx(
        value(calm, "efficiency") - np.log(0.9), abs=0.006
    )
    assert value(x, "chip_temp", 1) == pytest.approx(value(calm, "chip_temp", 1) + 10, abs=0.7)
    assert value(x, "chip_over_board", 1) > 9
    assert value(x, "boards", 2) == pytest.approx(2 / 3)
    assert value(x, "fan_rpm", 3) - value(calm, "fan_rpm", 3) == pytest.approx(0.182, abs=0.02)
    assert value(x, "rejects", 4) > 0.2
    assert value(x, "power_change", 5) > 0.03
    assert abs(value(calm, "power_change", 5)) < 0.01


@pytest.mark.parametrize("state", [State.SLEEPING, State.CURTAILED, State.TUNING])
def test_a_rig_that_should_not_mine_is_not_looked_at_nor_soon_after(state):
    def rests(step, columns):
        if 20 <= step < 45:
            columns["state"][0] = state

    x = last(rests, steps=60)
    assert np.isnan(x[0]).all()  # 7.5 min after it came back
    assert not np.isnan(x[1]).any()
    assert not np.isnan(last(rests, steps=70)[0, 0])


@pytest.mark.parametrize("what", ["mode", "restart", "counters", "silence", "no hash"])
def test_after_a_change_a_rig_begins_anew(what):
    def change(step, columns):
        if what == "mode":
            columns["mode"][0] = int(step >= 50)
        if what == "restart" and step >= 50:
            columns["uptime_s"][0] = 30 * (step - 50)
        if what == "counters" and step >= 50:
            columns["accepted_shares"][0] = 6 * (step - 50)
        if what == "no hash" and step < 50:
            columns["hashrate_ths"][0] = 5
        if what == "silence" and 43 <= step < 50:
            columns["state"][0] = State.UNREACHABLE

    assert np.isnan(last(change)[0]).all()
    assert not np.isnan(last(change, steps=75)[1]).any()


def test_what_hits_a_class_leaves_the_rest_of_it_unjudged():
    def outage(step, columns):
        if step > 40:
            columns["hashrate_ths"][: N // 2] = 0

    assert np.isnan(last(outage)).all()


def test_what_a_rig_does_not_tell_is_unknown_and_not_zero():
    def silent(_, columns):
        for name in ("chip_temp_c", "fan_rpm", "uptime_s", "chips_alive"):
            columns[name][0] = np.nan

    x = last(silent)
    unknown = {name for name, v in zip(NAMES, x[0], strict=True) if np.isnan(v)}
    assert unknown == {
        "chip_temp", "chip_over_board", "fan_rpm", "chips", "uptime",
        "chip_temp_change", "chip_over_board_change", "fan_rpm_change",
    }  # fmt: skip
    assert not np.isnan(x[1]).any()


def test_a_class_without_fans_has_unknown_fans():
    def immersed(_, columns):
        columns["fans_alive"][:] = 0

    x = last(immersed)
    assert {name for name, v in zip(NAMES, x[0], strict=True) if np.isnan(v)} == {"fans"}


def test_a_rig_without_peers_is_held_against_its_rating():
    x = last(lambda _, c: c["hashrate_ths"].__imul__(0.9), n=2)
    assert value(x, "hashrate") == pytest.approx(np.log(0.9), abs=0.03)
    assert np.isnan(value(x, "chip_temp"))


def test_it_does_not_matter_how_readings_are_dealt_out():
    whole, dealt = Window(rigs_of(N)), Window(rigs_of(N))
    for now_ms, slots, rows in frames(N, STEPS):
        whole.take(slots, rows)
        order = np.random.default_rng(now_ms).permutation(N)
        for part in (order[:7], order[7:]):
            dealt.take(slots[part], rows[part])
        dealt.take(slots[:3], rows[:3])  # heard twice
    np.testing.assert_array_equal(whole.features(now_ms), dealt.features(now_ms))


def test_rigs_that_stay_keep_their_past_and_new_ones_begin():
    window = Window(rigs_of(N))
    for now_ms, slots, rows in frames(N, STEPS):
        window.take(slots, rows)
        at_ms = now_ms
    more = Rigs([*window.rigs.rows[:-1], *rigs_of(2, "S21").rows])
    x = window.fitted(more).features(at_ms)
    assert not np.isnan(x[: N - 1, 0]).any()
    assert np.isnan(x[N - 1 :]).all()


FIELDS = (SAMPLE.names or ())[3:]
odd = st.one_of(st.floats(width=32), st.sampled_from([np.nan, np.inf, -np.inf, 0.0, -1.0, 1e30]))
edits = st.lists(
    st.tuples(st.integers(0, 5), st.integers(0, 8), st.sampled_from(FIELDS), odd), max_size=20
)


@settings(max_examples=40, deadline=None)
@given(edits=edits)
def test_no_reading_breaks_it_or_makes_an_infinite_feature(edits):
    window = Window(rigs_of(9))
    for step in range(6):
        ((now_ms, slots, rows),) = frames(9, 1, first=8 * step)
        for at, slot, name, number in edits:
            if at == step:
                rows[name][slot] = number
        window.take(slots, rows)
        assert not np.isinf(window.features(now_ms)).any()
