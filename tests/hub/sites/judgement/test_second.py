"""The learned opinion in the hub: beside others' findings where people let it, never by itself."""

import contextlib
import copy
import shutil
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from lode_hub import sites as domain
from lode_hub.access import Access, Person
from lode_hub.actions import Actions
from lode_hub.errors import ConflictError, ForbiddenError, NotFoundError, UnavailableError
from lode_hub.queries import Queries
from lode_hub.queries.learned import LearnedQueries
from lode_hub.settings import AccessSettings
from lode_hub.sites.judgement import words
from lode_hub.store import trouble
from lode_models import rig
from lode_models.rig import Drift
from lode_models.rig.model import SHIPPED
from lode_models.rig.trial import DAY_MS, LEAST_DAYS
from tests.hub.alerts.stage import rows
from tests.hub.away import full, refusing
from tests.hub.sites.judgement.mine import BOARD_LOST, Mine, with_
from tests.hub.sites.stage import until

MINUTE_MS = 60_000
OPINION = 0.9  # what a made-up model says of a rig it holds for strange
DRIFT = Drift(feature="power", words="power, against its class", index=1.5, limit=0.25, since_ms=7)


@pytest.fixture
async def mine(store, monkeypatch):
    """A mine whose model holds the rigs in `strange` for strange, and all others for usual."""
    monkeypatch.setattr("lode_models.rig.features.SETTLE_MS", 30_000)
    monkeypatch.setattr("lode_models.rig.features.WARM_MS", 60_000)
    made = await Mine.open(store)
    made.strange = set()

    def score(features):
        scores = np.full(len(features), 0.01, np.float32)
        scores[list(made.strange)] = OPINION
        weights = np.zeros_like(features)
        weights[:, 0] = 1
        return np.where(np.isnan(features).all(axis=1), np.nan, scores), weights

    def model():
        loaded = rig.load()
        monkeypatch.setattr(loaded, "score", score)
        return loaded

    made._domain = lambda: domain.Sites(store, load_model=model, clock=lambda: made.now_ms / 1000)
    await made.restart()
    await made.play(3)
    assert made.found == []
    return made


def standing(mine: Mine):
    (found,) = mine.sites._judgement.second.standings.values()
    return found


def has_shown_enough(mine: Mine) -> None:
    trial = standing(mine).trial
    trial.judged_ms, trial.seconded = int(LEAST_DAYS * DAY_MS), 20


@pytest.fixture
async def actions(mine) -> Actions:
    access = Access(mine.store, AccessSettings())
    await access.add("anna", "operator")
    await access.add("vera", "viewer")
    await access.add("otto", "operator", ["elsewhere"])
    return Actions(mine.store, access, clock_ms=lambda: mine.now_ms)


ANNA = Person(name="anna", role="operator")


async def test_alone_it_never_alerts_in_shadow_nor_as_adviser(mine, actions):
    mine.strange = {4, 7}
    await mine.play(6)
    second = mine.sites._judgement.second
    assert set(second._learned._active) == {4, 7}
    has_shown_enough(mine)
    await mine.sites.write_down()
    await actions.let_model("north", "advisory", ANNA)
    await mine.play(6)
    assert second._learned.second(4) is not None
    assert mine.found == []
    assert await mine.alerts() == []
    mine.strange = set()
    await mine.play(3)
    assert standing(mine).trial.alone == 2


async def test_as_adviser_it_stands_beside_a_finding_and_takes_off_doubt(mine, actions):
    has_shown_enough(mine)
    await mine.sites.write_down()
    mine.strange = {4, 7}
    await mine.play(8, with_(4, **BOARD_LOST))
    (alert,) = [one for one in await mine.alerts() if one["rule"] == "rig-board-loss"]
    assert "learned_score" not in alert["evidence"]
    alone = alert["confidence"]
    await actions.let_model("north", "advisory", ANNA)
    await mine.play(2, with_(4, **BOARD_LOST))
    (alert,) = [one for one in await mine.alerts() if one["rule"] == "rig-board-loss"]
    assert alert["confidence"] == pytest.approx(1 - (1 - alone) * 0.7, abs=0.001)
    evidence = alert["evidence"]
    assert evidence["confidence_without"] == pytest.approx(alone)
    assert evidence["learned_score"] == pytest.approx(OPINION)
    assert evidence["learned_since_ms"] > mine.now_ms - 12 * 60_000
    assert evidence["learned_reasons"].startswith("hashrate, against its class -")
    await actions.let_model("north", "shadow", ANNA)
    await mine.play(2, with_(4, **BOARD_LOST))
    (alert,) = [one for one in await mine.alerts() if one["rule"] == "rig-board-loss"]
    assert "learned_score" not in alert["evidence"]
    assert alert["confidence"] == pytest.approx(alone)
    assert {one["subject"] for one in await mine.alerts()} == {f"device:{mine.rigs[4]}"}


