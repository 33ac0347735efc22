"""What a call to reduce by so much reckons from: the power drawn before rigs moved for it."""

import pytest

from lode_hub.energy.live.solve import AROUND_MS
from tests.hub.energy.live.conftest import ADA, LIMITS, MINUTE

KW = 1000.0


async def planned(site, at_ms: int, power_w: float):
    """Plan at a moment, the meter showing this; give the plan."""
    site.now[0] = at_ms
    await site.draws(power_w)
    await site.price(40.0)
    await site.planner.look("signal")
    return await site.queries.planner.plan("north")


def setpoints(plan) -> set[float]:
    return {one.setpoint_w for one in plan.periods if one.setpoint_w is not None}


@pytest.fixture
async def begin(site) -> int:
    """Give the begin of a call to reduce by 8 kW for an hour, 40 min from now."""
    await site.desk.set_planner(ADA, "north", "act")
    begin = site.now[0] - site.now[0] % 300_000 + 42 * MINUTE
    await site.call(42, 60, reduce="by", power_kw=8.0)
    return begin


async def test_a_plan_made_while_rigs_move_for_a_call_keeps_its_baseline(site, begin):
    early = await planned(site, begin - 20 * MINUTE, 28 * KW)
    assert (early.baseline_w, setpoints(early)) == (28 * KW, {20 * KW})
    for at_ms in (begin - MINUTE, begin + 3 * MINUTE, begin + 59 * MINUTE):
        plan = await planned(site, at_ms, 19.8 * KW)
        assert (plan.baseline_w, setpoints(plan)) == (28 * KW, {20 * KW})
    settling = await planned(site, begin + 62 * MINUTE, 21 * KW)
    assert settling.baseline_w == 28 * KW
    over = await planned(site, begin + 60 * MINUTE + AROUND_MS, 27 * KW)
    assert over.baseline_w == 27 * KW


async def test_before_rigs_move_for_a_call_the_baseline_is_what_is_drawn(site, begin):
    await planned(site, begin - 30 * MINUTE, 28 * KW)
    plan = await planned(site, begin - 15 * MINUTE, 25 * KW)
    assert (plan.baseline_w, setpoints(plan)) == (25 * KW, {17 * KW})


async def test_a_hub_that_takes_over_in_a_call_keeps_its_baseline(site, begin):
    await planned(site, begin - 20 * MINUTE, 26 * KW)
    site.planner.sites.clear()
    plan = await planned(site, begin + 10 * MINUTE, 17.9 * KW)
    assert (plan.baseline_w, setpoints(plan)) == (26 * KW, {18 * KW})
    preview = await site.queries.planner.preview("north")
    assert setpoints(preview) == {18 * KW}


async def test_a_slow_ramp_holds_the_baseline_for_as_long_as_it_takes(site, begin):
    slow = "ramp_kw_min = 1.4\n" + LIMITS.format(limit_kw=40)
    await site.desk.save(ADA, "limits", "site", slow, site="north")
    await planned(site, begin - 31 * MINUTE, 28 * KW)
    plan = await planned(site, begin - 20 * MINUTE, 24 * KW)  # 28 kW take 20 min
    assert (plan.baseline_w, setpoints(plan)) == (28 * KW, {20 * KW})


async def test_what_was_unexplained_outlives_the_meter_and_the_hub(site):
    await site.desk.set_planner(ADA, "north", "act")
    await site.desk.save(ADA, "limits", "site", LIMITS.format(limit_kw=29), site="north")
    await site.draws(31 * KW)  # 3 kW of fans
    await site.planner.look("signal")
    assert (await site.queries.planner.plan("north")).unexplained_w == pytest.approx(3 * KW)
    await site.mine.run("delete from meter_last")
    site.planner.sites.clear()
    site.now[0] += 5 * MINUTE
    await site.price(40.0)
    await site.planner.look("signal")
    loop = await site.queries.planner.loop("north")
    assert loop.measured_w == pytest.approx(31 * KW)
    assert "meter main is silent" in loop.says
    assert "only put to sleep" in loop.says
    plan = await site.queries.planner.plan("north")
    assert plan.fixed_w == pytest.approx(3 * KW)


async def test_a_trim_holds_at_the_edge_for_as_long_as_the_hub_wants_it(site):
    await site.desk.set_planner(ADA, "north", "act")
    await site.desk.save(ADA, "limits", "site", LIMITS.format(limit_kw=29), site="north")
    await site.mine.run("delete from meter_last")
    await site.reads("rig-10", 3.9 * KW)
    await site.planner.look("signal")
    assert await site.asleep() == ["rig-01"]
    await site.reads("rig-10", 2.8 * KW)
    for _ in range(20):
        await site.reads("rig-01", 60.0)
        await site.price(40.0)
        site.now[0] += MINUTE
        await site.planner.look()
        assert await site.asleep() == ["rig-01"]  # nothing wakes by what is only reckoned
    assert (await site.queries.planner.loop("north")).disobeying == ()
