"""Which registers are due, and the requests that read them."""

from lode_edge.drivers.modbus.frames import Ask
from lode_edge.drivers.modbus.plan import Request, plan
from lode_profiles import MeterProfile

Due = tuple[Request, Ask]
"""A request, and how the device's unit is asked for it."""

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

    def requests(self, now_s: float) -> tuple[Due, ...]:
        """Give the requests that read what is due."""
        early_s = now_s + self._early_s
        if early_s < self._first_due_s:
            self._now = _NONE
        else:
            self._now = frozenset(name for name, due_s in self._due_s.items() if due_s <= early_s)
        due = self._plans.get(self._now)
        if due is None:
            due = self._plans[self._now] = tuple(
                (request, asking(self._profile, self._unit, request))
                for request in _planned(self._profile, self._now)
            )
        return due

    def answered(self, now_s: float) -> None:
        """Take note that what was due at `now_s` has been read."""
        for name in self._now:
            self._due_s[name] = now_s + self._profile.poll_s[name]
        if self._now:
            self._first_due_s = min(self._due_s.values())


def _planned(profile: MeterProfile, now: frozenset[str]) -> tuple[Request, ...]:
    """Plan once for all devices of a profile: 400 meters would keep 400 plans."""
    key = (id(profile), now)
    if key not in _PLANS:
        registers = profile.registers().items()
        names = [name for name, one in registers if not one.poll or one.poll in now]
        _PLANS[key] = (profile, plan(profile, names))
    return _PLANS[key][1]