async def test_after_a_kill_the_trial_and_the_leave_are_as_they_were(mine, actions):
    has_shown_enough(mine)
    standing(mine).trial.alone, standing(mine).trial.missed = 3, 2
    await mine.sites.write_down()
    await actions.let_model("north", "advisory", ANNA)
    before = standing(mine)
    await mine.restart(in_order=False)
    after = standing(mine)
    assert after.trial == before.trial
    assert after.stage == "advisory"
    assert after.monitor.snapshot() == before.monitor.snapshot()
    assert after.monitor.snapshot().rigs != [0] * 24
    async with mine.store.pool.connection() as conn:  # weeks later, its counts are still true
        await conn.execute("update judgement_state set at = at - interval '30 days'")
    await mine.restart(in_order=False)
    assert standing(mine).trial == before.trial


async def test_it_advises_only_after_enough_and_by_somebody_who_may_here(mine, actions):
    asked = LearnedQueries(mine.store, lambda: mine.now_ms)
    await mine.sites.write_down()
    said = await asked.site("north")
    assert said.stage == "shadow"
    assert said.judged_days == pytest.approx(standing(mine).trial.days, abs=0.001)
    assert said.judged_ms is not None
    assert said.judged_ms > mine.now_ms - 2 * 60_000
    assert said.lacks == ("0.0 of 14 days judged", "0 of 20 opinions shared by others")
    with pytest.raises(ConflictError, match=r"stays in shadow: 0\.0 of 14 days judged; 0 of 20"):
        await actions.let_model("north", "advisory", ANNA)
    has_shown_enough(mine)
    await mine.sites.write_down()
    for name, role in (("vera", "viewer"), ("otto", "operator"), ("nobody", "admin")):
        with pytest.raises(ForbiddenError, match=r"learned\.decide"):
            await actions.let_model("north", "advisory", Person(name=name, role=role))
    with pytest.raises(NotFoundError, match="no such site"):
        await actions.let_model("south", "advisory", ANNA)
    assert await asked.decisions("north", 10) == []
    await actions.let_model("north", "shadow", ANNA)  # as it is: nothing to write down
    await actions.let_model("north", "advisory", ANNA)
    await actions.let_model("north", "advisory", ANNA)
    said = await asked.site("north")
    assert (said.stage, said.is_heard, said.person) == ("advisory", True, "anna")
    assert (said.lacks, said.agreement_ratio, said.decided_ms) == ((), 1.0, mine.now_ms)
    later = await LearnedQueries(mine.store, lambda: mine.now_ms + 600_000).site("north")
    assert (later.stage, later.is_judging, later.is_heard) == ("advisory", False, False)
    await actions.let_model("north", "shadow", ANNA)
    ended, begun = await asked.decisions("north", 10)
    assert (begun.stage, begun.person, begun.shared, begun.judged_days) == (
        "advisory",
        "anna",
        20,
        14.0,
    )
    assert (ended.stage, ended.model_sha256) == ("shadow", begun.model_sha256)
    assert (await asked.model()).sha256 == begun.model_sha256


