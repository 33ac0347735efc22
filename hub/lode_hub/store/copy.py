"""Rows for COPY BINARY and for insert ... select, built by numpy without a loop over rows.

Column(data, is_null) ─► structured arrays, big-endian ─┬─► rows()   ─► COPY ... (FORMAT BINARY)
                                                        └─► arrays() ─► insert ... selection()
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from psycopg import sql
from psycopg.adapt import Dumper
from psycopg.pq import Format

from lode_hub.store.connection import Connection

Type = Literal["timestamptz", "int8", "int4", "int2", "float8", "float4"]

_CODES: dict[Type, str] = {
    "timestamptz": ">i8", "int8": ">i8", "int4": ">i4", "int2": ">i2", "float8": ">f8",
    "float4": ">f4",
}  # fmt: skip
_OIDS: dict[Type, int] = {
    "timestamptz": 1184,
    "int8": 20,
    "int4": 23,
    "int2": 21,
    "float8": 701,
    "float4": 700,
}  # fmt: skip  -- fixed by PostgreSQL's catalog
_EPOCH_MS = 946_684_800_000  # 2000-01-01, from where PostgreSQL counts its microseconds
_HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_TRAILER = b"\xff\xff"
_MISSING_LENGTH = -1
_MISSING: dict[Type, str] = {
    "int8": "'-9223372036854775808'::int8",
    "int4": "'-2147483648'::int4",
    "int2": "'-32768'::int2",
    "float8": "'NaN'::float8",
    "float4": "'NaN'::float4",
}


@dataclass(frozen=True, slots=True)
class Column:
    """Values of one column; a timestamptz is given in Unix ms."""

    name: str
    type: Type
    data: npt.NDArray[Any]
    is_null: npt.NDArray[np.bool_] | None = None


@dataclass(frozen=True, slots=True)
class Array:
    """A query parameter: an array in PostgreSQL's binary form."""

    data: bytes


def with_nulls(name: str, kind: Type, data: npt.NDArray[Any]) -> Column:
    """Make a column whose missing values (NaN; the smallest integer) are NULL."""
    if data.dtype.kind == "f":
        return Column(name, kind, data, np.isnan(data))
    return Column(name, kind, data, data == np.iinfo(data.dtype).min)


async def copy(conn: Connection, table: str, columns: Sequence[Column]) -> None:
    """Append rows to a table."""
    statement = sql.SQL("copy {} ({}) from stdin (format binary)").format(
        sql.Identifier(table), sql.SQL(", ").join(sql.Identifier(c.name) for c in columns)
    )
    async with conn.cursor() as cursor, cursor.copy(statement) as into:
        await into.write(_HEADER + rows(columns) + _TRAILER)


def rows(columns: Sequence[Column]) -> bytes:
    """Lay rows out as COPY BINARY wants them, without its header and trailer."""
    return _layout(columns, prefix=len(columns))


def array(column: Column) -> Array:
    """Lay one column out as a binary array parameter; what is missing stays as numpy has it."""
    head = np.array([1, 0, _OIDS[column.type], len(column.data), 1], ">i4")
    return Array(head.tobytes() + _layout([replace(column, is_null=None)], prefix=None))


def arrays(columns: Sequence[Column]) -> list[Array | int]:
    """Give the parameters of a `selection` of the columns' types."""
    return [*map(array, columns), len(columns[0].data)]


def selection(types: Iterable[Type]) -> sql.Composed:
    """Write a select whose rows are those of array parameters, one for each type, and their number.

    `unnest` of forty arrays keeps forty copies of every row; an element of an array without NULLs
    is found at once. So a missing value travels as NaN or as the smallest integer.
    """
    values = [
        sql.SQL("nullif({}, {})").format(sql.SQL(f"(%s::{kind}[])[i]"), sql.SQL(_MISSING[kind]))
        if kind in _MISSING
        else sql.SQL(f"(%s::{kind}[])[i]")
        for kind in types
    ]
    return sql.SQL("select {} from generate_series(1, %s) i").format(sql.SQL(", ").join(values))


def register(conn: Connection) -> None:
    """Let a connection take `Array` parameters; write `%s::float4[]` to say of what."""
    conn.adapters.register_dumper(Array, _ArrayDumper)


def _layout(columns: Sequence[Column], *, prefix: int | None) -> bytes:
    nulls = [_nulls(column) for column in columns]
    out = np.empty(len(columns[0].data), _dtype(columns, nulls, prefix))
    if prefix is not None:
        out["fields"] = prefix
    keep: npt.NDArray[np.bool_] | None = None
    for place, (column, null) in enumerate(zip(columns, nulls, strict=True)):
        if null is True:
            out[f"n{place}"] = _MISSING_LENGTH
            continue
        out[f"n{place}"] = np.dtype(_CODES[column.type]).itemsize
        out[f"v{place}"] = _values(column)
        if null is not None:
            out[f"n{place}"][null] = _MISSING_LENGTH
            keep = np.ones((len(out), out.itemsize), np.bool_) if keep is None else keep
            begin = _offset(out.dtype, f"v{place}")
            keep[null, begin : begin + np.dtype(_CODES[column.type]).itemsize] = False
    if keep is None:
        return out.tobytes()
    # A NULL has a length and no bytes: drop the bytes laid out for it.
    return out.view(np.uint8).reshape(keep.shape)[keep].tobytes()


def _nulls(column: Column) -> npt.NDArray[np.bool_] | Literal[True] | None:
    if column.is_null is None or not column.is_null.any():
        return None
    return True if column.is_null.all() else column.is_null


def _dtype(
    columns: Sequence[Column],
    nulls: Sequence[npt.NDArray[np.bool_] | Literal[True] | None],
    prefix: int | None,
) -> np.dtype[np.void]:
    fields = [("fields", ">i2")] if prefix is not None else []
    for place, (column, null) in enumerate(zip(columns, nulls, strict=True)):
        fields.append((f"n{place}", ">i4"))
        if null is not True:
            fields.append((f"v{place}", _CODES[column.type]))
    return np.dtype(fields)


def _values(column: Column) -> npt.NDArray[Any]:
    if column.type == "timestamptz":
        return (column.data.astype(np.int64, copy=False) - _EPOCH_MS) * 1000
    return column.data


def _offset(dtype: np.dtype[np.void], name: str) -> int:
    fields: Any = dtype.fields
    return int(fields[name][1])


class _ArrayDumper(Dumper):
    format = Format.BINARY
    oid = 0  # the cast in the statement says which

    def dump(self, obj: Array) -> bytes:
        return obj.data
