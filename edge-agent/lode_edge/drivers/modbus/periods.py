"""Which registers are due, and the requests that read them."""

import math
from collections.abc import Iterable

from lode_edge.drivers.modbus.frames import Ask
from lode_edge.drivers.modbus.plan import Range, Request, plan
from lode_profiles import MeterProfile

Due = tuple[Request, Ask]
"""A request, and how the device's unit is asked for it."""

_REFUSED_S = 600.0  # then what was refused is asked for again
_NONE: frozenset[str] = frozenset()
# With the profile itself, so that its id stays its own.
_PLANS: dict[tuple[int, frozenset[str]], tuple[MeterProfile, tuple[Request, ...]]] = {}


def asking(profile: MeterProfile, unit: int, request: Request) -> Ask:
    """Say how a unit is asked for a request's registers."""
    place = (unit, request.function, request.register, request.count)
    return Ask(*place, profile.min_gap_ms / 1000)


class Periods:
    """A device's periods: its own interval, and the slower ones that its profile names."""

    def __init__(self, profile: MeterProfile, unit: int, interval_s: float) -> None:
        self._profile, self._unit = profile, unit
        self._early_s = interval_s / 2  # rather half a poll early than a whole one late
        self._due_s = dict.fromkeys(profile.poll_s, 0.0)
        self._first_due_s = 0.0
        self._plans: dict[frozenset[str], tuple[Due, ...]] = {}
        self._now: frozenset[str] = frozenset()
        self._refused: frozenset[Range] = frozenset()
        self._refused_until_s = math.inf

    def requests(self, now_s: float) -> tuple[Due, ...]:
        """Give the requests that read what is due."""
        if now_s >= self._refused_until_s:
            self.forget()
        early_s = now_s + self._early_s
        if early_s < self._first_due_s:
            self._now = _NONE
        else:
            self._now = frozenset(name for name, due_s in self._due_s.items() if due_s <= early_s)
        return self._due()

    def answered(self, now_s: float) -> None:
        """Take note that what was due at `now_s` has been read."""
        for name in self._now:
            self._due_s[name] = now_s + self._profile.poll_s[name]
        if self._now:
            self._first_due_s = min(self._due_s.values())

    def refuse(self, ranges: Iterable[Range], now_s: float) -> None:
        """Take note of what the device refused: for a while nothing that covers it is asked for."""
        self._refused |= frozenset(ranges)
        self._refused_until_s = min(self._refused_until_s, now_s + _REFUSED_S)
        self._plans.clear()

    def forget(self) -> None:
        """Ask for everything again: the device may be another, or in order now."""
        if self._refused:
            self._refused, self._refused_until_s = frozenset(), math.inf
            self._plans.clear()

    def withheld(self) -> list[str]:
        """Name what is due and not asked for, because the device refused it."""
        if not self._refused:
            return []
        asked = {place.name for request, _ in self._due() for place in request.places}
        return [name for name in _names(self._profile, self._now) if name not in asked]

    def _due(self) -> tuple[Due, ...]:
        due = self._plans.get(self._now)
        if due is None:
            due = self._plans[self._now] = tuple(
                (request, asking(self._profile, self._unit, request))
                for request in _planned(self._profile, self._now, self._refused)
            )
        return due


def _planned(
    profile: MeterProfile, now: frozenset[str], refused: frozenset[Range]
) -> tuple[Request, ...]:
    """Plan once for all devices of a profile: 400 meters would keep 400 plans."""
    if refused:
        return plan(profile, _names(profile, now), refused)
    key = (id(profile), now)
    if key not in _PLANS:
        _PLANS[key] = (profile, plan(profile, _names(profile, now)))
    return _PLANS[key][1]


def _names(profile: MeterProfile, now: frozenset[str]) -> list[str]:
    return [name for name, one in profile.registers().items() if not one.poll or one.poll in now]
