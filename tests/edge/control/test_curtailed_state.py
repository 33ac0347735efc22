"""A rig that sleeps by us reads curtailed, one that sleeps by itself or another's hand sleeping."""

import pytest
from tests.edge.control.rig import Rig
from tests.edge.control.world import limits

from lode_wire.orders import Curtail, Period, Sleep, StandingPlan, Step, StopAll, Terms, Wake
from lode_wire.records import MeterReading, RigReading, State


def told(site, number: int = 1) -> State:
    """Have a rig read, and give the state that is told of it."""
    rig = site.rigs[f"r{number}"]
    (record,) = site.control.observe([rig.reading(number, site.now_ms, site.loop.time())])
    assert isinstance(record, RigReading)
    return record.state


def lease(site):
    return Curtail(
        steps=(Step(wish=Sleep(), devices=("r1",)),), terms=Terms(until_ms=site.now_ms + 60_000)
    )


def plan(site):
    steps = (Step(wish=Sleep(), devices=("r1",)),)
    period = Period(from_ms=site.now_ms - 1, to_ms=site.now_ms + 60_000, steps=steps)
    return StandingPlan(periods=(period,))


@pytest.mark.parametrize("order", [lease, plan])
def test_who_sleeps_by_us_is_curtailed_until_it_wakes(world, order):
    site = world([Rig("r1"), Rig("r2", is_asleep=True)])
    site.pass_s(6)
    assert told(site) is State.MINING
    site.send(order(site))
    site.until(lambda: site.rigs["r1"].is_asleep, 30)
    assert told(site) is State.CURTAILED
    site.kill()
    site.start()
    site.pass_s(3)
    assert told(site) is State.CURTAILED
    assert told(site, 2) is State.SLEEPING
    site.until(lambda: not site.rigs["r1"].is_asleep, 300)
    assert told(site) is State.MINING


def test_who_is_too_hot_or_stopped_is_curtailed(world):
    site = world([Rig("r1", chip_c=110), Rig("r2")], envelope=limits(chip_temp_max_c=95))
    site.until(lambda: site.rigs["r1"].is_asleep, 60)
    assert told(site) is State.CURTAILED
    site.send(StopAll())
    site.until(lambda: site.rigs["r2"].is_asleep, 30)
    assert told(site, 2) is State.CURTAILED


def test_who_was_left_asleep_or_waits_for_its_start_is_told_apart(world):
    site = world(2, envelope=limits(min_down_s=600))
    site.send(Sleep(), "r1", terms=Terms(until_ms=site.now_ms + 60_000))
    site.curtail("r2", until_ms=site.now_ms + 60_000, at_end="hold")
    site.pass_s(300)
    assert (told(site), told(site, 2)) == (State.CURTAILED, State.SLEEPING)
    site.send(Wake(), "r2")
    site.until(lambda: not site.rigs["r2"].is_asleep, 900)
    assert told(site, 2) is State.MINING


def test_other_records_are_told_as_they_came(world):
    site = world()
    before = [MeterReading(at_ms=site.now_ms, meter=5, power_w=1.0)]
    assert site.control.observe(before) == before
