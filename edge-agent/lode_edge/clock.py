"""The two clocks of the agent: the one of the wall, which may jump, and the one that only rises."""

import time
from collections.abc import Callable
from dataclasses import dataclass


def _wall_ms() -> int:
    return time.time_ns() // 1_000_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Clock:
    """What time it is: `now_ms` by the wall (Unix ms, UTC), `mono_s` since some fixed moment."""

    now_ms: Callable[[], int] = _wall_ms
    mono_s: Callable[[], float] = time.monotonic


SYSTEM = Clock()
