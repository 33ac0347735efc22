"""Rigs that lie, refuse, forget and restart: effective is only what read-back and power show."""

import json

import pytest
from tests.edge.control.rig import Rig

from lode_wire import orders
from lode_wire.orders import DryRun, FaultLight, PowerLimit, ReadRegisters, Reboot, Sleep
from lode_wire.records import Stage


def proof(site, order: str):
    return orders.decode_evidence(site.hub.said(order)[-1].evidence)


@pytest.mark.parametrize("fault", ["lies", "pretends lies"])
def test_a_yes_without_effect_is_no_effect(world, fault):
    """The second one even reads back what it was told, and draws on."""
    site = world([Rig("r1", faults=set(fault.split()))])
    site.pass_s(6)
    order = site.send(Sleep(), "r1")
    site.until(lambda: site.hub.is_at(order, Stage.FAILED), 900)
    assert Stage.EFFECTIVE not in site.hub.stages(order)
    assert site.hub.said(order)[-1].reason.startswith("no-effect")
    site.rigs["r1"].faults.clear()
    site.until(lambda: site.hub.is_at(order, Stage.EFFECTIVE), 900)  # it is still wished


def test_a_rig_that_refuses_fails_with_its_words_and_is_asked_again_later(world):
    site = world([Rig("r1", faults={"refuses"})])
    site.pass_s(6)
    order = site.send(Sleep(), "r1")
    site.until(lambda: site.hub.is_at(order, Stage.FAILED), 120)
    assert site.hub.said(order)[-1].reason.startswith("device: r1: HTTP 500")
    assert len(site.rigs["r1"].orders) == 3
    site.rigs["r1"].faults.clear()
    site.until(lambda: site.hub.is_at(order, Stage.EFFECTIVE), 700)
    assert site.hub.stages(order)[-2:] == [Stage.FAILED, Stage.EFFECTIVE]


def test_a_rig_that_does_it_and_does_not_answer_is_found_out_by_looking(world):
    site = world([Rig("r1", faults={"deaf"})])
    site.pass_s(6)
    order = site.send(Sleep(), "r1")
    site.until(lambda: site.hub.is_at(order, Stage.EFFECTIVE), 120)
    assert len(site.rigs["r1"].orders) == 1


def test_a_silent_rig_fails_and_costs_only_itself(world):
    site = world([Rig("r1", faults={"silent"}), *(Rig(f"r{n}") for n in range(2, 30))])
    site.pass_s(6)
    order = site.curtail()
    site.until(lambda: site.power_w < 3000 + 30 * 60, 30)
    site.until(lambda: site.hub.is_at(order, Stage.FAILED, "r1"), 200)
    assert Stage.EFFECTIVE not in site.hub.stages(order)  # the whole is not
    site.rigs["r1"].faults.clear()
    site.until(lambda: site.hub.is_at(order, Stage.EFFECTIVE), 1000)


def test_a_rig_that_restarts_awake_is_put_to_sleep_again(world):
    site = world()
    order = site.curtail()
    site.until(lambda: site.hub.is_at(order, Stage.EFFECTIVE))
    site.rigs["r1"].restart(site.loop.time(), is_asleep=False)
    site.until(lambda: site.rigs["r1"].is_asleep, 60)
    site.until(lambda: site.hub.is_at(order, Stage.EFFECTIVE, "r1"))
    told = site.hub.stages(order, "r1")
    assert told[-4:] == [Stage.DRIFTED, Stage.SENT, Stage.ACKNOWLEDGED, Stage.EFFECTIVE]
    drift = next(s for s in site.hub.said(order, "r1") if s.stage is Stage.DRIFTED)
    assert drift.reason.startswith("disobeyed")


def test_a_rig_that_will_not_stay_asleep_is_asked_ever_more_rarely(world):
    site = world()
    order = site.curtail()
    site.until(lambda: site.hub.is_at(order, Stage.EFFECTIVE))
    for _ in range(720):
        if site.rigs["r1"].is_asleep and site.hub.is_at(order, Stage.EFFECTIVE, "r1"):
            site.rigs["r1"].restart(site.loop.time(), is_asleep=False)
        site.pass_s(10)
    assert len(site.rigs["r1"].orders) < 25  # in two hours


def test_without_any_power_figure_it_is_said_that_there_is_no_proof(world):
    site = world([Rig("r1", measures=False)])
    site.pass_s(6)
    order = site.send(Sleep(), "r1")
    site.until(lambda: [s for s in site.hub.said(order) if "nothing measures" in s.reason], 400)
    assert site.hub.stages(order)[-1] is Stage.ACKNOWLEDGED
    assert len(site.rigs["r1"].orders) == 1
    site.send(orders.Release(lease=order))
    site.until(lambda: site.hub.is_at(order, Stage.RELEASED), 2000)
    assert not site.rigs["r1"].is_asleep


