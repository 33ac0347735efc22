"""Watch a counter that only rises, and say what to add to it when it began anew."""

from dataclasses import dataclass
from typing import Literal

_NEAR_END = 0.99  # of the modulus; what falls from below that did not roll over


@dataclass(frozen=True, slots=True)
class Restart:
    """A counter began anew: adding `carry` to it from now on makes a sum that never falls.

    After a rollover the sum is exact. After a reset it lacks what was counted between the last
    reading and the reset, which nobody knows.
    """

    kind: Literal["rollover", "reset"]
    carry: float


class Counter:
    """One counter, from reading to reading; it does not outlive the agent.

    A fall is believed when the next reading shows it too: meters have been seen to say 0 once
    while they start.
    """

    def __init__(self, modulus: float | None) -> None:
        self._modulus = modulus
        self._last: float | None = None
        self._fallen: float | None = None

    def seen(self, value: float) -> Restart | None:
        """Take note of a reading; give what it proves, if it proves a restart."""
        if self._last is None or value >= self._last:
            self._last, self._fallen = value, None
            return None
        if self._fallen is None or value < self._fallen:
            self._fallen = value
            return None
        last, self._last = self._last, value
        first, self._fallen = self._fallen, None
        return self._restart(last, first)

    def _restart(self, last: float, first: float) -> Restart:
        end = self._modulus
        if end is not None and last >= _NEAR_END * end and first <= (1 - _NEAR_END) * end:
            return Restart("rollover", end)
        # One that falls a little has lost what it had not yet saved when its power failed.
        return Restart("reset", last - first if first > last / 2 else last)
