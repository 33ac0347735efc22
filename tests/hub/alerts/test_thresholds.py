"""The hub's own detectors take their thresholds from the book of rules, at each site its own."""

import pytest

from lode_hub import rules
from lode_hub.sites import Sites
from tests.hub.alerts.stage import T0, put_rule
from tests.hub.sites import stage as mine
from tests.hub.sites.rigs import committed


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
