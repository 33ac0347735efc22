"""The opinion: it lasts before it is said, it never speaks first, and drift silences it."""

import numpy as np
import pytest

from lode_models.errors import NotYetError
from lode_models.rig import Learned, Trial, load
from lode_models.rig.trial import DAY_MS, LEAST_DAYS
from tests.models.rig.halls import T0_MS, frames, rigs_of

N, BEGIN = 20, 60
MINUTE_MS = 60_000


def hot(step, columns):
    if step >= BEGIN:
        columns["chip_temp_c"][3] += 15
        columns["hashrate_ths"][3] *= 0.9


def run(learned, change=hot, others=(), steps=120, first=0):
    said = []
    for now_ms, slots, rows in frames(N, steps, change, first):
        said += [
            (now_ms, opinion) for opinion in learned.judge(now_ms, slots, rows, others).opinions
        ]
    return said


def shown(learned: Learned) -> Learned:
    """A model that has shown enough."""
    learned.trial.judged_ms = int(LEAST_DAYS * DAY_MS)
    learned.trial.seconded = 40
    return learned


def test_a_strange_rig_is_told_once_with_its_reasons_when_it_has_lasted():
    ((now_ms, opinion),) = run(Learned(load(), rigs_of(N)))
    assert (opinion.slot, opinion.is_active, opinion.is_shared) == (3, True, False)
    assert 2 * MINUTE_MS <= now_ms - (T0_MS + BEGIN * 30_000) <= 6 * MINUTE_MS
    assert opinion.since_ms == now_ms - 2 * MINUTE_MS
    assert opinion.score >= 0.5
    assert len(opinion.reasons) == 3
    assert "chip" in opinion.reasons[0].feature


def test_it_is_over_when_the_rig_was_repaired_and_counts_as_alone_or_shared():
    def for_a_while(step, columns):
        if step < 90:
            hot(step, columns)
        else:
            columns["uptime_s"][3] = 30 * (step - 90)

    for others, shared in (((), False), ([3], True)):
        learned = Learned(load(), rigs_of(N))
        said = [opinion for _, opinion in run(learned, for_a_while, others, steps=150)]
        assert [opinion.is_active for opinion in said] == [True, False]
        assert said[-1].is_shared is shared
        assert (learned.trial.alone, learned.trial.seconded) == (int(not shared), int(shared))


def test_what_others_find_and_it_does_not_is_counted():
    learned = Learned(load(), rigs_of(N))
    run(learned, None, others=[5], steps=60)
    run(learned, None, others=(), steps=10, first=60)
    assert learned.trial.missed == 1


def test_in_shadow_it_accompanies_nothing_and_as_adviser_only_what_it_shares():
    learned = Learned(load(), rigs_of(N))
    run(learned)
    assert learned.second(3) is None
    shown(learned).trial.promote("anna", 1)
    opinion = learned.second(3)
    assert opinion is not None
    assert learned.second(4) is None
    assert opinion.raised(0.6) == pytest.approx(0.72)
    assert all(c <= opinion.raised(c) <= 1 for c in np.linspace(0, 1, 11))
    learned.trial.demote("ben", 2)
    assert learned.second(3) is None
    assert (learned.trial.decided_by, learned.trial.decided_ms) == ("ben", 2)


def test_drift_silences_it():
    learned = shown(Learned(load(), rigs_of(N)))
    run(learned)
    learned.trial.promote("anna", 1)
    learned.monitor.active[0] = True
    assert learned.is_drifting
    assert learned.second(3) is None


def test_a_hall_unlike_those_it_was_trained_on_is_told_and_it_falls_silent():
    def without_fans(step, columns):
        columns["fan_rpm"][:] = np.nan
        columns["fans_alive"][:] = np.nan
        if step >= 700:
            columns["chip_temp_c"][3] += 15

    learned = shown(Learned(load(), rigs_of(N)))
    learned.trial.promote("anna", 1)
    drifts = []
    for now_ms, slots, rows in frames(N, 760, without_fans):
        drifts += learned.judge(now_ms, slots, rows, [3]).drifts
    assert {drift.feature for drift in drifts} >= {"fan_rpm", "fans"}
    assert all(drift.is_active and drift.index > drift.limit for drift in drifts)
    assert learned.second(3) is None
    assert learned.scores[3] >= 0.5  # it still has its opinion, and keeps it to itself


def test_a_clock_that_is_set_back_does_not_stop_it():
    learned = Learned(load(), rigs_of(N))
    learned.judge(T0_MS + DAY_MS, np.zeros(0, np.intp), np.zeros(0, rows_type()), ())
    run(learned, steps=60)
    assert not np.isnan(learned.scores).any()


def test_only_a_person_promotes_and_not_before_it_has_shown_enough():
    trial = Trial(model_sha256="x")
    with pytest.raises(NotYetError, match=r"0.0 of 14 days judged; 0 of 20 opinions"):
        trial.promote("anna", 1)
    trial.judged_ms, trial.seconded, trial.alone = int(14 * DAY_MS), 20, 21
    with pytest.raises(NotYetError, match="49% of its opinions shared"):
        trial.promote("anna", 1)
    trial.seconded = 21
    with pytest.raises(ValueError, match="name the person"):
        trial.promote(" ", 1)
    assert trial.stage == "shadow"
    trial.promote("anna", 1)
    assert trial.stage == "advisory"


def test_time_without_judging_is_no_trial():
    trial = Trial(model_sha256="x")
    for now_ms in (0, MINUTE_MS, 2 * MINUTE_MS, 9 * DAY_MS, 9 * DAY_MS + MINUTE_MS):
        trial.judged(T0_MS + now_ms)
    assert trial.judged_ms == 3 * MINUTE_MS + 5 * MINUTE_MS


def test_a_restart_keeps_the_trial_and_another_model_has_its_own():
    learned = shown(Learned(load(), rigs_of(N)))
    run(learned)
    learned.trial.promote("anna", 1)
    again = Learned(load(), rigs_of(N))
    again.restore(learned.snapshot())
    assert again.trial == learned.trial
    assert again.snapshot() == learned.snapshot()
    learned.trial.model_sha256 = "another"
    other = Learned(load(), rigs_of(N))
    other.restore(learned.snapshot())
    assert other.trial == Trial(model_sha256=other.model.card.model_sha256)


@pytest.mark.parametrize("kept", [b"", b"\x01", b"\x80", b"\x81\xa5trial\x80"])
def test_what_is_no_snapshot_is_refused(kept):
    with pytest.raises(ValueError, match="no snapshot of a trial"):
        Learned(load(), rigs_of(N)).restore(kept)


def test_without_rigs_there_is_nothing_to_say():
    learned = Learned(load(), rigs_of(0))
    nobody = np.zeros(0, np.intp), np.zeros(0, rows_type())
    assert learned.judge(T0_MS, *nobody, ()).opinions == []
    assert learned.trial.judged_ms == 0


def test_rigs_that_come_and_go_begin_anew():
    learned = Learned(load(), rigs_of(N))
    run(learned)
    learned.fit(rigs_of(N + 5))
    assert len(learned.scores) == N + 5
    learned.judge(T0_MS + DAY_MS, np.zeros(0, np.intp), np.zeros(0, rows_type()), ())
    assert np.isnan(learned.scores).all()  # nobody was heard of late


def rows_type() -> np.dtype:
    ((_, _, rows),) = frames(N, 1)
    return rows.dtype
