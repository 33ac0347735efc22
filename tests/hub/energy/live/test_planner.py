"""What the planner at work makes of a site's data, and what it orders."""

import pytest

from lode_hub import alerts
from lode_hub.commands.desk import Desk
from lode_hub.committed import Finding
from lode_hub.errors import ConflictError, ForbiddenError, InvalidError
from tests.hub.energy.live.conftest import ADA, LIMITS, MINUTE, MODEL, TRADER, VIEWER


async def test_off_by_default_it_plans_nothing(site):
    await site.planner.look("signal")
    assert await site.queries.planner.plan("north") is None
    assert (await site.queries.planner.state("north")).mode == "off"
    shown = await site.queries.planner.preview("north")
    assert shown.periods
    assert not shown.is_sent
    assert await site.mine.run("select 1 from energy_plan") == []


async def test_who_may_let_it_do_what(site):
    with pytest.raises(ForbiddenError):
        await site.desk.set_planner(VIEWER, "north", "advise")
    await site.desk.set_planner(TRADER, "north", "advise")
    with pytest.raises(ForbiddenError):
        await site.desk.set_planner(TRADER, "north", "act")
    await site.desk.set_planner(ADA, "north", "act")
    with pytest.raises(InvalidError):
        await site.desk.set_planner(ADA, "north", "maybe")
    found = await site.queries.planner.state("north")
    assert (found.mode, found.person) == ("act", "ada")
    kept = await site.mine.run("select mode, person from energy_planner order by id")
    assert kept == [("advise", "tom"), ("act", "ada")]


async def test_advice_is_kept_and_not_sent(site):
    await site.desk.set_planner(ADA, "north", "advise")
    await site.price(5000.0)
    await site.planner.look("signal")
    plan = await site.queries.planner.plan("north")
    assert not plan.is_sent
    assert sum(n.get("sleep", 0) for n in plan.periods[0].rigs.values()) == 10
    assert plan.gain_usd > 1
    assert await site.orders() == []


async def test_what_rigs_do_in_full_is_learned_once_a_step_and_not_once_a_plan(site):
    async def learned() -> float:
        ((ths,),) = await site.mine.run(
            "select hashrate_ths from energy_rig where device_id = %(d)s", d=site.rigs["rig-01"]
        )
        return round(ths, 3)

    await site.desk.set_planner(ADA, "north", "advise")
    before = await learned()
    await site.planner.look("signal")
    first = await learned()
    assert first > before  # it hashes more than was known
    for _ in range(3):
        site.now[0] += 5_000
        await site.planner.look("signal")
    assert await learned() == first
    site.now[0] += 5 * MINUTE
    await site.reads("rig-01", 2800.0)
    await site.planner.look()
    assert await learned() > first


async def test_a_price_above_break_even_puts_the_site_to_sleep_and_back(site):
    await site.desk.set_planner(ADA, "north", "act")
    await site.planner.look("signal")
    assert await site.orders() == []  # nothing to gain
    await site.price(5000.0)
    await site.planner.look("signal")
    assert await site.asleep() == [f"rig-{n:02}" for n in range(1, 11)]
    for name in site.rigs:
        await site.reads(name, 60.0)
    await site.draws(600.0)
    site.now[0] += 5 * MINUTE
    await site.price(30.0)
    await site.planner.look("signal")
    still = await site.asleep(site.now[0] + 1000)
    assert still == ["rig-01", "rig-02", "rig-03", "rig-04", "rig-05"]  # the best five wake first
    assert await site.asleep(site.now[0] + 6 * MINUTE) == []


async def test_a_call_is_planned_ahead_with_its_end_at_the_edge(site):
    await site.desk.set_planner(ADA, "north", "act")
    await site.call(60, 60)
    await site.planner.look("signal")
    assert len(await site.orders()) == 1
    begin = site.now[0] - site.now[0] % 300_000 + 60 * MINUTE
    asleep = await site.asleep(begin)
    assert asleep == ["rig-01", "rig-02", "rig-03"]  # the least efficient; 7 of 2.8 kW are left
    assert await site.asleep(begin - MINUTE) == asleep  # early
    assert await site.asleep(begin - 3 * MINUTE) == []
    assert await site.asleep(begin + 59 * MINUTE) == asleep
    plan = await site.queries.planner.plan("north")
    called = [p for p in plan.periods if p.setpoint_w is not None]
    assert {p.setpoint_w for p in called} == {20_000.0}
    assert max(p.power_w for p in called) <= 20_000


async def test_the_same_again_is_not_sent_again(site):
    await site.desk.set_planner(ADA, "north", "act")
    await site.call(60, 60)
    for _ in range(3):
        await site.planner.look("signal")
        site.now[0] += 5 * MINUTE
        await site.price(40.0)
    assert len(await site.orders()) == 1
    assert (await site.queries.planner.plan("north")).decision == "what stands is as good"


async def test_who_is_left_out_and_why(site):
    await site.desk.set_planner(ADA, "north", "advise")
    await site.mine.run("insert into device_maintenance (device_id, person, note) values "
                        "(%(d)s, 'tom', 'fans')", d=site.rigs["rig-01"])  # fmt: skip
    await site.reads("rig-02", 2800.0, state=6)
    await site.reads("rig-03", 60.0)  # by hand, not by a plan
    await site.mine.run("delete from rig_last where device_id = %(d)s", d=site.rigs["rig-04"])
    await site.mine.run("update device_controls set offers = '{}' where device_id = %(d)s",
                        d=site.rigs["rig-05"])  # fmt: skip
    await site.planner.look("signal")
    plan = await site.queries.planner.plan("north")
    assert plan.left_out[0].detail == "tom: fans"
    assert plan.left_out_by_reason["unreachable"] == 1
    assert sum(plan.left_out_by_reason.values()) == 5
    assert {left.name: left.reason for left in plan.left_out} == {
        "rig-01": "in maintenance",
        "rig-02": "unreachable",
        "rig-03": "asleep, and not by a plan",
        "rig-04": "state unknown",
        "rig-05": "cannot be put to sleep",
    }
    assert sum(kind.rigs for kind in plan.classes) == 5


