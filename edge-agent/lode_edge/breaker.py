"""Leave a device alone for a while when it fails again and again."""

FAILURES = 5
WITHIN_S = 60.0
OPEN_S = 30.0
TRIALS = 3


class Breaker:
    """Opens after FAILURES within WITHIN_S; after OPEN_S lets TRIALS through, all of them good.

    closed ──5 failures in 60 s──► open ──30 s──► half open ──3 good trials──► closed
                                     ▲─────────────one failure──┘
    """

    __slots__ = ("_failures", "_open_until_s", "_trials")

    def __init__(self) -> None:
        self._failures: tuple[float, ...] = ()  # the latest FAILURES of them
        self._open_until_s: float | None = None
        self._trials = 0

    @property
    def is_closed(self) -> bool:
        """Tell whether the device is asked as usual."""
        return self._open_until_s is None

    def allows(self, now_s: float) -> bool:
        """Tell whether the device may be asked now."""
        return self._open_until_s is None or now_s >= self._open_until_s

    def succeeded(self) -> None:
        """Note a good answer."""
        if self._open_until_s is None:
            return
        self._trials += 1
        if self._trials >= TRIALS:
            self._open_until_s = None
            self._failures = ()

    def failed(self, now_s: float) -> None:
        """Note that no good answer came."""
        self._failures = (*self._failures, now_s)[-FAILURES:]
        is_full = len(self._failures) == FAILURES and now_s - self._failures[0] <= WITHIN_S
        if self._open_until_s is not None or is_full:
            self._open_until_s = now_s + OPEN_S
            self._trials = 0
