"""Who is not told of an alert, and why; and that they are when the reason ends."""

import time

import pytest

from lode_hub import alerts
from tests.hub.alerts.stage import (
    MINUTE,
    SECOND,
    T0,
    events,
    finding,
    gone,
    put_rule,
    rows,
    told,
)
from tests.hub.sites import stage as mine

SETTLED = MINUTE + 6 * SECOND


async def reasons(store):
    return {row["subject"]: row["untold"] for row in await rows(store)}


async def test_a_stale_agent_silences_its_rigs_and_its_return_tells_those_still_firing(store):
    agent = await mine.add_agent(store)
    one, two = await mine.add_rigs(store, agent, 2)
    (stale,) = (await alerts.take(store, [finding(f"agent:{agent}", "agent-stale")], T0)).opened
    await alerts.take(store, [finding(f"device:{one}"), finding(f"device:{two}")], T0 + 1)
    reason = f"inhibited by alert {stale}"
    assert (await reasons(store))[f"device:{one}"] == reason
    assert ("untold", reason) in await events(store)
    assert await told(store) == ["opened"]  # the agent's alone
    back = T0 + 10 * MINUTE
    await alerts.take(store, [gone(f"agent:{agent}", "agent-stale")], back)
    assert (await reasons(store))[f"device:{one}"] == "settling"
    await alerts.take(store, [gone(f"device:{two}")], back + 20 * SECOND)
    assert await told(store) == ["resolved"]  # of the agent; nobody knew of the second rig
    await alerts.take(store, [], back + SETTLED)
    assert await told(store) == ["opened"]
    assert (await reasons(store))[f"device:{one}"] == ""
    await alerts.take(store, [], back + 2 * SETTLED)
    assert await told(store) == []


async def test_sources_and_members_in_one_take(store):
    agent = await mine.add_agent(store)
    rigs = await mine.add_rigs(store, agent, 3)
    for name in ("pool-outage", "no-shares"):
        await put_rule(store, name, cause="pool", inhibited_by=[])
    members = tuple(f"device:{rig}" for rig in rigs[:2])
    found = [finding(f"device:{rig}", "no-shares") for rig in rigs]
    found.append(finding("site:1:model:S19", "pool-outage", members=members))
    await alerts.take(store, found, T0)
    untold = await reasons(store)
    assert [untold[f"device:{rig}"] != "" for rig in rigs] == [True, True, False]
    assert len(await told(store)) == 2


async def test_a_fleet_event_of_another_cause_silences_nobody(store):
    agent = await mine.add_agent(store)
    (rig,) = await mine.add_rigs(store, agent, 1)
    await put_rule(store, "pool-outage", cause="pool")
    await put_rule(store, "too-hot", cause="heat")
    event = finding("site:1", "pool-outage", members=(f"device:{rig}",))
    await alerts.take(store, [event, finding(f"device:{rig}", "too-hot")], T0)
    assert await told(store) == ["opened", "opened"]


async def test_a_site_and_a_rack_speak_for_what_is_in_them(store):
    agent = await mine.add_agent(store)
    (near,) = await mine.add_rigs(store, agent, 1, rack="A1", name="near")
    (far,) = await mine.add_rigs(store, agent, 1, rack="B1", name="far")
    await put_rule(store, "supply", cause="power", inhibited_by=[])
    await put_rule(store, inhibited_by=["power"])
    await alerts.take(store, [finding("site:1:rack:A1", "supply")], T0)
    await alerts.take(store, [finding(f"device:{near}"), finding(f"device:{far}")], T0)
    untold = await reasons(store)
    assert (untold[f"device:{near}"] != "", untold[f"device:{far}"]) == (True, "")


async def test_what_was_told_before_is_told_again_when_it_outlives_its_reason(store):
    agent = await mine.add_agent(store)
    (rig,) = await mine.add_rigs(store, agent, 1)
    (alert,) = (await alerts.take(store, [finding(f"device:{rig}")], T0)).opened
    await alerts.shelve(store, alert, T0 + MINUTE, "ann", T0 + 1, note="a fan is ordered")
    assert (await reasons(store))[f"device:{rig}"].startswith("shelved until 2023-11-14 22:14 UTC")
    assert await told(store) == ["opened"]
    await alerts.take(store, [], T0 + MINUTE)
    await alerts.take(store, [], T0 + MINUTE + SETTLED)
    assert await told(store) == ["opened"]


