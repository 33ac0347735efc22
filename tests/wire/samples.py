"""One strategy and one fixed sample per kind of record, made from the types alone."""

import enum
import struct
import types
import typing
from typing import Any

import msgspec
from hypothesis import strategies as st

from lode_wire import records
from lode_wire.columns import Scalar
from lode_wire.records import Record

_BOUNDS = {"i2": 16, "i4": 32, "i8": 64, "u1": 8, "u2": 16, "u4": 32}


def strategy(kind: type[Record]) -> st.SearchStrategy[Record]:
    """Make any record of a kind."""
    hints = typing.get_type_hints(kind, include_extras=True)
    fields = {info.name: _values(hints[info.name]) for info in msgspec.structs.fields(kind)}
    return st.builds(kind, **fields)


def batches() -> st.SearchStrategy[list[Record]]:
    """Make any batch: one to twenty records of one kind."""
    kinds = st.sampled_from(list(records.KINDS.values()))
    return kinds.flatmap(lambda kind: st.lists(strategy(kind), min_size=1, max_size=20))


def fixed(kind: type[Record], n: int) -> list[Record]:
    """Make the same n records every time, each field a little different in each."""
    hints = typing.get_type_hints(kind, include_extras=True)
    names = [info.name for info in msgspec.structs.fields(kind)]
    return [
        kind(**{name: _fixed(hints[name], i + place) for place, name in enumerate(names)})
        for i in range(n)
    ]


def _values(hint: Any) -> st.SearchStrategy[Any]:  # noqa: C901, PLR0911 -- one case a type
    options = _options(hint)
    if len(options) > 1:
        inner = next(option for option in options if option is not type(None))
        return st.none() | _values(inner).filter(lambda value: not _is_missing(inner, value))
    scalar = _scalar(hint)
    if scalar is not None and scalar.code[0] == "f":
        return st.floats(width=8 * scalar.size, allow_nan=False)
    if scalar is not None:
        bits = _BOUNDS[scalar.code]
        signed = scalar.code[0] == "i"
        low, high = (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) if signed else (0, (1 << bits) - 1)
        return st.integers(low, high)
    if isinstance(hint, type) and issubclass(hint, enum.Enum):
        return st.sampled_from(hint)
    if hint is bool:
        return st.booleans()
    if hint is str:
        return st.text(max_size=12)
    if hint is bytes:
        return st.binary(max_size=12)
    if typing.get_origin(hint) is tuple:
        inner = typing.get_args(hint)[0]
        return st.lists(_values(inner), max_size=3).map(tuple)
    hints = typing.get_type_hints(hint)
    return st.builds(hint, **{name: _values(of) for name, of in hints.items()})


def _fixed(hint: Any, i: int) -> Any:
    options = _options(hint)
    if len(options) > 1:
        return None if i % 5 == 4 else _fixed(options[0], i)
    scalar = _scalar(hint)
    if scalar is not None:
        return 0.5 + i if scalar.code[0] == "f" else 100 + i
    if isinstance(hint, type) and issubclass(hint, enum.Enum):
        members = list(hint)
        return members[i % len(members)]
    simple = {bool: i % 2 == 0, str: f"word {i % 3} ✓", bytes: bytes([i % 256, 0, 255])}
    if hint in simple:
        return simple[hint]
    if typing.get_origin(hint) is tuple:
        return tuple(_fixed(typing.get_args(hint)[0], i + j) for j in range(i % 3))
    hints = typing.get_type_hints(hint)
    return hint(**{name: _fixed(of, i) for name, of in hints.items()})


def _options(hint: Any) -> tuple[Any, ...]:
    if isinstance(hint, types.UnionType) or typing.get_origin(hint) is typing.Union:
        return typing.get_args(hint)
    return (hint,)


def _scalar(hint: Any) -> Scalar | None:
    return next((m for m in getattr(hint, "__metadata__", ()) if isinstance(m, Scalar)), None)


def _is_missing(hint: Any, value: Any) -> bool:
    scalar = _scalar(hint)
    return scalar is not None and struct.pack("<d", value) == struct.pack("<d", scalar.missing)
