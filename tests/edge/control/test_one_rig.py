"""One rig, from the command to the proof and back."""

from lode_wire import orders
from lode_wire.orders import Sleep, Terms, Wake
from lode_wire.records import Stage

ON_THE_WAY = [Stage.ACCEPTED, Stage.SENT, Stage.ACKNOWLEDGED, Stage.EFFECTIVE]


def test_a_rig_sleeps_and_that_is_proved_by_its_power(world):
    site = world()
    site.pass_s(3)
    order = site.send(Sleep(), "r1", terms=Terms(until_ms=site.now_ms + 120_000))
    took_s = site.until(lambda: Stage.EFFECTIVE in site.hub.stages(order))
    assert took_s < 10
    assert site.hub.stages(order) == ON_THE_WAY
    proof = orders.decode_evidence(site.hub.said(order)[-1].evidence)
    assert (proof.source, proof.power_before_w, proof.power_after_w) == ("rig", 3000.0, 60.0)
    assert site.rigs["r1"].is_asleep
    site.until(lambda: Stage.RELEASED in site.hub.stages(order), 200)
    assert not site.rigs["r1"].is_asleep
    assert len(site.rigs["r1"].orders) == 2


def test_a_wake_ends_what_a_sleep_began_and_holds_nothing(world):
    site = world()
    first = site.send(Sleep(), "r1")
    site.until(lambda: Stage.EFFECTIVE in site.hub.stages(first))
    second = site.send(Wake(), "r1")
    site.until(lambda: Stage.RELEASED in site.hub.stages(second))
    assert site.hub.stages(first)[-1] is Stage.RELEASED
    assert "superseded" in site.hub.said(first)[-1].reason
    assert not site.rigs["r1"].is_asleep
    site.pass_s(10)
    assert not site.control._book.leases.all
    site.rigs["r1"].restart(
        site.loop.time(), is_asleep=True
    )  # a person puts it to sleep at its panel
    site.pass_s(120)
    assert site.rigs["r1"].is_asleep