async def test_drift_where_it_advises_is_an_alert_of_the_site_and_ends(mine, actions):
    standing(mine).monitor.drifts = (DRIFT,)
    await mine.play(2)
    assert mine.found == []  # in shadow it is on the page alone
    standing(mine).monitor.drifts = ()
    has_shown_enough(mine)
    await mine.sites.write_down()
    await actions.let_model("north", "advisory", ANNA)
    await mine.play(1)
    standing(mine).monitor.drifts = (DRIFT,)
    await mine.play(2)
    (alert,) = await mine.alerts()
    site = f"site:{await mine.site()}"
    assert (alert["rule"], alert["subject"], alert["severity"]) == (words.DRIFT, site, "info")
    assert (alert["cause"], alert["site_id"]) == ("quality", await mine.site())
    assert alert["evidence"]["features"] == DRIFT.words
    assert alert["evidence"]["stability_index"] == DRIFT.index
    assert alert["title"].startswith("north: ")
    (row,) = await Queries(mine.store).alerts()
    assert (row.key, row.subject, row.site) == (site, "north", "north")
    await mine.restart()
    said = await LearnedQueries(mine.store, lambda: mine.now_ms).site("north")
    assert (said.is_judging, said.is_heard) == (True, False)
    await mine.play(2)
    assert len(await mine.alerts()) == 1
    standing(mine).monitor.drifts = ()
    await mine.play(14)
    assert [one["state"] for one in await mine.alerts()] == ["resolved"]


async def test_a_model_that_was_changed_is_told_once_and_all_else_goes_on(store, capsys, tmp_path):
    folder = Path(shutil.copytree(SHIPPED, tmp_path / "rig"))
    model = folder / "model.onnx"
    model.write_bytes(model.read_bytes()[:-1] + b"x")
    mine = await Mine.open(store)
    mine._domain = lambda: domain.Sites(
        store, load_model=partial(rig.load, folder), clock=lambda: mine.now_ms / 1000
    )
    capsys.readouterr()
    await mine.restart()
    await mine.sites.restore()
    await mine.play(3, with_(4, **BOARD_LOST))
    said = capsys.readouterr().out
    assert said.count("learned opinion off") == 1
    assert "its SHA-256 is" in said
    assert await mine.told() == [("rig-board-loss", f"device:{mine.rigs[4]}")]


async def test_while_the_database_refuses_everybody_nothing_is_learned_twice_or_forgotten(
    mine, actions, postgres, monkeypatch
):
    monkeypatch.setattr(mine.store.pool, "timeout", 0.3)
    monkeypatch.setattr("lode_hub.store.asking.WAIT_S", 0.3)
    has_shown_enough(mine)
    await mine.sites.write_down()
    await actions.let_model("north", "advisory", ANNA)
    await mine.play(2)
    before = copy.deepcopy(standing(mine).trial)
    async with refusing(postgres):
        for act in (
            mine.sites.write_down,
            lambda: mine.sites.tick(mine.now_ms + MINUTE_MS),
            lambda: mine.sites.tick(mine.now_ms + 2 * MINUTE_MS),
            lambda: actions.let_model("north", "shadow", ANNA),
        ):
            with pytest.raises((*trouble.AWAY, UnavailableError)):
                await act()
        assert standing(mine).trial == before  # no minute is judged without readings
    await until(partial(_answers, mine))
    await mine.play(3)
    after = standing(mine)
    assert after.stage == "advisory"
    assert MINUTE_MS <= after.trial.judged_ms - before.judged_ms <= 4 * MINUTE_MS
    await mine.sites.write_down()
    kept = copy.deepcopy(standing(mine).trial)
    await mine.restart(in_order=False)
    assert standing(mine).trial == kept
    assert await decided(mine) == ["advisory"]


async def test_what_finds_a_full_disk_is_decided_and_kept_once_there_is_room(
    mine, actions, postgres
):
    has_shown_enough(mine)
    await mine.sites.write_down()
    async with full(postgres, "learned_decision"):
        with pytest.raises(UnavailableError, match="disk is full; make room"):
            await actions.let_model("north", "advisory", ANNA)
    assert await decided(mine) == []
    await mine.play(1)
    assert standing(mine).stage == "shadow"
    await actions.let_model("north", "advisory", ANNA)
    await mine.play(2)
    async with full(postgres, "judgement_state"):
        with pytest.raises(trouble.AWAY):
            await mine.sites.write_down()
    assert standing(mine).stage == "advisory"
    await mine.sites.write_down()
    kept = copy.deepcopy(standing(mine).trial)
    await mine.restart(in_order=False)
    assert standing(mine).trial == kept
    assert await decided(mine) == ["advisory"]


async def _answers(mine: Mine) -> bool:
    with contextlib.suppress(*trouble.AWAY):
        async with mine.store.pool.connection() as conn:
            await conn.execute("select 1")
            return True
    return False


async def decided(mine: Mine) -> list[str]:
    return [row["stage"] for row in await rows(mine.store, "select stage from learned_decision")]
