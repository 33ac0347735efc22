"""Leases and plans without the hub, kills, a lost store, and what is told of devices."""

from dataclasses import replace

import pytest
from tests.edge.control.rig import Rig
from tests.edge.control.world import limits

from lode_edge.control.envelope import Envelope, Model
from lode_edge.control.wishes import Lease, ruling
from lode_wire import orders
from lode_wire.orders import (
    Curtail,
    FaultLight,
    Period,
    PowerLimit,
    Sleep,
    StandingPlan,
    Step,
    Terms,
    Wake,
)
from lode_wire.records import Controls, Stage


def asleep(site) -> set[str]:
    return {name for name, rig in site.rigs.items() if rig.is_asleep}


def step(*devices: str) -> Step:
    return Step(wish=Sleep(), devices=devices)


def send_plan(site, now_ms: int) -> str:
    both, one = (step("r1", "r2"),), (step("r2"),)
    return site.send(
        StandingPlan(
            periods=(
                Period(from_ms=now_ms + 600_000, to_ms=now_ms + 1_800_000, steps=both),
                Period(from_ms=now_ms + 1_800_000, to_ms=now_ms + 2_400_000, steps=one),
            )
        )
    )


def test_an_hour_without_the_hub(world):
    """The plan runs on, leases end as declared, and all is told when the link is back."""
    site = world([Rig(f"r{n}") for n in range(1, 6)], poll_s=10.0)
    site.pass_s(15)
    now_ms = site.now_ms
    plan = send_plan(site, now_ms)
    held = site.send(Curtail(steps=(step("r3"),), terms=Terms(until_ms=now_ms + 1_200_000)))
    lost = site.send(Curtail(steps=(step("r4"),), terms=Terms(if_lost="restore", lost_after_s=300)))
    planned = site.send(
        Curtail(steps=(step("r1", "r5"),), terms=Terms(if_lost="plan", lost_after_s=900))
    )
    site.until(lambda: site.hub.is_at(planned, Stage.EFFECTIVE))
    site.hub.is_reached = site.is_heard = False
    told = len(site.hub.states)
    seen = {}
    for minute in range(1, 61):
        site.pass_s(60)
        seen[minute] = asleep(site)
    assert len(site.hub.states) == told
    assert seen[3] == {"r1", "r3", "r4", "r5"}
    assert seen[8] == {"r1", "r3", "r5"}  # r4 was given back when the hub was lost
    assert seen[12] == {"r1", "r2", "r3", "r5"}  # the plan has begun
    assert seen[18] == {"r1", "r2", "r3"}  # the plan holds r1 on, and not r5
    assert seen[25] == {"r1", "r2"}  # the lease of r3 is over
    assert seen[35] == {"r2"}
    assert seen[45] == set()
    site.hub.reach()
    site.is_heard = True
    site.until(lambda: site.hub.is_at(plan, Stage.RELEASED))
    for order in (held, lost, planned):
        assert site.hub.is_at(order, Stage.RELEASED)
    assert "hub was not heard" in site.hub.said(lost)[-1].reason
    numbers = [orders.decode_evidence(s.evidence).entry for s in site.hub.states]
    assert sorted(set(numbers)) == list(range(1, max(numbers) + 1))


def test_restarts_do_not_make_a_lost_hub_heard(world):
    site = world(poll_s=10.0)
    order = site.curtail(if_lost="restore", lost_after_s=300)
    site.until(lambda: site.hub.is_at(order, Stage.EFFECTIVE))
    site.is_heard = site.hears_nothing = False
    site.pass_s(31)
    for _ in range(6):
        site.kill()
        site.hears_nothing = True
        site.start()
        site.pass_s(60)
    assert not site.rigs["r1"].is_asleep


def test_a_kill_in_the_middle_changes_neither_the_end_nor_the_starts(world):
    site = world([Rig(f"r{n:02}") for n in range(30)], envelope=limits(ramp=45.0, starts_per_day=5))
    site.pass_s(15)
    order = site.curtail()
    for _ in range(6):
        site.pass_s(11.3)
        site.kill()
        site.start()
    site.until(lambda: site.hub.is_at(order, Stage.EFFECTIVE))
    assert asleep(site) == set(site.rigs)
    site.send(orders.Release(lease=order))
    for _ in range(8):
        site.pass_s(7.7)
        site.kill()
        site.start()
    site.until(lambda: site.hub.is_at(order, Stage.RELEASED))
    assert asleep(site) == set()
    turned = site.control._book.turned.all
    assert {turned[name].starts for name in site.rigs} == {1}
    assert max(site.steepest_w(1), site.steepest_w(-1)) <= 45_001


def test_after_its_store_broke_an_agent_wakes_nothing_until_tomorrow(world):
    site = world(poll_s=20.0, interval_s=10.0)
    order = site.curtail()
    site.until(lambda: site.hub.is_at(order, Stage.EFFECTIVE))
    site.kill()
    (site.home / "control.db-wal").unlink(missing_ok=True)
    (site.home / "control.db").write_bytes(b"no database" * 1000)
    site.start()
    site.pass_s(30)
    assert list(site.home.glob("control.db.broken-*"))
    assert any(s.id == "local:store" for s in site.hub.states)
    wake = site.send(Wake(), "r1")
    site.pass_s(3600)
    assert site.rigs["r1"].is_asleep
    told = [r for r in site.hub.records if isinstance(r, Controls)][-1]
    assert told.starts_left == 0
    site.until(lambda: site.hub.is_at(wake, Stage.RELEASED), 86_400, every_s=60)


