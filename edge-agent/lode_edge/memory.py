"""Keep the agent's memory small on the small machines it runs on."""

import contextlib
import ctypes

_M_ARENA_MAX = -8  # malloc.h of glibc


def keep_small() -> None:
    """Have one heap for all threads; glibc gives each its own, and none ever gives back.

    The interpreter lets one thread run at a time, so a second heap gains nothing: measured with
    10,000 rigs, 8 MB less. Where the C library is another, nothing happens.
    """
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, 1)
