"""What time it is for commands and leases: the hub's where it is known, else the wall's."""

from collections.abc import Callable
from dataclasses import dataclass

from lode_edge.clock import SYSTEM, Clock

_OFF_MS = 30_000  # further from the hub's clock than this, nothing timed can be trusted
_DRIFT = 2e-4  # by which the clock that only rises may go wrong
_BORN_MS = 1_735_689_600_000  # 2025-01-01: no agent of this kind has run before


@dataclass(frozen=True, kw_only=True, slots=True)
class Heard:
    """When the hub was last heard and what its clock said; None: not since the start."""

    at_s: float | None = None  # by the agent's clock that only rises
    hub_ms: float | None = None
    hub_at_s: float | None = None  # when `hub_ms` was so


class Now:
    """The time at the site.

    Once the hub has said its time, ours goes on from there by the clock that only rises, so that a
    jump of the wall clock ends no lease and lengthens none. Neither does a jump of the hub's: it is
    believed only where the wall clock says the same.
    """

    def __init__(self, clock: Clock = SYSTEM, heard: Callable[[], Heard] = Heard) -> None:
        self._clock, self._heard = clock, heard
        # By the clock that only rises when, and what, the hub said that the wall clock bore out; or
        # what it said first, for a box without a battery may know no better.
        self._agreed: tuple[float, float] | None = None

    @property
    def s(self) -> float:
        """Give the time that only rises, in s."""
        return self._clock.mono_s()

    @property
    def wall_ms(self) -> int:
        """Give the time that records bear: the wall's (Unix ms)."""
        return self._clock.now_ms()

    @property
    def ms(self) -> int:
        """Give the best known time (Unix ms)."""
        now_s, told_ms, wall_ms = self._clock.mono_s(), self._told_ms(), self._clock.now_ms()
        if told_ms is not None and (self._agreed is None or abs(told_ms - wall_ms) <= _OFF_MS):
            self._agreed = now_s, told_ms
        if self._agreed is None:
            return wall_ms
        passed_ms = (now_s - self._agreed[0]) * 1000
        kept_ms = self._agreed[1] + passed_ms
        if told_ms is None or abs(told_ms - kept_ms) > _OFF_MS + _DRIFT * passed_ms:
            return round(kept_ms)
        return round(told_ms)

    @property
    def day(self) -> int:
        """Count the days (UTC) since 1970."""
        return self.ms // 86_400_000

    @property
    def heard_s(self) -> float | None:
        """Say when the hub was last heard, by `s`."""
        return self._heard().at_s

    @property
    def is_sure(self) -> bool:
        """Tell whether the hub has said its time, and the wall clock says the same."""
        return self._told_ms() is not None and not self.trouble()

    def trouble(self) -> str:
        """Say why our clock cannot be relied on; empty when it can."""
        wall_ms = self._clock.now_ms()
        if wall_ms < _BORN_MS:
            return "the agent's clock has not been set; set it by NTP"
        told_ms = self._told_ms()
        off_ms = (self.ms if told_ms is None else told_ms) - wall_ms
        if abs(off_ms) > _OFF_MS:
            return f"the agent's clock is {off_ms / 1000:+.0f} s from the hub's; set it by NTP"
        return ""

    def _told_ms(self) -> float | None:
        """Give the hub's time as it said it last; None before it has."""
        heard = self._heard()
        if heard.hub_ms is None or heard.hub_at_s is None:
            return None
        return heard.hub_ms + (self._clock.mono_s() - heard.hub_at_s) * 1000
