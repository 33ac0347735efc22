"""How a number lies in 16-bit registers."""

import math
import struct

from lode_profiles.schema import MeterProfile, NumberType, Register

_FORMATS: dict[NumberType, struct.Struct] = {
    "u16": struct.Struct(">H"),
    "i16": struct.Struct(">h"),
    "u32": struct.Struct(">I"),
    "i32": struct.Struct(">i"),
    "u64": struct.Struct(">Q"),
    "i64": struct.Struct(">q"),
    "f32": struct.Struct(">f"),
    "f64": struct.Struct(">d"),
}


def decode(profile: MeterProfile, register: Register, raw: bytes) -> float | None:
    """Read a value from its own registers' bytes; None when the device marks it as missing."""
    form = _FORMATS[register.type]
    if len(raw) != form.size:
        raise ValueError(f"{len(raw)} bytes for a {register.type}, expected {form.size}")
    if profile.word_order == "low-first" and form.size > 2:  # noqa: PLR2004 -- one register
        raw = b"".join(raw[i : i + 2] for i in range(form.size - 2, -2, -2))
    if int.from_bytes(raw, "big") in profile.missing.get(register.type, ()):
        return None
    value = float(form.unpack(raw)[0]) * register.scale + register.offset
    return value if math.isfinite(value) else None
