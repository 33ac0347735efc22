"""What may be asked of the hub is answered in these nouns; pages and the API show nothing else.

Times are Unix ms; a missing value is None. `age_s` is against the hub's clock at the answer.
"""

from dataclasses import dataclass
from typing import Literal

RigState = Literal[
    "mining", "sleeping", "curtailed", "tuning", "faulted", "unreachable", "unknown", "silent"
]
"""As the rig says, or `silent` when the hub has had no reading for three intervals."""

Span = Literal["hour", "day", "week"]
Severity = Literal["info", "warning", "critical"]
AlertState = Literal["pending", "open", "acknowledged", "resolved"]
AgentState = Literal["live", "stale", "stopped", "unknown"]


@dataclass(frozen=True, kw_only=True, slots=True)
class SiteTotals:
    """A site at a glance; sums are over rigs with a fresh reading that has the value."""

    site_id: int
    site: str
    rigs: int
    rigs_by_state: dict[RigState, int]
    hashrate_ths: float | None
    rig_power_w: float | None
    meter_power_w: float | None
    efficiency_jth: float | None  # rig power by hashrate
    open_alerts: int
    newest_ms: int | None
    agents: int
    stale_agents: int


@dataclass(frozen=True, kw_only=True, slots=True)
class RigRow:
    """One rig with its facts and its last reading."""

    device_id: int
    name: str
    site: str
    agent: str
    rack: str
    vendor: str
    model: str
    firmware: str
    serial: str
    mac: str
    address: str
    profile: str
    state: RigState
    at_ms: int | None
    age_s: float | None
    correction_ms: int  # of its agent's clock, taken off at_ms; below 0 where it is behind
    hashrate_ths: float | None
    rated_hashrate_ths: float | None
    power_w: float | None
    rated_power_w: float | None
    power_source: str
    efficiency_jth: float | None
    board_temp_c: float | None
    chip_temp_c: float | None
    chip_temp_max_c: float | None
    board_temp_max_c: float | None
    inlet_temp_c: float | None
    fan_rpm: float | None
    fans_alive: int | None
    rated_fans: int | None
    boards_alive: int | None
    rated_boards: int | None
    chips_alive: int | None
    accepted_shares: int | None
    rejected_shares: int | None
    uptime_s: int | None
    quality: tuple[str, ...]  # names of the Quality bits, lower case; empty is good
    open_alerts: int


@dataclass(frozen=True, kw_only=True, slots=True)
class MeterRow:
    """One meter with its last reading."""

    device_id: int
    name: str
    site: str
    agent: str
    model: str
    address: str
    at_ms: int | None
    age_s: float | None
    power_w: float | None
    energy_in_kwh: float | None
    voltage_v: float | None
    current_a: float | None
    freq_hz: float | None
    power_factor: float | None
    quality: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class PointRow:
    """The last value of one further point of a device."""

    point: str
    unit: str
    value: float | None
    at_ms: int
    quality: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Series:
    """Rollups of one metric of one device: parallel lists, buckets without data left out."""

    device_id: int
    metric: str
    bucket_s: int
    at_ms: list[int]  # the bucket's begin
    mean: list[float | None]
    low: list[float | None]
    high: list[float | None]


@dataclass(frozen=True, kw_only=True, slots=True)
class AgentRow:
    """One agent's health, as it says and as the hub sees it."""

    agent_id: int
    name: str
    site: str | None
    state: AgentState
    is_online: bool  # presence, a hint
    committed_age_s: float | None  # the truth
    version: str | None
    hostname: str | None
    started_ms: int | None
    epoch: str | None
    mark: int | None
    ahead: int
    spool_batches: int | None
    spool_records: int | None
    spool_bytes: int | None
    lag_s: float | None
    clock_offset_ms: float | None
    rtt_ms: float | None
    is_stuck: bool | None
    rss_bytes: int | None
    polls_done: int | None
    polls_late: int | None
    polls_skipped: int | None
    polls_failed: int | None
    bad_answers: int | None
    disk_free_bytes: int | None
    open_gaps: int  # still asked for
    lost_records: int  # known never to come
    quarantined: int


@dataclass(frozen=True, kw_only=True, slots=True)
class GapRow:
    """Records that are missing, and why."""

    gap_id: int
    agent: str
    epoch: str
    reason: str  # "missing" while the hub asks for it
    from_seq: int | None
    to_seq: int | None
    from_ms: int | None
    to_ms: int | None
    records: int | None
    detail: str
    found_ms: int
    filled_ms: int | None


@dataclass(frozen=True, kw_only=True, slots=True)
class QuarantineRow:
    """A payload the hub could not take, and why; the payload itself is kept."""

    quarantine_id: int
    at_ms: int
    agent: str | None
    topic: str
    reason: str
    size_bytes: int


@dataclass(frozen=True, kw_only=True, slots=True)
class AlertRow:
    """One alert in its life: pending, open, acknowledged, resolved."""

    alert_id: int
    rule: str  # e.g. rig-over-temperature
    severity: Severity
    state: AlertState
    site: str | None
    key: str  # of what it is about: device:17, agent:3, site:1:rack:A3, channel:mail
    subject: str  # as people call that: rig-017, agent north-1, rack A3, channel mail
    device_id: int | None
    agent_id: int | None
    title: str
    evidence: dict[str, object]
    likely_cause: str
    since_ms: int  # observation time
    opened_ms: int
    acknowledged_ms: int | None
    acknowledged_by: str | None
    resolved_ms: int | None
    cause: str  # heat, hash, power, link, pool, control, quality, money, ...; empty: of no rule
    rack: str
    confidence: float  # 0 to 1
    members: list[str]  # subjects of one event of many
    stake_usd_h: float | None  # None: unknown, or nothing that is counted
    rule_version: int | None  # of the settings it was judged by last
    untold: str  # why nobody is told now; empty: people are
    told_ms: int | None  # when its opening was last given out to be told
    cleared_ms: int | None  # the trouble is away, and the off-delay or a hold runs
    flapping_until_ms: int | None
    shelved_until_ms: int | None
    shelved_by: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class HubHealth:
    """The hub's own figures."""

    database_version: str
    database_bytes: int
    has_timescale: bool
    sites: int
    agents: int
    stale_agents: int
    devices: int
    open_alerts: int
    outbox_depth: int  # alerts' deliveries that wait
    open_gaps: int
    committed_ms: int | None  # hub time of the newest commit


@dataclass(frozen=True, kw_only=True, slots=True)
class RigPulse:
    """The few figures of a rig that a live view shows; two that are equal show the same."""

    device_id: int
    state: RigState
    at_ms: int | None
    hashrate_ths: float | None
    power_w: float | None
    efficiency_jth: float | None
    board_temp_c: float | None
    chip_temp_c: float | None
    inlet_temp_c: float | None
    fan_rpm: float | None
    fans_alive: int | None
    boards_alive: int | None
