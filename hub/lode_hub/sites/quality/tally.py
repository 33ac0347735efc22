"""Counts by source and five minutes of observation time, kept until they are written.

slots, marks, verdict ─► bincount ─► Tally ─► (every few seconds) ─► quality_5m
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from lode_hub.sites.quality.follow import Verdict
from lode_hub.sites.quality.sheet import Sheet, Source
from lode_hub.sites.tables import Slots, Times
from lode_hub.store.quality import BUCKET_MS, COUNTED, KEEP_DAYS, Counts
from lode_wire.records import Quality

_KEPT_MS = (KEEP_DAYS - 1) * 86_400_000
_MARKS = {
    "no_answer": Quality.TIMED_OUT | Quality.REFUSED,
    "bad_answer": Quality.BAD_ANSWER,
    "partial": Quality.PARTIAL | Quality.REPAIRED,
    "out_of_range": Quality.OUT_OF_RANGE,
    "clock": Quality.CLOCK,
    "held": Quality.HELD,
}


@dataclass(slots=True)
class Tally:
    """What was counted and is not written yet: a few rows a source, however much comes."""

    counts: dict[tuple[int, Source], npt.NDArray[np.int64]] = field(default_factory=dict)
    lag_ms: dict[tuple[int, Source], int] = field(default_factory=dict)

    def count(
        self,
        sheet: Sheet,
        slots: Slots,
        at_ms: Times,
        received_ms: Times,
        flags: Mapping[str, npt.NDArray[Any]],
    ) -> None:
        """Count readings; `flags` has what else there is to count of each, by name."""
        # Of a time that cannot be right, the hub's own is the better guess.
        is_odd = (at_ms < received_ms - _KEPT_MS) | (at_ms > received_ms + BUCKET_MS)
        bucket = np.where(is_odd, received_ms, at_ms) // BUCKET_MS
        wide = max(len(sheet.sources), 1)
        keys, which = np.unique(bucket * wide + sheet.source[slots], return_inverse=True)
        sums = np.zeros((len(keys), len(COUNTED)), np.int64)
        sums[:, 0] = np.bincount(which, minlength=len(keys))
        for place, name in enumerate(COUNTED):
            flag = flags.get(name)
            if flag is not None and flag.any():
                sums[:, place] = np.bincount(which, weights=flag, minlength=len(keys))
        lag_ms = np.zeros(len(keys), np.int64)
        np.maximum.at(lag_ms, which, np.where(is_odd, 0, received_ms - at_ms))
        for key, row, lag in zip(keys.tolist(), sums, lag_ms.tolist(), strict=True):
            number, source = divmod(key, wide)
            place_of = (number * BUCKET_MS, sheet.sources[source])
            self.counts[place_of] = self.counts.get(place_of, 0) + row
            self.lag_ms[place_of] = max(self.lag_ms.get(place_of, 0), lag)

    def rows(self, sheets: Mapping[str, Sheet]) -> list[Counts]:
        """Give what is to be written; `forget` it once that is done."""
        devices: dict[Source, tuple[int, float | None]] = {}
        for sheet in sheets.values():
            expected = sheet.expected_a_bucket.tolist()
            counts = sheet.devices_a_source.tolist()
            for place, source in enumerate(sheet.sources):
                devices[source] = (counts[place], expected[place] if sheet.kind.metrics else None)
        return [
            Counts(
                bucket_ms=bucket_ms,
                agent_id=source[0],
                kind=source[1],
                driver=source[2],
                devices=devices.get(source, (0, None))[0],
                expected=devices.get(source, (0, None))[1],
                counts=tuple(row.tolist()),
                lag_ms=self.lag_ms[bucket_ms, source],
            )
            for (bucket_ms, source), row in self.counts.items()
        ]

    def forget(self) -> None:
        """Begin anew, once all has been written."""
        self.counts.clear()
        self.lag_ms.clear()


def flags_of(quality: npt.NDArray[Any], verdict: Verdict | None) -> dict[str, npt.NDArray[Any]]:
    """Give what there is to count of each reading, by the names of COUNTED."""
    flags: dict[str, npt.NDArray[Any]] = {}
    if quality.any():
        flags = {name: quality & marks != 0 for name, marks in _MARKS.items()}
    if verdict is not None:
        flags |= {
            "late": verdict.late & ~verdict.duplicate,
            "duplicate": verdict.duplicate,
            "reset": verdict.reset,
            "rollover": verdict.rolled_over,
        }
        if verdict.codes.any():
            flags["unit"] = (verdict.codes != 0).sum(axis=1)
    return flags
