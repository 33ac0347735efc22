"""An agent that stays away is an alert for as long as it does, until it is revoked."""

import pytest

from lode_hub import alerts, rules
from lode_hub.store import trust
from tests.hub.alerts.stage import finding, rows
from tests.hub.sites.rigs import T0
from tests.hub.sites.test_domain import Mine, changes, mine

S, HOUR = 1000, 3_600_000
__all__ = ["mine"]


@pytest.fixture
async def away(mine: Mine) -> Mine:
    """A mine whose agent has just become stale, with its alert."""
    await rules.install(mine.store, None)
    await mine.wait(65)
    await pass_time(mine, 35)
    return mine


async def pass_time(mine, seconds):
    """Let time pass without the agent, findings going to the alerts after 5 s and at the end."""
    for part in (5, seconds - 5):
        await alerts.take(mine.store, await mine.wait(part, beats=False), mine.now_ms)


async def stale(mine):
    """Give the alerts that the agent is stale by their states."""
    found = await rows(mine.store, "select state from alert where rule = 'agent-stale' order by id")
    return [row["state"] for row in found]


async def test_who_resolves_it_sees_it_again(away):
    assert await stale(away) == ["open"]
    (alert,) = await rows(away.store, "select id from alert where rule = 'agent-stale'")
    await alerts.resolve(away.store, alert["id"], "ann", away.now_ms)
    await pass_time(away, 61)
    assert await stale(away) == ["resolved", "open"]


async def test_it_is_found_when_its_rule_is_on_again(away):
    key = ("agent-stale", None)
    await rules.edit(away.store, key, {"enabled": False}, "ann", away.now_ms)
    await pass_time(away, 61)
    assert await stale(away) == ["resolved"]
    await rules.edit(away.store, key, None, "ann", away.now_ms)
    await pass_time(away, 61)
    assert await stale(away) == ["resolved", "open"]


async def test_a_day_without_hub_and_agent_is_news(mine):
    await mine.committed_at(T0 - 25 * HOUR)
    await mine.restart()
    found = await mine.wait(90, beats=False)
    assert changes(found) == [("agent-stale", f"agent:{mine.agent}", True)]
    assert "`lode-hub agent revoke north-1`" in found[0].likely_cause


async def test_who_is_revoked_is_missed_no_more_and_its_rigs_neither(away):
    hot = finding(f"device:{away.rigs[0]}", "rig-over-temperature", at_ms=away.now_ms)
    await alerts.take(away.store, [hot], away.now_ms)
    await away.restart()  # and goes on with both
    async with away.store.pool.connection() as conn:
        assert await trust.revoke(conn, "north-1", "ann")  # although it was never enrolled
    await pass_time(away, 130)
    open_now = await rows(away.store, "select rule from alert where state <> 'resolved'")
    assert open_now == []
    await away.restart()
    assert await away.wait(90, beats=False) == []
