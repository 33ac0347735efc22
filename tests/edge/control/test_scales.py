"""What a feeder's meter proves, alone and of many, and what it leaves to others."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.edge.control.rig import Rig

from lode_edge.control.scales import Scales
from lode_edge.control.site import Sample
from lode_wire import orders
from lode_wire.orders import PowerLimit, Sleep, Wake
from lode_wire.records import Stage


@dataclass
class Told:
    """One order: what is expected of it, what truly becomes of it, and what its device says."""

    expected_w: float
    off: float  # by how much the device differs from what is expected of it
    is_done: bool
    end: str  # said yes, says nothing yet, given up

    @property
    def true_w(self) -> float:
        return self.expected_w * (1 + self.off) if self.is_done else 0.0


class Meter:
    """A meter that swings, read every second; how much it swings is seen before."""

    def __init__(self, drawn_w: float, swing_w: float, swing: Iterator[float]) -> None:
        self.scales, self.drawn_w, self.now_s = Scales(), drawn_w, 100.0
        self._swing_w, self._swing = swing_w / 2, swing
        self.samples = [Sample(98.0, drawn_w - swing_w / 2), Sample(99.0, drawn_w + swing_w / 2)]
        self.read(4)

    def read(self, times: int) -> None:
        for _ in range(times):
            self.now_s += 1.0
            read_w = self.drawn_w + self._swing_w * next(self._swing)
            self.samples.append(Sample(self.now_s, read_w))

    def end(self, group: Mapping[int, Told]) -> None:
        """End a group by what its devices' own power has shown."""
        for key, one in group.items():
            if one.is_done:
                self.scales.settle(key, self.now_s)
            else:
                self.scales.take_off(key, self.now_s, is_clean=False)


told = st.builds(
    Told,
    st.sampled_from([-3300.0, -3000.0, -2000.0, -900.0, -15.0, 3000.0, 1000.0]),
    st.floats(-0.05, 0.05),
    st.booleans(),
    st.sampled_from(["yes", "yes", "yes", "silent", "gave up"]),
)


@given(
    st.lists(st.lists(told, min_size=1, max_size=6), min_size=1, max_size=3),
    st.lists(st.floats(-1, 1), min_size=60, max_size=60),
    st.sampled_from([0.0, 20.0, 300.0]),
    st.floats(0, 60_000),
    st.integers(0, 3),
)
def test_the_meter_never_proves_what_did_not_happen(groups, swing, swing_w, base_w, pause_s):
    """Whatever the others do, one after another or at once, and however the meter swings."""
    meter = Meter(40_000.0 + base_w, swing_w, iter(swing))
    first = 0
    for group in groups:
        orders_of = dict(enumerate(group, start=first))
        for key, one in orders_of.items():
            meter.scales.lay(key, one.expected_w, meter.now_s, meter.samples)
        meter.drawn_w += sum(one.true_w for one in group)
        for key, one in orders_of.items():
            if one.end == "gave up":
                meter.scales.take_off(key, meter.now_s, is_clean=False)
            elif one.end == "yes":
                meter.scales.done(key, meter.now_s)
        meter.read(3)
        for key, one in orders_of.items():
            found = meter.scales.weigh(key, meter.now_s, meter.samples)
            assert found is None or found.is_shown in (None, one.is_done)
        meter.end(orders_of)
        meter.read(pause_s)
        first += len(group)


@given(st.lists(st.sampled_from([-3300.0, -3000.0, -2500.0]), min_size=1, max_size=8))
def test_the_meter_proves_a_group_that_did_as_expected(changes):
    scales = Scales()
    samples = [Sample(float(second), 50_000.0) for second in range(10)]
    for key, change_w in enumerate(changes):
        scales.lay(key, change_w, 10.0, samples)
        scales.done(key, 10.5)
    samples.append(Sample(11.0, 50_000.0 + sum(changes)))
    for key in range(len(changes)):
        found = scales.weigh(key, 11.5, samples)
        assert found is not None
        assert found.is_shown


