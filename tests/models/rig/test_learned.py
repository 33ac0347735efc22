"""The opinion: it lasts before it is said, it never speaks first, and drift silences it."""

from dataclasses import replace

import msgspec
import numpy as np
import pytest

from lode_models.peers import Rigs
from lode_models.rig import Drift, Kept, Learned, Trial, load
from lode_models.rig.learned import Standing
from lode_models.rig.trial import DAY_MS
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
        learned.take(slots, rows)
        said += [(now_ms, opinion) for opinion in learned.judge(now_ms, others)]
    return said


def only(learned: Learned) -> Standing:
    """How it stands at the only site."""
    (standing,) = learned.standings.values()
    return standing


def advising(learned: Learned) -> Learned:
    only(learned).stage = "advisory"
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
        trial = only(learned).trial
        assert (trial.alone, trial.seconded) == (int(not shared), int(shared))


def test_what_others_find_and_it_does_not_is_counted():
    learned = Learned(load(), rigs_of(N))
    run(learned, None, others=[5], steps=60)
    run(learned, None, others=(), steps=10, first=60)
    assert only(learned).trial.missed == 1


def test_in_shadow_it_accompanies_nothing_and_as_adviser_only_what_it_shares():
    learned = Learned(load(), rigs_of(N))
    run(learned)
    assert learned.second(3) is None
    opinion = advising(learned).second(3)
    assert opinion is not None
    assert learned.second(4) is None
    assert opinion.raised(0.6) == pytest.approx(0.72)
    assert all(c <= opinion.raised(c) <= 1 for c in np.linspace(0, 1, 11))
    only(learned).stage = "shadow"
    assert learned.second(3) is None


def test_drift_silences_it():
    learned = advising(Learned(load(), rigs_of(N)))
    run(learned)
    assert learned.second(3) is not None
    only(learned).monitor.drifts = (
        Drift(feature="power", words="power", index=1.0, limit=0.25, since_ms=1),
    )
    assert learned.second(3) is None


def test_a_hall_unlike_those_it_was_trained_on_is_told_and_it_falls_silent():
    def without_fans(step, columns):
        columns["fan_rpm"][:] = np.nan
        columns["fans_alive"][:] = np.nan
        if step >= 700:
            columns["chip_temp_c"][3] += 15

    learned = advising(Learned(load(), rigs_of(N)))
    run(learned, without_fans, others=[3], steps=760)
    drifts = only(learned).monitor.drifts
    assert {drift.feature for drift in drifts} >= {"fan_rpm", "fans"}
    assert all(drift.index > 0.8 * drift.limit for drift in drifts)
    assert learned.second(3) is None
    assert learned.scores[3] >= 0.5  # it still has its opinion, and keeps it to itself


def test_each_site_has_its_own_trial_drift_and_leave():
    def fanless_at_b(step, columns):
        hot(step, columns)
        columns["chip_temp_c"][N + 3] += 15 * (step >= BEGIN)
        columns["fan_rpm"][N:] = np.nan
        columns["fans_alive"][N:] = np.nan

    rigs = [*rigs_of(N).rows, *(replace(rig, site="b") for rig in rigs_of(N).rows)]
    learned = Learned(load(), Rigs([*rigs, replace(rigs[0], site="c", is_watched=False)]))
    assert set(learned.standings) == {"a", "b"}
    learned.standings["a"].stage = learned.standings["b"].stage = "advisory"
    for now_ms, slots, rows in frames(2 * N, 760, fanless_at_b):
        learned.take(slots, rows)
        learned.judge(now_ms, [3])
    here, there = learned.standings["a"], learned.standings["b"]
    assert not {"fan_rpm", "fans"} & {drift.feature for drift in here.monitor.drifts}
    assert {"fan_rpm", "fans"} <= {drift.feature for drift in there.monitor.drifts}
    here.monitor.drifts = ()
    assert learned.second(3) is not None
    assert learned.second(N + 3) is None
    there.trial.alone = 7
    again = Learned(load(), rigs_of(N))
    again.restore("b", learned.snapshot("b"))  # a site that is no longer ours
    again.restore("a", learned.snapshot("a"))
    assert only(again).trial == here.trial


