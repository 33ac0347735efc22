"""What happens inside the rigs, on a clock that the test moves."""

import pytest

from lode_sim.faults import Fault
from lode_sim.meter import LOSSES_RATIO
from lode_sim.models import BY_KEY
from lode_sim.site import Plan, build

THREE_BOARDS = [key for key, model in BY_KEY.items() if model.boards == 3]


def run(site, clock, seconds: float, step_s: float = 1.0):
    """Let time pass, looking at every rig each step."""
    for _ in range(round(seconds / step_s)):
        clock.now_s += step_s
        for rig in site.rigs:
            rig.snapshot()


def begin(rig, fault: Fault, value: str = "") -> None:
    rig.faults[fault] = value
    rig.changed(fault, began=True)


def end(rig, fault: Fault) -> None:
    del rig.faults[fault]
    rig.changed(fault, began=False)


@pytest.fixture
def one(clock):
    def make(key: str):
        site = build(Plan(rigs=1, models=(key,)), clock.clocks())
        run(site, clock, 60)
        return site, site.rigs[0]

    return make


@pytest.mark.parametrize("key", BY_KEY)
def test_a_healthy_rig_makes_what_its_name_plate_says_and_stays_cool(one, clock, key):
    site, rig = one(key)
    run(site, clock, 3_600, 10)
    now = rig.snapshot()
    assert now.average_ths == pytest.approx(rig.model.hashrate_ths, rel=0.025)
    assert now.power_w == pytest.approx(rig.model.power_w, rel=0.06)
    hottest = max(board.chip_max_c for board in now.boards)
    assert hottest == pytest.approx(rig.model.chip_target_c, abs=3)
    assert all(0.3 * rig.model.fan_max_rpm < rpm <= rig.model.fan_max_rpm for rpm in now.fans_rpm)


@pytest.mark.parametrize("key", THREE_BOARDS)
def test_a_lost_board_takes_a_third_of_rate_chips_and_power(one, clock, key):
    site, rig = one(key)
    before = rig.snapshot()
    begin(rig, Fault.BOARD)
    run(site, clock, 30)
    after = rig.snapshot()
    assert after.average_ths == pytest.approx(before.average_ths * 2 / 3, rel=0.01)
    assert after.power_w == pytest.approx(before.power_w * 2 / 3, rel=0.05)
    assert sum(board.chips for board in after.boards) == 2 * rig.model.chips_per_board
    end(rig, Fault.BOARD)
    run(site, clock, 30)
    assert rig.snapshot().average_ths == pytest.approx(before.average_ths, rel=0.01)


@pytest.mark.parametrize("key", BY_KEY)
def test_overheating_passes_95_degrees_within_3_seconds(one, clock, key):
    site, rig = one(key)
    begin(rig, Fault.OVERHEAT)
    run(site, clock, 3)
    assert max(board.chip_max_c for board in rig.snapshot().boards) > 95
    assert max(rig.snapshot().fans_rpm) > 0.5 * rig.model.fan_max_rpm
    end(rig, Fault.OVERHEAT)
    run(site, clock, 60)
    assert max(board.chip_max_c for board in rig.snapshot().boards) < 90


def test_a_dead_fan_stands_still_and_the_rig_grows_hot(one, clock):
    site, rig = one("antminer-s19pro")
    before_c = rig.physics.chip_temp_c
    begin(rig, Fault.FAN)
    run(site, clock, 120)
    now = rig.snapshot()
    assert now.fans_rpm[0] == 0
    assert min(now.fans_rpm[1:]) > 0.95 * rig.model.fan_max_rpm
    assert rig.physics.chip_temp_c > before_c + 10


