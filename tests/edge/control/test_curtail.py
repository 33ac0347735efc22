"""Many rigs at once: how fast, never faster than the ramp, there and back."""

import itertools

import pytest
from tests.edge.control.rig import Rig
from tests.edge.control.world import limits

from lode_wire import orders
from lode_wire.orders import PowerLimit, Sleep, Step, Terms
from lode_wire.records import Stage

ROUNDING_W = 1.0


def fleet(count: int, **how) -> list[Rig]:
    return [Rig(f"r{number:04}", **how) for number in range(1, count + 1)]


@pytest.mark.parametrize("count", [100, pytest.param(1000, marks=pytest.mark.slow)])
def test_rigs_sleep_within_half_a_minute_and_wake_as_fast(world, count):
    site = world(fleet(count), poll_s=10.0)
    site.pass_s(15)
    before_w, begin_s = site.power_w, site.loop.time()
    order = site.curtail(until_ms=site.now_ms + 60_000)
    assert site.until(lambda: site.power_w < before_w) < 2
    site.until(lambda: site.power_w < 0.1 * before_w)
    assert site.loop.time() - begin_s < 30
    site.until(lambda: Stage.EFFECTIVE in site.hub.stages(order))
    assert site.hub.stages(order) == [
        Stage.ACCEPTED,
        Stage.SENT,
        Stage.ACKNOWLEDGED,
        Stage.EFFECTIVE,
    ]
    assert all(len(rig.orders) == 1 for rig in site.rigs.values())
    site.until(lambda: site.now_ms >= order_end(site, order))
    back_s = site.loop.time()
    site.until(lambda: site.power_w > 0.9 * before_w)
    assert site.loop.time() - back_s < 30
    site.until(lambda: site.hub.is_at(order, Stage.RELEASED))
    assert site.power_w == before_w
    assert all(len(rig.orders) == 2 for rig in site.rigs.values())


def order_end(site, order: str) -> int:
    lease = site.control._book.leases.get(order)
    return lease.terms.until_ms


@pytest.mark.parametrize(("delay_s", "lag_s"), [(0.2, 0.0), (2.0, 20.0), (0.2, 90.0)])
def test_the_ramp_is_kept_both_ways_whatever_the_rigs_delays(world, delay_s, lag_s):
    site = world(fleet(40, delay_s=delay_s, lag_s=lag_s), envelope=limits(ramp=30.0))
    site.pass_s(30)
    order = site.curtail()
    site.until(lambda: site.power_w < 0.05 * 120_000, 3000)
    assert site.steepest_w(-1) <= 30_000 + ROUNDING_W
    site.send(orders.Release(lease=order))
    site.until(lambda: site.power_w == 120_000, 3000)
    assert site.steepest_w(1) <= 30_000 + ROUNDING_W
    site.until(lambda: site.hub.is_at(order, Stage.RELEASED), 3000)


def test_the_ramp_is_used_and_not_only_kept(world):
    site = world(fleet(100, measures=True), envelope=limits(ramp=150.0))
    site.pass_s(30)
    site.curtail()
    assert site.until(lambda: site.power_w < 0.1 * 300_000, 600) < 150  # 108 s at the full ramp


def test_rigs_go_in_the_order_given_and_come_back_in_reverse(world):
    site = world(fleet(12), envelope=limits(ramp=18.0))
    site.pass_s(30)
    names = sorted(site.rigs, reverse=True)
    order = site.curtail(*names)
    site.until(lambda: Stage.EFFECTIVE in site.hub.stages(order))
    down = sorted(site.rigs.values(), key=lambda rig: rig.orders[0][0])
    assert [rig.name for rig in down] == names
    site.send(orders.Release(lease=order))
    site.until(lambda: site.hub.is_at(order, Stage.RELEASED))
    back = sorted(site.rigs.values(), key=lambda rig: rig.orders[1][0])
    assert [rig.name for rig in back] == names[::-1]