async def test_a_shelf_holds_over_an_end_and_a_new_beginning(store):
    (alert,) = (await alerts.take(store, [finding()], T0)).opened
    await alerts.shelve(store, alert, T0 + 30 * MINUTE, "ann", T0 + 1)
    await alerts.take(store, [gone()], T0 + MINUTE)
    await alerts.take(store, [finding()], T0 + 2 * MINUTE)
    assert await told(store) == ["opened", "resolved"]  # who knew of it is told of its end
    (_, again) = await rows(store)
    await alerts.unshelve(store, again["id"], "ann", T0 + 3 * MINUTE)
    await alerts.take(store, [], T0 + 3 * MINUTE + SETTLED)
    assert await told(store) == ["opened"]


async def test_nobody_is_told_of_what_was_acknowledged_meanwhile(store):
    (alert,) = (await alerts.take(store, [finding()], T0)).opened
    await alerts.shelve(store, alert, T0 + MINUTE, "ann", T0 + 1)
    await told(store)
    await alerts.acknowledge(store, alert, "bob", T0 + 2, note="on my way")
    await alerts.take(store, [], T0 + MINUTE)
    await alerts.take(store, [], T0 + MINUTE + SETTLED)
    assert await told(store) == ["acknowledged"]
    assert ("acknowledged", "on my way") in await events(store)


async def test_an_order_silences_low_hashrate_of_the_rigs_it_holds(store):
    agent = await mine.add_agent(store)
    held, free = await mine.add_rigs(store, agent, 2)
    await put_rule(store, inhibited_by=["order"])
    await order(store, agent, held, "sleep")
    await alerts.take(store, [finding(f"device:{held}"), finding(f"device:{free}")], T0)
    untold = await reasons(store)
    assert untold == {f"device:{held}": "order c1 (sleep)", f"device:{free}": ""}
    assert await told(store) == ["opened"]
    await rows_done(store, "update command set ended_at = now(), stage = 'released'")
    await alerts.take(store, [], T0 + MINUTE)
    await alerts.take(store, [], T0 + MINUTE + SETTLED)
    assert await told(store) == ["opened"]


async def test_a_wake_silences_nothing(store):
    agent = await mine.add_agent(store)
    (rig,) = await mine.add_rigs(store, agent, 1)
    await put_rule(store, inhibited_by=["order"])
    await order(store, agent, rig, "wake")
    await alerts.take(store, [finding(f"device:{rig}")], T0)
    assert await told(store) == ["opened"]


async def test_a_rig_in_maintenance_is_judged_and_not_told(store):
    agent = await mine.add_agent(store)
    (rig,) = await mine.add_rigs(store, agent, 1)
    await rows_done(
        store, f"insert into device_maintenance values ({rig}, 'ann', now(), 'new boards')"
    )
    await alerts.take(store, [finding(f"device:{rig}")], T0)
    assert await reasons(store) == {f"device:{rig}": "maintenance by ann"}
    await alerts.take(store, [gone(f"device:{rig}")], T0 + 1)
    assert await told(store) == []
    assert (await rows(store))[0]["state"] == "resolved"


@pytest.mark.slow
async def test_ten_thousand_reasons_are_found_in_a_moment(store):
    agent = await mine.add_agent(store)
    rigs = await mine.add_rigs(store, agent, 10_000)
    await alerts.take(store, [finding(f"agent:{agent}", "agent-stale")], T0)
    begun = time.monotonic()
    taken = await alerts.take(store, [finding(f"device:{rig}") for rig in rigs], T0)
    took_s = time.monotonic() - begun
    begun = time.monotonic()
    await alerts.take(store, [], T0 + 6 * SECOND)
    print(f"10,000 untold: {took_s:.2f} s; reviewed in {time.monotonic() - begun:.2f} s")
    assert len(taken.opened) == 10_000
    assert await told(store) == ["opened"]


async def order(store, agent, rig, action):
    await rows_done(
        store,
        f"""
        insert into command (id, agent_id, site_id, device_id, target, actor, action, asked,
            valid_s, stage, expires_at)
        select 'c1', {agent}, site_id, {rig}, 'rig', 'ann', '{action}', '{{}}', 60, 'effective',
            now() from agent;
        insert into command_device (command_id, target, place, device_id, stage)
        values ('c1', 'rig', 0, {rig}, 'effective')
        """,
    )


async def rows_done(store, statement):
    async with store.pool.connection() as conn:
        await conn.execute(statement)
