"""How one field of a record travels: as a numeric column, a dictionary of strings, or objects.

A field's type says it all: `F32`, `I64 | None`, `bool`, an `IntEnum`, `str`, or anything else that
msgspec knows, which then travels as msgpack. A missing number is `None` in a record; on the wire
it is NaN in a float column and the type's `missing` value in an integer column.

Numbers are little-endian and byte-shuffled (all first bytes, then all second bytes, ...), because
neighbouring readings share their high bytes and zstd then finds them side by side.
"""

import enum
import sys
import types
import typing
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import msgspec

from lode_wire.errors import DecodeError, EncodeError


@dataclass(frozen=True, slots=True)
class Scalar:
    """A number's type on the wire: its numpy code, its `array` typecode, its size in bytes."""

    code: str
    typecode: str
    size: int

    @property
    def missing(self) -> float | int:
        """Give the value that stands for a missing one: NaN, the smallest, unsigned the largest."""
        bits = 8 * self.size
        if self.code[0] == "f":
            return float("nan")
        return (1 << bits) - 1 if self.code[0] == "u" else -(1 << (bits - 1))


F32 = Annotated[float, Scalar("f4", "f", 4)]
F64 = Annotated[float, Scalar("f8", "d", 8)]
I16 = Annotated[int, Scalar("i2", "h", 2)]
I32 = Annotated[int, Scalar("i4", "i", 4)]
I64 = Annotated[int, Scalar("i8", "q", 8)]
U16 = Annotated[int, Scalar("u2", "H", 2)]
U32 = Annotated[int, Scalar("u4", "I", 4)]

_U8, _U32 = Scalar("u1", "B", 1), Scalar("u4", "I", 4)


@dataclass(frozen=True, slots=True)
class Numbers:
    """A decoded numeric column: `data` holds n little-endian values of `scalar`'s type."""

    scalar: Scalar
    data: bytes


@dataclass(frozen=True, slots=True)
class Strings:
    """A decoded string column: value i is `words[index[i]]`, `index` being n u4 numbers."""

    words: list[str]
    index: bytes


@dataclass(frozen=True, slots=True)
class Objects:
    """A decoded column of anything else, already of the field's own type."""

    values: list[Any]


