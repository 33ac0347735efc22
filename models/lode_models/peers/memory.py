"""All that is remembered of the rigs, as arrays whose last axis is the slot."""

from collections.abc import Mapping
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from lode_models.peers.kinds import KINDS
from lode_models.peers.sample import COUNTED, METRICS, RAW

Array: TypeAlias = npt.NDArray[Any]

CHART_S = (30.0, 180.0, 900.0)
"""The charts' time constants."""

_METRIC, _CHART = (len(METRICS),), (len(CHART_S), len(METRICS))
_KIND, _RAW, _COUNT = (len(KINDS),), (len(RAW),), (len(COUNTED),)

SHAPES: dict[str, tuple[str, tuple[int, ...], float]] = {
    # hearing: times are 0 of a rig that was never heard
    "heard_ms": ("i8", (), 0),
    "state": ("u1", (), 0),
    "mode": ("i2", (), 0),
    "interval_s": ("f4", (), np.nan),
    "step_s": ("f4", (), np.nan),  # between the last two readings
    "jitter_s": ("f4", (), 0),
    "rest_ms": ("i8", (), 0),  # when it last rested or was commanded otherwise
    "grace_ms": ("i8", (), 0),  # it is not judged before
    # levels and charts
    "latest": ("f4", _METRIC, np.nan),  # of rigs that are judged, for the medians
    "own": ("f4", _METRIC, np.nan),  # the rig's own level
    "bias": ("f4", _METRIC, np.nan),  # its lasting offset from its class
    "learned_s": ("f4", _METRIC, 0),
    "learned_ms": ("i8", (), 0),
    "chart": ("f4", _CHART, 0),
    "spread": ("f4", _CHART, 0),  # variance of each chart
    "limit": ("f4", _CHART, np.inf),
    "calm_ms": ("i8", _METRIC, 0),  # when the fast chart was last near zero
    # counts, runs of equal values, shares
    "reference": ("f4", _COUNT, np.nan),  # how many parts it has shown to have
    "count": ("f4", _COUNT, np.nan),
    "raw": ("f4", _RAW, np.nan),
    "run": ("u2", _RAW, 0),
    "longest": ("u2", _RAW, 0),  # run that came to an end
    "run_ms": ("i8", _RAW, 0),
    "run_limit": ("u2", _RAW, 65535),
    "totals": ("f8", (2,), np.nan),
    "shares": ("f4", (2,), 0),  # accepted and rejected of late
    "usual_rejects": ("f4", (), 0),  # share of them in its class
    "own_rejects": ("f4", (), np.nan),  # share of them in the rig's own past
    # restarts: the last uptime, and when it started anew, the newest first
    "uptime_s": ("f4", (), np.nan),
    "restart_ms": ("i8", (6,), 0),
    # what a whole group may have: hash gone, heat, rejects; by the rig's own level alone
    "own_ms": ("i8", (3,), 0),  # since when, 0 is not so
    "own_n": ("u1", (3,), 0),
    # the book
    "phase": ("u1", _KIND, 0),
    "seen": ("u1", _KIND, 0),  # samples in a row
    "since_ms": ("i8", _KIND, 0),
    "pending_ms": ("i8", _KIND, 0),
    "on_ms": ("i8", _KIND, 0),  # the last sample that did not deny it
}


def of(array: Array, at: npt.NDArray[np.intp] | slice) -> Array:
    """Give some slots' part of an array: a view for a slice, a copy for a list of slots."""
    part: Array = array[..., at] if isinstance(at, slice) else array.take(at, axis=-1)
    return part


def put(array: Array, at: npt.NDArray[np.intp] | slice, part: Array) -> None:
    """Write back what `of` gave and was changed in place; a view needs no writing."""
    if not isinstance(at, slice):
        array[..., at] = part


class Memory:
    """Arrays by name; `m.chart` is (chart, metric, slot)."""

    heard_ms: Array
    state: Array
    mode: Array
    interval_s: Array
    step_s: Array
    jitter_s: Array
    rest_ms: Array
    grace_ms: Array
    latest: Array
    own: Array
    bias: Array
    learned_s: Array
    learned_ms: Array
    chart: Array
    spread: Array
    limit: Array
    calm_ms: Array
    reference: Array
    count: Array
    raw: Array
    run: Array
    longest: Array
    run_ms: Array
    run_limit: Array
    totals: Array
    shares: Array
    usual_rejects: Array
    own_rejects: Array
    uptime_s: Array
    restart_ms: Array
    own_ms: Array
    own_n: Array
    phase: Array
    seen: Array
    since_ms: Array
    pending_ms: Array
    on_ms: Array

    def __init__(self, size: int = 0) -> None:
        for name, (code, shape, empty) in SHAPES.items():
            setattr(self, name, np.full((*shape, size), empty, code))

    def __len__(self) -> int:
        return len(self.heard_ms)

    def grow(self, size: int) -> None:
        """Make room for slots up to `size`, the new ones empty."""
        more = Memory(max(0, size - len(self)))
        if len(more):
            for name in SHAPES:
                setattr(self, name, np.concatenate([getattr(self, name), getattr(more, name)], -1))

    def forget(self, slots: npt.NDArray[np.intp]) -> None:
        """Empty slots, for rigs that are others now."""
        for name, (_, _, empty) in SHAPES.items():
            getattr(self, name)[..., slots] = empty

    def arrays(self) -> dict[str, Array]:
        """Give a copy of everything."""
        return {name: getattr(self, name).copy() for name in SHAPES}

    def load(self, arrays: Mapping[str, Array]) -> None:
        """Take everything from a copy.

        Raises:
            ValueError: an array lacks or is not what this version keeps.
        """
        size = len(arrays["heard_ms"]) if "heard_ms" in arrays else -1
        for name, (code, shape, _) in SHAPES.items():
            array = arrays.get(name)
            if array is None or array.dtype != np.dtype(code) or array.shape != (*shape, size):
                raise ValueError(f"snapshot: {name} is not what this version keeps; start anew")
            setattr(self, name, array.copy())

    @property
    def bytes_per_rig(self) -> int:
        """Give what one rig's state takes."""
        return sum(
            int(np.prod(shape, dtype=int)) * np.dtype(code).itemsize
            for code, shape, _ in SHAPES.values()
        )
