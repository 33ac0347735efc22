"""What a mining site measures. `rig`, `meter` and `device` are the agent's device numbers."""

import enum
from typing import ClassVar

from lode_wire.columns import F32, F64, I16, I32, I64, U16, U32
from lode_wire.records.base import Record


class State(enum.IntEnum):
    """What a rig is doing; unknown is not off, and unreachable is not zero."""

    UNKNOWN = 0
    MINING = 1
    SLEEPING = 2
    CURTAILED = 3
    TUNING = 4
    FAULTED = 5
    UNREACHABLE = 6


class PowerSource(enum.IntEnum):
    """Where a power figure comes from, the most trustworthy last."""

    NONE = 0
    NAMEPLATE = 1
    RIG = 2
    PDU = 3
    METER = 4


class Quality(enum.IntFlag):
    """What is wrong with a reading; 0 is good. Bits may be combined."""

    GOOD = 0
    PARTIAL = 1  # a part of the device's answers did not come
    REPAIRED = 2  # the answer was broken JSON and had to be mended
    BAD_ANSWER = 4  # an answer came and made no sense
    TIMED_OUT = 8  # no answer came in time
    REFUSED = 16  # the device refused the connection or the request
    OUT_OF_RANGE = 32  # a value was outside what the device can measure, and is missing
    CLOCK = 64  # the edge's clock was off by more than 2 s
    LATE = 128  # the poll began later than its interval
    HELD = 256  # the hub's own mark: kept, and not used, for its time cannot be right


QualityBits = U16  # any combination of Quality


class RigReading(Record, frozen=True, kw_only=True):
    """One poll of one rig. A figure the rig did not give is None, never zero."""

    tag: ClassVar[str] = "rig"
    topic: ClassVar[str] = "mining_metrics"

    rig: U32
    state: State
    hashrate_ths: F32 | None = None  # the shortest average the rig offers
    power_w: F32 | None = None
    power_source: PowerSource = PowerSource.NONE
    board_temp_c: F32 | None = None  # the hottest board
    chip_temp_c: F32 | None = None  # the hottest chip
    inlet_temp_c: F32 | None = None
    fan_rpm: F32 | None = None  # the slowest fan
    fans_alive: I16 | None = None  # fans that turn
    boards_alive: I16 | None = None  # boards that hash
    chips_alive: I32 | None = None
    accepted_shares: I64 | None = None
    rejected_shares: I64 | None = None
    uptime_s: I64 | None = None
    quality: QualityBits = 0


class MeterReading(Record, frozen=True, kw_only=True):
    """One poll of one power meter; totals over its phases, import positive."""

    tag: ClassVar[str] = "meter"
    topic: ClassVar[str] = "mining_metrics"

    meter: U32
    power_w: F32 | None = None
    energy_in_kwh: F64 | None = None  # the import counter, as it stands
    energy_out_kwh: F64 | None = None
    voltage_v: F32 | None = None  # phase to neutral, mean of the phases
    current_a: F32 | None = None  # sum of the phases
    freq_hz: F32 | None = None
    power_factor: F32 | None = None
    quality: QualityBits = 0


class PointReading(Record, frozen=True, kw_only=True):
    """Any other measured point of a device, such as `board.1.temp` or `fan.2`."""

    tag: ClassVar[str] = "point"
    topic: ClassVar[str] = "mining_metrics"

    device: U32
    point: str
    value: F64 | None
    unit: str
    quality: QualityBits = 0
