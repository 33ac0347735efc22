"""People's own thresholds judge what may be trusted, and nothing else."""

import pytest

from lode_hub.rules.own import OwnRules
from lode_hub.sites import Sites
from lode_wire.records import Quality as Mark
from tests.hub.alerts.stage import put_rule
from tests.hub.sites import stage
from tests.hub.sites.quality.test_quality import Mine

HELD = int(Mark.HELD | Mark.CLOCK)


@pytest.fixture
async def mine(store):
    agent = await stage.add_agent(store)
    made = Mine(store, agent, await stage.add_rigs(store, agent, 8, interval_s=10.0), [])
    await put_rule(store, "draws-much", metric="power_w", above=4000)
    await put_rule(store, "too-hot", metric="chip_temp_c", above=90)
    made.sites = Sites(store, own=OwnRules(store), clock=lambda: made.now_ms / 1000)
    await made.sites.restore()
    await made.reads(60)
    await made.sites.tick(made.now_ms)
    return made


async def found(mine, **columns):
    mine.now_ms += 10_000
    said = [*await mine.read(**columns), *await mine.sites.tick(mine.now_ms)]
    return {one.rule for one in said if one.rule in ("draws-much", "too-hot")}


async def test_what_is_held_fires_nothing(mine):
    hot = mine.noisy(92)  # below the hard limit
    assert await found(mine, quality=HELD, chip_temp_c=hot) == set()
    assert await found(mine, chip_temp_c=hot) == {"too-hot"}


async def test_a_value_in_another_unit_fires_nothing(mine):
    for _ in range(10):
        power_w = mine.noisy(3000, 20)
        power_w[2] *= 1000
        assert await found(mine, power_w=power_w) == set()
    power_w[2] = 4500
    assert await found(mine, power_w=power_w) == {"draws-much"}
