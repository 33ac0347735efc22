"""Slots sorted into groups, so that the figures of all groups are made at once."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

Slots = npt.NDArray[np.intp]
Array = npt.NDArray[Any]


def median(values: Array) -> float:
    """Give the median of what is not NaN, NaN where that is nothing.

    `numpy.median` takes longer, and 8 ms when first called: it loads `numpy.ma` for it.
    """
    known = np.sort(values[~np.isnan(values)])
    n = len(known)
    return float((known[(n - 1) // 2] + known[n // 2]) / 2) if n else float("nan")


@dataclass(frozen=True, slots=True)
class Split:
    """Groups of slots; the members of each stand next to each other in `order`."""

    order: Slots
    starts: Slots  # of each group, in `order`
    ends: Slots
    place: Slots  # by slot: the number of its group, -1 for none

    @classmethod
    def by(cls, keys: Slots, least: int) -> "Split":
        """Put together the slots of one key, where they are `least` or more; below 0 is none."""
        order = np.argsort(keys, kind="stable")
        edges = np.flatnonzero(np.diff(keys[order], prepend=-2, append=np.iinfo(np.intp).max))
        groups = [order[begin:end] for begin, end in pairwise(edges.tolist())]
        groups = [slots for slots in groups if len(slots) >= least and keys[slots[0]] >= 0]
        place = np.full(len(keys), -1, np.intp)
        for number, slots in enumerate(groups):
            place[slots] = number
        sizes = np.array([len(slots) for slots in groups], np.intp)
        ends = np.cumsum(sizes)
        return cls(np.concatenate([*groups, order[:0]]), ends - sizes, ends, place)

    def __iter__(self) -> Iterator[Slots]:
        """Give each group's slots."""
        for begin, end in zip(self.starts.tolist(), self.ends.tolist(), strict=True):
            yield self.order[begin:end]

    @property
    def sizes(self) -> Slots:
        """Give how many each group has."""
        return self.ends - self.starts

    def ranked(self, values: Array) -> Array:
        """Give values by (..., place in `order`), each group's from small to large, NaN last."""
        ranked: Array = values.take(self.order, axis=-1)
        for begin, end in zip(self.starts.tolist(), self.ends.tolist(), strict=True):
            ranked[..., begin:end].sort(axis=-1)
        return ranked

    def sums(self, values: Array) -> Array:
        """Give each group's sum, (..., group)."""
        return self._sums(values.take(self.order, axis=-1))

    def _sums(self, ordered: Array) -> Array:
        sums: Array = np.add.reduceat(ordered, self.starts, axis=-1, dtype=np.float64)
        return sums

    def medians(self, values: Array, least: int, out: Array | None = None) -> Array:
        """Give each slot its group's median, (row, slot); NaN where fewer than `least` speak."""
        ranked = self.ranked(values)
        speak = self._sums(~np.isnan(ranked)).astype(np.intp)
        rows = np.arange(len(values))[:, None]
        low = ranked[rows, self.starts + np.maximum(speak - 1, 0) // 2]
        middle = (low + ranked[rows, self.starts + speak // 2]) / 2
        middle[speak < least] = np.nan
        return self.to_slots(middle, np.nan, out)

    def to_slots(self, of_groups: Array, empty: float, out: Array | None = None) -> Array:
        """Give each slot its group's value, `empty` where it has none."""
        last = np.full((*of_groups.shape[:-1], 1), empty, of_groups.dtype)
        # A place of -1 wraps to the last.
        with_last = np.concatenate([of_groups, last], axis=-1)
        spread: Array = with_last.take(self.place, axis=-1, out=out, mode="wrap")
        return spread
