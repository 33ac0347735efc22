"""What turns a rig, by whatever order: it waits for its turn, and every start counts."""

import asyncio
import itertools
from dataclasses import dataclass

import pytest
from tests.edge.control.pdu import Pdu
from tests.edge.control.rig import Rig
from tests.edge.control.world import limits

from lode_edge.drivers.acting import Deed
from lode_edge.drivers.driver import Facts
from lode_edge.errors import TimedOut
from lode_wire.orders import (
    ChangePools,
    EndStop,
    Intent,
    Pool,
    Precondition,
    Reboot,
    Sleep,
    StopAll,
    SwitchOutlet,
    Terms,
    Wake,
)
from lode_wire.records import Stage

DAY_S = 86_400
POOLS = ChangePools(pools=(Pool(url="stratum+tcp://x:1"),))


def starts(site, name: str = "r1") -> int:
    turned = site.control._book.turned.get(name)
    return 0 if turned is None else turned.starts


def next_day(site) -> None:
    site.wall_off_ms += DAY_S * 1000 - site.now_ms % (DAY_S * 1000)


def last(site, order: str, target: str = "") -> tuple[Stage, str]:
    told = site.hub.said(order, target)[-1]
    return told.stage, told.reason


@pytest.fixture
def busy(world):
    """A site whose rig is just being asked what it offers, for 20 s."""
    site = world([Rig("r1", delay_s=20.0)])
    site.pass_s(0.5)
    assert site.control.site.devices["r1"].is_busy
    return site


@pytest.mark.parametrize(("intent", "people"), [(Reboot(), ()), (POOLS, ("bela",))])
def test_what_could_not_be_sent_in_time_is_told_and_never_sent(busy, intent, people):
    order = busy.send(intent, "r1", approved_by=people, expires_ms=busy.now_ms + 10_000)
    busy.until(lambda: busy.hub.is_at(order, Stage.EXPIRED), 13)
    assert last(busy, order)[1].startswith("too-late: it expired before it could be sent")
    busy.pass_s(120)
    assert not busy.rigs["r1"].orders


def test_what_was_accepted_before_the_agent_was_off_for_days_is_not_sent(busy):
    order = busy.send(Reboot(), "r1")
    busy.until(lambda: busy.hub.is_at(order, Stage.ACCEPTED))
    busy.kill()
    busy.pass_s(2 * DAY_S)
    busy.start()
    busy.until(lambda: busy.hub.is_at(order, Stage.EXPIRED), 10)
    busy.pass_s(120)
    assert not busy.rigs["r1"].orders
    assert starts(busy) == 0


def test_a_stop_that_comes_first_stands_against_it(busy):
    order = busy.send(Reboot(), "r1")
    busy.until(lambda: busy.hub.is_at(order, Stage.ACCEPTED))
    busy.send(StopAll())
    busy.until(lambda: busy.hub.is_at(order, Stage.REFUSED), 60)
    assert last(busy, order)[1].startswith("stopped: ")
    busy.until(lambda: busy.rigs["r1"].is_asleep, 120)
    assert {each.action for _, each in busy.rigs["r1"].orders} == {"sleep"}


def test_another_rig_in_its_place_is_not_restarted(busy):
    order = busy.send(Reboot(), "r1", precondition=Precondition(mac="AA:BB"))
    busy.until(lambda: busy.hub.is_at(order, Stage.ACCEPTED))
    busy.control.learned("r1", Facts(model="S19", mac="cc:dd"))
    busy.until(lambda: busy.hub.is_at(order, Stage.REFUSED), 60)
    assert last(busy, order) == (Stage.REFUSED, "precondition: mac is cc:dd")
    assert not busy.rigs["r1"].orders


def test_what_a_device_is_must_be_known_again_after_a_restart_of_the_agent(busy):
    order = busy.send(Reboot(), "r1", precondition=Precondition(mac="aa:bb", states=("mining",)))
    busy.until(lambda: busy.hub.is_at(order, Stage.ACCEPTED))
    busy.kill()
    busy.rigs["r1"].delay_s = 0.2
    busy.start()
    facts, busy.control.site.devices["r1"].facts = busy.control.site.devices["r1"].facts, None
    busy.pass_s(20)
    assert busy.hub.is_at(order, Stage.ACCEPTED)
    busy.control.learned("r1", facts)
    busy.until(lambda: busy.hub.is_at(order, Stage.RELEASED), 30)
    assert len(busy.rigs["r1"].orders) == 1


