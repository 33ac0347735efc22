"""A flipped bit in the spool costs one batch, and the batch is named."""

import sqlite3
from contextlib import closing

import pytest

from lode_sim.stack import wait_for
from tests.system.books import assert_balanced, balance
from tests.system.hub_api import HubApi


@pytest.mark.slow
def test_one_flipped_bit_is_found_and_said(launch):
    stack = launch(rigs=30, interval_s=0.5)
    api = HubApi(stack)
    api.wait_for_readings(300)
    stack.control("link", "cut")
    wait_for(lambda: stack.spool()["records"] > 600, 40, "the spool to fill", stack.edge)
    stack.edge.stop()
    flip_one_bit(stack.home / "edge" / "spool.db")
    stack.control("link", "pass")
    stack.edge.start()
    api.wait_for_readings(900)
    result = balance(stack)
    assert_balanced(result, served=400)
    gaps = [gap for gap in api.get("gaps") if gap["reason"] == "corrupt"]
    assert len(gaps) == 1
    assert gaps[0]["from_seq"] == gaps[0]["to_seq"]
    assert 0 < result.explained <= gaps[0]["records"]


def flip_one_bit(path):
    """Flip a bit in the middle of a stored telemetry batch that was never sent."""
    with closing(sqlite3.connect(path)) as db:
        db.execute("pragma wal_checkpoint(truncate)")
        rows = db.execute("select payload from batch where kind = 'rig' order by id").fetchall()
    data = bytearray(path.read_bytes())
    payload = rows[len(rows) // 2][0]
    middle = payload[60:90]
    assert data.count(middle) == 1
    data[data.index(middle) + 10] ^= 0x10
    path.write_bytes(data)
