"""The page of the learned opinion as a person reads it, without a browser."""

from dataclasses import replace

import pytest

from lode_ui import alarm_words
from tests.ui import made
from tests.ui.reading import press, seen, until
from tests.ui.world import Someone, World
from tests.ui.world_learned import DRIFT, standing


async def test_it_says_in_plain_words_what_it_is_and_what_it_has_shown(visit):
    async with visit(World(rigs=40)) as user:
        await user.open("/model")
        said = seen(user)
        for part in ("It alerts nobody.", "takes 30 % off the doubt", "In shadow", "21.4 days",
                     "73.9 %", "Simulated: 500 rigs", "Real rigs were not seen.",
                     "1,488 rigs, 290,274 rig minutes", "0.10 % of judgements, 0.10 % meant",
                     "Board loss", "fan speed, against its class",
                     "Nobody has decided anything"):  # fmt: skip
            assert part in said, part
        assert user._client.title == "Learned opinion · Lode"


async def test_an_operator_lets_it_advise_after_being_asked_once_more(visit):
    world = World(rigs=40)
    async with visit(world) as user:
        await user.open("/model")
        press(user, "Let it advise …")
        await until(lambda: "Let it stand beside findings at north?" in seen(user))
        assert world.done == []
        press(user, "Let it stand beside findings at north?")
        await until(lambda: "mira decided so." in seen(user))
        assert "21.4 days, 34 shared, 12 alone, 9 missed" in seen(user)
        assert world.done == [("let_model", 0, "mira advisory")]
        press(user, "Back to shadow …")
        await until(lambda: "Let it only count at north?" in seen(user))
        press(user, "Let it only count at north?")
        await until(lambda: len(world.done) == 2)
        assert world.done[-1] == ("let_model", 0, "mira shadow")


async def test_what_it_lacks_is_said_and_shuts_the_button(visit):
    world = World(rigs=40)
    world.learned.sites["north"] = standing(lacks=("3.1 of 14 days judged", "it drifts"))
    async with visit(world) as user:
        await user.open("/model")
        assert "Before it may advise here: 3.1 of 14 days judged; it drifts." in seen(user)
        press(user, "Let it advise …")
        assert "Let it stand beside findings" not in seen(user)
    assert world.done == []


async def test_drift_where_it_advises_is_said_with_its_figures(visit):
    world = World(rigs=40)
    world.learned.sites["north"] = standing(stage="advisory", drifts=[DRIFT], person="ben")
    async with visit(world) as user:
        await user.open("/model")
        said = seen(user)
        assert "Silent" in said
        assert "fan speed, against its class (1.91, limit 0.25)" in said
        assert "Before it may advise" not in said


async def test_a_model_that_judges_no_more_is_not_said_to_advise(visit):
    world = World(rigs=40)
    world.learned.sites["north"] = standing(stage="advisory", is_judging=False, person="ben")
    async with visit(world) as user:
        await user.open("/model")
        assert "Not judging" in seen(user)
        assert "It has judged no rig here lately" in seen(user)
        assert "Advises" not in seen(user)


@pytest.mark.parametrize("role", ["viewer", "auditor"])
async def test_who_may_not_decide_sees_no_button(visit, role):
    async with visit(World(rigs=40), Someone("vera", role)) as user:
        await user.open("/model")
        said = seen(user)
        assert f"Operators may act here; you are logged in as {role}." in said
        assert "Let it advise" not in said


async def test_without_a_model_or_a_site_it_says_what_that_means(visit):
    world = World(rigs=0)
    world.learned.sites = {}
    async with visit(world) as user:
        await user.open("/model")
        assert "No site has reported yet." in seen(user)
        world.learned.model = None
        world.changed.set()
        await until(lambda: "No model is at work." in seen(user))
        assert "learned opinion off" in seen(user)


def test_an_alert_leads_to_the_page_of_what_it_is_about():
    rig, drift = made.alerts()[0], made.alerts()[1]
    assert alarm_words.page_of(replace(rig, device_id=17)) == "/rigs/17"
    drift = replace(drift, device_id=None, rule="model-drift", subject="site:1")
    assert alarm_words.page_of(drift) == "/model"
    assert alarm_words.page_of(replace(drift, rule="series-power")) == ""