def test_the_feeders_meter_proves_what_rigs_do_not_measure(world):
    site = world([Rig(f"r{n}", measures=False) for n in range(1, 6)], feeder="m")
    site.pass_s(40)
    order = site.curtail()
    site.until(lambda: site.hub.is_at(order, Stage.EFFECTIVE), 120)
    assert {
        orders.decode_evidence(site.hub.said(order, r)[-1].evidence).source for r in site.rigs
    } == {"meter"}


def test_the_meter_is_believed_before_the_rig(world):
    site = world([Rig("r1"), Rig("r2")], feeder="m")
    site.pass_s(40)
    order = site.send(PowerLimit(power_w=2000), "r1")
    site.until(lambda: site.hub.is_at(order, Stage.EFFECTIVE))
    assert proof(site, order).source == "meter"
    assert (proof(site, order).power_before_w, proof(site, order).power_after_w) == (6000, 5000)
    site.rigs["r2"].faults = {"draws on"}  # whatever it says of itself
    site.pass_s(70)
    order = site.send(Sleep(), "r2")
    site.until(lambda: site.hub.is_at(order, Stage.FAILED), 900)
    assert Stage.EFFECTIVE not in site.hub.stages(order)
    assert "by meter" in site.hub.said(order)[-1].reason


def test_an_unsteady_feeder_proves_nothing_and_the_rig_is_believed(world):
    site = world([Rig("r1")], feeder="m")

    def swing() -> None:
        site.base_w = 4000.0 - site.base_w
        site.loop.call_later(1.5, swing)

    swing()
    site.pass_s(40)
    order = site.send(Sleep(), "r1")
    site.until(lambda: site.hub.is_at(order, Stage.EFFECTIVE))
    assert proof(site, order).source == "rig"


def test_a_rig_asleep_without_our_order_is_not_woken(world):
    site = world([Rig("r1", is_asleep=True), Rig("r2")])
    site.pass_s(6)
    order = site.curtail(until_ms=site.now_ms + 60_000)
    site.until(lambda: site.hub.is_at(order, Stage.EFFECTIVE))
    site.until(lambda: site.hub.is_at(order, Stage.RELEASED))
    assert not site.rigs["r1"].orders
    assert site.rigs["r1"].is_asleep
    assert not site.rigs["r2"].is_asleep


def test_a_lease_that_holds_at_its_end_leaves_the_rigs_as_they_are(world):
    site = world()
    order = site.curtail(until_ms=site.now_ms + 30_000, at_end="hold")
    site.until(lambda: site.hub.is_at(order, Stage.RELEASED))
    site.pass_s(120)
    assert site.rigs["r1"].is_asleep
    assert not site.control._book.leases.all
    assert not site.control._book.baselines.all


def test_deeds_are_done_once_and_proved(world):
    site = world()
    site.pass_s(30)
    light, reboot = site.send(FaultLight(is_on=True), "r1"), site.send(Reboot(), "r1")
    site.until(lambda: site.hub.is_at(light, Stage.RELEASED))
    site.until(lambda: site.hub.is_at(reboot, Stage.RELEASED))
    assert (
        site.hub.stages(reboot)[:-1]
        == site.hub.stages(light)[:-1]
        == [
            Stage.ACCEPTED,
            Stage.SENT,
            Stage.ACKNOWLEDGED,
            Stage.EFFECTIVE,
        ]
    )
    assert len(site.rigs["r1"].orders) == 2


def test_a_reboot_that_does_not_happen_fails(world):
    site = world([Rig("r1", faults={"lies"})])
    site.pass_s(30)
    order = site.send(Reboot(), "r1")
    site.until(lambda: site.hub.is_at(order, Stage.FAILED), 1200)
    assert site.hub.said(order)[-1].reason.startswith("no-effect")


def test_questions_are_answered(world):
    site = world()
    site.pass_s(6)
    dry = site.send(DryRun(wish=Sleep()), "r1")
    raw = site.send(ReadRegisters(register=40, count=3), "r1")
    site.until(lambda: site.hub.is_at(dry, Stage.RELEASED))
    site.until(lambda: site.hub.is_at(raw, Stage.RELEASED))
    shown = orders.decode_evidence(site.hub.said(dry)[-2].evidence)
    assert [change.key for change in shown.changes] == ["mode"]
    answer = orders.decode_evidence(site.hub.said(raw)[-2].evidence).answer
    assert json.loads(bytes(answer)) == [40, 41, 42]
    assert not site.rigs["r1"].orders


def test_what_was_sent_when_the_agent_was_killed_is_not_sent_again(world):
    site = world([Rig("r1", delay_s=5.0)])
    site.pass_s(30)
    order = site.send(Reboot(), "r1")
    site.until(lambda: site.rigs["r1"].orders)
    site.kill()
    site.start()
    site.until(lambda: site.hub.is_at(order, Stage.FAILED))
    assert "restarted" in site.hub.said(order)[-1].reason
    assert len(site.rigs["r1"].orders) == 1