def test_what_is_tiny_beside_the_others_is_set_aside_and_spoils_nothing():
    scales = Scales()
    samples = [Sample(float(second), 9000.0 + second % 2 * 10) for second in range(10)]
    for key, change_w in enumerate((-3000.0, -3000.0, -15.0)):
        scales.lay(key, change_w, 10.0, samples)
    scales.done(0, 10.2)
    scales.done(1, 10.2)  # the tiny one has not even answered
    samples.append(Sample(11.0, 3010.0))
    assert [scales.weigh(key, 12.0, samples) is not None for key in range(3)] == [True, True, False]
    assert scales.weigh(0, 12.0, samples).is_shown
    scales.done(2, 12.0)
    samples.append(Sample(13.0, 3000.0))
    assert scales.weigh(2, 13.5, samples).is_shown is None


def proof(site, order: str, target: str = ""):
    return orders.decode_evidence(site.hub.said(order, target)[-1].evidence)


@pytest.mark.parametrize("pause_s", [1, 3, 8, 20])
def test_orders_soon_after_each_other_are_proved_by_the_meter(world, pause_s):
    """A stock rig measures no power of its own: nothing else could ever prove it."""
    site = world([Rig(f"r{n}", measures=False) for n in range(1, 4)], feeder="m")
    site.pass_s(40)
    made = []
    for rig in site.rigs:
        made.append((site.send(Sleep(), rig), rig))
        site.pass_s(pause_s)
    for order, _ in made:
        site.until(lambda order=order: site.hub.is_at(order, Stage.EFFECTIVE), 60)
        assert proof(site, order).source == "meter"
    for _, rig in made:
        woken = site.send(Wake(), rig)
        site.until(lambda woken=woken: site.hub.is_at(woken, Stage.RELEASED), 60)
        effective = [s for s in site.hub.said(woken) if s.stage is Stage.EFFECTIVE]
        assert orders.decode_evidence(effective[0].evidence).source == "meter"


def test_a_tiny_rig_leaves_its_group_provable(world):
    tiny = Rig("tiny", power_w=15.0, asleep_w=1.0)
    rigs = [Rig("r1", measures=False), Rig("r2", measures=False), tiny]
    site = world(rigs, feeder="m")
    site.pass_s(40)
    order = site.curtail()
    site.until(lambda: site.hub.is_at(order, Stage.EFFECTIVE), 60)
    sources = {rig: proof(site, order, rig).source for rig in site.rigs}
    assert sources == {"r1": "meter", "r2": "meter", "tiny": "rig"}


def test_one_that_stays_unproved_does_not_keep_others_from_the_scales(world):
    """Its own power is not measured, and the meter swings too much to see it."""
    weak = Rig("weak", power_w=600.0, measures=False)
    site = world([weak, Rig("r1", measures=False)], feeder="m")

    def swing() -> None:
        site.base_w = 400.0 - site.base_w
        site.loop.call_later(1.5, swing)

    swing()
    site.pass_s(40)
    unproved = site.send(PowerLimit(power_w=500), "weak")
    site.until(lambda: [s for s in site.hub.said(unproved) if "nothing measures" in s.reason], 400)
    site.pass_s(5)
    order = site.send(Sleep(), "r1")
    site.until(lambda: site.hub.is_at(order, Stage.EFFECTIVE), 60)
    assert proof(site, order).source == "meter"


def test_of_a_group_in_which_one_lies_none_is_proved_by_the_meter(world):
    rigs = [Rig(f"r{n}", measures=False) for n in range(1, 5)]
    rigs[2].faults = {"lies"}
    site = world(rigs, feeder="m")
    site.pass_s(40)
    order = site.curtail()
    site.until(lambda: rigs[2].orders)
    rigs[2].faults = {"pretends", "lies"}
    site.pass_s(170)
    for rig in site.rigs:
        assert Stage.EFFECTIVE not in site.hub.stages(order, rig)