def test_a_clock_that_is_set_back_does_not_stop_it():
    learned = Learned(load(), rigs_of(N))
    learned.judge(T0_MS + DAY_MS, ())
    run(learned, steps=60)
    assert not np.isnan(learned.scores).any()


def test_a_trial_says_what_it_lacks():
    trial = Trial(model_sha256="x")
    assert trial.lacks() == ("0.0 of 14 days judged", "0 of 20 opinions shared by others")
    trial.judged_ms, trial.seconded, trial.alone = int(14 * DAY_MS), 20, 21
    assert trial.lacks() == ("49% of its opinions shared, 50% asked",)
    trial.seconded = 21
    assert trial.lacks() == ()


def test_time_without_judging_is_no_trial():
    trial = Trial(model_sha256="x")
    for now_ms in (0, MINUTE_MS, 2 * MINUTE_MS, 9 * DAY_MS, 9 * DAY_MS + MINUTE_MS):
        trial.judged(T0_MS + now_ms)
    assert trial.judged_ms == 3 * MINUTE_MS + 5 * MINUTE_MS


def test_a_restart_keeps_the_trial_and_another_model_has_its_own():
    learned = Learned(load(), rigs_of(N))
    run(learned)
    again = Learned(load(), rigs_of(N))
    again.restore("a", learned.snapshot("a"))
    assert only(again).trial == only(learned).trial
    assert again.snapshot("a") == learned.snapshot("a")
    assert Kept.of(learned.snapshot("a")).trial.judged_ms == 49 * MINUTE_MS
    only(learned).trial.model_sha256 = "another"
    other = Learned(load(), rigs_of(N))
    other.restore("a", learned.snapshot("a"))
    assert only(other).trial == Trial(model_sha256=other.model.card.model_sha256)


@pytest.mark.parametrize("kept", [b"", b"\x01", b"\x80", b"\x81\xa5trial\x80"])
def test_what_is_no_snapshot_is_refused(kept):
    with pytest.raises(ValueError, match="no snapshot of a trial"):
        Learned(load(), rigs_of(N)).restore("a", kept)


def test_a_snapshot_of_other_bins_leaves_the_trial_as_it_was():
    learned = Learned(load(), rigs_of(N))
    run(learned, steps=60)
    kept = Kept.of(learned.snapshot("a"))
    wrong = msgspec.structs.replace(kept, drift=msgspec.structs.replace(kept.drift, panes=[1]))
    again = Learned(load(), rigs_of(N))
    with pytest.raises(ValueError, match="reshape"):
        again.restore("a", msgspec.msgpack.encode(wrong))
    assert only(again).trial.judged_ms == 0


def test_without_rigs_there_is_nothing_to_say():
    learned = Learned(load(), rigs_of(0))
    assert learned.judge(T0_MS, ()) == []
    assert learned.standings == {}


def test_rigs_that_come_begin_and_the_others_go_on():
    learned = advising(Learned(load(), rigs_of(N)))
    run(learned)
    learned.fit(rigs_of(N + 5))
    assert len(learned.scores) == N + 5
    assert learned.second(3) is not None
    assert [opinion for _, opinion in run(learned, steps=10, first=120)] == []  # said already
    learned.fit(rigs_of(N, model="S21"))
    assert learned.second(3) is None
    learned.judge(T0_MS + DAY_MS, ())
    assert np.isnan(learned.scores).all()  # nobody was heard of late


def test_a_site_whose_rigs_are_away_for_a_while_keeps_its_trial():
    learned = advising(Learned(load(), rigs_of(N)))
    run(learned, steps=60)
    before, kept = only(learned), learned.snapshot("a")
    learned.fit(rigs_of(0))
    assert learned.judge(T0_MS + DAY_MS, ()) == []
    assert learned.snapshot("a") == kept
    learned.fit(rigs_of(N))
    assert only(learned) is before
