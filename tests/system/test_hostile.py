"""Zero lost, zero doubled, through a broker that loses, repeats nothing, and reorders."""

import random
import re
import time

import pytest

from lode_sim.stack import wait_for
from tests.system.books import assert_balanced
from tests.system.fleet import Fleet, assert_books_notice
from tests.system.hostile_broker import HostileBroker
from tests.system.hub_api import HubApi

KILLS = 5
BACK_S = 60.0


@pytest.fixture
def broker(tmp_path):
    found = HostileBroker(tmp_path / "broker")
    found.start()
    yield found
    found.kill()


@pytest.mark.slow
def test_a_broker_that_loses_messages_loses_no_reading(launch, broker, record_property):
    stack = launch(
        base="127.92.0.0",
        rigs=30,
        interval_s=0.5,
        site_options=("--meters", "60"),
        has_own_broker=False,
        hub_env=broker.settings("HUB", "hub"),
        edge_env=broker.settings("EDGE", "north-1"),
    )
    fleet = Fleet(stack)
    HubApi(stack).wait_for_readings(500)
    rng = random.Random(3)
    waits_s = []
    for _ in range(KILLS):
        time.sleep(rng.uniform(2.0, 4.0))
        broker.kill()
        time.sleep(rng.uniform(0.0, 2.0))
        broker.start()
        waits_s.append(fleet.wait_until_all_move(BACK_S))
    # The hub goes away in mid-delivery too: what it had not acknowledged, the broker throws away.
    stack.hub.kill()
    stack.hub.start()
    wait_for(stack.is_healthy, BACK_S, "the hub to be healthy", stack.hub)
    waits_s.append(fleet.wait_until_all_move(BACK_S))
    accounts = fleet.balance(timeout_s=60)
    result = accounts["north-1"]
    said = f"{KILLS} kills of the broker, 1 of the hub; commits again within {max(waits_s):.1f} s; "
    said += f"{result.served} replies served, {result.stored} readings stored, "
    said += f"batches sent again after {sent_again(stack)} stalls"
    record_property("figures", said)
    print(said)
    assert_balanced(result, served=1000)
    assert sent_again(stack), "the broker lost nothing that had to be sent again"
    assert_books_notice(fleet)


def sent_again(stack):
    """Count how often the agent saw that what the broker had taken did not arrive."""
    return len(re.findall("batches sent again", stack.edge.log.read_text()))
