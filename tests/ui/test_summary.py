"""Sites added up, and what the first sentence makes of it."""

import random
from dataclasses import replace

import pytest

from lode_hub.queries.nouns import Series, SiteTotals
from lode_ui.summary import added, joined, total, verdict
from tests.ui import made

DICE = random.Random(1)


def site(name: str = "north", **values: object) -> SiteTotals:
    rigs = [made.rig(number, DICE, state="mining", open_alerts=0) for number in range(1, 11)]
    return replace(made.site(1, name, rigs, [made.agent("north-1")]), **values)


def test_sums_are_over_what_is_known():
    totals = total([site(hashrate_ths=1000.0, rig_power_w=30_000.0), site(hashrate_ths=None)])
    assert totals.hashrate_ths == 1000.0
    assert totals.rigs == 20
    assert totals.agents == 2


def test_nothing_known_is_none_and_never_zero():
    nothing = site(hashrate_ths=None, rig_power_w=None, meter_power_w=None, efficiency_jth=None)
    totals = total([nothing, nothing])
    assert totals.hashrate_ths is None
    assert totals.rig_power_w is None
    assert totals.efficiency_jth is None
    assert totals.overhead_ratio is None
    assert totals.covered_ratio is None
    assert total([]).newest_ms is None


def test_efficiency_of_many_is_power_by_hashrate():
    sites = [
        site(hashrate_ths=100.0, rig_power_w=3000.0, efficiency_jth=30.0),
        site(hashrate_ths=300.0, rig_power_w=6000.0, efficiency_jth=20.0),
        site(hashrate_ths=500.0, rig_power_w=None, efficiency_jth=None),
    ]
    assert total(sites).efficiency_jth == pytest.approx(22.5)
    assert total(sites).covered_ratio == pytest.approx(400 / 900)


def test_overhead_is_what_the_rigs_do_not_draw():
    assert total([site(rig_power_w=90.0, meter_power_w=100.0)]).overhead_ratio == pytest.approx(0.1)


@pytest.mark.parametrize(
    ("changes", "severities", "tone", "text"),
    [
        ({}, [], "good", "All well: 10 rigs mining"),
        ({}, ["info", "info"], "good", "All well: 10 rigs mining"),
        ({"rigs_by_state": {"mining": 8, "curtailed": 2}}, [], "good",
         "All well; 2 rigs of 10 at rest"),
        ({"rigs_by_state": {"mining": 9, "unreachable": 1}}, [], "warn", "1 rig unreachable"),
        ({"rigs_by_state": {"mining": 8, "faulted": 1, "silent": 1}}, ["warning", "warning"], "bad",
         "2 open alerts, 1 rig faulted, 1 rig silent"),
        ({}, ["warning", "info", "critical"], "bad", "1 critical alert"),
        ({}, ["warning", "info"], "warn", "1 open alert"),
        ({"stale_agents": 1}, [], "bad", "1 agent stale"),
        ({"rigs": 0, "rigs_by_state": {}}, [], "idle", "No rig has reported yet"),
    ],
)  # fmt: skip
def test_the_verdict_names_the_worst_first(changes, severities, tone, text):
    said = verdict(total([site(**changes)]), severities)
    assert (said.tone, said.text.replace("\N{NO-BREAK SPACE}", " ")) == (tone, text)


def test_efficiencies_are_joined_by_the_power_they_go_with():
    at = {"device_id": 0, "bucket_s": 60, "at_ms": [0, 60], "low": [None] * 2, "high": [None] * 2}
    power = [
        Series(metric="power_w", mean=[3000.0, 3000.0], **at),
        Series(metric="power_w", mean=[6000.0, None], **at),
    ]
    efficiency = [
        Series(metric="efficiency_jth", mean=[30.0, 30.0], **at),
        Series(metric="efficiency_jth", mean=[20.0, None], **at),
    ]
    assert joined(power, efficiency).mean == pytest.approx([22.5, 30.0])
    assert joined([], []) is None


def test_series_are_added_where_all_have_a_bucket():
    one = Series(device_id=0, metric="power_w", bucket_s=60, at_ms=[0, 60, 120],
                 mean=[1.0, 2.0, None], low=[1, 1, 1], high=[2, 2, 2])  # fmt: skip
    two = Series(device_id=0, metric="power_w", bucket_s=60, at_ms=[60, 120, 180],
                 mean=[10.0, 20.0, 30.0], low=[1, 1, 1], high=[2, 2, 2])  # fmt: skip
    both = added([one, two])
    assert both.at_ms == [60, 120]
    assert both.mean == [12.0, None]  # a sum without one of its parts would show a false drop
    assert added([]) is None
    assert added([one]).mean == [1.0, 2.0, None]
