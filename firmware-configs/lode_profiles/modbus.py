"""The shape of a Modbus device's description.

Nothing computes in it but a register's `scale` and `offset`.
"""

from typing import Annotated, Literal

import msgspec

from lode_profiles.schema import MeterField, Text

NumberType = Literal["u16", "i16", "u32", "i32", "u64", "i64", "f32", "f64", "bit"]
Function = Literal[1, 2, 3, 4]
Address = Annotated[int, msgspec.Meta(ge=0, le=0xFFFF)]
Bit = Annotated[int, msgspec.Meta(ge=0, le=15)]
Seconds = Annotated[float, msgspec.Meta(gt=0, le=86_400)]
Milliseconds = Annotated[int, msgspec.Meta(ge=0, le=60_000)]
Percent = Annotated[int, msgspec.Meta(ge=0, le=100)]
Scale = Annotated[float, msgspec.Meta(gt=0)]

COILS: tuple[Function, ...] = (1, 2)
BITS_PER_REGISTER = 16
# fmt: off
_SPANS: dict[NumberType, int] = {
    "bit": 1, "u16": 1, "i16": 1, "u32": 2, "i32": 2, "f32": 2, "u64": 4, "i64": 4, "f64": 4,
}
# fmt: on


def span(kind: NumberType) -> int:
    """Give how many registers a number of this type takes; a bit of FC1 or FC2 takes one place."""
    return _SPANS[kind]


class Register(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where one value is and how it is written: value = raw * scale + offset, in `unit`.

    `register` is the 0-based address on the wire, not the number in the vendor's manual. `poll`
    names one of the description's slower periods; without it the value is read at every poll.
    `bit` takes one bit out of a u16. `modulus` is where a counter begins anew, in its unit, when
    that is before its type's end.
    """

    register: Address
    type: NumberType
    unit: str
    scale: float = 1.0
    offset: float = 0.0
    poll: str = ""
    function: Function | None = None  # None: the description's
    bit: Bit | None = None
    modulus: Scale | None = None

    def __post_init__(self) -> None:
        """Refuse what the types cannot say."""
        if self.register + span(self.type) > 1 << 16:
            raise ValueError("reaches beyond register 0xFFFF")
        if self.bit is not None and self.type != "u16":
            raise ValueError("bit is taken out of a u16 only")


class Probe(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How to tell that a device is of this kind: each of these values within its bounds."""

    unit: Annotated[int, msgspec.Meta(ge=0, le=255)] = 1
    within: Annotated[dict[str, tuple[float, float]], msgspec.Meta(min_length=1)]


class Vector(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Proof of a description: these raw registers (hex words from `register`) are these values."""

    note: Text
    raw: dict[str, str]  # "0x0000": "4366 3334"
    values: dict[str, float | None]  # None is written as the text "missing"


class Switch(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is switched on and off: a coil, or one bit of a holding register."""

    coil: Address | None = None
    register: Address | None = None
    bit: Bit = 0

    def __post_init__(self) -> None:
        """Refuse what the types cannot say."""
        if (self.coil is None) == (self.register is None):
            raise ValueError("a switch is a coil or a register; name one of them")


class Speed(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where a speed is set, in a holding register: percent = raw * scale.

    A fan that runs is not set below `min_percent`.
    """

    register: Address
    scale: Scale = 1.0
    min_percent: Percent = 0


class Controls(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What may be written. `write` says by which functions: 5 and 6, or 15 and 16.

    A fan has a `speed` and is started and stopped by `run`; outlets are counted from 1. A device
    that stops, or runs on by itself, when it has heard nothing for `silence_s` must be polled
    more often than that.
    """

    write: Literal["single", "multiple"] = "single"
    speed: Speed | None = None
    run: Switch | None = None
    outlets: dict[Annotated[str, msgspec.Meta(pattern="^[1-9][0-9]{0,3}$")], Switch] = {}
    silence_s: Seconds | None = None

    def __post_init__(self) -> None:
        """Refuse what the types cannot say."""
        if self.speed is None and not self.outlets:
            raise ValueError("controls hold neither a speed nor outlets; remove the table")
        if (self.speed is None) != (self.run is None):
            raise ValueError("a fan needs both speed and run")


class MeterProfile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A Modbus device: its registers, and how much it can be asked for at once.

    `fields` fill a meter reading, `points` are everything else it measures. `missing` lists, per
    type, the raw patterns that the device sends for a value it does not have; NaN and infinity
    are always missing. `poll_s` names periods slower than the device's own; no request covers a
    register within `holes` (first and last).
    """

    name: str = ""  # the file's, set when it is loaded
    vendor: Text
    model: Text
    aliases: tuple[Text, ...] = ()
    source: Text
    verified: bool
    function: Function
    word_order: Literal["high-first", "low-first"] = "high-first"
    max_registers: Annotated[int, msgspec.Meta(ge=1, le=125)] = 125
    gap_limit: Annotated[int, msgspec.Meta(ge=0, le=124)] = 0
    holes: tuple[tuple[Address, Address], ...] = ()
    min_gap_ms: Milliseconds = 0
    poll_s: Annotated[dict[Text, Seconds], msgspec.Meta(max_length=8)] = {}
    missing: dict[NumberType, tuple[int, ...]] = {}
    fields: dict[MeterField, Register] = {}
    points: dict[Text, Register] = {}
    controls: Controls | None = None
    probe: Probe | None = None
    vectors: Annotated[tuple[Vector, ...], msgspec.Meta(min_length=1)]

    def __post_init__(self) -> None:
        """Refuse what the types cannot say."""
        both = set(self.fields) & set(self.points)
        if both:
            raise ValueError(f"{min(both)} is both a field and a point; keep one")
        for name, register in self.registers().items():
            self._check(name, register)
        if all(register.poll for register in self.registers().values()):
            raise ValueError("nothing is read at every poll; leave poll off one register")
        named = [("probe.within", name) for name in (self.probe.within if self.probe else ())]
        named += [("vectors.values", name) for vector in self.vectors for name in vector.values]
        for key, name in named:
            if name not in self.registers():
                raise ValueError(f"{key} names {name!r}, which is no field and no point")

    def _check(self, name: str, register: Register) -> None:
        if register.poll and name in self.fields:
            raise ValueError(f"fields.{name}.poll is {register.poll}; a reading has every field")
        if register.poll and register.poll not in self.poll_s:
            raise ValueError(f"{name}.poll is {register.poll}, which poll_s does not name")
        if span(register.type) > self.max_registers:
            raise ValueError(f"{name} is longer than max_registers allows")
        if (register.type == "bit") != (self.function_of(register) in COILS):
            raise ValueError(f"{name}: functions 1 and 2 read the type bit, and nothing else does")
        if self.is_hole(register.register, register.register + span(register.type)):
            raise ValueError(f"{name} lies in a hole")

    def registers(self) -> dict[str, Register]:
        """List every register by the name of its field or point."""
        fields: dict[str, Register] = {str(name): place for name, place in self.fields.items()}
        return fields | self.points

    def function_of(self, register: Register) -> Function:
        """Give the function that reads a register."""
        return register.function or self.function

    def is_hole(self, start: int, stop: int) -> bool:
        """Tell whether some register from `start` to before `stop` must not be read."""
        return any(first < stop and start <= last for first, last in self.holes)
