"""People's own thresholds: values in, findings out."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lode_hub import alerts
from lode_hub.committed import Committed
from lode_hub.rules.book import install
from lode_hub.rules.own import OwnRules
from lode_hub.rules.schema import made
from lode_hub.rules.threshold import STATE, VALUES, fresh, gaps_ms, judge
from tests.hub.alerts.stage import T0, put_rule, rows
from tests.hub.sites import stage as mine

HOT = {"metric": "inlet_temp_c", "above": 35.0, "clear_at": 33.0, "for_s": 60.0, "cause": "heat"}


def group(kind, device_ids, at_ms, columns):
    n = len(device_ids)
    at = np.broadcast_to(np.asarray(at_ms, np.int64), n).copy()
    return Committed(
        kind=kind,
        agent_id=np.ones(n, np.int32),
        device_id=np.asarray(device_ids, np.int32),
        at_ms=at,
        received_ms=at,
        columns={name: np.asarray(values) for name, values in columns.items()},
    )


def run(rule, values, step_ms=10_000):
    """Give what each value of one device does: + fires, - clears, . neither."""
    state, said = np.zeros(1, STATE), ""
    for place, value in enumerate(values):
        row = np.zeros(1, VALUES)
        row["at_ms"] = row["received_ms"] = T0 + place * step_ms
        row["low"] = row["high"] = value
        assert fresh(state, row)[0]
        fires, clears = judge(rule, state, row, gaps_ms(np.array([10.0])))
        assert not (fires & clears).any()
        said += "+" if fires[0] else "-" if clears[0] else "."
    return said


@pytest.mark.parametrize(
    ("body", "values", "said"),
    [
        ({"above": 35}, [34, 36, 35, 34], ".+-."),
        ({"above": 35, "clear_at": 33}, [36, 34, 36, 33, 36], "+..-+"),
        ({"below": 5, "clear_at": 6}, [5, 4, 5.5, 6], ".+.-"),
        ({"above": 35, "for_s": 20}, [36, 36, 36, 36], "..+."),
        ({"above": 35, "for_s": 20}, [36, 36, 34, 36, 36, 36], ".....+"),
        ({"above": 35, "for_s": 20}, [36, np.nan, 36, 36], "..+."),
        ({"above": 35}, [np.nan, 36, np.nan, 34], ".+.-"),
        ({"above": 0, "clear_at": 0}, [1, 0], "+-"),
    ],
)
def test_a_threshold(body, values, said):
    assert run(made({"name": "x", "metric": "power_w", **body}, "test"), values) == said


def test_a_gap_begins_a_run_anew():
    rule = made({"name": "x", "metric": "power_w", "above": 1, "for_s": 100}, "test")
    assert run(rule, [2, 2, 2], step_ms=61_000) == "..."
    assert run(rule, [2, 2, 2], step_ms=60_000) == "..+"


@given(st.lists(st.sampled_from([30.0, 34.0, 36.0, np.nan]), max_size=40), st.sampled_from([0, 30]))
def test_it_fires_and_clears_in_turn_and_only_beyond_its_limits(values, for_s):
    rule = made({"name": "x", **HOT, "for_s": for_s}, "test")
    said = run(rule, values)
    changes = said.replace(".", "")
    assert changes == ("+-" * len(changes))[: len(changes)]
    for value, change in zip(values, said, strict=True):
        assert not (change == "+" and not value > 35)
        assert not (change == "-" and not value <= 33)


async def test_rules_in_the_database_are_judged_where_they_are_meant(store):
    agent = await mine.add_agent(store)
    near = await mine.add_rigs(store, agent, 2, rack="A1", name="near", interval_s=10.0)
    far = await mine.add_rigs(store, agent, 1, rack="B1", name="far", interval_s=10.0)
    await put_rule(store, "inlet-hot", **HOT, scope={"rack": "A*", "device": "*-001"})
    domain = OwnRules(store)
    await domain.restore()
    found = []
    for step in range(8):
        ids, temps = [*near, *far], np.array([36, 36, 36], np.float32)
        at = T0 + step * 10_000
        found += await domain.consume([group("rig", ids, at, {"inlet_temp_c": temps})])
    (only,) = found
    assert (only.subject, only.rule, only.is_active) == (f"device:{near[0]}", "inlet-hot", True)
    assert only.title == "near-001: inlet_temp_c 36 is above 35"
    assert only.evidence["since_ms"] == T0
    (over,) = await domain.consume(
        [group("rig", near, T0 + 90_000, {"inlet_temp_c": np.array([33, 36], np.float32)})]
    )
    assert not over.is_active


async def test_the_rules_that_are_shipped_stand_beside_them(store):
    """They are read back whole, with every field they do not use."""
    agent = await mine.add_agent(store)
    (rig,) = await mine.add_rigs(store, agent, 1)
    await install(store, None)
    await put_rule(store, "inlet-hot", **HOT)
    domain = OwnRules(store)
    await domain.restore()
    temps = {"inlet_temp_c": np.array([36], np.float32)}
    found = [await domain.consume([group("rig", [rig], T0 + n * 10_000, temps)]) for n in range(8)]
    assert [finding.rule for findings in found for finding in findings] == ["inlet-hot"]


async def test_a_site_of_its_own_rule_points_and_a_rule_taken_away(store):
    agent = await mine.add_agent(store)
    (rig,) = await mine.add_rigs(store, agent, 1)
    await put_rule(store, "flow", metric="coolant.flow", of="point", below=5.0)
    await put_rule(store, "flow", "north", metric="coolant.flow", of="point", below=9.0)
    domain = OwnRules(store)
    columns = {"point": np.array(["coolant.flow", "x"], object), "value": np.array([7.0, 1.0])}
    await domain.tick(T0)
    (found,) = await domain.consume([group("point", [rig, rig], T0, columns)])
    assert found.evidence["limit"] == 9.0
    assert [f.is_active for f in await domain.tick(T0 + 60_000)] == [True]  # it goes on
    async with store.pool.connection() as conn:
        await conn.execute("update device set is_configured = false")
    (over,) = await domain.tick(T0 + 63_000)
    assert not over.is_active
    assert await rows(store) == []


async def test_open_alerts_are_gone_on_with_after_a_restart(store):
    agent = await mine.add_agent(store)
    (rig,) = await mine.add_rigs(store, agent, 1)
    await put_rule(store, "hot", metric="inlet_temp_c", above=35.0)
    first, second = OwnRules(store), OwnRules(store)
    await first.restore()
    hot = {"inlet_temp_c": np.array([36], np.float32)}
    await alerts.take(store, await first.consume([group("rig", [rig], T0, hot)]), T0)
    await second.restore()
    cool = {"inlet_temp_c": np.array([20], np.float32)}
    (over,) = await second.consume([group("rig", [rig], T0 + 1000, cool)])
    assert not over.is_active
