"""Zero lost, zero doubled, over kill -9 of each node of a broker cluster."""

import time
from functools import partial

import pytest

from tests.system.books import assert_balanced
from tests.system.fleet import Fleet, assert_books_notice
from tests.system.nats_cluster import Cluster

SITES = ("south", "east")
KILLS = 3
DOWN_S = 2.0
BACK_S = 90.0  # NATS elects a leader for each session; with two cores for all that takes its time


@pytest.fixture
def cluster(tmp_path):
    found = Cluster(tmp_path / "cluster", "north-1", *(f"{site}-1" for site in SITES))
    found.start()
    yield found
    found.kill()


@pytest.mark.slow
@pytest.mark.alone
def test_every_node_may_be_killed_in_turn(launch, cluster, record_property):
    stack = launch(
        base="127.91.0.0",
        rigs=20,
        interval_s=0.5,
        site_options=("--meters", "40"),
        has_own_broker=False,
        hub_env=cluster.settings("HUB", "hub"),
        edge_env=cluster.settings("EDGE", "north-1"),
    )
    fleet = Fleet(stack, *SITES, login=partial(cluster.settings, "EDGE"))
    fleet.wait_until_all_move(BACK_S)
    waits_s = [kill_one(fleet, cluster, turn) for turn in range(KILLS)]
    accounts = fleet.balance(timeout_s=60)
    served = sum(result.served for result in accounts.values())
    stored = max(result.stored for result in accounts.values())
    said = f"{KILLS} kills; fresh commits of all agents within {max(waits_s):.1f} s; "
    said += f"{served} replies served, {stored} readings stored"
    record_property("figures", said)
    print(said)
    for result in accounts.values():
        assert_balanced(result, served=500)
    assert_books_notice(fleet)


def kill_one(fleet, cluster, turn):
    """Kill a node under load; all agents' batches are committed while it is down, and after."""
    node = cluster.nodes[turn % len(cluster.nodes)]
    node.part.kill()
    time.sleep(DOWN_S)  # what was on its way is there by then; now count what came after
    down_s = fleet.wait_until_all_move(BACK_S)
    node.restart()
    return max(down_s, fleet.wait_until_all_move(BACK_S))