async def test_a_site_nobody_has_heard_of_yet_is_planned_soon_after_it_speaks(site):
    await site.desk.set_planner(ADA, "north", "advise")
    await site.mine.run("delete from rig_last")
    await site.planner.look("signal")
    assert not (await site.queries.planner.plan("north")).classes
    for name in site.rigs:
        await site.reads(name, 2800.0)
    site.now[0] += 30_000
    await site.planner.look()
    assert sum(kind.rigs for kind in (await site.queries.planner.plan("north")).classes) == 10


async def test_without_a_hashprice_what_stands_goes_on(site):
    await site.desk.set_planner(ADA, "north", "act")
    await site.call(60, 60)
    await site.planner.look("signal")
    site.now[0] += 12 * 60 * MINUTE
    await site.price(5000.0)
    await site.planner.look("signal")
    assert len(await site.orders()) == 1
    plan = await site.queries.planner.plan("north")
    assert not plan.is_sent
    assert "stale" in plan.decision


async def test_switched_off_it_gives_everything_back(site):
    await site.desk.set_planner(ADA, "north", "act")
    await site.price(5000.0)
    await site.planner.look("signal")
    await site.desk.set_planner(TRADER, "north", "off")
    await site.planner.look("signal")
    assert (await site.orders())[-1].periods == ()
    before = len(await site.orders())
    await site.planner.look("signal")
    assert len(await site.orders()) == before


async def test_the_meter_above_the_setpoint_takes_more_and_names_who_disobeys(site):
    await site.desk.set_planner(ADA, "north", "act")
    await site.call(-1, 60)
    await site.planner.look("signal")
    assert await site.asleep() == ["rig-01", "rig-02", "rig-03"]
    await site.obeys_but("rig-03", 30)
    assert await site.asleep() == ["rig-01", "rig-02", "rig-03", "rig-04"]
    loop = await site.queries.planner.loop("north")
    assert loop.disobeying == ("rig-03",)
    assert (loop.setpoint_w, loop.measured_w, loop.source) == (20_000.0, 19_780.0, "meters")
    told = await site.mine.run("select rule, title from alert where state <> 'resolved'")
    assert told == [("planner-disobeyed", "1 rigs do not sleep when the planner tells them to")]


async def test_a_trim_that_could_not_be_ordered_is_ordered_at_the_next_look(site, monkeypatch):
    await site.desk.set_planner(ADA, "north", "act")
    await site.call(-1, 60)
    await site.planner.look("signal")
    for name in await site.asleep():
        await site.reads(name, 60.0)
    await site.draws(19_780.0)
    for _ in range(5):  # until the meter shows all that was told
        site.now[0] += 5_000
        await site.planner.look()
    await site.draws(22_000.0)
    site.now[0] += 5_000
    await site.planner.look()

    async def refuse(*_):
        raise ConflictError("rig-04 is another's")

    with monkeypatch.context() as away:
        away.setattr(Desk, "write_down", refuse)
        site.now[0] += 5_000
        await site.planner.look()
    assert await site.asleep() == ["rig-01", "rig-02", "rig-03"]
    site.now[0] += 5_000
    await site.planner.look()
    assert await site.asleep() == ["rig-01", "rig-02", "rig-03", "rig-04"]


async def test_without_a_fresh_meter_the_rigs_are_summed_and_it_says_so(site):
    await site.desk.set_planner(ADA, "north", "act")
    await site.desk.save(ADA, "limits", "site", LIMITS.format(limit_kw=27), site="north")
    await site.mine.run("delete from meter_last")
    await site.planner.look("signal")
    loop = await site.queries.planner.loop("north")
    assert loop.source == "rigs and PDUs (meter main is silent)"
    assert loop.measured_w == 28_000.0
    assert await site.asleep() == ["rig-01"]


async def test_a_meter_in_a_wrong_unit_is_not_steered_by(site):
    await site.desk.set_planner(ADA, "north", "act")
    await site.desk.save(ADA, "limits", "site", LIMITS.format(limit_kw=27), site="north")
    await site.draws(28.0)  # kW, read as W
    wrong = Finding(
        rule="quality-units", subject=f"site:1:model:{MODEL}", is_active=True, severity="warning",
        at_ms=site.now[0], title="1 of 1 report power in kW", members=(f"device:{site.meter}",),
    )  # fmt: skip
    await alerts.take(site.store, [wrong], site.now[0])
    site.now[0] += 60_000
    await alerts.take(site.store, [], site.now[0])
    await site.planner.look("signal")
    loop = await site.queries.planner.loop("north")
    assert loop.source == "rigs and PDUs (meter main seems to be in a wrong unit)"
    assert loop.measured_w == 28_000.0


async def test_another_hub_takes_over_what_was_ordered(site):
    await site.desk.set_planner(ADA, "north", "act")
    await site.price(5000.0)
    await site.planner.look("signal")
    site.planner.sites.clear()  # as after a restart
    await site.desk.set_planner(ADA, "north", "advise")
    await site.planner.look("signal")
    assert (await site.orders())[-1].periods == ()
