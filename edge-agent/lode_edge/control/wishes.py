"""What is wished of each device: leases, plan, local rules and a stop joined, without any I/O.

    leases + plan + stop ─► in force ─► of several wishes for one aspect, the one that draws least

A device's aspects (asleep or not, how much power, fans, each outlet) are wished, held and given
back each by itself: a rig that wakes from one lease still has the power limit of another.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Literal, NamedTuple

import msgspec

from lode_wire.aspects import aspect
from lode_wire.orders import Period, Step, Terms, Wish
from lode_wire.records import Stage

Origin = Literal["stop", "local", "hub", "plan"]
_PRECEDENCE = ("stop", "local", "hub", "plan")
Draw = Callable[[str, Wish], float]
"""Estimates what a device draws once a wish holds, in W."""

Allow = Callable[[str, Wish], Wish]
"""Gives as much of a device's wish as the site allows now."""


class Key(NamedTuple):
    """What a wish is about: one aspect of one device."""

    device: str
    aspect: str


class Lease(msgspec.Struct, frozen=True, kw_only=True):
    """Wishes that hold together, under the id of the command that brought them."""

    id: str
    number: int  # leases are counted in the order in which they came
    begun_ms: int
    sequence: int = 0
    steps: tuple[Step, ...]
    terms: Terms = Terms()
    origin: Origin = "hub"
    is_single: bool = False  # a wish for one device, which the next such wish replaces
    ended: str = ""  # why it ended; it stays until its devices are given back
    is_held: bool = False  # at its end devices were left as they were
    told: Stage = Stage.ACCEPTED  # of the whole


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """The standing plan."""

    id: str
    number: int
    sequence: int
    periods: tuple[Period, ...]

    def at(self, now_ms: int) -> tuple[Step, ...]:
        """Give the steps that hold at a moment; none outside all periods."""
        for period in self.periods:
            if period.from_ms <= now_ms < period.to_ms:
                return period.steps
        return ()

    def is_over(self, now_ms: int) -> bool:
        """Tell whether no period is left."""
        return all(period.to_ms <= now_ms for period in self.periods)


class Held(NamedTuple):
    """The wish that rules an aspect, the lease it comes from, and its place in all orders."""

    lease: str
    wish: Wish
    origin: Origin
    rank: tuple[int, int]


def ended(lease: Lease, why: str) -> Lease:
    """End a lease as its terms say: its devices are left as they are, or given back."""
    return msgspec.structs.replace(lease, ended=why, is_held=lease.terms.at_end == "hold")


def ended_by_now(lease: Lease, now_ms: int, silent_s: float) -> Lease:
    """End a lease whose time is over, or whose hub is lost; then nothing is left as it is."""
    terms = lease.terms
    if terms.until_ms is not None and now_ms >= terms.until_ms:
        return ended(lease, "its time is over")
    if terms.if_lost != "hold" and silent_s >= terms.lost_after_s:
        why = f"the hub was not heard for {terms.lost_after_s:.0f} s"
        return msgspec.structs.replace(lease, ended=why)
    return lease


def ruling(
    leases: Iterable[Lease], plan: Plan | None, now_ms: int, draw: Draw, allow: Allow
) -> Mapping[Key, Held]:
    """Say which wish rules each aspect that any wish is about, as far as it is allowed now.

    Of several the one that draws least wins; of equals the one that came first, so that a lease
    that says the same changes nothing.
    """
    found: dict[Key, Held] = {}
    for lease in sorted(leases, key=_precedence):
        if not lease.ended:
            _lay(found, lease.steps, (lease.id, lease.origin, lease.number), draw, allow)
    if plan is not None:
        _lay(found, plan.at(now_ms), (plan.id, "plan", plan.number), draw, allow)
    return found


def _precedence(lease: Lease) -> tuple[int, int]:
    """Let a stop and the site's own rules come first among equals: they wait for no ramp."""
    return _PRECEDENCE.index(lease.origin), lease.number


def _lay(
    found: dict[Key, Held],
    steps: Iterable[Step],
    source: tuple[str, Origin, int],
    draw: Draw,
    allow: Allow,
) -> None:
    lease, origin, number = source
    place = 0
    for step in steps:
        about = aspect(step.wish)
        for device in step.devices:
            key, place = Key(device, about), place + 1
            wish, before = allow(device, step.wish), found.get(key)
            if before is None or draw(device, wish) < draw(device, before.wish):
                found[key] = Held(lease, wish, origin, (number, place))