Column = Numbers | Strings | Objects


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a record kind and the way its values travel."""

    name: str
    scalar: Scalar | None  # a numeric column, if any
    is_string: bool
    is_optional: bool
    is_required: bool
    default: Any
    choices: type[enum.IntEnum | enum.IntFlag | bool] | None
    decoder: msgspec.msgpack.Decoder[list[Any]] | None

    def encode(self, values: Sequence[Any]) -> bytes:
        """Put the field's values on the wire.

        Raises:
            EncodeError: a value is not of the field's type.
        """
        try:
            if self.scalar is not None:
                return _encode_numbers(self.scalar, values, is_optional=self.is_optional)
            if self.is_string:
                return _encode_strings(values)
            return msgspec.msgpack.encode(values)
        except (TypeError, OverflowError, ValueError) as error:
            raise EncodeError(f"field {self.name}: {error}") from error

    def decode(self, data: memoryview, n: int) -> Column:
        """Take a column of n values from the wire.

        Raises:
            DecodeError: it does not hold n values of the field's type.
        """
        try:
            if self.scalar is not None:
                return Numbers(self.scalar, _decode_numbers(self.scalar, data, n))
            if self.is_string:
                return _decode_strings(data, n)
            values = typing.cast(Any, self.decoder).decode(data)
            _expect(len(values) == n, f"{len(values)} values, expected {n}")
            return Objects(values)
        except (msgspec.MsgspecError, RecursionError, MemoryError, ValueError) as error:
            raise DecodeError(f"column {self.name}: {error}") from error

    def values(self, column: Column) -> list[Any]:
        """List a decoded column's values as a record holds them.

        Raises:
            DecodeError: a number is none of the field's choices.
        """
        if isinstance(column, Objects):
            return column.values
        if isinstance(column, Strings):
            return [column.words[i] for i in _array(_U32, column.index)]
        numbers = _array(column.scalar, column.data).tolist()
        if self.is_optional:
            missing = column.scalar.missing
            # NaN is the one value that differs from itself.
            return [None if v == missing or v != v else v for v in numbers]  # noqa: PLR0124
        if self.choices is None:
            return numbers
        try:
            choices: Any = _strict_bool if self.choices is bool else self.choices
            return [choices(v) for v in numbers]
        except ValueError as error:
            raise DecodeError(f"column {self.name}: {error}") from error


def fields_of(record: type[msgspec.Struct]) -> dict[str, Field]:
    """Describe how each field of a record kind travels, by name in order of declaration."""
    hints = typing.get_type_hints(record, include_extras=True)
    described = (_field(info, hints[info.name]) for info in msgspec.structs.fields(record))
    return {field.name: field for field in described}


def _field(info: msgspec.structs.FieldInfo, hint: Any) -> Field:  # noqa: ANN401 -- a type's parts
    options = typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
    if typing.get_origin(hint) is typing.Union:
        options = typing.get_args(hint)
    is_optional = type(None) in options
    inner = next(option for option in options if option is not type(None))
    scalar = next((m for m in getattr(inner, "__metadata__", ()) if isinstance(m, Scalar)), None)
    choices = None
    if isinstance(inner, type) and issubclass(inner, (enum.IntEnum, enum.IntFlag, bool)):
        scalar, choices = (_U8, inner)
    is_string = inner is str and not is_optional
    return Field(
        name=info.name,
        scalar=scalar,
        is_string=is_string,
        is_optional=is_optional,
        is_required=info.required,
        default=None if info.default is msgspec.NODEFAULT else info.default,
        choices=choices,
        decoder=None if scalar or is_string else msgspec.msgpack.Decoder(list[hint]),
    )


def _encode_numbers(scalar: Scalar, values: Sequence[Any], *, is_optional: bool) -> bytes:
    if is_optional:
        missing = scalar.missing
        if missing in values:
            raise ValueError(f"{missing} stands for a missing value")
        values = [missing if value is None else value for value in values]
    numbers = array(scalar.typecode, values)
    if sys.byteorder == "big":
        numbers.byteswap()
    data = numbers.tobytes()
    return b"".join(data[i :: scalar.size] for i in range(scalar.size))


def _decode_numbers(scalar: Scalar, data: memoryview, n: int) -> bytes:
    expected = n * scalar.size
    _expect(len(data) == expected, f"{len(data)} bytes, expected {expected}")
    if scalar.size == 1:
        return bytes(data)
    plain = bytearray(expected)
    for i in range(scalar.size):
        plain[i :: scalar.size] = data[i * n : (i + 1) * n]
    return bytes(plain)


def _encode_strings(values: Sequence[str]) -> bytes:
    places = {word: place for place, word in enumerate(dict.fromkeys(values))}
    if not all(isinstance(word, str) for word in places):
        raise TypeError("a value is not a string")
    index = _encode_numbers(_U32, [places[value] for value in values], is_optional=False)
    return msgspec.msgpack.encode((list(places), index))


_STRINGS = msgspec.msgpack.Decoder(tuple[list[str], bytes])


def _decode_strings(data: memoryview, n: int) -> Strings:
    words, index = _STRINGS.decode(data)
    plain = _decode_numbers(_U32, memoryview(index), n)
    highest = max(_array(_U32, plain), default=-1)
    _expect(highest < len(words), f"word {highest} of {len(words)}")
    return Strings(words, plain)


def _array(scalar: Scalar, data: bytes) -> "array[Any]":
    numbers = array(scalar.typecode, data)
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers


def _strict_bool(value: int) -> bool:
    if value > 1:
        raise ValueError(f"{value} is neither 0 nor 1")
    return value == 1


def _expect(holds: bool, otherwise: str) -> None:
    if not holds:
        raise ValueError(otherwise)
