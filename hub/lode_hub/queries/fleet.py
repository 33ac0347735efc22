"""Rows of the fleet, made into nouns."""

import functools
from collections.abc import Sequence
from typing import Any

from lode_hub.queries.nouns import MeterRow, PointRow, RigPulse, RigRow, Series, SiteTotals
from lode_hub.store.queries_fleet import PULSE
from lode_hub.store.queries_series import Point
from lode_wire.records import Quality

Row = dict[str, Any]


def site(row: Row) -> SiteTotals:
    """Make a site's totals."""
    return SiteTotals(**row)


def rig(row: Row) -> RigRow:
    """Make a rig."""
    row["quality"] = flags(row["quality"])
    return RigRow(**row)


def pulse(row: tuple[Any, ...]) -> RigPulse:
    """Make a rig's pulse."""
    return RigPulse(**dict(zip(PULSE, row, strict=True)))


def meter(row: Row) -> MeterRow:
    """Make a meter."""
    row["quality"] = flags(row["quality"])
    return MeterRow(**row)


def point(row: Row) -> PointRow:
    """Make a further point."""
    row["quality"] = flags(row["quality"])
    return PointRow(**row)


def series(device_id: int, metric: str, bucket_s: int, points: Sequence[Point]) -> Series:
    """Make a series."""
    return Series(
        device_id=device_id,
        metric=metric,
        bucket_s=bucket_s,
        at_ms=[point[0] for point in points],
        mean=[point[1] for point in points],
        low=[point[2] for point in points],
        high=[point[3] for point in points],
    )


@functools.cache
def flags(quality: int) -> tuple[str, ...]:
    """Name the bits of a reading's quality; none is good."""
    return tuple(str(flag.name).lower() for flag in Quality if flag and flag & quality)
