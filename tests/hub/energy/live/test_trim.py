"""The closed loop on simulated rigs and meter, in accelerated time."""

import itertools
import statistics

import pytest

from lode_hub.energy.live.trim import Aim, Trim
from lode_hub.energy.live.wishes import SLEEP, power_share
from tests.hub.energy.live.plant import least_efficient, plant

HOUR_S = 3600.0
LEAD_S = 120.0


@pytest.mark.parametrize(
    ("seed", "minutes"),
    [
        (3, 10),
        *(pytest.param(*one, marks=pytest.mark.slow) for one in [(1, 0), (2, 10), (4, 0), (5, 10)]),
    ],
)
def test_a_setpoint_is_held_for_an_hour_while_some_disobey(seed, minutes):
    site = plant(300, seed=seed, disobeying=0.05)
    setpoint_w = 0.6 * sum(one.rig.full_w for one in site.machines)
    trim, planned = Trim(), least_efficient(site, 0.996 * setpoint_w)
    aim = Aim(setpoint_w=setpoint_w, is_bound=True)
    site.follow(trim, aim, planned, LEAD_S + HOUR_S, min_s=60.0 * minutes)
    errors = [true_w / setpoint_w - 1 for at_s, true_w in site.meter if at_s > LEAD_S]
    assert max(map(abs, errors)) < 0.02
    wrong = {m.rig.device_id for m in site.machines if not m.obeys and m.told == SLEEP}
    assert set(trim.disobeying) >= wrong - {m.rig.device_id for m in site.machines if m.obeys}
    assert max(one.starts for one in site.machines) <= 2


@pytest.mark.parametrize("n", [6, 300])
def test_rigs_that_are_throttled_are_waited_for_before_others_sleep(n):
    tuned = {"offers": ["sleep", "wake", "preset"], "presets": ["415MHz"]}
    site = plant(n, seed=9, **tuned)
    full_w = sum(one.rig.full_w for one in site.machines)
    setpoint_w = 1.004 * power_share(site.machines[0].rig, "preset:415MHz") * full_w
    trim, aim = Trim(), Aim(setpoint_w=setpoint_w, is_bound=True)
    site.follow(trim, Aim(setpoint_w=1.05 * full_w, is_bound=False), {}, 300)
    begin_s = site.now_s
    planned = dict.fromkeys((m.rig.device_id for m in site.machines), "preset:415MHz")
    site.follow(trim, aim, planned, HOUR_S)
    errors = [w / setpoint_w - 1 for at_s, w in site.meter if at_s > begin_s + LEAD_S]
    assert max(map(abs, errors)) < 0.02
    assert sum(one.starts for one in site.machines) <= 0.02 * n, "hardly anybody had to sleep"


def test_a_rig_that_wakes_by_itself_is_replaced():
    site = plant(200, seed=5)
    setpoint_w = 0.5 * sum(one.rig.full_w for one in site.machines)
    trim, planned = Trim(), least_efficient(site, 0.996 * setpoint_w)
    aim = Aim(setpoint_w=setpoint_w, is_bound=True)
    site.follow(trim, aim, planned, 600)
    for one in [m for m in site.machines if m.is_asleep][:10]:
        one.is_asleep, one.obeys = False, False
    site.follow(trim, aim, planned, 300)
    last = [true_w / setpoint_w - 1 for _, true_w in site.meter[-12:]]
    assert max(map(abs, last)) < 0.02
    assert len(trim.disobeying) == 10


def test_a_limit_takes_off_what_nobody_planned_and_gives_it_back():
    site = plant(200, seed=6)
    limit_w = 1.02 * sum(one.rig.full_w for one in site.machines)
    trim, aim = Trim(), Aim(setpoint_w=limit_w, is_bound=False)
    site.follow(trim, aim, {}, 300)
    assert not trim.override
    site.others_w = 0.1 * limit_w
    site.follow(trim, aim, {}, 300)
    assert site.meter[-1][1] < 1.005 * limit_w
    taken = [m.rig.efficiency_jth for m in site.machines if trim.override.get(m.rig.device_id)]
    left = [m.rig.efficiency_jth for m in site.machines if m.rig.device_id not in trim.override]
    assert min(taken) >= max(left) - 1e-9
    site.others_w = 0.0
    site.follow(trim, aim, {}, 900)
    assert len(trim.override) < 0.35 * len(taken)


def test_it_does_not_hunt():
    site = plant(300, seed=7)
    setpoint_w = 0.7 * sum(one.rig.full_w for one in site.machines)
    trim, planned = Trim(), least_efficient(site, 0.996 * setpoint_w)
    aim = Aim(setpoint_w=setpoint_w, is_bound=True)
    site.follow(trim, aim, planned, HOUR_S)
    assert sum(one.starts for one in site.machines) <= 3


def test_restoring_is_staggered_and_begins_with_the_most_efficient():
    site = plant(200, seed=8)
    full_w = sum(one.rig.full_w for one in site.machines)
    trim, planned = Trim(), {m.rig.device_id: SLEEP for m in site.machines}
    site.follow(trim, Aim(setpoint_w=0.1 * full_w, is_bound=True), planned, 300)
    trim = Trim()
    woken = []
    for _ in range(60):
        site.follow(trim, Aim(setpoint_w=0.6 * full_w, is_bound=True), planned, 5)
        woken.append(len(trim.override))
    steps = [after - before for before, after in itertools.pairwise(woken)]
    assert max(steps) <= 10
    first = [m.rig.efficiency_jth for m in site.machines if m.rig.device_id in trim.override]
    rest = [m.rig.efficiency_jth for m in site.machines if m.rig.device_id not in trim.override]
    assert statistics.mean(first) < statistics.mean(rest)
