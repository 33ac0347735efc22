"""An outlet is switched when its power says so, where anything measures that."""

import pytest
from tests.edge.control.pdu import Pdu
from tests.edge.control.rig import Rig

from lode_wire import orders
from lode_wire.orders import SwitchOutlet
from lode_wire.records import Stage

OFF, ON = SwitchOutlet(outlet=1, is_on=False), SwitchOutlet(outlet=1, is_on=True)


@pytest.fixture
def site_of(world):
    """Make a site of two rigs, the first plugged into a PDU."""

    def make(pdu, *, rig=None, **how):
        site = world([rig or Rig("r1", measures=False), Rig("r2")], pdu=pdu, **how)
        site.pass_s(40)
        return site

    return make


@pytest.mark.parametrize("feeder", ["", "m"])
def test_an_outlet_is_off_when_nothing_flows(site_of, feeder):
    site = site_of(Pdu(), feeder=feeder)
    for wish, after_w in ((OFF, 0), (ON, 3000)):
        order = site.send(wish, "pdu")
        site.until(lambda order=order: site.hub.is_at(order, Stage.EFFECTIVE), 60)
        shown = orders.decode_evidence(site.hub.said(order)[-1].evidence)
        assert shown.source == ("meter" if feeder else "pdu")
        assert feeder or (shown.power_before_w, shown.power_after_w) == (3000 - after_w, after_w)


@pytest.mark.parametrize("feeder", ["", "m"])
@pytest.mark.parametrize("measures", [True, False])
def test_a_welded_relay_is_found_out(site_of, measures, feeder):
    """By the outlet's own meter; where it has none by the feeder's, or by the rig that goes on."""
    site = site_of(Pdu(is_welded=True, measures=measures), rig=Rig("r1"), feeder=feeder)
    order = site.send(OFF, "pdu")
    site.until(lambda: site.hub.is_at(order, Stage.FAILED), 900)
    assert "read-back says yes, power is" in site.hub.said(order)[-1].reason
    site.pass_s(3600)
    assert Stage.EFFECTIVE not in site.hub.stages(order)


def test_an_outlet_that_nothing_measures_is_read_back(site_of):
    site = site_of(Pdu(measures=False))
    order = site.send(OFF, "pdu")
    site.until(lambda: site.hub.is_at(order, Stage.EFFECTIVE), 60)
