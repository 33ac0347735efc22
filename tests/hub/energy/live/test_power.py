"""What a site draws when its meters cannot be trusted: never less than it may."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lode_hub.energy.live.fleet import obstacle
from lode_hub.energy.live.limits import Limits
from lode_hub.energy.live.power import Drawn, Measured, drawn, reckoned, unexplained_w
from lode_hub.energy.live.rig import Rig
from lode_hub.energy.live.trim import Aim, Trim, seen_of
from lode_hub.energy.live.wishes import FULL, SLEEP
from tests.hub.energy.live.plant import SLEEP_W, Plant, least_efficient, plant, rig_of

SILENT = Measured(power_w=None, source="meter main is silent")
HOUR_S = 3600.0


@pytest.mark.parametrize(
    ("told", "changes", "heard_w", "unheard_w"),
    [
        (FULL, {}, 3000.0, 0.0),
        (FULL, {"state": "silent"}, 0.0, 3000.0),
        (FULL, {"state": "silent", "power_w": 80.0}, 0.0, 3000.0),  # it may have woken
        (SLEEP, {"state": "silent"}, 0.0, 3000.0),  # it was awake when last seen
        (SLEEP, {"state": "silent", "is_awake": False, "power_w": 80.0}, 0.0, 100.0),
        (SLEEP, {"state": "unreachable", "is_awake": False, "power_w": None}, 0.0, 100.0),
        (SLEEP, {"state": "silent", "is_awake": False, "power_w": 2900.0}, 0.0, 2900.0),
        ("preset:415MHz", {"state": "silent", "power_w": 2990.0}, 0.0, 2990.0),
        ("preset:415MHz", {"state": "silent", "power_w": None}, 0.0, 3000.0),
        (FULL, {"power_w": None, "hashrate_ths": None}, 0.0, 3000.0),
        (SLEEP, {"state": "sleeping", "power_w": None, "hashrate_ths": None}, 0.0, 100.0),
    ],
)
def test_what_a_rig_is_reckoned_with(told, changes, heard_w, unheard_w):
    tuned = {"offers": ["sleep", "wake", "preset"], "presets": ["415MHz"]}
    found = drawn([rig_of(1, **tuned, **changes)], {1: told}, Limits())
    assert (found.heard_w, found.unheard_w) == (heard_w, unheard_w)
    assert found.heard + found.unheard == 1


def test_a_throttled_rig_that_falls_silent_counts_as_it_was_ordered():
    tuned = {"offers": ["sleep", "wake", "preset"], "presets": ["415MHz"], "state": "silent"}
    found = drawn([rig_of(1, power_w=1500.0, **tuned)], {1: "preset:415MHz"}, Limits())
    assert 1500.0 < found.unheard_w < 0.97 * 3000.0


def test_without_meters_rigs_count_with_the_pue_and_what_they_did_not_explain():
    draws = Drawn(heard=9, heard_w=27_000.0, unheard=1, unheard_w=3000.0)
    found = reckoned(SILENT, draws, 1.1, 700.0)
    assert found.power_w == pytest.approx(33_700.0)
    assert found.source == "rigs and PDUs (meter main is silent, 1 of 10 unheard)"
    nobody = Drawn(heard=0, heard_w=0.0, unheard=2, unheard_w=6000.0)
    unknown = reckoned(SILENT, nobody, 1.1, 700.0)
    assert unknown.power_w is None
    assert unknown.source.endswith("no rig says what it draws")


@given(st.floats(0, 2e5), st.floats(0, 1e5), st.floats(0, 1e5), st.floats(-3e4, 3e4))
def test_what_is_unexplained_makes_the_sum_the_meters_or_more(meter_w, heard_w, unheard_w, last_w):
    meters = Measured(power_w=meter_w, source="meters")
    draws = Drawn(heard=3, heard_w=heard_w, unheard=2, unheard_w=unheard_w)
    found = unexplained_w(meters, draws, 1.1, last_w)
    if abs(found) < 0.3 * meter_w:  # more than that is no fan
        total_w = (heard_w + unheard_w) * 1.1 + found
        assert total_w >= meter_w - 1e-6
    assert unexplained_w(SILENT, draws, 1.1, last_w) == last_w


def test_one_unheard_rig_does_not_hide_the_fans():
    meters = Measured(power_w=120_000.0, source="meters")
    draws = Drawn(heard=33, heard_w=99_000.0, unheard=1, unheard_w=3000.0)
    assert unexplained_w(meters, draws, 1.0, 0.0) == 18_000.0
    assert unexplained_w(meters, draws, 1.0, 20_000.0) == 20_000.0
    assert unexplained_w(meters, draws, 1.0, 90_000.0) == 21_000.0


def follow(site: Plant, setpoint_w: float, pue: float, silent_from_s: float, lost: str) -> Trim:
    """Close the loop without a meter, `lost` being an agent that is not heard from then on."""
    trim, aim = Trim(), Aim(setpoint_w=setpoint_w, is_bound=True, is_metered=False)
    planned = least_efficient(site, 0.985 * setpoint_w / pue)
    told: dict[int, str] = {}

    def rig(machine) -> Rig:
        is_silent = machine.rig.agent == lost and site.now_s > silent_from_s
        state = "silent" if is_silent else "sleeping" if machine.is_asleep else "mining"
        if not is_silent:
            machine.rig = replace(machine.rig, is_awake=not machine.is_asleep)
        return replace(machine.rig, state=state, power_w=machine.power_w, is_ours=True)

    for _ in range(round(HOUR_S / 5)):
        told = {m.rig.device_id: planned.get(m.rig.device_id, FULL) for m in site.machines}
        told |= {n: SLEEP if asleep else FULL for n, asleep in trim.override.items()}
        site.run(told)
        rigs = [rig(machine) for machine in site.machines]
        found = reckoned(SILENT, drawn(rigs, told, Limits()), pue, 0.0)
        seen = [
            seen_of(one, SLEEP_W, may_sleep=True, may_wake=True)
            for one in rigs
            if not obstacle(one, {})
        ]
        trim.step(round(site.now_s * 1000), found.power_w, aim, planned, seen)
    return trim


@pytest.mark.parametrize(("pue", "lost"), [(1.1, ""), (1.0, "north-2"), (1.15, "north-2")])
def test_without_meters_the_setpoint_is_not_exceeded_and_nothing_wakes(pue, lost):
    site = plant(100, seed=5)
    for machine in site.machines[::2]:
        machine.rig = replace(machine.rig, agent="north-2", agent_id=2)
    setpoint_w = 0.7 * pue * sum(one.rig.full_w for one in site.machines)
    trim = follow(site, setpoint_w, pue, 300.0, lost)
    late = [true_w * pue for at_s, true_w in site.meter if at_s > 120.0]
    assert max(late) <= setpoint_w
    assert min(late) > 0.9 * setpoint_w, "it does not shed for fear"
    assert False not in trim.override.values()
