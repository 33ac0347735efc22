"""What ingest hands to the domains after a commit, and what they hand back."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, kw_only=True, slots=True)
class Committed:
    """Readings of one kind that are in the database: arrays of equal length, one value a row.

    `columns` has the record's fields by name: floats as float32 (float64 where the record says so)
    with NaN for missing, integers as they travel. Rows come in no particular order of time.
    """

    kind: str
    agent_id: npt.NDArray[np.int32]
    device_id: npt.NDArray[np.int32]
    at_ms: npt.NDArray[np.int64]
    received_ms: npt.NDArray[np.int64]
    columns: dict[str, npt.NDArray[Any]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """A detector's verdict on one subject: that a trouble began, or that it is over.

    (rule, subject) is the key: while a finding is active, further active ones with the same key
    only renew its evidence. `subject` is `device:17`, `agent:3`, `site:1`, or a part of a site such
    as `site:1:rack:A3` and `site:1:model:Antminer S19`. `members` are the subjects that share a
    trouble which is one event of many.
    """

    rule: str
    subject: str
    is_active: bool
    severity: Literal["info", "warning", "critical"]
    at_ms: int  # when it was observed, by event time
    title: str = ""
    likely_cause: str = ""
    confidence: float = 1.0  # how sure, 0 to 1
    members: tuple[str, ...] = ()
    evidence: dict[str, Any] = field(default_factory=dict)


class Domain(Protocol):
    """What every domain offers the spine."""

    async def restore(self) -> None:
        """Rebuild all state from the database, at start and after a change of leases."""

    async def consume(self, committed: Sequence[Committed]) -> Sequence[Finding]:
        """Take a committed group, and say what it shows."""

    async def tick(self, now_ms: int) -> Sequence[Finding]:
        """Say what the passing of time shows; called every second."""
