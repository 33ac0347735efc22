"""What the site does by itself: the stop, heat, overload, a full disk."""

import pytest
from tests.edge.control.rig import Rig
from tests.edge.control.world import limits

from lode_edge.control.stop import Stop, StopFile
from lode_edge.control.store import StoreError
from lode_wire import orders
from lode_wire.orders import (
    EndStop,
    PowerLimit,
    StopAll,
    Wake,
)
from lode_wire.records import Stage


def asleep(site) -> set[str]:
    return {name for name, rig in site.rigs.items() if rig.is_asleep}


def test_a_stop_at_the_site_stops_all_at_once_and_ends_only_there(world):
    site = world([Rig(f"r{n}") for n in range(100)], envelope=limits(ramp=6.0, min_up_s=9999))
    site.pass_s(15)
    lease = site.curtail("r1", "r2")
    StopFile(site.home).begin(Stop(by="site", reason="fire"))
    assert site.until(lambda: len(asleep(site)) == 100) < 6
    site.pass_s(60)
    for refused in (Wake(), PowerLimit(power_w=3000)):
        order = site.send(refused, "r5")
        site.until(lambda order=order: site.hub.is_at(order, Stage.REFUSED))
        assert site.hub.said(order)[-1].reason.startswith("stopped")
    ended = site.send(EndStop())
    site.until(lambda: site.hub.is_at(ended, Stage.REFUSED))
    site.kill()
    site.start()
    site.pass_s(120)
    assert len(asleep(site)) == 100
    StopFile(site.home).end()
    back_s = site.loop.time()
    site.pass_s(600)
    assert len(asleep(site)) < 90
    assert max(w for at_s, w in site.log if at_s > back_s) <= site.power_w
    assert site.steepest_w(1) <= 6001
    assert {"r1", "r2"} <= asleep(site)
    assert Stage.RELEASED not in site.hub.stages(lease)


def test_the_hub_ends_a_stop_that_it_began(world):
    site = world(3)
    site.pass_s(6)
    order = site.send(StopAll(reason="grid"))
    site.until(lambda: site.hub.is_at(order, Stage.EFFECTIVE))
    assert len(asleep(site)) == 3
    site.send(EndStop())
    site.until(lambda: site.hub.is_at(order, Stage.RELEASED))
    assert not asleep(site)


def put_to_sleep_s(site, name: str, within_s: float) -> float:
    return site.until(lambda: site.rigs[name].is_asleep, within_s)


@pytest.mark.parametrize("away_s", [60, 1000])
def test_a_stop_is_tried_until_the_rig_takes_it(world, away_s):
    """A rig that was silent sleeps once it is heard; it is told once that it had failed."""
    site = world(2)
    site.pass_s(20)
    site.rigs["r1"].faults.add("silent")
    order = site.send(StopAll(reason="smoke"))
    site.pass_s(away_s)
    assert site.rigs["r2"].is_asleep
    site.rigs["r1"].faults.clear()
    assert put_to_sleep_s(site, "r1", 20) < 8
    site.until(lambda: site.hub.is_at(order, Stage.EFFECTIVE))
    assert site.hub.stages(order, "r1").count(Stage.FAILED) == 1


def test_a_hot_rig_is_told_to_sleep_until_it_does(world):
    site = world(envelope=limits(chip_temp_max_c=95))
    site.pass_s(20)
    rig = site.rigs["r1"]
    rig.faults.add("refuses")
    rig.chip_c = 110.0
    site.pass_s(300)
    assert 25 < len(rig.orders) < 45  # every ten seconds, and not with every reading
    rig.faults.clear()
    assert put_to_sleep_s(site, "r1", 30) <= 11


def test_a_rig_that_wakes_in_a_stop_is_put_to_sleep_again_and_again(world):
    site = world()
    site.pass_s(10)
    StopFile(site.home).begin(Stop(by="site"))
    rig = site.rigs["r1"]
    for _ in range(12):
        put_to_sleep_s(site, "r1", 60)
        site.pass_s(20)
        rig.restart(site.loop.time(), is_asleep=False)
    assert put_to_sleep_s(site, "r1", 60) < 30


def test_rigs_that_do_not_answer_keep_nobody_awake(world, monkeypatch):
    """They come first, and there are more of them than can be asked at once."""
    monkeypatch.setattr("lode_edge.control.control.AT_ONCE_STOPPED", 4)
    dead = [Rig(f"a{n:02}", delay_s=4.0) for n in range(40)]
    site = world([*dead, Rig("z1"), Rig("z2")])
    site.pass_s(60)
    for rig in dead:
        rig.faults.add("silent")
    StopFile(site.home).begin(Stop(by="site"))
    site.until(lambda: asleep(site) == {"z1", "z2"}, 60)
    site.rigs["z2"].restart(site.loop.time(), is_asleep=False)
    assert put_to_sleep_s(site, "z2", 60) < 30


def test_a_rig_that_is_new_in_a_stop_is_put_to_sleep_too(world):
    site = world([Rig("r1")])
    site.pass_s(10)
    StopFile(site.home).begin(Stop(by="site"))
    site.pass_s(20)
    site.kill()
    site.rigs["r2"] = Rig("r2")
    site.start()
    put_to_sleep_s(site, "r2", 15)
    StopFile(site.home).end()
    site.until(lambda: not asleep(site), 60)
    site.until(lambda: not site.control._book.leases.all, 60)


