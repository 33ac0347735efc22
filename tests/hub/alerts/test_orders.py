"""Which alerts an order explains: what brings a rig down explains its silence, no lost board."""

import time

import pytest
from psycopg.types.json import Jsonb

from lode_hub import alerts, rules
from lode_hub.commands.orders import shown
from lode_hub.store import judgement
from lode_wire import orders
from lode_wire.records import DeviceKind
from tests.hub.alerts.stage import MINUTE, T0, finding, rows
from tests.hub.sites import stage as mine

EXPLAINED = ("rig-unreachable", "rig-offline", "rig-hash-loss", "rig-chip-loss", "rig-low-hashrate")
NEVER = ("rig-board-loss", "rig-fan-failure", "rig-over-temperature")
LIMITED = ("rig-low-hashrate", "rig-power-up")


async def order(store, rig, intent, *, target="rig", place=0, stage="effective", read_back=""):
    """Let an order of this intent hold a device, by its own word."""
    async with store.pool.connection() as conn:
        await conn.execute(
            "insert into command (id, agent_id, site_id, target, actor, action, asked, valid_s, "
            "stage, expires_at) select 'c1', a.id, a.site_id, %s, 'ann', %s, %s, 60, 'effective', "
            "now() from agent a",
            (target, intent.action, Jsonb(shown(orders.Order(intent=intent)))),
        )
        await conn.execute(
            "insert into command_device (command_id, target, place, device_id, stage, read_back) "
            "values ('c1', 'rig', %s, %s, %s, %s)",
            (place, rig, stage, read_back),
        )


async def untold(store, rig, names):
    """Find these troubles at a rig, one after the other; give those that an order explains."""
    found = set()
    for name in names:
        (alert,) = (await alerts.take(store, [finding(f"device:{rig}", name)], T0)).opened
        (row,) = await rows(store, "select untold from alert where id = %s", alert)
        found |= {name} if row["untold"].startswith("order c1 (") else set()
        await alerts.resolve(store, alert, "ann", T0)
    return found


@pytest.fixture
async def rig(store):
    await rules.install(store, None)
    async with store.pool.connection() as conn:  # each is looked at as it opens
        await conn.execute("update alert_rule set on_delay_s = 0")
    agent = await mine.add_agent(store)
    return (await mine.add_rigs(store, agent, 1, name="rig"))[0]


SLEEP = orders.Step(wish=orders.Sleep(), devices=("a", "b"))
LESS = orders.Step(wish=orders.PowerLimit(power_w=2000), devices=("c",))


def plan(*steps, from_ms=T0 - MINUTE):
    later = orders.Period(from_ms=T0 + 9 * MINUTE, to_ms=T0 + 10 * MINUTE, steps=(SLEEP,))
    now = orders.Period(from_ms=from_ms, to_ms=T0 + 9 * MINUTE, steps=steps)
    return orders.StandingPlan(periods=(now, later))


@pytest.mark.parametrize(
    ("intent", "more"),
    [
        (orders.Sleep(), {}),
        (orders.StopAll(), {"target": ""}),
        (orders.Curtail(steps=(LESS, SLEEP)), {"place": 2}),
        (plan(LESS), {"read_back": "is_asleep True"}),
        (plan(SLEEP, LESS), {"read_back": "is_asleep False", "stage": "sent"}),
    ],
)
async def test_a_rig_that_an_order_has_down_is_not_told_to_be_silent(store, rig, intent, more):
    await order(store, rig, intent, **more)
    assert await untold(store, rig, [*EXPLAINED, *NEVER]) == set(EXPLAINED)


@pytest.mark.parametrize(
    ("intent", "more"),
    [
        (orders.PowerLimit(power_w=2000), {}),
        (orders.PowerMode(mode="low"), {}),
        (orders.Preset(name="eco"), {}),
        (orders.Curtail(steps=(LESS, SLEEP)), {"place": 0}),
        (plan(SLEEP, LESS), {"read_back": "is_asleep False, power_limit_w 2000.0"}),
        (plan(LESS), {"stage": "sent"}),
    ],
)
async def test_a_limit_explains_less_hashrate_and_nothing_else(store, rig, intent, more):
    await order(store, rig, intent, **more)
    assert await untold(store, rig, {*EXPLAINED, *NEVER, *LIMITED}) == set(LIMITED)


@pytest.mark.parametrize(
    "intent",
    [orders.Wake(), orders.FanSpeed(percent=80), orders.SwitchOutlet(outlet=3, is_on=True)],
)
async def test_what_brings_nothing_down_explains_nothing(store, rig, intent):
    await order(store, rig, intent)
    assert await untold(store, rig, {*EXPLAINED, *NEVER, *LIMITED}) == set()


async def test_an_outlet_that_is_off_has_the_rig_behind_it_down(store, rig):
    (pdu,) = await mine.add_rigs(store, 1, 1, name="pdu", kind=int(DeviceKind.PDU))
    async with store.pool.connection() as conn:
        await conn.execute(
            "insert into device_controls (device_id, offers, presets, feeder, outlet, blocked, at, "
            "source_id, seq) values (%s, '{}', '{}', '', 'pdu-001:3', '', now(), 1, 1)",
            (rig,),
        )
    await order(store, pdu, orders.SwitchOutlet(outlet=3, is_on=False), target="pdu-001")
    assert await untold(store, rig, [*EXPLAINED, *NEVER]) == set(EXPLAINED)


async def test_a_plans_step_is_an_order_to_the_detectors_too(store, rig):
    await order(store, rig, plan(LESS), read_back="power_limit_w 2000.0")
    async with store.pool.connection() as conn:
        (limited,) = await judgement.ordered(conn, T0)
        await conn.execute("update command_device set read_back = 'power_limit_w 2500.0'")
        (more,) = await judgement.ordered(conn, T0)
        await conn.execute("update command_device set stage = 'released'")
        assert await judgement.ordered(conn, T0) == []
    assert limited.device_id == more.device_id == rig
    assert limited.mode != more.mode


@pytest.mark.slow
async def test_ten_thousand_rigs_under_an_order_are_found_in_a_moment(store):
    await rules.install(store, None)
    agent = await mine.add_agent(store)
    rigs = await mine.add_rigs(store, agent, 10_000, name="rig")
    await order(store, rigs[0], orders.StopAll(), target="")
    async with store.pool.connection() as conn:
        await conn.execute(
            "insert into command_device (command_id, target, place, device_id, stage) "
            "select 'c1', name, id, id, 'effective' from device where name <> 'rig-001'"
        )
    begun = time.monotonic()
    found = [finding(f"device:{number}", "rig-chip-loss") for number in rigs]
    await alerts.take(store, found, T0)
    print(f"10,000 under an order: {time.monotonic() - begun:.2f} s")
    (row,) = await rows(store, "select untold, count(*) as n from alert group by 1")
    assert (row["untold"], row["n"]) == ("order c1 (stop_all)", 10_000)
