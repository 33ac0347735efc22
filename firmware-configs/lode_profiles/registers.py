"""How a number lies in 16-bit registers."""

import math
import struct
from collections.abc import Callable

from lode_profiles.modbus import MeterProfile, NumberType, Register, span

Reader = Callable[[bytes, int], float | None]
"""Reads a value that begins at this byte."""

_FORMATS: dict[NumberType, struct.Struct] = {
    "bit": struct.Struct(">B"),
    "u16": struct.Struct(">H"),
    "i16": struct.Struct(">h"),
    "u32": struct.Struct(">I"),
    "i32": struct.Struct(">i"),
    "u64": struct.Struct(">Q"),
    "i64": struct.Struct(">q"),
    "f32": struct.Struct(">f"),
    "f64": struct.Struct(">d"),
}


def width(kind: NumberType) -> int:
    """Give how many bytes a number of this type takes; a coil's bit takes one."""
    return _FORMATS[kind].size


def reader(profile: MeterProfile, register: Register) -> Reader:
    """Make what reads a value out of an answer; None when the device marks it as missing."""
    form = _FORMATS[register.type]
    size, unpack = form.size, form.unpack_from
    scale, offset, bit = register.scale, register.offset, register.bit
    missing = frozenset(profile.missing.get(register.type, ()))
    is_swapped = profile.word_order == "low-first" and size > 2  # noqa: PLR2004 -- one register

    def read(data: bytes, at: int) -> float | None:
        if is_swapped:
            data = b"".join(data[n : n + 2] for n in range(at + size - 2, at - 2, -2))
            at = 0
        if missing and int.from_bytes(data[at : at + size], "big") in missing:
            return None
        number = unpack(data, at)[0]
        if bit is not None:
            number = number >> bit & 1
        value: float = number * scale + offset
        return value if math.isfinite(value) else None

    return read


def decode(profile: MeterProfile, register: Register, raw: bytes) -> float | None:
    """Read a value from its own registers' bytes; None when the device marks it as missing."""
    if len(raw) != width(register.type):
        raise ValueError(f"{len(raw)} bytes for a {register.type}, expected {width(register.type)}")
    return reader(profile, register)(raw, 0)


def modulus(register: Register) -> float | None:
    """Give where a counter begins anew, in its unit; None where it has no such place."""
    if register.modulus is not None:
        return register.modulus
    bits = 8 * width(register.type)
    return float(1 << bits) * register.scale if register.type in {"u16", "u32", "u64"} else None


def replay(profile: MeterProfile) -> list[str]:
    """Read the description's own vectors, and say in one line each what does not hold."""
    wrong = []
    for number, vector in enumerate(profile.vectors):
        memory: dict[int, bytes] = {}
        for start, words in vector.raw.items():
            for n, word in enumerate(words.split()):
                memory[int(start, 0) + n] = bytes.fromhex(word)
        for name, expected in vector.values.items():
            found = _replayed(profile, profile.registers()[name], memory)
            if not _agree(found, expected):
                shown = "missing" if found is None else found
                meant = "missing" if expected is None else expected
                wrong.append(f"vectors[{number}] ({vector.note}): {name} is {shown}, not {meant}")
    return wrong


def _replayed(
    profile: MeterProfile, register: Register, memory: dict[int, bytes]
) -> float | str | None:
    places = range(register.register, register.register + span(register.type))
    absent = [place for place in places if place not in memory]
    if absent:
        return f"not in raw (0x{absent[0]:04X})"
    raw = b"".join(memory[place] for place in places)
    return decode(profile, register, raw[-1:] if register.type == "bit" else raw)


def _agree(found: float | str | None, expected: float | None) -> bool:
    if not isinstance(found, float) or expected is None:
        return found is expected
    return math.isclose(found, expected, rel_tol=1e-6, abs_tol=1e-9)
