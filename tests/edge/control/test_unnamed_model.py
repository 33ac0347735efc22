"""A rig of a model that the envelope does not name: it sleeps, and what we put to sleep we wake."""

import pytest
from tests.edge.control.rig import Rig

from lode_edge.control.envelope import Envelope, Line, Model
from lode_wire.orders import EndStop, PowerLimit, Sleep, StopAll, Terms, Wake
from lode_wire.records import Controls, Stage


@pytest.fixture
def unnamed(world):
    """Make a site whose envelope names another model, with its limits as given."""

    def make(rigs=1, **line):
        envelope = Envelope(agent="a", site=Line(**line), models={"T21": Model(power_max_w=3600)})
        site = world(rigs, envelope=envelope)
        site.pass_s(20)
        return site

    return make


def test_it_is_put_to_sleep_and_woken(unnamed):
    site = unnamed()
    order = site.send(Sleep(), "r1", terms=Terms(until_ms=site.now_ms + 60_000))
    site.until(lambda: site.hub.is_at(order, Stage.EFFECTIVE), 30)
    site.until(lambda: site.hub.is_at(order, Stage.RELEASED), 200)
    assert not site.rigs["r1"].is_asleep


def test_it_wakes_when_a_stop_is_ended(unnamed):
    site = unnamed()
    stop = site.send(StopAll())
    site.until(lambda: site.hub.is_at(stop, Stage.EFFECTIVE), 30)
    site.send(EndStop())
    site.until(lambda: not site.rigs["r1"].is_asleep, 200)
    site.until(lambda: site.hub.is_at(stop, Stage.RELEASED))


def test_it_keeps_to_the_ramps(unnamed):
    site = unnamed(6, ramp_down_kw_per_min=6, ramp_up_kw_per_min=6, start_spacing_s=5)
    order = site.curtail(until_ms=site.now_ms + 400_000)
    site.until(lambda: site.hub.is_at(order, Stage.RELEASED), 2000)
    assert all(rig.turned_s for rig in site.rigs.values())
    assert max(site.steepest_w(-1), site.steepest_w(1)) <= 6001


def test_what_we_left_asleep_we_may_be_asked_to_wake(unnamed):
    site = unnamed([Rig("r1"), Rig("r2", is_asleep=True)])
    order = site.curtail("r1", until_ms=site.now_ms + 60_000, at_end="hold")
    site.until(lambda: site.hub.is_at(order, Stage.RELEASED), 100)
    offers = {r.device: r.offers for r in site.hub.records if isinstance(r, Controls)}
    assert (offers[1], offers[2]) == (("fault_light", "sleep", "wake"), ("fault_light", "sleep"))
    ours, another = site.send(Wake(), "r1"), site.send(Wake(), "r2")
    site.until(lambda: site.hub.is_at(ours, Stage.RELEASED), 100)
    assert not site.rigs["r1"].is_asleep
    assert site.hub.stages(another) == [Stage.REFUSED]
    assert "says nothing of model 'S19'" in site.hub.said(another)[0].reason


def test_nothing_else_is_done_with_it(unnamed):
    site = unnamed()
    order = site.send(PowerLimit(power_w=2000), "r1")
    site.until(lambda: site.hub.is_at(order, Stage.REFUSED))


def test_a_rig_of_which_no_power_is_known_before_is_proved_asleep(unnamed):
    """It has no rating, and measures itself: then it counts as the hungriest that is named."""
    site = unnamed([Rig("r1", is_rated=False)])
    order = site.send(Sleep(), "r1")
    site.until(lambda: site.hub.is_at(order, Stage.EFFECTIVE), 30)


def test_it_has_no_start_left_after_the_memory_was_lost(unnamed):
    site = unnamed()
    site.kill()
    (site.home / "control.db").write_bytes(b"no database" * 1000)
    site.start()
    site.pass_s(30)
    told = [record for record in site.hub.records if isinstance(record, Controls)]
    assert (told[0].starts_left, told[-1].starts_left) == (None, 0)
