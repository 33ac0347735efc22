"""Another rig at a rig's address: orders for the one leave the other alone, and it is told."""

from lode_edge.drivers import Facts
from lode_wire.orders import Precondition, Sleep
from lode_wire.records import Stage

OURS = Facts(model="S19", mac="aa:bb")
OTHER = Facts(model="S21", mac="cc:dd")


def test_an_order_for_a_rig_leaves_another_in_its_place_alone(world):
    site = world(1)
    site.pass_s(10)
    for _ in range(2):  # as often as it is identified
        site.control.learned("r1", OTHER, "S21 cc:dd instead of S19 aa:bb")
        site.pass_s(10)
    order = site.send(Sleep(), "r1", precondition=Precondition(mac="aa:bb"))
    site.pass_s(10)
    assert site.hub.said(order)[-1].reason == "precondition: mac is cc:dd"
    assert not site.rigs["r1"].is_asleep
    (told,) = site.hub.said("local:identity:r1")
    assert (told.stage, told.reason) == (
        Stage.REFUSED,
        "precondition: S21 cc:dd instead of S19 aa:bb",
    )
    site.control.learned("r1", OURS)
    site.pass_s(10)
    assert site.hub.stages("local:identity:r1")[-1] is Stage.RELEASED


def test_a_curtailment_of_the_site_takes_whoever_answers(world):
    site = world(2)
    site.pass_s(10)
    site.control.learned("r1", OTHER, "S21 cc:dd instead of S19 aa:bb")
    site.curtail()
    site.until(lambda: all(rig.is_asleep for rig in site.rigs.values()), 120)
