"""The hub's own detectors take their thresholds from the book of rules, at each site its own."""

import pytest

from lode_hub import rules
from lode_hub.errors import InvalidError
from lode_hub.rules.schema import made
from lode_hub.sites import Sites
from tests.hub.alerts.stage import T0, put_rule
from tests.hub.sites import stage as mine
from tests.hub.sites.rigs import committed
from tests.hub.sites.test_domain import Mine, S, names


@pytest.mark.parametrize(("site", "fires"), [("north", True), ("south", False), (None, True)])
async def test_a_sites_own_threshold_is_taken_while_the_hub_runs(store, site, fires):
    agent = await mine.add_agent(store)
    await mine.add_agent(store, "south-1", "south")
    (rig,) = await mine.add_rigs(store, agent, 1)
    await rules.install(store, None)
    domain = Sites(store, clock=lambda: T0 / 1000)
    await domain.restore()
    assert not await domain.consume([committed([rig], [T0], chip_temp_c=96.0)])
    await domain.consume([committed([rig], [T0 + 2000], chip_temp_c=70.0)])
    await put_rule(store, "rig-over-temperature", site, thresholds={"hot_readings": 1})
    await domain.tick(T0 + 3000)
    found = await domain.consume([committed([rig], [T0 + 4000], chip_temp_c=96.0)])
    assert [one.rule for one in found] == (["rig-over-temperature"] if fires else [])


@pytest.fixture
async def watched(store):
    """A mine at north that has been heard for two minutes, by the rules that are shipped."""
    agent = await mine.add_agent(store)
    await mine.add_agent(store, "south-1", "south")
    made = Mine(store, agent, await mine.add_rigs(store, agent, 3))
    await rules.install(store, None)
    await made.committed_at(T0)
    await made.sites.restore()
    assert await made.wait(120, reads=made.rigs) == []
    return made


@pytest.mark.parametrize(("site", "after_s"), [("north", 6), ("south", 16), (None, 6)])
async def test_how_long_a_rig_may_be_silent_is_a_rule(watched, site, after_s):
    thresholds = {"silent_intervals": 2, "silent_s": 5}  # of a rig that is read every 2 s
    await put_rule(watched.store, "rig-silent", site, thresholds=thresholds)
    found = await watched.wait(30, reads=watched.rigs[1:])
    (silent,) = found
    assert names(found) == [("rig-silent", f"device:{watched.rigs[0]}", True)]
    assert silent.at_ms - silent.evidence["since_ms"] == after_s * S
    assert silent.evidence["limit_s"] == after_s - 1


async def test_a_rig_that_is_read_seldom_is_given_its_intervals(watched):
    async with watched.store.pool.connection() as conn:
        await conn.execute("update device set interval_s = 8")
    thresholds = {"silent_intervals": 5, "silent_s": 15}
    await put_rule(watched.store, "rig-silent", "north", thresholds=thresholds)
    (silent,) = await watched.wait(50, reads=watched.rigs[1:])
    assert silent.at_ms - silent.evidence["since_ms"] == 41 * S


@pytest.mark.parametrize(("site", "after_s"), [("north", 91), ("south", 31), (None, 91)])
async def test_how_long_an_agent_may_be_silent_is_a_rule(watched, site, after_s):
    await put_rule(watched.store, "agent-stale", site, thresholds={"stale_s": 90})
    await watched.wait(3, reads=watched.rigs)
    stale, *_ = await watched.wait(120, beats=False)
    assert stale.rule == "agent-stale"
    assert stale.at_ms - stale.evidence["since_ms"] == after_s * S
    assert stale.evidence["limit_s"] == after_s - 1


@pytest.mark.parametrize("value", [-1, 1e7, float("nan")])
def test_a_threshold_that_cannot_be_is_refused(value):
    body = {"name": "rig-silent", "thresholds": {"silent_s": value}}
    with pytest.raises(InvalidError, match="silent_s"):
        made(body, "test")
