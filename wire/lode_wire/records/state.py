"""What an agent says of itself and of what it reads."""

import enum
from typing import ClassVar

from lode_wire.columns import F32, F64, I64, U32
from lode_wire.records.base import Record


class DeviceKind(enum.IntEnum):
    """What a device is to Lode."""

    OTHER = 0
    RIG = 1
    METER = 2
    SENSOR = 3
    PDU = 4
    PLC = 5


class GapReason(enum.IntEnum):
    """Why records are missing."""

    EVICTED = 1  # the spool was full; these were the oldest of the lowest priority
    EXPIRED = 2  # older than the spool's age limit
    CORRUPT = 3  # the stored batch failed its CRC
    SALVAGED = 4  # the spool file was broken; what could not be read is this
    UNCLEAN_STOP = 5  # the agent was killed: what it had read but not yet numbered is unknown
    DISK_FULL = 6  # nothing could be written


class Birth(Record, frozen=True, kw_only=True):
    """An agent has started: its first record of every boot, together with its `Device`s."""

    tag: ClassVar[str] = "birth"
    topic: ClassVar[str] = "state"

    boot: str
    site: str
    version: str
    config_hash: str
    hostname: str
    devices: U32  # how many Device records belong to this configuration


class Death(Record, frozen=True, kw_only=True):
    """An agent has stopped in good order."""

    tag: ClassVar[str] = "death"
    topic: ClassVar[str] = "state"

    boot: str
    reason: str


class Device(Record, frozen=True, kw_only=True):
    """A device's facts: sent at every boot, and again when they change.

    `number` is what readings call it, valid within the agent's epoch; `name` is unique in the
    agent and outlives epochs.
    """

    tag: ClassVar[str] = "device"
    topic: ClassVar[str] = "state"

    number: U32
    name: str
    kind: DeviceKind
    driver: str
    address: str
    profile: str = ""
    vendor: str = ""
    model: str = ""
    firmware: str = ""
    serial: str = ""
    mac: str = ""
    rack: str = ""
    interval_s: F32 | None = None  # how often it is polled
    rated_hashrate_ths: F32 | None = None
    rated_power_w: F32 | None = None
    rated_boards: U32 | None = None
    rated_fans: U32 | None = None
    chip_temp_max_c: F32 | None = None  # hotter is over-temperature
    board_temp_max_c: F32 | None = None


class Controls(Record, frozen=True, kw_only=True):
    """What can be asked of a device: sent when it is known, and when it changes.

    `offers` are action names, and each power mode that there is by `orders.mode_offer`; a device
    that offers nothing cannot be steered, and `blocked` says why. Limits are the tighter of the
    device's own and the site envelope's.

    The fields after `blocked` are what the envelope says, signed by the site's owner, of a rig's
    part of the site (`site_*`: all rigs of the agent together), of its feeder, and of its model.
    None: not told, or not limited.
    """

    tag: ClassVar[str] = "controls"
    topic: ClassVar[str] = "state"

    device: U32
    offers: tuple[str, ...]
    presets: tuple[str, ...] = ()
    power_min_w: F32 | None = None
    power_max_w: F32 | None = None
    starts_left: U32 | None = None  # today, by the envelope; None: not limited
    feeder: str = ""  # the meter that its power goes through
    outlet: str = ""  # pdu:number
    blocked: str = ""
    site_limit_kw: F64 | None = None
    site_ramp_up_kw_per_min: F64 | None = None
    site_ramp_down_kw_per_min: F64 | None = None
    feeder_limit_kw: F64 | None = None
    feeder_ramp_up_kw_per_min: F64 | None = None
    feeder_ramp_down_kw_per_min: F64 | None = None
    starts_per_day: U32 | None = None
    min_up_s: F64 | None = None
    min_down_s: F64 | None = None


class Health(Record, frozen=True, kw_only=True):
    """How the agent is, every few seconds. Counters count from the agent's boot."""

    tag: ClassVar[str] = "health"
    topic: ClassVar[str] = "state"

    boot: str
    spool_batches: I64
    spool_records: I64
    spool_bytes: I64
    oldest_ms: I64 | None  # observation time of the oldest record not yet committed
    lag_s: F32 | None  # age of the oldest batch that waits; 0 when none does
    clock_offset_ms: F32 | None  # hub's clock minus ours, from the last echo
    rtt_ms: F32 | None
    is_stuck: bool  # the broker takes batches but the hub has committed none for 30 s
    rss_bytes: I64 | None
    cpu_s: F32 | None
    polls_done: I64
    polls_late: I64  # began later than one interval
    polls_skipped: I64  # cycles left out because the one before had not ended
    polls_failed: I64
    bad_answers: I64
    batches_evicted: I64
    disk_free_bytes: I64 | None


class Gap(Record, frozen=True, kw_only=True):
    """Records that will never come, and why. Sent like any record, and never evicted.

    `from_seq` and `to_seq` (inclusive) are None when the records never got a number; then
    `from_ms` to `to_ms` bounds the time in which they were observed.
    """

    tag: ClassVar[str] = "gap"
    topic: ClassVar[str] = "state"

    epoch: str  # the epoch the missing records belong to
    reason: GapReason
    from_seq: I64 | None
    to_seq: I64 | None
    from_ms: I64 | None
    to_ms: I64 | None
    records: I64 | None  # how many, when that is known
    detail: str = ""