def test_an_agent_without_an_envelope_only_reads_and_says_why(world):
    site = world(blocked="the agent only reads: no envelope")
    site.pass_s(10)
    order = site.send(Sleep(), "r1")
    site.until(lambda: site.hub.is_at(order, Stage.REFUSED))
    assert site.hub.said(order)[-1].reason == "envelope: the agent only reads: no envelope"
    told = [r for r in site.hub.records if isinstance(r, Controls)][-1]
    assert (told.offers, told.blocked) == ((), "the agent only reads: no envelope")


def test_what_can_be_asked_is_told_with_the_tighter_limits(world):
    site = world(envelope=limits(power_max_w=3300, starts_per_day=4))
    site.pass_s(10)
    told = [r for r in site.hub.records if isinstance(r, Controls)]
    assert len(told) == 1
    assert (told[0].power_min_w, told[0].power_max_w, told[0].starts_left) == (500, 3300, 4)
    assert "sleep" in told[0].offers
    order = site.curtail(until_ms=site.now_ms + 20_000)
    site.until(lambda: site.hub.is_at(order, Stage.RELEASED))
    site.pass_s(10)
    assert [r.starts_left for r in site.hub.records if isinstance(r, Controls)] == [4, 3]


def test_what_another_order_takes_over_is_told_released_once(world):
    site = world()
    site.pass_s(6)
    sleep = site.send(Sleep(), "r1")
    site.until(lambda: site.hub.is_at(sleep, Stage.EFFECTIVE))
    again = site.send(Sleep(), "r1")
    site.until(lambda: site.hub.is_at(again, Stage.EFFECTIVE))
    wake = site.send(Wake(), "r1")
    site.until(lambda: site.hub.is_at(wake, Stage.RELEASED))
    site.pass_s(60)
    for order in (sleep, again, wake):
        assert site.hub.stages(order).count(Stage.RELEASED) == 1


def told_of(site, number: int) -> Controls:
    return [r for r in site.hub.records if isinstance(r, Controls) and r.device == number][-1]


def test_only_what_the_envelope_allows_is_offered(world):
    rig = Rig("r1", offers=("sleep", "wake", "power_mode", "power_limit", "fault_light"))
    site = world([rig], envelope=limits(power_max_w=3300))
    site.pass_s(10)
    # Its high mode would draw more than 3,300 W.
    modes = ("power_mode", "power_mode:low", "power_mode:normal")
    assert told_of(site, 1).offers == ("fault_light", "power_limit", *modes, "sleep", "wake")
    order = site.send(orders.PowerMode(mode="high"), "r1")
    site.until(lambda: site.hub.is_at(order, Stage.REFUSED))
    assert site.hub.said(order)[-1].reason.startswith("envelope: mode high")
    empty = world([rig], envelope=limits(power_min_w=3600, power_max_w=3700))
    empty.pass_s(10)
    assert "power_limit" in told_of(empty, 1).offers
    empty = world([rig], envelope=limits(power_min_w=3601, power_max_w=3700))
    empty.pass_s(10)
    assert "power_limit" not in told_of(empty, 1).offers


def test_a_model_that_the_envelope_does_not_know_may_only_sleep(world):
    site = world([Rig("r1")], envelope=Envelope(agent="a", models={"S21": Model(power_max_w=1)}))
    site.pass_s(10)
    assert told_of(site, 1).offers == ("fault_light", "sleep")
    assert "says nothing of its model" in told_of(site, 1).blocked
    light, limit = site.send(FaultLight(is_on=True), "r1"), site.send(PowerLimit(power_w=1), "r1")
    site.until(lambda: site.hub.is_at(light, Stage.RELEASED))
    site.until(lambda: site.hub.is_at(limit, Stage.REFUSED))


def test_only_rigs_have_starts(world):
    site = world([Rig("r1")], envelope=limits(starts_per_day=4))
    device = site.control.site.devices["r1"]
    device.entry = replace(device.entry, kind="pdu")
    site.pass_s(10)
    assert told_of(site, 1).starts_left is None


@pytest.mark.parametrize("is_reversed", [False, True])
def test_of_equal_wishes_the_first_rules_and_a_stop_before_all(is_reversed):
    leases = [
        Lease(id="b", number=2, begun_ms=0, steps=(step("r"),)),
        Lease(id="a", number=1, begun_ms=0, steps=(step("r"),)),
        Lease(id="s", number=3, begun_ms=0, steps=(step("r"),), origin="stop"),
    ]
    if is_reversed:
        leases.reverse()

    def allow(_, wish):
        return wish

    found = ruling(leases, None, 0, lambda _, wish: 0.0 if isinstance(wish, Sleep) else 1.0, allow)
    assert [held.lease for held in found.values()] == ["s"]
    found = ruling(leases[:2] if not is_reversed else leases[1:], None, 0, lambda *_: 0.0, allow)
    assert [held.lease for held in found.values()] == ["a"]


def test_a_wake_against_what_holds_a_rig_asleep_says_so(world):
    site = world([Rig("r1"), Rig("r2", chip_c=110), Rig("r3")], envelope=limits(chip_temp_max_c=95))
    site.pass_s(15)
    period = Period(from_ms=site.now_ms - 1, to_ms=site.now_ms + 600_000, steps=(step("r1"),))
    plan = site.send(StandingPlan(periods=(period,)))
    lease = site.curtail("r3")
    site.until(lambda: asleep(site) == {"r1", "r2", "r3"}, 60)
    why = {}
    for name in site.rigs:
        order = site.send(Wake(), name)
        site.until(lambda order=order: site.hub.is_at(order, Stage.REFUSED), 10)
        why[name] = site.hub.said(order)[0].reason
    assert why == {
        "r1": f"superseded: r1 sleeps by the standing plan {plan}; change that",
        "r2": "superseded: r2 sleeps by local:over-temperature:r2; it ends by itself",
        "r3": f"superseded: r3 sleeps by {lease}; release that",
    }
