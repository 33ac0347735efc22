"""What may be asked about commands is answered in these nouns.

Times are Unix ms; a missing value is None.
"""

from dataclasses import dataclass
from typing import Any, Literal

CommandStage = Literal[
    "proposed",  # waits for another person's approval
    "declined",  # by another person, or taken back
    "queued",  # to be sent
    "dispatched",  # sent again and again until the agent answers
    # From here on as the agent says:
    "accepted",
    "sent",
    "acknowledged",
    "effective",  # proved
    "released",
    "refused",
    "failed",
    "expired",  # nobody approved, the agent did not answer, or it was too late there
    "drifted",
]
"""How far a command has come; declined, released, refused, failed and expired are final."""

SkipReason = Literal[
    "excluded",
    "maintenance",
    "unreachable",
    "stale reading",
    "controls unknown",
    "blocked",
    "does not offer it",
    "already asleep",
    "held by another lease",
    "no starts left",
    "no power figure",
    "power figure implausible",
    "below minimum power",
    "not needed",
]


@dataclass(frozen=True, kw_only=True, slots=True)
class CommandRow:
    """One command. The powers are sums over its devices that have the figure."""

    command_id: str
    site: str
    agent: str
    device_id: int | None  # None: it is for the site
    target: str  # the device's name, empty for the site
    action: str
    order: dict[str, Any]  # intent, terms, precondition; passwords left out
    actor: str
    approved_by: tuple[str, ...]
    stage: CommandStage
    reason: str
    devices: int
    counts: dict[str, int]  # its devices by stage; "waiting": not yet heard of
    is_held: bool  # a lease that can be released now
    curtailment_id: str | None
    lease: str | None  # of a release: the command whose lease it ends
    sequence: int | None
    expected_w: float | None
    power_before_w: float | None
    power_after_w: float | None
    created_ms: int
    expires_ms: int
    dispatched_ms: int | None
    answered_ms: int | None
    ended_ms: int | None


@dataclass(frozen=True, kw_only=True, slots=True)
class CommandDeviceRow:
    """One device of a command, and the proof of what became of it."""

    target: str
    device_id: int | None
    stage: CommandStage | None  # None: not yet heard of
    reason: str
    expected_w: float | None
    power_before_w: float | None
    power_after_w: float | None
    power_source: str  # meter, pdu, rig; empty: no power was looked at
    read_back: str
    changes: list[dict[str, str]]  # key, before, after
    said: str  # what the device itself answered; no proof
    answer: Any | None  # of a probe or of registers
    entry: int  # in the agent's journal; 0: none
    at_ms: int | None  # by the agent's clock


@dataclass(frozen=True, kw_only=True, slots=True)
class CommandStepRow:
    """One step as the agent told it; kept for ever as it came."""

    step_id: int
    at_ms: int  # by the agent's clock
    received_ms: int
    target: str
    stage: CommandStage
    reason: str
    sequence: int
    entry: int
    evidence: dict[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class ApprovalRow:
    """What one person said to a proposal."""

    person: str
    decision: Literal["proposed", "approved", "declined"]
    at_ms: int


@dataclass(frozen=True, kw_only=True, slots=True)
class CommandDetail:
    """A command with its devices (the first 20,000), steps (the newest 1,000) and approvals."""

    command: CommandRow
    devices: list[CommandDeviceRow]
    steps: list[CommandStepRow]
    approvals: list[ApprovalRow]
    answer: Any | None  # what a probe or registers gave; a dry run's is in its device's `changes`


@dataclass(frozen=True, kw_only=True, slots=True)
class UnorderedRow:
    """A state that an agent tells of what was not ordered here."""

    command_id: str
    agent: str
    site: str | None
    target: str
    stage: CommandStage
    reason: str
    at_ms: int
    received_ms: int


@dataclass(frozen=True, kw_only=True, slots=True)
class ControlsRow:
    """What can be asked of a device."""

    device_id: int
    name: str
    site: str
    agent: str
    offers: tuple[str, ...]  # action names
    modes: tuple[str, ...]  # power modes
    presets: tuple[str, ...]
    power_min_w: float | None
    power_max_w: float | None
    starts_left: int | None  # today; None: not limited
    feeder: str  # the meter its power goes through
    outlet: str
    blocked: str  # why nothing can be asked of it
    lease: str | None  # the command that holds it now
    maintenance: str | None  # since when on, who and why; None: it is not
    at_ms: int


@dataclass(frozen=True, kw_only=True, slots=True)
class TakenRig:
    """A rig that a curtailment takes, in the order in which they are taken."""

    device_id: int
    name: str
    agent: str
    feeder: str
    power_w: float  # what it draws now: at most so much is saved
    efficiency_jth: float | None  # by its reading, else by its rating
    is_rated: bool = False  # it measures no power: by its rating


@dataclass(frozen=True, kw_only=True, slots=True)
class SkippedRig:
    """A rig that a curtailment leaves alone, and why."""

    device_id: int
    name: str
    reason: SkipReason
    detail: str  # why it is blocked, which lease holds it, how old its reading is


@dataclass(frozen=True, kw_only=True, slots=True)
class FeederSum:
    """What a curtailment takes off a feeder; the name is empty where none is known."""

    feeder: str
    rigs: int
    power_w: float


@dataclass(frozen=True, kw_only=True, slots=True)
class CurtailmentRow:
    """A curtailment: looked at (a preview), or begun, as one lease for each agent."""

    curtailment_id: str
    site: str
    person: str
    made_ms: int
    started_by: str | None  # None: it is a preview only
    started_ms: int | None
    asked: dict[str, Any]
    site_power_w: float | None  # what "reduce to" counts from
    site_power_source: Literal["meters", "rigs", "none"]
    needed_w: float | None  # None: all that can be taken
    expected_w: float  # of the rigs that are taken
    is_enough: bool  # whether that covers what is needed
    down_s: float | None  # at least, by the agents' ramps; None: no ramp is told
    up_s: float | None
    feeders: list[FeederSum]
    taken: list[TakenRig]
    skipped: list[SkippedRig]
    commands: list[str]  # its leases, once begun
