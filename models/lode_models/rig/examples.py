"""What a model is trained on and tried with: features of rigs once a minute, as at run time.

frames ─► Window ─► Examples: rows of features, whose rig, when, and whether it was faulty then
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from lode_models.errors import TrainingError
from lode_models.features import Floats
from lode_models.peers import Rigs
from lode_models.peers.sample import Mask, Slots, Table, Times
from lode_models.rig.features import FEATURES, Window

STEP_MS = 60_000  # as `learned.JUDGE_MS`: a model is asked as often as it was taught
EARLY = 0.6
ROWS_MOST = 5_000_000

Frames = Iterable[tuple[int, Slots, Table]]


@dataclass(frozen=True, kw_only=True)
class Course:
    """How to train: what a person chose, and for the card what the data are and do not tell."""

    kind: str = "autoencoder"
    seed: int = 1
    false_share: float = 0.001  # of judgements of healthy rigs, which sets the threshold
    data: str = ""
    limits: str = ""


@dataclass(frozen=True, kw_only=True)
class Fault:
    """That a rig is known to have been faulty from some time on."""

    kind: str
    since_ms: int


@dataclass(frozen=True, kw_only=True)
class Examples:
    """Rows of features with what is known of them; arrays of equal length."""

    x: Floats
    rig: Slots
    at_ms: Times
    is_early: Mask  # within the first part of its fleet's time
    is_healthy: Mask  # no fault had begun
    faults: Mapping[int, Fault]

    @property
    def rigs(self) -> int:
        """Give how many rigs they are of."""
        return len(np.unique(self.rig))


def gather(frames: Frames, rigs: Rigs, faults: Mapping[int, Fault]) -> Examples:
    """Gather examples of one fleet from its readings in order of time; `faults` is by slot.

    Raises: TrainingError if there are too many.
    """
    window, due_ms = Window(rigs), 0
    kept: list[tuple[Floats, Slots, int]] = []
    rows_kept = 0
    for now_ms, slots, rows in frames:
        window.take(slots, rows)
        if now_ms < due_ms:
            continue
        due_ms = now_ms + STEP_MS
        x = window.features(now_ms)
        seen = np.flatnonzero(~np.isnan(x).all(axis=1))
        rows_kept += len(seen)
        if rows_kept > ROWS_MOST:
            raise TrainingError(
                f"train: over {ROWS_MOST:,} rig minutes; give fewer rigs or a shorter time"
            )
        kept.append((x[seen], seen, now_ms))
    return _joined(kept, faults)


def together(fleets: Sequence[Examples]) -> Examples:
    """Put the examples of fleets together, rigs numbered through."""
    faults: dict[int, Fault] = {}
    rigs, first = [], 0
    for fleet in fleets:
        rigs.append(fleet.rig + first)
        faults |= {slot + first: fault for slot, fault in fleet.faults.items()}
        first += int(max([*fleet.faults, fleet.rig.max(initial=0)])) + 1
    return Examples(
        x=np.concatenate([fleet.x for fleet in fleets]),
        rig=np.concatenate(rigs),
        at_ms=np.concatenate([fleet.at_ms for fleet in fleets]),
        is_early=np.concatenate([fleet.is_early for fleet in fleets]),
        is_healthy=np.concatenate([fleet.is_healthy for fleet in fleets]),
        faults=faults,
    )


def _joined(kept: list[tuple[Floats, Slots, int]], faults: Mapping[int, Fault]) -> Examples:
    x = np.concatenate([x for x, _, _ in kept] or [np.zeros((0, len(FEATURES)), np.float32)])
    rig = np.concatenate([slots for _, slots, _ in kept] or [np.zeros(0, np.intp)])
    at_ms = np.repeat(
        np.array([now_ms for _, _, now_ms in kept], np.int64),
        np.array([len(slots) for _, slots, _ in kept], np.intp),
    )
    begin, end = (int(at_ms.min()), int(at_ms.max())) if len(at_ms) else (0, 0)
    since = np.full(int(max([*faults, rig.max(initial=0)])) + 1, np.iinfo(np.int64).max)
    for slot, fault in faults.items():
        since[slot] = fault.since_ms
    return Examples(
        x=x,
        rig=rig,
        at_ms=at_ms,
        is_early=at_ms <= begin + EARLY * (end - begin),
        is_healthy=at_ms < since[rig],
        faults=faults,
    )
