"""Many rigs as one lease: by the ramp down and up, over kills, and without the link."""

import itertools
import time

import pytest

from lode_sim.limits import Limits
from lode_sim.stack import wait_for
from tests.system.acting import Acting, Row, Watched
from tests.system.books import assert_balanced, balance
from tests.system.test_acts import models

pytestmark = pytest.mark.slow

RIGS = 12
LIMITS = Limits(ramp_down_kw_per_min=60.0, ramp_up_kw_per_min=90.0)
WINDOW_S, BURST_S = 5.0, 6.0  # of the ramp may go at once
RIG_W = 3280.0  # the largest; a rig is not switched by halves
MOST_S = 90.0


@pytest.fixture(scope="module")
def site(launch_shared) -> Acting:
    """A site of rigs that wake without warming up, and whose every reply has a number."""
    options = models("luxos-s19kpro", "whatsminer-m50s")
    stack = launch_shared(rigs=RIGS, interval_s=0.5, limits=LIMITS, site_options=options)
    found = Acting(stack)
    found.wait_until_offered(RIGS)
    return found


def asleep(site: Acting) -> set[str]:
    """Name the rigs that truly sleep."""
    return {name for name, row in site.settings().items() if row["mode"] == "sleep"}


def orders_done(site: Acting) -> dict[str, int]:
    """Say how many orders each rig has carried out; every second one woke it."""
    return {name: row["orders"] for name, row in site.settings().items()}


def wait_until_counted(site: Acting) -> None:
    """Wait until the hub knows of each start that was made, and of no other."""
    left = {name: LIMITS.starts_per_day - n // 2 for name, n in orders_done(site).items()}

    def is_told() -> bool:
        told = site.controls()
        return {name: told[name]["starts_left"] for name in left} == left

    wait_for(is_told, 30, f"starts left to be {left}", site.stack.edge)


def ramp_w(kw_per_min: float) -> float:
    """Give by how much power may change in a window."""
    return kw_per_min * 1000 / 60 * (WINDOW_S + BURST_S) + RIG_W


def most_of(site: Acting) -> tuple[Row, str]:
    """Curtail three quarters of what the site draws."""
    return site.curtail(reduce_by_w=0.75 * site.true_w())


def names_of(shown: Row) -> list[str]:
    """Name the rigs that a curtailment takes, in their order."""
    return [rig["name"] for rig in shown["taken"]]


def release(site: Acting, shown: Row, lease: str) -> None:
    """End a curtailment, and wait until every rig is given back."""
    site.post(f"curtailments/{shown['curtailment_id']}/release")
    site.until(lease, "released", timeout_s=MOST_S)
    assert not asleep(site)


def test_a_curtailment_by_power_keeps_the_ramp_both_ways(site):
    before, full_w = site.kept(), site.true_w()
    with Watched(site) as watched:
        shown, lease = most_of(site)
        assert shown["is_enough"]
        skipped = {rig["name"]: rig["reason"] for rig in shown["skipped"]}
        assert skipped
        assert set(skipped.values()) == {"not needed"}
        found = site.until(lease, "effective", timeout_s=MOST_S)
        assert asleep(site) == set(names_of(shown))
        assert full_w - site.true_w() >= 0.95 * shown["needed_w"]
        assert {d["stage"] for d in found["devices"]} == {"effective"}
        assert all(d["power_source"] for d in found["devices"])
        sent = sorted((s for s in found["steps"] if s["stage"] == "sent" and s["target"]), key=_at)
        assert [step["target"] for step in sent] == names_of(shown)
        release(site, shown, lease)
    assert watched.steepest_w(-1, WINDOW_S) <= ramp_w(LIMITS.ramp_down_kw_per_min)
    assert watched.steepest_w(1, WINDOW_S) <= ramp_w(LIMITS.ramp_up_kw_per_min)
    assert watched.steepest_w(-1, MOST_S) >= 0.7 * full_w  # so that there was something to keep
    after = site.kept()
    assert after == {name: after[name] | kept for name, kept in before.items()}


def _at(step: Row) -> int:
    return int(step["entry"])


def test_kills_in_the_middle_change_no_end(site):
    stack, done = site.stack, orders_done(site)
    shown, lease = most_of(site)
    taken = names_of(shown)
    wait_for(lambda: len(asleep(site)) >= len(taken) // 3, MOST_S, "a third to sleep", stack.edge)
    assert asleep(site) < set(taken)
    stack.edge.kill()
    stack.edge.start()
    found = site.until(lease, "effective", timeout_s=MOST_S)
    assert asleep(site) == set(taken)
    assert {d["stage"] for d in found["devices"]} == {"effective"}
    site.post(f"curtailments/{shown['curtailment_id']}/release")
    wait_for(lambda: asleep(site) < set(taken), MOST_S, "the first to wake", stack.edge)
    stack.hub.kill()
    stack.hub.start()
    wait_for(stack.is_healthy, MOST_S, "the hub to be healthy again", stack.hub)
    site.until(lease, "released", timeout_s=MOST_S)
    assert not asleep(site)
    for name in taken:
        # After the hub was away the newest comes first, and what was told before comes beside it.
        wait_for(lambda name=name: "released" in site.steps(lease, name), 30, f"all about {name}")
        told = [stage for stage, _ in itertools.groupby(site.steps(lease, name))]
        assert told.count("effective") == 1, (name, told)
        assert told[-1] == "released", (name, told)
    assert orders_done(site) == {name: n + 2 * (name in taken) for name, n in done.items()}
    wait_until_counted(site)


def test_without_the_link_leases_end_and_the_plan_runs(site):
    lost = {"if_lost": "restore", "lost_after_s": 8.0}
    gives_up = site.order("sleep", "rig-002", terms=lost)
    holds = site.order("sleep", "rig-003", terms={"if_lost": "hold", "lost_after_s": 8.0})
    site.until(gives_up, "effective")
    site.until(holds, "effective")
    now_ms = int(time.time() * 1000)
    ends = site.order("sleep", "rig-001", terms={"until_ms": now_ms + 18_000})
    steps = [{"wish": {"action": "sleep"}, "devices": ["rig-010"]}]
    period = {"from_ms": now_ms + 22_000, "to_ms": now_ms + 32_000, "steps": steps}
    plan = site.order("plan", periods=[period])
    site.until(ends, "effective")
    site.until(plan, "accepted")
    assert asleep(site) == {"rig-001", "rig-002", "rig-003"}
    assert time.time() * 1000 < now_ms + 15_000, "the machine is too slow for this test"
    site.stack.control("link", "blackhole")
    wait_for(lambda: "rig-002" not in asleep(site), 30, "the lost hub to be noticed")
    wait_for(lambda: "rig-001" not in asleep(site), 40, "the lease to end")
    wait_for(lambda: asleep(site) == {"rig-003", "rig-010"}, 60, "the plan to begin")
    wait_for(lambda: asleep(site) == {"rig-003"}, 60, "the plan's period to end")
    assert site.stage(ends) == site.stage(gives_up) == "effective"  # as far as the hub knows
    site.stack.control("link", "pass")
    for ordered in (ends, gives_up, plan):
        site.until(ordered, "released", timeout_s=MOST_S)
    assert site.steps(plan, "rig-010")[-1] == "released"
    assert "effective" in site.steps(plan, "rig-010")
    assert site.stage(holds) == "effective"
    site.until(site.order("wake", "rig-003"), "released")
    assert not asleep(site)


def test_over_all_of_it_no_reading_is_lost_or_doubled(site):
    """Comes last: it stops the site."""
    assert_balanced(balance(site.stack, timeout_s=MOST_S), served=1000)
