"""A hub that takes over in the middle of a call goes on with what was ordered, trims among it."""

import msgspec
import pytest
from hypothesis import given, settings

from lode_hub.energy.live.handover import SETTLE_MS, plans_of, stood
from lode_hub.energy.live.schedule import standing_orders
from lode_hub.energy.live.wishes import FULL, mode_of, wish_of
from tests.hub.energy.live.conftest import ADA
from tests.hub.energy.live.test_orders_in_time import schedules


@settings(max_examples=60, deadline=None)
@given(schedules())
def test_what_stood_is_what_was_ordered_at_every_moment(told):
    found = stood(standing_orders(told), told.rigs)
    for at_ms in {*told.edges_ms[:-1], *(edge - 1 for edge in told.edges_ms[1:])}:
        wanted = told.now(at_ms)
        has = {} if found is None else found.now(at_ms)
        assert {rig: has.get(rig, FULL) for rig in wanted} == wanted


@pytest.mark.parametrize("mode", ["sleep", "preset:415MHz", "power_mode:low"])
def test_a_mode_is_read_back_from_its_wish(mode):
    wish = wish_of(mode)
    assert wish is not None
    assert mode_of(wish) == mode


async def trimmed(site) -> None:
    """Bring a site to where rig-03 does not sleep and rig-04 sleeps in its place."""
    await site.desk.set_planner(ADA, "north", "act")
    await site.call(-1, 60)
    await site.planner.look("signal")
    await site.obeys_but("rig-03", 12)
    assert await site.asleep() == ["rig-01", "rig-02", "rig-03", "rig-04"]
    await site.reads("rig-04", 60.0)
    await site.draws(2800.0 * 7 + 180.0)


async def test_trims_and_who_disobeys_outlive_the_hub(site):
    await trimmed(site)
    site.planner.sites.clear()
    await site.planner.look("signal")
    plan = await site.queries.planner.plan("north")
    assert [rig.name for rig in plan.left_out] == ["rig-03"]
    for _ in range(3):
        assert set(await site.asleep()) >= {"rig-01", "rig-02", "rig-03", "rig-04"}
        site.now[0] += 5_000
        await site.planner.look()


async def test_a_rig_not_heard_of_yet_is_not_freed_by_a_new_plan(site):
    await trimmed(site)
    site.planner.sites.clear()
    await site.mine.run("delete from rig_last where device_id = %(d)s", d=site.rigs["rig-02"])
    await site.planner.look("signal")
    assert "1 rigs are not heard yet" in (await site.queries.planner.plan("north")).decision
    assert "rig-02" in await site.asleep()
    site.now[0] += SETTLE_MS + 1000
    await site.planner.look("signal")
    assert (await site.queries.planner.plan("north")).is_sent


async def test_where_no_rig_is_heard_what_stands_goes_on(site):
    await trimmed(site)
    await site.mine.run("delete from rig_last")
    site.now[0] += 1000
    await site.planner.look("signal")
    assert "no rig is heard" in (await site.queries.planner.plan("north")).decision
    assert len(await site.asleep()) == 4


@settings(max_examples=20, deadline=None)
@given(schedules())
def test_what_was_kept_is_read_back(told):
    plans = standing_orders(told)
    assert plans_of(msgspec.json.decode(msgspec.json.encode(plans))) == plans
