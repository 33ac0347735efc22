"""Which registers are due, and the requests that read them."""

from lode_edge.drivers.modbus.frames import Ask
from lode_edge.drivers.modbus.plan import Request, plan
from lode_profiles import MeterProfile

Due = tuple[Request, Ask]
"""A request, and how the device's unit is asked for it."""


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
        self._plans: dict[frozenset[str], tuple[Due, ...]] = {}
        self._now: frozenset[str] = frozenset()

    def requests(self, now_s: float) -> tuple[Due, ...]:
        """Give the requests that read what is due."""
        early_s = now_s + self._early_s
        self._now = frozenset(name for name, due_s in self._due_s.items() if due_s <= early_s)
        if self._now not in self._plans:
            names = [
                name
                for name, register in self._profile.registers().items()
                if not register.poll or register.poll in self._now
            ]
            self._plans[self._now] = tuple(
                (request, asking(self._profile, self._unit, request))
                for request in plan(self._profile, names)
            )
        return self._plans[self._now]

    def answered(self, now_s: float) -> None:
        """Take note that what was due at `now_s` has been read."""
        for name in self._now:
            self._due_s[name] = now_s + self._profile.poll_s[name]
