"""Raw Modbus registers, read in every way a meter may mean them.

[16-bit words] ─► one row a register: hex, unsigned, signed, and 32 bits with the next, both orders
"""

import math
import struct
from collections.abc import Sequence
from dataclasses import dataclass

from lode_ui.figures import MINUS, MISSING

WORD, HIGHEST_SIGNED = 0xFFFF, 0x7FFF
MAX_WORDS = 125


@dataclass(frozen=True, kw_only=True, slots=True)
class RegisterRow:
    """One register; what needs the next one too is a dash at the last."""

    register: int
    hex: str
    unsigned: str
    signed: str
    float_high_first: str  # AB CD, as most meters have it
    float_low_first: str  # CD AB
    long_high_first: str  # signed 32 bits
    long_low_first: str


def is_words(answer: object) -> bool:
    """Tell whether an answer is what a Modbus device says: at most 125 words."""
    return (
        isinstance(answer, list)
        and 0 < len(answer) <= MAX_WORDS
        and all(isinstance(word, int) and 0 <= word <= WORD for word in answer)
    )


def read(first: int, words: Sequence[int]) -> list[RegisterRow]:
    """Give each word in every reading."""
    return [_row(first + place, words[place : place + 2]) for place in range(len(words))]


def _row(register: int, pair: Sequence[int]) -> RegisterRow:
    word = pair[0]
    high_first = struct.pack(">HH", *pair) if pair[1:] else b""
    low_first = struct.pack(">HH", *reversed(pair)) if pair[1:] else b""
    return RegisterRow(
        register=register,
        hex=f"{word:04X}",
        unsigned=f"{word:,}",
        signed=_whole(word - WORD - 1 if word > HIGHEST_SIGNED else word),
        float_high_first=_float(high_first),
        float_low_first=_float(low_first),
        long_high_first=_long(high_first),
        long_low_first=_long(low_first),
    )


def _float(data: bytes) -> str:
    if not data:
        return MISSING
    value: float = struct.unpack(">f", data)[0]
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "∞" if value > 0 else f"{MINUS}∞"
    return f"{value:.6g}".replace("-", MINUS)


def _long(data: bytes) -> str:
    return _whole(struct.unpack(">i", data)[0]) if data else MISSING


def _whole(value: int) -> str:
    return f"{value:,}".replace("-", MINUS)
