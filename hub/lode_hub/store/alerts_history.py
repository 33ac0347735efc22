"""Stored history for trying rules on: readings and rollups of a short span, as arrays.

Readings whose time cannot be right (held) are left out, as they are when they come; the rollups
have none of them.
"""

from typing import Any, LiteralString

import numpy as np
import numpy.typing as npt
from psycopg import sql

from lode_hub.store.connection import Connection
from lode_hub.store.rollups import KINDS, parts
from lode_wire.records import Quality

Columns = dict[str, npt.NDArray[Any]]

_IS_USED: LiteralString = " and quality & %(held)s = 0"
_OF_POINT: LiteralString = " and point_id in (select id from point where name = %(metric)s)"


def has_rollup(tag: str, metric: str) -> bool:
    """Tell whether a metric's lowest and highest of each minute are kept."""
    return tag in KINDS and f"{metric}_min" in {part.name for part in parts(tag)}


async def minutes(
    conn: Connection, tag: str, metric: str, ids: list[int], span_ms: tuple[int, int]
) -> Columns:
    """Give device_id, at_ms (the minute's begin), low and high of the minutes in a span."""
    statement = sql.SQL(
        "select device_id, (extract(epoch from bucket) * 1000)::bigint, {low}::float8, "
        "{high}::float8 from {table} where bucket >= to_timestamp(%(from_ms)s / 1e3) "
        "and bucket < to_timestamp(%(to_ms)s / 1e3) and device_id = any(%(ids)s)"
    ).format(
        low=sql.Identifier(f"{metric}_min"),
        high=sql.Identifier(f"{metric}_max"),
        table=sql.Identifier(f"{tag}_1m"),
    )
    return await _arrays(conn, statement, ("low", "high"), ids, span_ms)


async def readings(
    conn: Connection, tag: str, metric: str, ids: list[int], span_ms: tuple[int, int]
) -> Columns:
    """Give device_id, at_ms, low and high (the value) of the raw readings in a span."""
    column, where = ("value", _OF_POINT) if tag == "point" else (metric, "")
    statement = sql.SQL(
        "select device_id, (extract(epoch from at) * 1000)::bigint, {value}::float8, "
        "{value}::float8 from {table} where at >= to_timestamp(%(from_ms)s / 1e3) "
        "and at < to_timestamp(%(to_ms)s / 1e3) and device_id = any(%(ids)s)"
    ).format(value=sql.Identifier(column), table=sql.Identifier(f"{tag}_reading"))
    whole = statement + sql.SQL(_IS_USED) + sql.SQL(where)
    return await _arrays(conn, whole, ("low", "high"), ids, span_ms, metric)


async def rig_readings(
    conn: Connection, columns: tuple[str, ...], ids: list[int], span_ms: tuple[int, int]
) -> Columns:
    """Give device_id, at_ms and these columns of rigs' raw readings in a span."""
    text = sql.SQL(
        "select device_id, (extract(epoch from at) * 1000)::bigint, {values} from rig_reading "
        "where at >= to_timestamp(%(from_ms)s / 1e3) and at < to_timestamp(%(to_ms)s / 1e3) "
        "and device_id = any(%(ids)s)"
    )
    values = [sql.SQL("{}::float8").format(sql.Identifier(column)) for column in columns]
    statement = text.format(values=sql.SQL(", ").join(values)) + sql.SQL(_IS_USED)
    return await _arrays(conn, statement, columns, ids, span_ms)


async def _arrays(
    conn: Connection,
    statement: sql.Composed,
    names: tuple[str, ...],
    ids: list[int],
    span_ms: tuple[int, int],
    metric: str = "",
) -> Columns:
    values = {
        "ids": ids,
        "from_ms": span_ms[0],
        "to_ms": span_ms[1],
        "metric": metric,
        "held": int(Quality.HELD),
    }
    async with conn.cursor(binary=True) as cursor:
        await cursor.execute(statement, values)
        rows = await cursor.fetchall()
    whole = np.array(rows, np.float64).reshape(len(rows), 2 + len(names))
    return {
        "device_id": whole[:, 0].astype(np.intp),
        "at_ms": whole[:, 1].astype(np.int64),
        **{name: whole[:, 2 + place] for place, name in enumerate(names)},
    }
