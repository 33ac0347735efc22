"""Make many checked batches of readings into arrays, one set a kind.

Fit ... ─► device numbers to ids ─► Fit with ids ─► Rows (store) ─► Committed (domains)
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from lode_hub.committed import Committed
from lode_hub.ingest.check import Fit, Readings
from lode_hub.store import readings
from lode_hub.store.agents import Source


class Numbers:
    """What a source's readings call its devices: numbers to ids by binary search."""

    def __init__(self, known: Mapping[int, int]) -> None:
        self._numbers = np.array(sorted(known), np.int64)
        self._ids = np.array([known[number] for number in sorted(known)], np.int32)

    def ids(self, numbers: npt.NDArray[np.uint32]) -> npt.NDArray[np.int32] | None:
        """Give the id for each number; None when one is not known."""
        if not len(self._numbers):
            return None
        places = np.searchsorted(self._numbers, numbers)
        places[places == len(self._numbers)] = 0
        return self._ids[places] if np.array_equal(self._numbers[places], numbers) else None

    def unknown(self, numbers: npt.NDArray[np.uint32]) -> list[int]:
        """List the numbers that are not known, each once."""
        listed: list[int] = np.setdiff1d(numbers, self._numbers).tolist()
        return listed


@dataclass(frozen=True, slots=True)
class Placed:
    """A batch of readings whose source and devices are known."""

    fit: Fit
    source: Source
    content: Readings
    device_ids: npt.NDArray[np.int32]


def gather(
    placed: Iterable[Placed], point_ids: Mapping[tuple[str, str], int]
) -> list[readings.Rows]:
    """Join batches into rows, one set for each kind there is."""
    by_kind: dict[str, list[Placed]] = {}
    for one in placed:
        by_kind.setdefault(one.content.kind.tag, []).append(one)
    return [_join(listed, point_ids) for listed in by_kind.values()]


def committed(
    rows: Sequence[readings.Rows], point_ids: Mapping[tuple[str, str], int]
) -> list[Committed]:
    """Describe committed rows to the domains."""
    return [
        Committed(
            kind=one.kind.tag,
            agent_id=one.agent_id,
            device_id=one.keys["device_id"],
            at_ms=one.at_ms,
            received_ms=one.received_ms,
            columns={**one.values, **_point_columns(one, point_ids)},
        )
        for one in rows
    ]


def _join(listed: Sequence[Placed], point_ids: Mapping[tuple[str, str], int]) -> readings.Rows:
    kind = listed[0].content.kind
    counts = [len(one.content.at_ms) for one in listed]
    keys = {"device_id": np.concatenate([one.device_ids for one in listed])}
    if kind is readings.POINT:
        keys["point_id"] = np.concatenate([_point_ids(one.content, point_ids) for one in listed])
    return readings.Rows(
        kind=kind,
        agent_id=np.repeat(np.array([one.source.agent_id for one in listed], np.int32), counts),
        source_id=np.repeat(np.array([one.source.source_id for one in listed], np.int32), counts),
        seq=np.repeat(np.array([one.fit.header.seq for one in listed], np.int64), counts),
        received_ms=np.repeat(
            np.array([one.fit.incoming.received_ms for one in listed], np.int64), counts
        ),
        at_ms=np.concatenate([one.content.at_ms for one in listed]),
        keys=keys,
        values={
            name: np.concatenate([one.content.values[name] for one in listed])
            for name in kind.values
        },
        offset_ms=_offsets(listed, counts),
    )


def _offsets(listed: Sequence[Placed], counts: list[int]) -> npt.NDArray[np.int64] | None:
    offsets = [one.content.offset_ms for one in listed]
    return np.repeat(np.array(offsets, np.int64), counts) if any(offsets) else None


def _point_ids(
    content: Readings, point_ids: Mapping[tuple[str, str], int]
) -> npt.NDArray[np.int32]:
    pairs, which = content.points or ([], np.zeros(0, np.int64))
    return np.array([point_ids[pair] for pair in pairs], np.int32)[which]


def _point_columns(
    rows: readings.Rows, point_ids: Mapping[tuple[str, str], int]
) -> dict[str, npt.NDArray[Any]]:
    if rows.kind is not readings.POINT:
        return {}
    names = {point_id: pair for pair, point_id in point_ids.items()}
    ids, which = np.unique(rows.keys["point_id"], return_inverse=True)
    pairs = np.array([names[point_id] for point_id in ids.tolist()], dtype=object)
    return {"point": pairs[which, 0], "unit": pairs[which, 1]}
