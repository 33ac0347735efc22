"""What is answered about alerts beyond an alert itself. Times are Unix ms."""

from dataclasses import dataclass
from typing import Any

from lode_hub.queries.nouns import AlertRow, AlertState, Severity
from lode_hub.rules import schema

CAUSES = schema.CAUSES
METRICS = schema.METRICS
"""What a threshold of one's own may be on, by the kind of device; of a point, its name."""


@dataclass(frozen=True, kw_only=True, slots=True)
class AlertEventRow:
    """One thing that happened to an alert; `by` is None for the hub itself."""

    what: str  # opened, worsened, acknowledged, resolved, flapping, cleared, returned, ...
    at_ms: int
    by: str | None
    note: str


@dataclass(frozen=True, kw_only=True, slots=True)
class AlertDetail:
    """One alert with the newest of its history first."""

    alert: AlertRow
    history: list[AlertEventRow]


@dataclass(frozen=True, kw_only=True, slots=True)
class AlertGroup:
    """The alerts of one site and one cause, with the gravest of them."""

    site: str | None
    cause: str
    n: int
    n_open: int
    untold: int
    stake_usd_h: float | None  # None: unknown of all
    since_ms: int  # of the oldest
    severity: Severity  # the worst
    worst: list[AlertRow]  # at most three


@dataclass(frozen=True, kw_only=True, slots=True)
class AlertGroups:
    """A page of groups, what burns first at the top, and how many there are."""

    groups: list[AlertGroup]
    n_groups: int
    n_alerts: int


@dataclass(frozen=True, kw_only=True, slots=True)
class AlertCounts:
    """How many alerts live now; all but `by_state` count what is open or acknowledged."""

    by_state: dict[str, int]  # pending, open, acknowledged
    by_severity: dict[str, int]
    by_cause: dict[str, int]
    untold: int
    flapping: int
    stake_usd_h: float | None  # None: unknown of all


@dataclass(frozen=True, kw_only=True, slots=True)
class ShelfRow:
    """An alarm that a person has put aside: until when, who, why."""

    rule: str
    key: str  # as AlertRow has it, as the next
    subject: str
    site: str | None
    by: str
    note: str
    at_ms: int
    until_ms: int
    alert_id: int | None  # None, as the next three: it has ended, and is shelved for the next time
    title: str | None
    severity: Severity | None
    state: AlertState | None


@dataclass(frozen=True, kw_only=True, slots=True)
class SilenceRow:
    """A silence: which alerts go untold, from when to when."""

    silence_id: int
    site: str | None
    rule: str | None
    cause: str | None
    rack: str | None
    subject: str | None  # a name or a key, in which * stands for anything
    called: str | None  # as people call it
    author: str
    comment: str
    starts_ms: int
    ends_ms: int
    is_active: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class MaintenanceRow:
    """Planned work on a site, or on one rack of it."""

    maintenance_id: int
    site: str
    rack: str | None
    person: str
    note: str
    starts_ms: int
    ends_ms: int
    is_active: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class RuleRow:
    """A version of a rule: all it says, and what a person said of it if anybody did."""

    name: str
    site: str | None  # None: everywhere it is not set for a site
    version: int
    is_current: bool
    is_enabled: bool
    cause: str
    severity: Severity | None  # None: as its detector says
    body: dict[str, Any]  # as `lode_hub.rules.Rule` has it
    by: str
    at_ms: int
    person: dict[str, Any] | None  # the keys that a person has changed
    is_own: bool  # a threshold of somebody's own, not one that is shipped
    open_alerts: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Fired:
    """How many alerts a rule opened at a site, told or not."""

    name: str
    site: str | None
    day: int
    week: int  # the day among it


@dataclass(frozen=True, kw_only=True, slots=True)
class Alarming:
    """An alarm and how often it was told."""

    rule: str
    key: str  # as AlertRow has it, as the next
    subject: str
    n: int


@dataclass(frozen=True, kw_only=True, slots=True)
class AlarmFigures:
    """EEMUA 191: how many alarms an operator is told of, beside what the guide asks for.

    A flood begins with 10 alarms in 10 min and ends below 5.
    """

    from_ms: int
    to_ms: int
    operators: int
    alarms: int
    per_10_min: float  # and operator; asked: below 1
    peak_10_min: float  # and operator; asked: at most 10
    per_day: float  # and operator; asked: below 150
    busy_ratio: float  # of the 10 min, how many had more than one an operator
    floods: int
    flood_ratio: float  # of the time; asked: below 0.01
    standing: int  # open for more than a day; asked: below 10
    chattering: int  # came three times in 10 min, or flapped; asked: 0
    shelved: int | None  # at the end; None: of what is over it is not known
    by_severity: dict[str, int]  # asked: about 5 % critical, 15 % warning, 80 % info
    most_frequent: list[Alarming]
    is_cut: bool  # only the newest were counted
    bin_ms: list[int]  # the 10 min that had any alarm, and how many each
    bin_n: list[int]
