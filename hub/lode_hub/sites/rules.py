"""What a detector of rigs is: a pure judgement over arrays, and words for what it found.

state before, readings, facts ─► judge ─► state after, changes (with a named reason) ─► explain
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from lode_hub.sites.tables import Mask, Plain, Slots, Table
from lode_hub.store.inventory import Rig

Severity = Literal["info", "warning", "critical"]
Evidence = dict[str, object]


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """Rows whose trouble began or ended just now, all for the same reason."""

    reason: str
    is_active: bool
    rows: Slots


@dataclass(frozen=True, kw_only=True, slots=True)
class Judged:
    """What one round of readings changed, and how many of them could not be judged."""

    changes: Sequence[Change] = ()
    unjudged: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Sight:
    """One rig at the moment of a change: plain numbers, None for missing."""

    rig: Rig
    agent: str
    reason: str
    since_ms: int
    at_ms: int
    reading: Plain
    facts: Plain
    rack_rigs: int  # rigs in the same rack, this one among them
    rack_troubled: int  # how many of them have the same trouble now


@dataclass(frozen=True, kw_only=True, slots=True)
class Words:
    """A finding for people: what it is, why it may be, and the values behind it."""

    title: str
    likely_cause: str
    evidence: Evidence = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class Trouble:
    """What a detector looks for, and the words for it.

    Raise `version` whenever the same readings could be judged otherwise than before.
    """

    name: str
    version: int
    severity: Severity
    state: np.dtype[np.void]  # what the detector keeps of a rig; at least `is_active`, `since_ms`
    explain: Callable[[Sight], Words]


@dataclass(frozen=True, kw_only=True, slots=True)
class Rule:
    """A detector that judges readings.

    `judge` takes the rows' state (changing it in place), their readings and their facts; `holds`
    tells which readings show the trouble by themselves, so that an active finding is renewed.
    """

    trouble: Trouble
    judge: Callable[[Table, Table, Table], Judged]
    holds: Callable[[Table, Table], Mask]


def changes(*found: tuple[str, bool, Mask]) -> list[Change]:
    """List the changes that have any row, each given as reason, is_active and mask."""
    return [
        Change(reason=reason, is_active=is_active, rows=np.flatnonzero(mask))
        for reason, is_active, mask in found
        if mask.any()
    ]


def in_rack(sight: Sight, trouble: str) -> str | None:
    """Say that a rack shares the trouble, when at least 3 rigs and half of the rack do."""
    if sight.rack_troubled < 3 or 2 * sight.rack_troubled < sight.rack_rigs:  # noqa: PLR2004
        return None
    return f"{sight.rack_troubled} of {sight.rack_rigs} rigs in rack {sight.rig.rack} {trouble}"
