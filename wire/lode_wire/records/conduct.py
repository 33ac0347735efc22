"""What was decided and done: audit, compliance and interventions."""

import enum
from typing import ClassVar

from lode_wire.columns import I64
from lode_wire.records.base import Record


class Stage(enum.IntEnum):
    """How far a command has come; released, refused, failed and expired are final."""

    ACCEPTED = 1
    SENT = 2
    ACKNOWLEDGED = 3
    EFFECTIVE = 4
    RELEASED = 5
    REFUSED = 6
    FAILED = 7
    EXPIRED = 8
    DRIFTED = 9


class AuditRecord(Record, frozen=True, kw_only=True):
    """An action at the edge, for the hub's tamper-evident log."""

    tag: ClassVar[str] = "audit"
    topic: ClassVar[str] = "audit"

    actor: str
    action: str
    subject: str
    outcome: str
    detail: str = ""


class Screening(Record, frozen=True, kw_only=True):
    """The result of a compliance check made at the edge."""

    tag: ClassVar[str] = "screening"
    topic: ClassVar[str] = "compliance"

    subject: str
    asset: str
    list_version: str
    verdict: str
    reasons: tuple[str, ...] = ()


class Command(Record, frozen=True, kw_only=True):
    """What the hub asks of an agent; the only record that travels down.

    `body` is an order (`lode_wire.orders`), `target` the device it is for, empty for the site.
    `sequence` rises monotonically for each agent; outside `not_before_ms` to `expires_ms` the
    command is refused. The signature covers every other field (`lode_wire.seal`).
    """

    tag: ClassVar[str] = "command"
    topic: ClassVar[str] = "interventions"

    id: str
    actor: str
    agent: str
    sequence: I64
    not_before_ms: I64
    expires_ms: I64
    target: str
    action: str
    body: bytes
    key: str
    signature: bytes


class CommandState(Record, frozen=True, kw_only=True):
    """A step in a command's life, with its reason and the evidence for it.

    `reason` begins with an `orders.Reason` where the step is a bad one; `evidence` is an
    `orders.Evidence` as JSON, which names the device when the command is for several.
    """

    tag: ClassVar[str] = "command_state"
    topic: ClassVar[str] = "interventions"

    id: str
    sequence: I64
    stage: Stage
    reason: str = ""
    evidence: str = ""