def test_restarts_go_by_ramp_and_spacing_and_those_that_do_not_get_their_turn_say_why(world):
    rigs = [Rig(f"r{n}", boot_s=20.0) for n in range(12)]
    site = world(rigs, envelope=limits(ramp=6.0, ramp_down=9.0, limit=36.5, spacing=15.0))
    site.pass_s(70)
    until_ms = site.now_ms + 240_000
    sent = [site.send(Reboot(), rig.name, expires_ms=until_ms) for rig in rigs]
    site.pass_s(400)
    at_s = sorted(rig.orders[0][0] for rig in rigs if rig.orders)
    assert 4 <= len(at_s) < 12
    assert min(b - a for a, b in itertools.pairwise(at_s)) >= 15.0
    assert site.steepest_w(1) <= 6000
    assert site.steepest_w(-1) <= 9000
    assert all(len(rig.orders) == starts(site, rig.name) <= 1 for rig in rigs)
    expired = [each for each in sent if site.hub.is_at(each, Stage.EXPIRED)]
    assert len(expired) == 12 - len(at_s)
    assert all("; it waited for " in last(site, each)[1] for each in expired)


def test_room_is_kept_for_a_rig_until_it_draws_again_what_it_drew(world):
    rigs = [Rig("r1", boot_s=300.0), Rig("r2"), Rig("r3", is_asleep=True)]
    site = world(rigs, envelope=limits(limit=6.5))
    site.pass_s(70)
    order = site.send(Reboot(), "r1")
    site.until(lambda: site.hub.is_at(order, Stage.RELEASED), 60)
    site.kill()
    site.start()
    site.pass_s(100)
    assert site.power_w < 3500
    site.send(Wake(), "r3")
    site.pass_s(400)
    assert site.power_w == 6060
    assert not rigs[2].orders


def test_a_full_feeder_keeps_no_rig_from_its_restart(world):
    site = world(4, feeder="m", envelope=limits(feeder={"m": {"limit_kw": 12.1}}))
    site.pass_s(30)
    order = site.send(Reboot(), "r1")
    site.until(lambda: site.hub.is_at(order, Stage.RELEASED), 30)


def test_a_restart_within_the_least_time_up_is_refused_at_once(world):
    site = world(envelope=limits(min_up_s=600))
    site.pass_s(10)
    first = site.send(Reboot(), "r1")
    site.until(lambda: site.hub.is_at(first, Stage.RELEASED))
    site.pass_s(60)
    order = site.send(Reboot(), "r1")
    site.until(lambda: site.hub.is_at(order, Stage.REFUSED), 5)
    assert "least time up or down lasts 5" in last(site, order)[1]
    site.pass_s(500)
    order = site.send(Reboot(), "r1")
    site.until(lambda: site.hub.is_at(order, Stage.RELEASED), 60)
    assert len(site.rigs["r1"].orders) == 2


@dataclass
class Trips(Rig):
    """A rig whose breaker trips three seconds after it begins to hash."""

    is_sound: bool = False

    def _do(self, intent: Intent) -> None:
        super()._do(intent)
        if isinstance(intent, Wake) and not self.is_sound:
            asyncio.get_running_loop().call_later(3.0, self._trip)

    def _trip(self) -> None:
        self.is_asleep = True
        self._draw()

    @property
    def woken(self) -> int:
        return sum(isinstance(each, Wake) for _, each in self.orders)


def test_a_rig_that_falls_asleep_again_uses_up_its_starts_and_that_is_told(world):
    rig = Trips("r1", lag_s=1.0)
    site = world([rig], envelope=limits(starts_per_day=2), interval_s=5.0, poll_s=20.0)
    next_day(site)
    order = site.curtail(until_ms=site.now_ms + 120_000)
    site.pass_s(3600)
    assert rig.woken == starts(site) == 2
    assert last(site, order, "r1") == (Stage.FAILED, "envelope: no start is left today")
    site.pass_s(3600)
    assert rig.woken == 2
    assert [told.reason[:8] for told in site.hub.said(order, "r1")].count("envelope") == 1
    rig.is_sound = True
    next_day(site)
    site.until(lambda: site.hub.is_at(order, Stage.RELEASED), 1200, every_s=10.0)
    assert rig.woken == 3
    assert starts(site) == 1


