"""What a detector says: that a trouble of a rig or of a group began, goes on, or is over."""

from dataclasses import dataclass, field

from lode_models.peers.kinds import VERSION, Severity
from lode_models.peers.rigs import Group


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """A verdict on one rig (`slot`) or on a `group` (`slot` is -1), by event time."""

    kind: str
    slot: int = -1
    group: Group | None = None
    is_active: bool
    severity: Severity
    at_ms: int  # when it was found
    since_ms: int  # when it seems to have begun
    confidence: float  # 0 to 1
    likely_cause: str
    members: tuple[int, ...] = ()  # the slots of a group's rigs that have it
    evidence: dict[str, object] = field(default_factory=dict)
    version: int = VERSION
