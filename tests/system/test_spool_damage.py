"""A flipped bit in the spool costs one batch, and the batch is named."""

import random

from lode_sim.stack import wait_for
from tests.system.books import assert_balanced, balance
from tests.system.hub_api import HubApi


def test_one_flipped_bit_is_found_and_said(launch):
    stack = launch(rigs=30, interval_s=0.5)
    api = HubApi(stack)
    api.wait_for_readings(300)
    stack.control("link", "cut")
    wait_for(lambda: stack.spool()["records"] > 600, 40, "the spool to fill", stack.edge)
    stack.edge.stop()
    flip_one_bit(next((stack.home / "edge").rglob("spool*.db*")), b"LODE\x01")
    stack.control("link", "pass")
    stack.edge.start()
    api.wait_for_readings(900)
    result = balance(stack)
    assert_balanced(result, served=600)
    gaps = [gap for gap in api.get("gaps") if gap["reason"] == "corrupt"]
    assert len(gaps) == 1
    assert gaps[0]["from_seq"] == gaps[0]["to_seq"]
    assert 0 < result.explained <= gaps[0]["records"]


def flip_one_bit(path, after: bytes, seed: int = 1):
    """Flip a bit well inside a stored payload, behind one of the places where one begins."""
    data = bytearray(path.read_bytes())
    starts = [at for at in range(len(data)) if data.startswith(after, at)]
    place = random.Random(seed).choice(starts) + 150
    data[place] ^= 0x10
    path.write_bytes(data)