def test_what_comes_back_never_passes_the_sites_limit(world):
    rigs = fleet(10)
    rigs[2].power_w, rigs[2].limit_w = 7000.0, None  # much more than its like
    site = world(rigs, envelope=limits(limit=31.0))
    site.pass_s(1)  # before the site is found to draw too much
    order = site.curtail()
    site.until(lambda: Stage.EFFECTIVE in site.hub.stages(order))
    begun_s = site.loop.time()
    site.send(orders.Release(lease=order))
    site.pass_s(600)
    assert max(w for at_s, w in site.log if at_s > begun_s) <= 31_000
    asleep = [name for name, rig in site.rigs.items() if rig.is_asleep]
    assert asleep == ["r0001", "r0002"]  # the first down wait until there is room
    assert Stage.RELEASED not in site.hub.stages(order)


def test_starts_are_spaced(world):
    site = world(fleet(5), envelope=limits(spacing=20.0))
    site.pass_s(20)
    order = site.curtail()
    site.until(lambda: Stage.EFFECTIVE in site.hub.stages(order))
    site.send(orders.Release(lease=order))
    site.until(lambda: site.hub.is_at(order, Stage.RELEASED))
    wakes = sorted(rig.orders[1][0] for rig in site.rigs.values())
    assert all(b - a >= 20 for a, b in itertools.pairwise(wakes))


def test_a_rig_that_may_start_no_more_today_stays_asleep_until_tomorrow(world):
    site = world(1, envelope=limits(starts_per_day=2), poll_s=20.0, interval_s=10.0)
    for _ in range(2):
        order = site.curtail(until_ms=site.now_ms + 60_000)
        site.until(lambda order=order: site.hub.is_at(order, Stage.RELEASED))
    order = site.curtail(until_ms=site.now_ms + 60_000)
    site.until(lambda: Stage.EFFECTIVE in site.hub.stages(order))
    site.pass_s(3600)
    assert site.rigs["r1"].is_asleep
    assert len(site.rigs["r1"].orders) == 5
    site.until(lambda: site.hub.is_at(order, Stage.RELEASED), 86_400, every_s=60.0)
    assert not site.rigs["r1"].is_asleep


def test_least_times_are_kept(world):
    site = world(1, envelope=limits(min_up_s=300, min_down_s=200))
    rig, first = site.rigs["r1"], site.curtail(until_ms=site.now_ms + 30_000)
    site.until(lambda: site.hub.is_at(first, Stage.RELEASED))
    assert rig.orders[1][0] - rig.orders[0][0] >= 200
    second = site.curtail(until_ms=site.now_ms + 900_000)
    site.until(lambda: Stage.EFFECTIVE in site.hub.stages(second))
    assert rig.orders[2][0] - rig.orders[1][0] >= 299.99


def test_of_several_wishes_the_one_that_draws_least_holds(world):
    site = world(1)
    rig = site.rigs["r1"]
    high = site.send(PowerLimit(power_w=2500), "r1")
    site.until(lambda: Stage.EFFECTIVE in site.hub.stages(high))
    step = Step(wish=PowerLimit(power_w=2000), devices=("r1",))
    low = site.send(orders.Curtail(steps=(step,), terms=Terms(until_ms=site.now_ms + 120_000)))
    site.until(lambda: Stage.EFFECTIVE in site.hub.stages(low))
    assert rig.drawn_w == 2000
    asleep = site.send(Sleep(), "r1", terms=Terms(until_ms=site.now_ms + 300_000))
    site.until(lambda: Stage.EFFECTIVE in site.hub.stages(asleep))
    site.until(lambda: site.hub.is_at(asleep, Stage.RELEASED))
    assert rig.drawn_w == 2500  # the second lease has ended meanwhile
    assert site.hub.is_at(low, Stage.RELEASED)
    site.send(orders.Release(lease=high))
    site.until(lambda: site.hub.is_at(high, Stage.RELEASED))
    assert (rig.limit_w, rig.drawn_w) == (3500.0, 3000.0)


def test_what_a_site_refuses_of_a_lease_is_said_for_each_device(world):
    site = world([Rig("r1"), Rig("r2", offers=("reboot",))])
    site.pass_s(5)
    order = site.curtail("r1", "r2", "r3")
    site.until(lambda: Stage.EFFECTIVE in site.hub.stages(order))
    assert [s.reason.split(":")[0] for s in site.hub.said(order, "r2")] == ["unsupported"]
    assert "sleep" in site.hub.said(order, "r2")[0].reason
    assert [s.reason.split(":")[0] for s in site.hub.said(order, "r3")] == ["unknown-target"]
    assert not site.rigs["r2"].orders
