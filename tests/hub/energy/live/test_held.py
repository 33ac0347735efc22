"""Whom a person's order keeps out of the plan: what draws by it, not whose fans turn by it."""

import pytest

from lode_hub.store import Store, energy_live
from tests.hub.sites import stage


@pytest.mark.parametrize(
    ("wish", "lease"),
    [("fan_speed", None), ("power_limit", "c1"), ("sleep", "c1"), ("outlet", "c1")],
)
async def test_only_an_order_about_power_keeps_a_rig_out_of_the_plan(
    store: Store, wish: str, lease: str | None
) -> None:
    (rig,) = await stage.add_rigs(store, await stage.add_agent(store), 1)
    async with store.pool.connection() as conn:
        await conn.execute(
            "insert into command (id, agent_id, site_id, target, actor, action, asked, valid_s, "
            "stage, expires_at) select 'c1', a.id, a.site_id, 'rig', 'ann', %s, '{}', 60, "
            "'effective', now() from agent a",
            (wish,),
        )
        await conn.execute(
            "insert into command_device (command_id, target, place, device_id, stage, wish) "
            "values ('c1', 'rig', 0, %s, 'effective', %s)",
            (rig, wish),
        )
        (found,) = await energy_live.rigs(conn, "north")
    assert found["lease"] == lease
