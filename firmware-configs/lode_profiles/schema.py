"""The shape of a device description; a file that does not have it is refused.

Nothing computes in a description but a register's `scale` and `offset`.
"""

from typing import Annotated, Literal

import msgspec

NumberType = Literal["u16", "i16", "u32", "i32", "u64", "i64", "f32", "f64"]
MeterField = Literal[
    "power_w",
    "energy_in_kwh",
    "energy_out_kwh",
    "voltage_v",
    "current_a",
    "freq_hz",
    "power_factor",
]

Text = Annotated[str, msgspec.Meta(min_length=1)]
Address = Annotated[int, msgspec.Meta(ge=0, le=0xFFFF)]
Positive = Annotated[float, msgspec.Meta(gt=0)]
Count = Annotated[int, msgspec.Meta(ge=1, le=64)]
Seconds = Annotated[float, msgspec.Meta(gt=0, le=86_400)]
Milliseconds = Annotated[int, msgspec.Meta(ge=0, le=60_000)]


SPANS: dict[NumberType, int] = {
    **{"u16": 1, "i16": 1},
    **{"u32": 2, "i32": 2, "f32": 2},
    **{"u64": 4, "i64": 4, "f64": 4},
}


def span(kind: NumberType) -> int:
    """Give how many registers a number of this type takes."""
    return SPANS[kind]


class ProfileError(Exception):
    """A description that is missing or malformed; the message names the file and the key."""


class RigProfile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A rig model: what its name plate says and what it tolerates.

    `source` says where the figures come from; `verified` is False while nobody has compared them
    with the vendor's sheet. `chips_per_board` is None where variants of one model differ.
    """

    name: str = ""  # the file's, set when it is loaded
    vendor: Text
    model: Text
    aliases: tuple[Text, ...] = ()
    hashrate_ths: Positive
    power_w: Positive
    boards: Count
    fans: Annotated[int, msgspec.Meta(ge=0, le=64)]
    chips_per_board: Annotated[int, msgspec.Meta(ge=1, le=1000)] | None = None
    chip_temp_max_c: Annotated[float, msgspec.Meta(gt=0, le=150)] | None = None
    board_temp_max_c: Annotated[float, msgspec.Meta(gt=0, le=150)] | None = None
    source: Text
    verified: bool


class Register(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where one value is and how it is written: value = raw * scale + offset, in `unit`.

    `register` is the 0-based address on the wire, not the number in the vendor's manual.
    """

    register: Address
    type: NumberType
    unit: str
    scale: float = 1.0
    offset: float = 0.0
    poll: Literal["fast", "slow"] = "fast"


class Poll(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How often the registers of each class are worth reading, at least this far apart."""

    fast_s: Seconds = 1.0
    slow_s: Seconds = 60.0


class Probe(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How to tell that a device is of this kind: each of these values within its bounds."""

    unit: Annotated[int, msgspec.Meta(ge=0, le=255)] = 1
    within: Annotated[dict[str, tuple[float, float]], msgspec.Meta(min_length=1)]


class Vector(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Proof of a description: these raw registers (hex words from `register`) are these values."""

    note: Text
    raw: dict[str, str]  # "0x0000": "4366 3334"
    values: dict[str, float | None]  # None is written as the text "missing"


class MeterProfile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A Modbus device: its registers, and how much it can be asked for at once.

    `fields` fill a meter reading, `points` are everything else it measures. `missing` lists, per
    type, the raw patterns that the device sends for a value it does not have; NaN and infinity
    are always missing.
    """

    name: str = ""  # the file's, set when it is loaded
    vendor: Text
    model: Text
    aliases: tuple[Text, ...] = ()
    source: Text
    verified: bool
    function: Literal[3, 4]
    word_order: Literal["high-first", "low-first"] = "high-first"
    max_registers: Annotated[int, msgspec.Meta(ge=1, le=125)] = 125
    gap_limit: Annotated[int, msgspec.Meta(ge=0, le=124)] = 0
    min_gap_ms: Milliseconds = 0
    poll: Poll = Poll()
    missing: dict[NumberType, tuple[int, ...]] = {}
    fields: dict[MeterField, Register] = {}
    points: dict[Text, Register] = {}
    probe: Probe | None = None
    vectors: Annotated[tuple[Vector, ...], msgspec.Meta(min_length=1)]

    def registers(self) -> dict[str, Register]:
        """List every register by the name of its field or point."""
        fields: dict[str, Register] = {str(name): place for name, place in self.fields.items()}
        return fields | self.points

    def __post_init__(self) -> None:
        """Refuse what the types cannot say."""
        both = set(self.fields) & set(self.points)
        if both:
            raise ValueError(f"{min(both)} is both a field and a point; keep one")
        slow = [name for name, register in self.fields.items() if register.poll == "slow"]
        if slow:
            raise ValueError(f"fields.{slow[0]}.poll is slow; a reading has every field")
        registers = self.registers()
        named = [("probe.within", name) for name in (self.probe.within if self.probe else ())]
        named += [("vectors.values", name) for vector in self.vectors for name in vector.values]
        for key, name in named:
            if name not in registers:
                raise ValueError(f"{key} names {name!r}, which is no field and no point")
        for name, register in registers.items():
            if span(register.type) > self.max_registers:
                raise ValueError(f"{name} is longer than max_registers allows")
            if register.register + span(register.type) > 1 << 16:
                raise ValueError(f"{name} reaches beyond register 0xFFFF")


Profile = RigProfile | MeterProfile