def test_a_stop_waits_for_no_disk(world, monkeypatch):
    site = world(3)
    site.pass_s(6)

    def full(*_: object) -> None:
        raise StoreError("disk full")

    site.control._store.begin = full
    monkeypatch.setattr("lode_edge.control.control.Store", full)
    order = site.curtail()
    site.pass_s(30)
    assert not asleep(site)  # what cannot be kept is not done
    StopFile(site.home).begin(Stop(by="site"))
    site.until(lambda: len(asleep(site)) == 3, 10)
    StopFile(site.home).end()
    assert not site.hub.stages(order)


def test_a_full_disk_stops_nothing_but_what_cannot_be_kept(world):
    site = world(3)
    site.pass_s(6)
    pages = site.control._store._db.execute("pragma page_count").fetchone()[0]
    site.control._store._db.execute(f"pragma max_page_count = {pages}")
    for _ in range(40):
        site.send(orders.FaultLight(is_on=True), "r1")
        site.pass_s(5)
    assert site.rigs["r1"].orders
    order = site.curtail(until_ms=site.now_ms + 120_000)
    site.until(lambda: site.hub.is_at(order, Stage.RELEASED))


def test_a_rig_that_is_too_hot_sleeps_until_it_has_cooled(world):
    envelope = limits(chip_temp_max_c=95, cool_by_c=10, cool_for_s=300)
    site = world([Rig("r1"), Rig("r2")], envelope=envelope)
    site.pass_s(10)
    site.rigs["r1"].chip_c = 99.0
    site.until(lambda: asleep(site) == {"r1"}, 30)
    site.pass_s(400)
    assert asleep(site) == {"r1"}  # the time is over, and it is hot still
    site.rigs["r1"].chip_c = 90.0
    site.pass_s(60)
    assert asleep(site) == {"r1"}
    site.rigs["r1"].chip_c = 80.0
    site.until(lambda: not asleep(site), 60)
    local = "local:over-temperature:r1"
    site.until(lambda: site.hub.is_at(local, Stage.RELEASED))
    assert "chip 99 °C" in site.hub.said(local)[0].reason


def test_one_wrong_temperature_is_not_believed(world):
    site = world(envelope=limits(chip_temp_max_c=95), poll_s=10.0)
    site.pass_s(15)
    site.rigs["r1"].chip_c = 255.0
    site.pass_s(9)
    site.rigs["r1"].chip_c = 70.0
    site.pass_s(60)
    assert not site.rigs["r1"].orders


def test_an_overloaded_feeder_sheds_the_least_efficient(world):
    rigs = [Rig(f"r{n}", ths=100.0 + n) for n in range(10)]
    site = world(rigs, feeder="m", envelope=limits(feeder={"m": {"limit_kw": 34.0}}))
    site.pass_s(20)
    assert not asleep(site)
    site.base_w = 8000.0  # something else is switched on
    site.until(lambda: site.power_w < 34_000, 15)
    assert asleep(site) == {"r0", "r1"}
    site.pass_s(400)
    assert asleep(site) == {"r0", "r1"}  # there is no room for them
    site.base_w = 0.0
    site.until(lambda: not asleep(site), 120)


def test_what_has_just_been_saved_does_not_put_shedding_off(world):
    rigs = [Rig(f"r{n}", ths=100.0 + n) for n in range(10)]
    site = world(rigs, feeder="m", envelope=limits(feeder={"m": {"limit_kw": 34.0}}))
    site.pass_s(20)
    for base_w, down in ((5500.0, {"r0"}), (8500.0, {"r0", "r1"})):
        site.base_w = base_w
        site.until(lambda: site.power_w < 34_000, 10)
        assert asleep(site) == down
        site.pass_s(3)


def test_an_overloaded_site_sheds_the_least_efficient_and_holds_back(world):
    rigs = [Rig(f"r{n}", ths=100.0 + n) for n in range(10)]
    site = world(rigs, feeder="m", envelope=limits(limit=34.0))
    site.pass_s(20)
    assert not asleep(site)
    lease = site.curtail("r9")
    site.until(lambda: asleep(site) == {"r9"})
    site.base_w = 8000.0  # before anything can show that r9 has saved what it should
    site.until(lambda: site.power_w < 34_000, 30)
    assert asleep(site) == {"r0", "r9"}
    site.send(orders.Release(lease=lease))
    site.pass_s(400)
    assert asleep(site) == {"r0", "r9"}  # there is no room: neither is woken
    begun = site.hub.said("local:site-overload:r0")[0]
    assert "the site at 35.1 of 34.0 kW" in begun.reason
    site.base_w = 0.0
    site.until(lambda: not asleep(site), 120)


def test_a_site_of_which_a_part_is_not_measured_sheds_nothing(world):
    """What rigs are rated at is no measurement; it only holds others back."""
    site = world([Rig("r1"), Rig("r2", measures=False)], envelope=limits(limit=5.0))
    site.pass_s(60)
    assert not asleep(site)
