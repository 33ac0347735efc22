"""Zero lost, zero doubled, over kill -9 of every part."""

import time

import pytest

from tests.system.books import assert_balanced, balance
from tests.system.victims import Chaos, settle

RATE = 2000  # readings a second, at least
METERS = ("--meters", "110")


@pytest.mark.slow
@pytest.mark.parametrize("broker", ["mosquitto", "nats"])
def test_twenty_random_kills_lose_nothing(launch, broker):
    stack = launch(rigs=60, interval_s=1.0, broker=broker, site_options=METERS)
    chaos = Chaos(stack, seed=20)
    began = time.monotonic()
    chaos.run(kills=24 if broker == "mosquitto" else 12)
    took_s = time.monotonic() - began
    settle(stack)
    result = balance(stack, timeout_s=90)
    assert_balanced(result, served=int(took_s * 100))
    assert {kill.victim for kill in chaos.kills} == {"edge", "hub", "postmaster", "broker"}
    # The agent was killed, and says so for each time it had something in its hands: replies of
    # some two seconds at most, of 170 a second, on two busy cores.
    assert result.explained <= 170 * 2 * sum(kill.victim == "edge" for kill in chaos.kills)
    # Readings the agent saw while it ran: what was polled while it was dead does not exist.
    assert result.stored >= 0.5 * RATE * took_s


def test_one_kill_of_each_part_loses_nothing(launch):
    stack = launch(rigs=30, interval_s=0.5)
    chaos = Chaos(stack, seed=4)
    chaos.run(kills=4, pause_s=(1.0, 2.0))
    settle(stack)
    assert_balanced(balance(stack), served=200)
