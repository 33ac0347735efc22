"""Modes, presets and limits: proved by power, kept within the envelope, given back whole."""

import pytest
from tests.edge.control.settings_rig import SettingsRig
from tests.edge.control.world import limits

from lode_wire import orders
from lode_wire.orders import PowerLimit, PowerMode, Preset, Release, Sleep, Wake
from lode_wire.records import Controls, Stage


@pytest.fixture
def site_of(world):
    """Make a site of such rigs, and let them say what they offer."""

    def make(*rigs, **how):
        site = world(list(rigs), **how)
        site.pass_s(40)
        return site

    return make


def proof(site, order: str):
    return orders.decode_evidence(site.hub.said(order)[-1].evidence)


@pytest.mark.parametrize("feeder", ["", "m"])
@pytest.mark.parametrize("wish", [PowerMode(mode="low"), Preset(name="1500W")])
def test_a_setting_that_lowers_power_is_proved_by_power(site_of, wish, feeder):
    site = site_of(SettingsRig("r1"), feeder=feeder)
    order = site.send(wish, "r1")
    site.until(lambda: site.hub.is_at(order, Stage.EFFECTIVE), 60)
    assert proof(site, order).source == (feeder and "meter") or "rig"
    assert proof(site, order).power_after_w == site.rigs["r1"].drawn_w < 2600


@pytest.mark.parametrize("feeder", ["", "m"])
@pytest.mark.parametrize(
    "wish", [PowerMode(mode="low"), PowerMode(mode="high"), Preset(name="1500W")]
)
def test_a_setting_that_is_only_said_is_no_effect(site_of, wish, feeder):
    rig = SettingsRig("r1", faults={"stuck"})
    site = site_of(rig, feeder=feeder, envelope=limits(power_max_w=4000))
    order = site.send(wish, "r1")
    site.until(lambda: site.hub.is_at(order, Stage.FAILED), 4000)
    assert "read-back says yes, power is 3000 W" in site.hub.said(order)[-1].reason
    site.pass_s(3600)
    assert Stage.EFFECTIVE not in site.hub.stages(order)
    rig.faults.clear()
    rig._draw()
    site.until(lambda: site.hub.is_at(order, Stage.EFFECTIVE), 1600)


def test_a_raise_is_proved_by_some_of_it(site_of):
    """How much more a mode draws is an estimate, and heat may hold a rig back."""
    site = site_of(SettingsRig("r1"), envelope=limits(power_max_w=4000))
    order = site.send(PowerMode(mode="high"), "r1")
    site.until(lambda: site.hub.is_at(order, Stage.EFFECTIVE), 60)
    assert proof(site, order).power_after_w == pytest.approx(3450)


def test_a_setting_that_changes_nothing_is_proved_by_read_back(site_of):
    site = site_of(SettingsRig("r1", mode="low"))
    order = site.send(PowerMode(mode="low"), "r1")
    site.until(lambda: site.hub.is_at(order, Stage.EFFECTIVE), 10)
    assert not site.rigs["r1"].orders


def test_a_setting_that_nothing_measures_stays_acknowledged(site_of):
    site = site_of(SettingsRig("r1", measures=False))
    order = site.send(PowerMode(mode="low"), "r1")
    site.until(lambda: [s for s in site.hub.said(order) if "nothing measures" in s.reason], 400)
    assert Stage.EFFECTIVE not in site.hub.stages(order)


@pytest.mark.parametrize("wish", [Sleep(), Wake(), PowerMode(mode="low")])
def test_a_rigs_own_word_is_not_taken_against_the_meters(site_of, wish):
    """It says that it draws so much, and its feeder's meter does not show it, then or later."""
    rig = SettingsRig("r1", is_asleep=isinstance(wish, Wake))
    site = site_of(rig, SettingsRig("r2"), feeder="m")
    rig.faults = {"draws on"}
    order = site.send(wish, "r1")
    site.until(lambda: site.hub.is_at(order, Stage.FAILED), 4000)
    assert "by meter" in site.hub.said(order)[-1].reason
    site.pass_s(7200)
    assert Stage.EFFECTIVE not in site.hub.stages(order)