def test_a_reboot_draws_nothing_then_warms_up_with_a_new_uptime(one, clock):
    site, rig = one("luxos-s19kpro")
    accepted = rig.next_serial()
    begin(rig, Fault.REBOOT)
    run(site, clock, 30)
    assert rig.power_w() == 0
    end(rig, Fault.REBOOT)
    run(site, clock, 10)
    assert rig.snapshot().hashrate_ths == 0
    assert rig.snapshot().elapsed_s == 10
    run(site, clock, 100)
    assert rig.snapshot().average_ths == pytest.approx(rig.model.hashrate_ths, rel=0.03)
    assert rig.next_serial() > accepted


def test_modes_follow(one, clock):
    site, rig = one("whatsminer-m50s")
    powers = {}
    for mode in ("normal", "low", "high", "sleep"):
        rig.set_mode(mode)
        run(site, clock, 60)
        powers[mode] = rig.snapshot().power_w
    assert powers["sleep"] < 60 < powers["low"] < powers["normal"] < powers["high"]
    assert rig.snapshot().hashrate_ths == 0


def test_warmer_air_makes_faster_fans(clock):
    site = build(Plan(rigs=1, models=("antminer-s19pro",)), clock.clocks())
    rig = site.rigs[0]
    speeds = []
    for inlet_c in (10.0, 20.0, 30.0):
        rig._ambient_c = lambda _now, inlet_c=inlet_c: inlet_c
        run(site, clock, 200)
        speeds.append(rig.snapshot().fans_rpm[0])
    assert speeds == sorted(speeds)
    assert speeds[2] > 1.2 * speeds[0]


def test_a_rig_unseen_for_a_day_is_seen_at_once(one, clock):
    _site, rig = one("antminer-s19pro")
    clock.now_s += 86_400
    now = rig.snapshot()
    assert now.power_w == pytest.approx(rig.model.power_w, rel=0.06)


def test_the_meter_sums_its_rigs_and_losses(clock):
    site = build(Plan(rigs=20, rack_meters=True, meters=2), clock.clocks())
    clock.now_s += 10
    by_name = {meter.name: meter for meter in site.meters}
    loads = {name: meter.power_w() for name, meter in by_name.items()}
    rigs_w = site.power_w()
    assert loads["meter-site"] == pytest.approx((rigs_w + 350) * (1 + LOSSES_RATIO), rel=1e-6)
    racks = loads["meter-A1"] + loads["meter-A2"]
    assert racks == pytest.approx((rigs_w + 700) * (1 + LOSSES_RATIO), rel=1e-6)
    assert loads["meter-001"] + loads["meter-002"] == pytest.approx(racks, rel=1e-6)


def test_the_meter_counts_the_energy_that_flowed(clock):
    site = build(Plan(rigs=10), clock.clocks())
    meter = site.meters[0]
    before_kwh, power_w = meter.energy_in_kwh(), meter.power_w()
    for _ in range(360):
        clock.now_s += 10
        power_w = meter.power_w()
    assert meter.energy_in_kwh() - before_kwh == pytest.approx(power_w / 1e3, rel=0.05)


def test_the_same_seed_is_the_same_site(clock):
    def look(seed: int) -> list:
        site = build(Plan(rigs=60, seed=seed, rack_meters=True), clock.clocks())
        rigs = [(r.identity, r.model.key, r.snapshot()) for r in site.rigs]
        return [rigs, [(m.name, m.host, m.serial, m.energy_in_kwh()) for m in site.meters]]

    assert look(7) == look(7)
    assert look(7) != look(8)


def test_a_mixed_site_has_every_model_in_about_its_share(clock):
    site = build(Plan(rigs=40), clock.clocks())
    counts = {
        key: sum(rig.model.key == key for rig in site.rigs)
        for key, model in BY_KEY.items()
        if model.share
    }
    assert len(site.rigs) == 40
    assert all(counts.values())
    assert counts["antminer-s19pro"] == 16
    assert [rig.identity.rack for rig in site.rigs[:11]] == ["A1"] * 10 + ["A2"]
    for count in (0, 1, 2, 3, 5, 7, 11):
        assert len(build(Plan(rigs=count), clock.clocks()).rigs) == count
