"""Zero lost, zero doubled, over every way in which the road to the hub can be closed."""

import os
import signal
import subprocess
import time

import pytest

from lode_sim.addresses import claim
from lode_sim.stack import wait_for
from tests.system.books import assert_balanced, balance
from tests.system.hub_api import HubApi
from tests.system.victims import listener_pid

METERS = ("--meters", "110")
OUTAGE_S = 60


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["blackhole", "cut"])
def test_a_link_closed_for_a_minute_loses_nothing(launch, mode):
    """The leading Python gateway loses 42,000 points here."""
    stack = launch(rigs=60, interval_s=1.0, site_options=METERS)
    api = HubApi(stack)
    api.wait_for_readings(1000)
    stack.control("link", mode)
    wait_for(lambda: api.agent()["state"] == "stale", 45, "the agent to go stale", stack.hub)
    time.sleep(OUTAGE_S - 30)
    spooled = stack.spool()["records"]
    assert spooled > 20 * 1000, f"only {spooled} records wait in the spool"
    stack.control("link", "pass")
    wait_for(lambda: api.agent()["state"] == "live", 45, "the agent to come back", stack.hub)
    assert_balanced(balance(stack), served=OUTAGE_S * 100)


@pytest.mark.slow
@pytest.mark.parametrize("broker", ["mosquitto", "nats"])
def test_a_broker_frozen_for_a_minute_loses_nothing(launch, broker):
    stack = launch(rigs=60, interval_s=1.0, site_options=METERS, broker=broker)
    HubApi(stack).wait_for_readings(1000)
    pid = listener_pid(stack.broker_port)
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    time.sleep(OUTAGE_S)
    os.kill(pid, signal.SIGCONT)
    assert_balanced(balance(stack), served=OUTAGE_S * 100)


@pytest.mark.slow
def test_a_stopped_site_keeps_its_addresses(launch):
    """Its agent still asks there: rigs of another test at work there would be read by both."""
    stack = launch(rigs=1, starts_edge=False)
    stack.site.stop()
    with claim() as base:
        assert base != stack.base


@pytest.mark.slow
def test_an_agent_booted_without_a_broker_keeps_everything(launch):
    stack = launch(rigs=30, interval_s=0.5, starts_edge=False)
    stack.control("link", "cut")
    stack.edge.start()
    file = stack.home / "edge" / "spool.db"
    wait_for(file.exists, 30, "the spool to be made", stack.edge)
    wait_for(lambda: stack.spool()["records"] > 1500, 60, "the spool to fill", stack.edge)
    assert HubApi(stack).readings() == 0
    stack.control("link", "pass")
    assert_balanced(balance(stack), served=100)


@pytest.mark.slow
def test_a_clock_set_back_loses_nothing(launch, tmp_path):
    """Set the agent's clock back by ten minutes while it runs."""
    pytest.importorskip("shutil").which("faketime") or pytest.skip("faketime is not installed")
    offset = tmp_path / "offset"
    offset.write_text("+0")
    library = next(
        path
        for path in ("/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu")
        if os.path.exists(f"{path}/faketime/libfaketimeMT.so.1")  # noqa: PTH110
    )
    fake = {"LD_PRELOAD": f"{library}/faketime/libfaketimeMT.so.1", "DONT_FAKE_MONOTONIC": "1"}
    fake |= {"FAKETIME_TIMESTAMP_FILE": str(offset), "FAKETIME_NO_CACHE": "1"}
    stack = launch(rigs=30, interval_s=0.5, edge_env=fake)
    api = HubApi(stack)
    api.wait_for_readings(500)
    offset.write_text("-600")
    wait_for(lambda: (api.agent()["clock_offset_ms"] or 0) < -300_000, 60, "the hub to see it")
    api.wait_for_readings(api.readings() + 500)
    assert_balanced(balance(stack, skews_ms=(0, 600_000)), served=500)


@pytest.mark.slow
@pytest.mark.skipif(os.geteuid() != 0, reason="mounts a small file system, which needs root")
def test_a_full_disk_under_the_spool_loses_nothing_unsaid(launch, tmp_path):
    """Fill the disk while the link is down, free it again, and look for what was not said."""
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", disk], check=True)
    try:
        stack = launch(rigs=60, interval_s=1.0, site_options=METERS, edge_data=disk / "edge")
        HubApi(stack).wait_for_readings(1000)
        stack.control("link", "blackhole")
        room = os.statvfs(disk)
        (disk / "filler").write_bytes(b"\0" * (room.f_bavail * room.f_frsize - 64 * 1024))
        time.sleep(20)
        assert stack.edge.is_running, stack.edge.last_words()
        (disk / "filler").unlink()
        time.sleep(10)
        stack.control("link", "pass")
        result = balance(stack)
        assert_balanced(result, served=3000)
        stack.stop()
    finally:
        subprocess.run(["umount", "--lazy", disk], check=True)
