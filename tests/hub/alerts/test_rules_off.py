"""Whose alerts end when a rule is switched off, everywhere or at a site."""

import pytest

from lode_hub import alerts, rules
from tests.hub.alerts.stage import T0, finding, rows
from tests.hub.sites import stage as mine

OFF, ON = {"enabled": False}, {"enabled": True}


@pytest.fixture
async def places(store):
    """A rig at north and one at south, each with its site's words on a rule that ends alerts."""
    await rules.install(store, None)
    rigs = {}
    for site in ("north", "south"):
        agent = await mine.add_agent(store, f"{site}-1", site)
        (rigs[site],) = await mine.add_rigs(store, agent, 1, name=site)
    return rigs


async def edit(store, site, body, name="rig-board-loss"):
    await rules.edit(store, (name, site), body, "ann", T0)


async def find(store, places):
    """Find the trouble at both; give the sites where an alert is open then."""
    found = [finding(f"device:{rig}", "rig-board-loss") for rig in places.values()]
    await alerts.take(store, found, T0)
    return await still_open(store)


async def still_open(store):
    query = "select s.name from alert a join site s on s.id = site_id where state <> 'resolved'"
    return sorted(row["name"] for row in await rows(store, query))


async def test_another_rules_change_and_a_restart_end_nothing(store, places):
    await edit(store, None, OFF)
    await edit(store, "north", ON)
    assert await find(store, places) == ["north"]
    await edit(store, None, {"off_delay_s": 40}, "rig-offset")
    await rules.install(store, None)
    assert await still_open(store) == ["north"]


async def test_off_everywhere_leaves_out_a_site_that_says_otherwise(store, places):
    await edit(store, "north", ON)
    assert await find(store, places) == ["north", "south"]
    await edit(store, None, OFF)
    assert await still_open(store) == ["north"]
    await edit(store, "north", None)  # and is then like all others
    assert await still_open(store) == []


async def test_off_at_a_site_ends_that_sites(store, places):
    assert await find(store, places) == ["north", "south"]
    await edit(store, "north", OFF)
    assert await still_open(store) == ["south"]
    await edit(store, None, OFF)
    assert await still_open(store) == []
