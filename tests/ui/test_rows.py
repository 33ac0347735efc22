"""The fleet's rows: all once, then only what changed."""

from dataclasses import replace

import pytest

from lode_hub.errors import UnavailableError
from lode_ui.rows import FIELDS, Fleet
from tests.ui.world import StandInQueries, World


@pytest.fixture
def world() -> World:
    return World(rigs=50)


@pytest.fixture
def fleet(world, clock) -> Fleet:
    return Fleet(StandInQueries(world), clock=clock)


async def test_a_stranger_gets_everything(fleet, world):
    news = await fleet.since("", 0)
    assert news["whole"] is True
    assert len(news["rows"]) == 50
    first = dict(zip(FIELDS, news["rows"][0], strict=True))
    assert (first["id"], first["name"], first["state"]) == (1, "rig-001", "mining")
    assert first["share"] == pytest.approx(98, abs=4)


async def test_who_has_seen_the_rest_gets_only_what_changed(fleet, world, clock):
    seen = await fleet.since("", 0)
    clock.now += 2
    world.change(7, hashrate_ths=12.0)
    news = await fleet.since(seen["boot"], seen["beat"])
    assert [row[0] for row in news["rows"]] == [7]
    assert not news["whole"]
    clock.now += 2
    again = await fleet.since(seen["boot"], news["beat"])
    assert again["rows"] == []


async def test_who_was_away_for_a_while_gets_all_they_missed(fleet, world, clock):
    seen = await fleet.since("", 0)
    for number in (3, 5, 9):
        clock.now += 2
        world.change(number, power_w=1.0)
        await fleet.since(seen["boot"], 0)
    news = await fleet.since(seen["boot"], seen["beat"])
    assert sorted(row[0] for row in news["rows"]) == [3, 5, 9]


async def test_a_rig_that_is_gone_is_named_and_may_come_back(fleet, world, clock):
    seen = await fleet.since("", 0)
    rig = world.fleet.pop(4)
    clock.now += 2
    news = await fleet.since(seen["boot"], seen["beat"])
    assert (news["gone"], news["rows"]) == ([4], [])
    world.fleet[4] = rig
    clock.now += 2
    back = await fleet.since(seen["boot"], news["beat"])
    assert back["gone"] == []
    assert [row[0] for row in back["rows"]] == [4]


async def test_after_a_restart_everybody_begins_anew(fleet, world, clock):
    seen = await fleet.since("", 0)
    fresh = Fleet(StandInQueries(world), clock=clock)
    assert (await fresh.since(seen["boot"], seen["beat"]))["whole"] is True


async def test_many_askers_make_one_question_a_second(fleet, world, clock):
    for _ in range(10):
        await fleet.since("", 0)
    assert world.calls["rigs"] == 1
    clock.now += 1
    await fleet.since("", 0)
    assert world.calls["rigs"] == 2


async def test_a_slow_database_is_asked_more_seldom(world, clock):
    class Slow(StandInQueries):
        async def rigs(self, *, limit: int):
            clock.now += 0.6
            return await super().rigs(limit=limit)

    fleet = Fleet(Slow(world), clock=clock)
    await fleet.since("", 0)
    clock.now += 2.0
    await fleet.since("", 0)
    assert world.calls["rigs"] == 1  # 0.6 s of work may come every 3 s
    clock.now += 0.5
    await fleet.since("", 0)
    assert world.calls["rigs"] == 2


async def test_who_comes_too_early_is_told_when_to_come_again(fleet, clock):
    assert (await fleet.since("", 0))["later_ms"] == 0
    clock.now += 0.3
    assert (await fleet.since("", 0))["later_ms"] == 600


async def test_the_age_alone_is_no_change(fleet, world, clock):
    seen = await fleet.since("", 0)
    world.fleet = {number: replace(rig, age_s=99.0) for number, rig in world.fleet.items()}
    clock.now += 2
    assert (await fleet.since(seen["boot"], seen["beat"]))["rows"] == []


async def test_a_database_that_is_away_is_said(fleet, world):
    world.is_away = True
    with pytest.raises(UnavailableError):
        await fleet.since("", 0)
