"""What is ordered comes to its end though the database hangs or the agent has no room."""

import contextlib
import os
import subprocess
from pathlib import Path

import pytest

from lode_sim.limits import Limits
from lode_sim.stack import wait_for
from tests.system.acting import Acting
from tests.system.books import assert_balanced, balance
from tests.system.test_acts import models
from tests.system.victims import Chaos

pytestmark = pytest.mark.slow

RIGS = 6
LIMITS = Limits(ramp_down_kw_per_min=60.0, ramp_up_kw_per_min=90.0)
MOST_S = 90.0


def begun(launch, **options) -> Acting:
    """Start a site of rigs that tell how often they were ordered anything."""
    made = {"rigs": RIGS, "interval_s": 0.5, "limits": LIMITS, **options}
    site = Acting(launch(site_options=models("luxos-s19kpro"), **made))
    site.wait_until_offered(RIGS)
    return site


def asleep(site: Acting) -> int:
    """Count the rigs that truly sleep."""
    return sum(row["mode"] == "sleep" for row in site.settings().values())


def assert_done_once(site: Acting, curtailment: str, lease: str) -> None:
    """Check that all rigs are proved asleep, come back, and stopped and started once."""
    found = site.until(lease, "effective", timeout_s=MOST_S)
    assert {device["stage"] for device in found["devices"]} == {"effective"}
    assert asleep(site) == RIGS
    site.post(f"curtailments/{curtailment}/release")
    site.until(lease, "released", timeout_s=MOST_S)
    assert asleep(site) == 0
    assert {row["orders"] for row in site.settings().values()} == {2}
    assert_balanced(balance(site.stack, timeout_s=MOST_S), served=300)


def test_a_database_that_stands_still_stops_no_curtailment(launch):
    site = begun(launch)
    shown, lease = site.curtail()
    wait_for(lambda: asleep(site) >= 1, MOST_S, "the first to sleep", site.stack.edge)
    chaos = Chaos(site.stack, seed=1)
    chaos.freeze_database()
    try:
        wait_for(lambda: asleep(site) == RIGS, MOST_S, "all to sleep", site.stack.edge)
    finally:
        chaos.thaw_database()
    assert_done_once(site, shown["curtailment_id"], lease)


@pytest.mark.skipif(os.geteuid() != 0, reason="mounts a small file system, which needs root")
def test_a_full_disk_at_the_site_delays_a_curtailment_and_loses_none(launch, tmp_path):
    """What cannot be written down is not done; what was done is told when there is room again."""
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", disk], check=True)
    try:
        site = begun(launch, edge_data=disk / "edge")
        shown, lease = site.curtail()
        wait_for(lambda: asleep(site) >= 1, MOST_S, "the first to sleep", site.stack.edge)
        fill(disk)
        wait_for(lambda: is_said(site), MOST_S, "the agent to find its disk full", site.stack.edge)
        assert site.stack.edge.is_running, site.stack.edge.last_words()
        (disk / "filler").unlink()
        assert_done_once(site, shown["curtailment_id"], lease)
        site.stack.stop()
    finally:
        subprocess.run(["umount", "--lazy", disk], check=True)


def fill(disk: Path) -> None:
    """Leave nothing of a disk."""
    with (disk / "filler").open("wb", buffering=0) as filler, contextlib.suppress(OSError):
        while True:
            filler.write(b"\0" * 4096)


def is_said(site: Acting) -> bool:
    """Tell whether the agent has said that it cannot keep what it does."""
    return "control keeps nothing and sends nothing" in site.stack.edge.log.read_text()
