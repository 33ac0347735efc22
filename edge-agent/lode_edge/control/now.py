"""What time it is for commands and leases: the hub's where it is known, else the wall's."""

from collections.abc import Callable
from dataclasses import dataclass

from lode_edge.clock import SYSTEM, Clock

_OFF_MS = 30_000  # further from the hub's clock than this, nothing timed can be trusted
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
    jump of the wall clock ends no lease and lengthens none.
    """

    def __init__(self, clock: Clock = SYSTEM, heard: Callable[[], Heard] = Heard) -> None:
        self._clock, self._heard = clock, heard

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
        heard = self._heard()
        if heard.hub_ms is None or heard.hub_at_s is None:
            return self._clock.now_ms()
        return round(heard.hub_ms + (self._clock.mono_s() - heard.hub_at_s) * 1000)

    @property
    def day(self) -> int:
        """Count the days (UTC) since 1970."""
        return self.ms // 86_400_000

    @property
    def heard_s(self) -> float | None:
        """Say when the hub was last heard, by `s`."""
        return self._heard().at_s

    def trouble(self) -> str:
        """Say why our clock cannot be relied on; empty when it can."""
        wall_ms = self._clock.now_ms()
        if wall_ms < _BORN_MS:
            return "the agent's clock has not been set; set it by NTP"
        off_ms = self.ms - wall_ms
        if abs(off_ms) > _OFF_MS:
            return f"the agent's clock is {off_ms / 1000:+.0f} s from the hub's; set it by NTP"
        return ""
