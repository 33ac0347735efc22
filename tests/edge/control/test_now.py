"""What time it is for leases, when the hub's clock, the wall's or both jump."""

import pytest

from lode_edge.clock import Clock
from lode_edge.control.now import Heard, Now
from lode_wire.records import Stage

T0_MS, HOUR_MS = 1_780_000_000_000, 3_600_000


class Clocks:
    """A wall clock, the hub's, and one that only rises."""

    def __init__(self, wall_off_ms: float = 0.0) -> None:
        self.s, self.wall_off_ms, self.hub_off_ms = 1000.0, wall_off_ms, 0.0
        self.is_told = True
        self.now = Now(Clock(now_ms=self.wall_ms, mono_s=lambda: self.s), self.heard)

    def true_ms(self) -> float:
        return T0_MS + self.s * 1000

    def wall_ms(self) -> int:
        return round(self.true_ms() + self.wall_off_ms)

    def heard(self) -> Heard:
        if not self.is_told:
            return Heard()
        return Heard(at_s=self.s, hub_ms=self.true_ms() + self.hub_off_ms, hub_at_s=self.s)

    @property
    def off_ms(self) -> float:
        return self.now.ms - self.true_ms()


@pytest.mark.parametrize("off_ms", [5 * HOUR_MS, -5 * HOUR_MS, 60_000])
def test_a_jump_of_the_hubs_clock_is_not_believed_against_the_walls(off_ms):
    clocks = Clocks()
    assert clocks.off_ms == 0
    clocks.hub_off_ms = off_ms
    for _ in range(48):
        clocks.s += 1800
        assert clocks.off_ms == 0
        assert "set it by NTP" in clocks.now.trouble()
    clocks.hub_off_ms = 0
    assert (clocks.off_ms, clocks.now.trouble()) == (0, "")


def test_the_hubs_clock_cannot_creep_away_from_the_walls():
    clocks = Clocks()
    for _ in range(1000):
        clocks.s += 30
        clocks.hub_off_ms += 10_000
        assert clocks.off_ms <= 67_000  # what is borne with from the wall, and once more from there


def test_a_jump_of_the_wall_clock_changes_nothing():
    clocks = Clocks()
    assert clocks.off_ms == 0
    clocks.wall_off_ms = 5 * HOUR_MS
    assert clocks.off_ms == 0
    clocks.is_told = False  # the link is being made anew
    clocks.s += 60
    assert clocks.off_ms == 0
    assert "set it by NTP" in clocks.now.trouble()


def test_what_the_hub_says_first_is_taken_and_what_both_say_then():
    clocks = Clocks(wall_off_ms=-9 * HOUR_MS)  # a box whose clock has stood still
    clocks.is_told = False
    assert clocks.off_ms == -9 * HOUR_MS
    clocks.is_told, clocks.hub_off_ms = True, HOUR_MS
    assert clocks.off_ms == HOUR_MS
    clocks.hub_off_ms = 0  # the hub was wrong, and nobody can tell
    assert clocks.off_ms == HOUR_MS
    clocks.wall_off_ms = 0
    assert (clocks.off_ms, clocks.now.trouble()) == (0, "")


def test_a_small_difference_follows_the_hub():
    clocks = Clocks()
    assert clocks.off_ms == 0
    clocks.hub_off_ms = 9_000
    assert (clocks.off_ms, clocks.now.trouble()) == (9_000, "")


@pytest.mark.parametrize("off_ms", [5 * HOUR_MS, -5 * HOUR_MS])
def test_a_lease_ends_in_its_time_whatever_the_hubs_clock_says_meanwhile(world, off_ms):
    site = world(poll_s=10.0)
    site.knows_time = True
    site.pass_s(20)
    order = site.curtail(until_ms=site.now_ms + 600_000)
    site.until(lambda: site.hub.is_at(order, Stage.EFFECTIVE))
    said = site.control._now._heard

    def jumped() -> Heard:
        heard = said()
        return Heard(at_s=heard.at_s, hub_ms=heard.hub_ms + off_ms, hub_at_s=heard.hub_at_s)

    site.control._now._heard = jumped
    site.pass_s(500)
    assert site.rigs["r1"].is_asleep
    site.until(lambda: site.hub.is_at(order, Stage.RELEASED), 120)
