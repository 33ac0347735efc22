"""Leases, kills, faults and time at random: the limits hold always, and the end is what is wished.

The model is the site as the rigs know it: what they draw at every moment, and each order they got.
"""

import itertools
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)
from tests.edge.control.rig import Rig
from tests.edge.control.world import World, limits

from lode_edge.control.journal import verify
from lode_wire import orders
from lode_wire.orders import Curtail, Reboot, Sleep, Step, Terms, Wake
from lode_wire.records import Stage

RIGS, RAMP_KW, STARTS, MIN_S, LIMIT_KW = 8, 9.0, 3, 40.0, 24.5
EPS_W = 1.0


class Leases(RuleBasedStateMachine):
    """Random orders to a small site with tight limits."""

    @initialize(lag_s=st.sampled_from([0.0, 3.0, 25.0]), spacing=st.sampled_from([0.0, 5.0]))
    def begin(self, lag_s: float, spacing: float) -> None:
        self.folder = tempfile.TemporaryDirectory()
        rigs = [Rig(f"r{n}", lag_s=lag_s, ths=90.0 + n, boot_s=5.0 + lag_s) for n in range(RIGS)]
        envelope = limits(
            ramp=RAMP_KW,
            limit=LIMIT_KW,
            spacing=spacing,
            starts_per_day=STARTS,
            min_up_s=MIN_S,
            min_down_s=MIN_S,
        )
        self.spacing = spacing
        self.site = World(
            Path(self.folder.name), rigs, envelope=envelope, poll_s=6.0, interval_s=3.0
        )
        self.site.pass_s(10)
        self.leases: dict[str, set[str]] = {}

    def teardown(self) -> None:
        if hasattr(self, "site"):
            try:
                self.end_is_as_wished()
            finally:
                self.site.close()
                self.folder.cleanup()

    @rule(names=st.sets(st.integers(0, RIGS - 1), min_size=1), for_s=st.integers(20, 400))
    def curtail(self, names: set[int], for_s: int) -> None:
        devices = tuple(f"r{n}" for n in names)
        step = Step(wish=Sleep(), devices=devices)
        until_ms = self.site.now_ms + for_s * 1000
        self.site.send(Curtail(steps=(step,), terms=Terms(until_ms=until_ms)))

    @rule(names=st.sets(st.integers(0, RIGS - 1), min_size=1))
    def curtail_for_good(self, names: set[int]) -> None:
        devices = tuple(f"r{n}" for n in names)
        order = self.site.send(Curtail(steps=(Step(wish=Sleep(), devices=devices),)))
        self.leases[order] = set(devices)

    @rule(data=st.data())
    def release(self, data: st.DataObject) -> None:
        if self.leases:
            lease = data.draw(st.sampled_from(sorted(self.leases)))
            self.site.pass_s(3)  # it has been taken
            self.site.send(orders.Release(lease=lease))
            del self.leases[lease]

    @rule(number=st.integers(0, RIGS - 1))
    def sleep_and_wake_one(self, number: int) -> None:
        self.site.send(Sleep(), f"r{number}")
        self.site.pass_s(3)
        self.site.send(Wake(), f"r{number}")
        self.site.pass_s(3)

    @rule(number=st.integers(0, RIGS - 1), for_s=st.integers(5, 300))
    def restart_one(self, number: int, for_s: int) -> None:
        expires_ms = self.site.now_ms + for_s * 1000
        self.site.send(Reboot(), f"r{number}", expires_ms=expires_ms)

    @rule(time_s=st.floats(0.05, 40))
    def wait(self, time_s: float) -> None:
        self.site.pass_s(time_s)

    @rule()
    def kill(self) -> None:
        self.site.pass_s(0.3)  # the hub would send again what was not taken
        self.site.kill()
        self.site.start()

    @rule(number=st.integers(0, RIGS - 1), fault=st.sampled_from(["deaf", "refuses", "silent"]))
    def fail_for_a_while(self, number: int, fault: str) -> None:
        rig = self.site.rigs[f"r{number}"]
        rig.faults.add(fault)
        self.site.pass_s(15)
        rig.faults.discard(fault)

    @invariant()
    def nothing_is_exceeded(self) -> None:
        if not hasattr(self, "site"):
            return
        site = self.site
        assert site.steepest_w(-1) <= RAMP_KW * 1000 + EPS_W
        assert site.steepest_w(1) <= RAMP_KW * 1000 + EPS_W
        assert max(w for _, w in site.log) <= LIMIT_KW * 1000
        for rig in site.rigs.values():
            turns = rig.turned_s
            starts = [at_s for at_s, is_asleep in turns if not is_asleep]
            assert len(starts) + rig.restarts <= STARTS
            for (one_s, was), (next_s, now) in itertools.pairwise(turns):
                assert was == now or next_s - one_s >= MIN_S - EPS_W
        wakes = sorted(
            at_s for r in site.rigs.values() for at_s, asleep in r.turned_s if not asleep
        )
        assert all(b - a >= self.spacing - EPS_W for a, b in itertools.pairwise(wakes))

    def end_is_as_wished(self) -> None:
        site = self.site
        for rig in site.rigs.values():
            rig.faults.clear()
        site.pass_s(5)
        for lease in list(site.control._book.leases.all.values()):
            if lease.is_single and not lease.ended:
                site.send(orders.Release(lease=lease.id))
        site.pass_s(1800)  # as long as two rounds of what failed and is tried again
        self.nothing_is_exceeded()
        held = {name for names in self.leases.values() for name in names}
        book = site.control._book
        for name, rig in site.rigs.items():
            turned = book.turned.get(name)
            counted = 0 if turned is None else turned.starts
            woken = sum(1 for _, is_asleep in rig.turned_s if not is_asleep)
            assert counted >= woken + rig.restarts
            assert rig.is_asleep == (name in held) or counted == STARTS, name
        assert all(site.hub.stages(order)[0] is Stage.ACCEPTED for order in self.leases)
        assert verify(book.store._db) >= len(self.leases)


def _settings(examples: int) -> settings:
    return settings(
        max_examples=examples,
        stateful_step_count=12,
        deadline=None,
        phases=(Phase.explicit, Phase.reuse, Phase.generate),  # shrinking takes far too long here
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )


def test_nothing_is_exceeded_and_the_end_is_as_wished() -> None:
    run_state_machine_as_test(Leases, settings=_settings(3))


@pytest.mark.slow
def test_nothing_is_exceeded_and_the_end_is_as_wished_at_length() -> None:
    run_state_machine_as_test(Leases, settings=_settings(40))