@dataclass
class Slow(Rig):
    """A rig that does not answer to its first orders to wake, and does not do them."""

    deaf_to: int = 2

    async def act(self, intent: Intent) -> Deed:
        if isinstance(intent, Wake) and self.deaf_to:
            self.deaf_to -= 1
            raise TimedOut(f"{self.name}: no answer")
        return await super().act(intent)


@pytest.mark.parametrize("is_killed", [False, True])
def test_an_order_that_is_not_answered_is_one_start_however_often_it_is_sent(world, is_killed):
    rig = Slow("r1")
    site = world([rig], envelope=limits(starts_per_day=4))
    order = site.curtail(until_ms=site.now_ms + 60_000)
    site.until(lambda: rig.deaf_to < 2, 120)
    if is_killed:
        site.kill()
        site.start()
    site.until(lambda: site.hub.is_at(order, Stage.RELEASED), 120)
    assert starts(site) == 1


def test_a_rig_that_refuses_to_wake_for_hours_uses_up_no_more_than_one_start(world):
    site = world(envelope=limits(starts_per_day=4), interval_s=5.0, poll_s=20.0)
    next_day(site)
    order = site.curtail(until_ms=site.now_ms + 60_000)
    site.until(lambda: site.rigs["r1"].is_asleep)
    site.rigs["r1"].faults.add("refuses")
    site.pass_s(2 * 3600)
    assert starts(site) == 1
    site.rigs["r1"].faults.clear()
    site.until(lambda: site.hub.is_at(order, Stage.RELEASED), 1800)
    assert starts(site) == 1


def switched(site) -> list[bool]:
    return [each.is_on for each in site.pdu.orders]


def test_an_outlet_that_feeds_a_rig_keeps_its_least_times_and_counts_its_starts(world):
    envelope = limits(starts_per_day=1, min_up_s=300, min_down_s=120)
    site = world([Rig("r1", measures=False)], pdu=Pdu(), envelope=envelope)
    next_day(site)
    site.pass_s(70)
    for number in range(8):
        site.send(SwitchOutlet(outlet=1, is_on=bool(number % 2)), "pdu")
        site.pass_s(8)
    assert switched(site) == [False]
    assert 50 < site.until(lambda: switched(site)[-1], 180) < 70
    assert starts(site) == 1
    site.send(SwitchOutlet(outlet=1, is_on=False), "pdu")
    assert site.until(lambda: len(switched(site)) > 2, 400) > 280
    order = site.send(SwitchOutlet(outlet=1, is_on=True), "pdu")
    site.until(lambda: site.hub.is_at(order, Stage.FAILED), 60)
    assert last(site, order)[1] == "envelope: no start is left today"
    next_day(site)
    site.until(lambda: site.hub.is_at(order, Stage.EFFECTIVE), 1000)


def test_no_outlet_starts_a_rig_while_the_site_is_stopped(world):
    site = world([Rig("r1", measures=False)], pdu=Pdu())
    site.pass_s(70)
    off = SwitchOutlet(outlet=1, is_on=False)
    order = site.send(off, "pdu", terms=Terms(until_ms=site.now_ms + 60_000))
    site.until(lambda: site.hub.is_at(order, Stage.EFFECTIVE), 60)
    site.send(StopAll())
    site.pass_s(300)
    assert switched(site) == [False]
    site.send(EndStop())
    site.until(lambda: switched(site)[-1], 60)


def test_a_rig_that_is_too_hot_is_not_restarted(world):
    site = world(envelope=limits(chip_temp_max_c=95))
    site.pass_s(20)
    site.rigs["r1"].chip_c = 110.0
    site.until(lambda: site.rigs["r1"].is_asleep, 30)
    order = site.send(Reboot(), "r1")
    site.until(lambda: site.hub.is_at(order, Stage.EXPIRED), 70)
    assert last(site, order)[1].endswith("what holds it asleep at the site")
    assert {each.action for _, each in site.rigs["r1"].orders} == {"sleep"}


def test_a_rig_put_to_sleep_by_a_stop_or_a_lease_counts_nothing(world):
    site = world(envelope=limits(starts_per_day=1))
    site.pass_s(5)
    order = site.send(Sleep(), "r1")
    site.until(lambda: site.hub.is_at(order, Stage.EFFECTIVE))
    assert starts(site) == 0
