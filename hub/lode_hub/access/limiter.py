"""Slow down whoever guesses passwords: so many failures in a time, then wait."""

import time
from collections import OrderedDict, deque
from collections.abc import Callable

MAX_KEYS = 20_000
"""Keys remembered; beyond it the one that failed longest ago is forgotten."""


class Limiter:
    """Counts the failures of each key (an account, an address) in a sliding window."""

    def __init__(
        self, limit: int, window_s: float, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._limit = limit
        self._window_s = window_s
        self._clock = clock
        self._failures: OrderedDict[str, deque[float]] = OrderedDict()

    def wait_s(self, key: str) -> float:
        """Give how long the key has to wait before its next try; 0 when it need not."""
        failures = self._failures.get(key)
        if failures is None or len(failures) < self._limit:
            return 0.0
        return max(0.0, failures[0] + self._window_s - self._clock())

    def count(self, key: str) -> None:
        """Count a try that failed, or one that is about to be made."""
        failures = self._failures.setdefault(key, deque(maxlen=self._limit))
        failures.append(self._clock())
        self._failures.move_to_end(key)
        while len(self._failures) > MAX_KEYS:
            self._failures.popitem(last=False)

    def forget(self, key: str) -> None:
        """Forget the failures of a key, after a success."""
        self._failures.pop(key, None)

    def uncount(self, key: str) -> None:
        """Take back the newest count of a key, whose try succeeded."""
        failures = self._failures.get(key)
        if failures:
            failures.pop()
