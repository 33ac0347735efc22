"""An alert that another explains is no explanation itself, but where that other holds, too."""

import pytest

from lode_hub import alerts, rules
from tests.hub.alerts.stage import MINUTE, SECOND, T0, finding, gone, put_rule, rows, told
from tests.hub.sites import stage as mine

SETTLED = MINUTE + 6 * SECOND


@pytest.fixture
async def rigs(store):
    agent = await mine.add_agent(store)
    return await mine.add_rigs(store, agent, 3)


async def untold(store):
    return {row["rule"]: row["untold"] for row in await rows(store)}


async def wait(store, from_ms):
    """Let a reason that ended be over for good; give when that is."""
    for at_ms in (from_ms + 6 * SECOND, from_ms + 2 * SETTLED):
        await alerts.take(store, [], at_ms)
    return from_ms + 2 * SETTLED


async def test_a_hard_limit_is_told_whatever_else_is_wrong(store, rigs):
    await rules.install(store, None)
    members = tuple(f"device:{rig}" for rig in rigs)
    pool = finding("site:1", "site-pool-outage", members=members, severity="critical")
    (alert,) = (await alerts.take(store, [pool], T0)).opened
    await alerts.acknowledge(store, alert, "ann", T0 + 1)
    later = T0 + 20 * MINUTE
    cooling = finding("site:1", "site-cooling-failure", members=members, severity="critical")
    hot = finding(members[0], "rig-over-temperature", severity="critical")
    warm = finding(members[0], "rig-overheating")
    await alerts.take(store, [cooling], later)
    await alerts.take(store, [hot, warm], later + SECOND)
    reasons = await untold(store)
    assert reasons["site-cooling-failure"] == reasons["rig-over-temperature"] == ""
    assert reasons["rig-overheating"] != ""
    assert await told(store) == ["opened", "acknowledged", "opened", "opened"]


async def test_what_is_untold_itself_explains_nothing_that_its_reason_does_not_cover(store, rigs):
    one, two, _ = (f"device:{rig}" for rig in rigs)
    await put_rule(store, "feeder", inhibited_by=[])
    await put_rule(store, "cooling", inhibited_by=["feeder"])
    await put_rule(store, "warm", inhibited_by=["cooling"])
    await alerts.take(store, [finding("site:1", "feeder", members=(one, two))], T0)
    event = finding("site:1", "cooling", members=(one, two))
    await alerts.take(store, [event, finding(two, "warm")], T0)
    await alerts.take(store, [], T0 + 6 * SECOND)
    assert (await untold(store))["warm"].startswith("inhibited")  # the feeder has it, too
    await told(store)
    fewer = finding("site:1", "feeder", members=(one,))
    await alerts.take(store, [fewer], T0 + 10 * SECOND)
    await wait(store, T0 + 10 * SECOND)
    assert (await untold(store))["warm"] == ""


async def test_a_shelved_alarm_explains_as_one_that_is_taken_on_does(store, rigs):
    await put_rule(store, "cause", inhibited_by=[])
    await put_rule(store, "effect", inhibited_by=["cause"])
    (alert,) = (await alerts.take(store, [finding("site:1", "cause")], T0)).opened
    await alerts.shelve(store, alert, T0 + 60 * MINUTE, "ann", T0)
    await alerts.take(store, [finding(f"device:{rigs[0]}", "effect")], T0 + 1)
    await alerts.take(store, [], T0 + 6 * SECOND)
    assert (await untold(store))["effect"] == f"inhibited by alert {alert}"


async def test_when_a_reason_ends_an_event_is_told_and_not_each_of_its_members(store, rigs):
    members = tuple(f"device:{rig}" for rig in rigs)
    await put_rule(store, "feeder", inhibited_by=[])
    await put_rule(store, "cooling", inhibited_by=["feeder"])
    await put_rule(store, "warm", inhibited_by=["feeder", "cooling"])
    await alerts.take(store, [finding("site:1", "feeder")], T0)
    event = finding("site:1", "cooling", members=members)
    await alerts.take(store, [event, *(finding(rig, "warm") for rig in members)], T0)
    assert await told(store) == ["opened"]
    await alerts.take(store, [gone("site:1", "feeder")], T0 + MINUTE)
    now_ms = T0 + MINUTE
    for _ in range(20):
        await alerts.take(store, [], now_ms := now_ms + 10 * SECOND)
    assert await told(store) == ["resolved", "opened"]
