"""The books would notice: with a fault put in on purpose, readings are lost and they say so."""

import time
from pathlib import Path

import pytest

from lode_sim.oracle import account
from tests.system.books import assert_balanced, balance
from tests.system.hub_api import HubApi
from tests.system.victims import Chaos, settle

MUTANTS = Path(__file__).parent / "mutants"


@pytest.mark.slow
@pytest.mark.parametrize("mutant", ["none", "ack_before_commit", "delete_on_puback"])
def test_the_books_notice_a_faulty_part(launch, mutant):
    env = {} if mutant == "none" else {"PYTHONPATH": str(MUTANTS / mutant)}
    stack = launch(rigs=40, interval_s=0.5, broker="mosquitto", hub_env=env, edge_env=env)
    HubApi(stack).wait_for_readings(200)
    chaos = Chaos(stack, seed=1)
    # What is acknowledged but not committed dies with the hub; what the broker alone has, with it.
    chaos.freeze_database()
    time.sleep(2.0)
    stack.hub.kill()
    chaos.thaw_database()
    time.sleep(1.5)
    chaos.kill_broker()
    stack.hub.start()
    settle(stack)
    result = balance(stack, timeout_s=30 if mutant == "none" else 10)
    if mutant == "none":
        assert_balanced(result, served=200)
    else:
        again = account(stack.truth, stack.database_url())
        assert len(again.lost) >= 5, f"{mutant} went unnoticed"
