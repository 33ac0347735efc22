"""How fast power may change: each change is charged before it is sent, until its effect is past.

A charge counts from its sending until a minute after its effect was seen. So whatever the devices'
delays, all changes that take effect within any one minute are charged at one moment together, and
their sum is never above what the ramp allows in a minute. Within the minute they are spread evenly.
"""

import heapq

WINDOW_S = 60.0
_BURST_S = 6.0  # of the ramp may go at once
_LATE_S = 20.0  # after which a change that is not seen is counted on no more


class Ramp:
    """One direction of one line: a limit in kW per minute, or none."""

    def __init__(self, kw_per_min: float | None, now_s: float) -> None:
        self._w_per_min = None if kw_per_min is None else kw_per_min * 1000
        self._charges: dict[str, tuple[float, float | None]] = {}  # W, and when it ends
        self._sent_s: dict[str, float] = {}
        self._seen_s: dict[str, float] = {}
        self._ends: list[tuple[float, str]] = []  # a heap of when charges end
        self._sum_w = 0.0
        self._spare_w = 0.0  # what may go at once; it begins empty, for who knows what went before
        self._filled_s = now_s

    def follow(self, kw_per_min: float | None, now_s: float) -> None:
        """Keep to another limit; what was charged counts on, and nothing may go at once."""
        self._pass(now_s)
        self._w_per_min = None if kw_per_min is None else kw_per_min * 1000
        self._spare_w = min(self._spare_w, 0.0)

    def admits(self, power_w: float, now_s: float) -> bool:
        """Tell whether a change may be sent now; one above the whole ramp goes alone."""
        self._pass(now_s)
        if self._w_per_min is None:
            return True
        if self._charges and self._sum_w + power_w > self._w_per_min:
            return False
        return self._spare_w >= min(power_w, self._w_per_min * _BURST_S / WINDOW_S)

    def charge(self, key: str, power_w: float, now_s: float) -> None:
        """Count a change that is sent now, whether it was admitted or not."""
        self._pass(now_s)
        self.lay(key, power_w)
        self._sent_s[key] = now_s
        self._spare_w -= power_w

    def lay(self, key: str, power_w: float) -> None:
        """Count a change that was sent before this ramp began."""
        self.free(key)
        self._charges[key] = (power_w, None)
        self._sum_w += power_w

    def seen(self, key: str, at_s: float) -> None:
        """Note since when a change has been in effect, or can no longer come into effect."""
        power_w, end_s = self._charges.get(key, (0.0, 0.0))
        if end_s is None:
            share = 1.0 if self._w_per_min is None else max(1.0, power_w / self._w_per_min)
            end_s = at_s + WINDOW_S * share
            self._charges[key], self._seen_s[key] = (power_w, end_s), at_s
            heapq.heappush(self._ends, (end_s, key))

    def free(self, key: str) -> None:
        """Forget a change that was surely not made."""
        power_w, _ = self._charges.pop(key, (0.0, None))
        self._seen_s.pop(key, None)
        self._sent_s.pop(key, None)
        self._sum_w -= power_w

    def holds(self, key: str, now_s: float) -> bool:
        """Tell whether a change still counts."""
        self._pass(now_s)
        return key in self._charges

    def later_w(self, at_s: float) -> float:
        """Give the sum of the changes that may yet take effect after a moment, in W.

        What was sent long before, and is not seen still, is not relied on.
        """
        return sum(
            power_w
            for key, (power_w, _) in self._charges.items()
            if self._seen_s.get(key, self._sent_s.get(key, at_s) + _LATE_S) > at_s
        )

    def under_way_w(self, now_s: float) -> float:
        """Give the sum of the changes that a meter may not show yet, in W."""
        self._pass(now_s)
        return self._sum_w

    def _pass(self, now_s: float) -> None:
        if self._w_per_min is not None:
            gained_w = (now_s - self._filled_s) * self._w_per_min / WINDOW_S
            burst_w = self._w_per_min * _BURST_S / WINDOW_S
            self._spare_w = min(burst_w, self._spare_w + gained_w)
        self._filled_s = now_s
        while self._ends and self._ends[0][0] <= now_s:
            end_s, key = heapq.heappop(self._ends)
            if self._charges.get(key, (0.0, None))[1] == end_s:
                self.free(key)
        if not self._charges:
            self._sum_w = 0.0  # no rounding is left behind