@pytest.mark.parametrize("feeder", ["", "m"])
@pytest.mark.parametrize("low", [{"limit_w": 900.0}, {"preset": "900W"}])
def test_a_rig_that_wakes_to_little_is_awake(site_of, low, feeder):
    site = site_of(SettingsRig("r1", **low), feeder=feeder)
    order = site.send(Sleep(), "r1")
    site.until(lambda: site.hub.is_at(order, Stage.EFFECTIVE), 60)
    site.send(Release(lease=order))
    site.until(lambda: site.hub.is_at(order, Stage.RELEASED), 60)
    assert site.rigs["r1"].drawn_w == 900


def test_a_limit_that_leaves_a_rig_as_it_is_is_not_disproved_by_the_meter(site_of):
    site = site_of(SettingsRig("r1", limit_w=3100.0), feeder="m")
    order = site.send(PowerLimit(power_w=3500), "r1")
    site.until(lambda: site.hub.is_at(order, Stage.EFFECTIVE), 60)
    assert site.rigs["r1"].drawn_w == 3000


def test_a_preset_is_bound_by_the_envelope(site_of):
    site = site_of(SettingsRig("r1"))
    strong, odd = site.send(Preset(name="5000W"), "r1"), site.send(Preset(name="odd"), "r1")
    site.pass_s(5)
    assert site.hub.said(strong)[0].reason == ("envelope: 5000 W for r1 is outside 500 to 3600 W")
    assert "what preset 'odd' of r1 draws is not known" in site.hub.said(odd)[0].reason
    assert not site.rigs["r1"].orders
    (told,) = [r for r in site.hub.records if isinstance(r, Controls)]
    assert told.presets == ("900W", "1500W", "2400W", "3000W")


def test_a_preset_waits_for_ramp_and_feeder(site_of):
    envelope = limits(ramp=1.0, feeder={"m": {"limit_kw": 2.8}}, power_max_w=6000)
    site = site_of(SettingsRig("r1", preset="1500W"), feeder="m", envelope=envelope)
    order = site.send(Preset(name="2400W"), "r1")
    site.until(lambda: site.hub.is_at(order, Stage.EFFECTIVE), 200)
    assert site.steepest_w(1) <= 1001
    strong = site.send(Preset(name="5000W"), "r1")
    site.pass_s(600)
    assert site.hub.stages(strong) == [Stage.ACCEPTED]
    assert site.power_w <= 2800


@pytest.mark.parametrize("instead", [PowerLimit(power_w=2500), Preset(name="2400W")])
def test_a_held_preset_is_lowered_when_the_envelope_is_tightened(site_of, instead):
    site = site_of(SettingsRig("r1", offers=("preset", instead.action)))
    order = site.send(Preset(name="3000W"), "r1")
    site.until(lambda: site.hub.is_at(order, Stage.EFFECTIVE), 60)
    site.control.site.follow(limits(power_max_w=2500))
    site.until(lambda: site.power_w <= 2500, 60)
    assert site.rigs["r1"].orders[-1][1] == instead


@pytest.mark.parametrize("resets_limit", [False, True])
def test_limit_and_mode_are_both_given_back(site_of, resets_limit):
    rig = SettingsRig("r1", limit_w=2900.0, resets_limit=resets_limit)
    site = site_of(rig)
    site.send(PowerLimit(power_w=2000), "r1")
    site.pass_s(60)
    order = site.send(PowerMode(mode="low"), "r1")
    site.pass_s(60)
    assert rig.mode == "low"
    site.send(Release(lease=order))
    site.until(lambda: site.hub.is_at(order, Stage.RELEASED), 900)
    assert (rig.mode, rig.limit_w, rig.preset) == ("normal", 2900.0, "3000W")
    assert not site.control._book.baselines.all
    assert len(rig.orders) <= 5


def test_preset_and_mode_are_both_given_back_after_a_kill(site_of):
    rig = SettingsRig("r1")
    site = site_of(rig)
    site.send(Preset(name="2400W"), "r1")
    site.pass_s(60)
    order = site.send(PowerMode(mode="low"), "r1")
    site.until(lambda: site.hub.is_at(order, Stage.EFFECTIVE), 60)
    site.send(Release(lease=order))
    site.until(lambda: rig.preset == "3000W", 60)
    site.kill()
    site.start()
    site.until(lambda: site.hub.is_at(order, Stage.RELEASED), 900)
    assert (rig.mode, rig.preset) == ("normal", "3000W")
