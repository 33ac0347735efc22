"""Readings of rigs, meters and points: appended to their table, the newest kept beside it.

Rows (numpy arrays, many batches as one) ─┬─► append: COPY into rig_reading ...
                                          └─► keep_last: newest a device into rig_last ...
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, LiteralString

import numpy as np
import numpy.typing as npt
from psycopg import sql

from lode_hub.store.connection import Connection
from lode_hub.store.copy import Column, Type, arrays, copy, selection, with_nulls

PRESENT_MS = 60_000
"""What is younger when it comes is of the present, and of no backlog."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Kind:
    """A kind of reading: its tables, and its values as (column: type), optional ones apart."""

    tag: str
    table: str
    last: str
    required: Mapping[str, Type]
    optional: Mapping[str, Type]
    keys: tuple[str, ...] = ("device_id",)  # what the last state is kept of

    @property
    def values(self) -> dict[str, Type]:
        """Name every column that holds a value of the record."""
        return {**self.optional, **self.required}


RIG = Kind(
    tag="rig",
    table="rig_reading",
    last="rig_last",
    optional={
        "hashrate_ths": "float4", "power_w": "float4", "board_temp_c": "float4",
        "chip_temp_c": "float4", "inlet_temp_c": "float4", "fan_rpm": "float4",
        "accepted_shares": "int8", "rejected_shares": "int8", "uptime_s": "int8",
        "chips_alive": "int4", "boards_alive": "int2", "fans_alive": "int2",
    },
    required={"state": "int2", "power_source": "int2", "quality": "int2"},
)  # fmt: skip
METER = Kind(
    tag="meter",
    table="meter_reading",
    last="meter_last",
    optional={
        "power_w": "float4", "energy_in_kwh": "float8", "energy_out_kwh": "float8",
        "voltage_v": "float4", "current_a": "float4", "freq_hz": "float4",
        "power_factor": "float4",
    },
    required={"quality": "int2"},
)  # fmt: skip
POINT = Kind(
    tag="point",
    table="point_reading",
    last="point_last",
    optional={"value": "float8"},
    required={"quality": "int2"},
    keys=("device_id", "point_id"),
)
KINDS = {kind.tag: kind for kind in (RIG, METER, POINT)}


@dataclass(frozen=True, kw_only=True, slots=True)
class Rows:
    """Readings of one kind from any number of batches: arrays of equal length."""

    kind: Kind
    agent_id: npt.NDArray[np.int32]
    source_id: npt.NDArray[np.int32]
    seq: npt.NDArray[np.int64]
    at_ms: npt.NDArray[np.int64]
    received_ms: npt.NDArray[np.int64]
    keys: dict[str, npt.NDArray[np.int32]]  # device_id, and point_id of points
    values: dict[str, npt.NDArray[Any]]
    offset_ms: npt.NDArray[np.int64] | None = None  # what is taken off times that are shown


async def append(conn: Connection, rows: Rows) -> None:
    """Append readings to their table."""
    columns = [
        Column("at", "timestamptz", rows.at_ms),
        *(Column(name, "int4", ids) for name, ids in rows.keys.items()),
        Column("source_id", "int4", rows.source_id),
        Column("seq", "int8", rows.seq),
        *_values(rows),
    ]
    await copy(conn, rows.kind.table, columns)


async def keep_last(conn: Connection, rows: Rows) -> None:
    """Keep the newest reading of each device, unless a newer one is there.

    A reading that is there from the future, more than a minute after this one was received, came
    by a wrong clock and yields. So does one that was received more than a minute before a reading
    of the present, whatever its time: the clock was set back. A backlog has no such right.
    """
    newest = _newest(rows)
    is_present = _age_ms(rows)[newest] < PRESENT_MS
    for upserts, chosen in ((_PRESENT, newest[is_present]), (_UPSERTS, newest[~is_present])):
        if not len(chosen):
            continue
        columns = [
            *(Column(name, "int4", ids[chosen]) for name, ids in rows.keys.items()),
            Column("at", "timestamptz", rows.at_ms[chosen]),
            Column("received_at", "timestamptz", rows.received_ms[chosen]),
            *_values(rows, chosen),
        ]
        await conn.execute(upserts[rows.kind.tag], arrays(columns), prepare=True)


def _age_ms(rows: Rows) -> npt.NDArray[np.int64]:
    """Give how old each reading was when it came, by the hub's clock."""
    age_ms = rows.received_ms - rows.at_ms
    return age_ms if rows.offset_ms is None else age_ms + rows.offset_ms


def _values(rows: Rows, at: npt.NDArray[np.int64] | None = None) -> list[Column]:
    taken = rows.values if at is None else {k: v[at] for k, v in rows.values.items()}
    return [
        *(with_nulls(name, kind, taken[name]) for name, kind in rows.kind.optional.items()),
        *(Column(name, kind, taken[name]) for name, kind in rows.kind.required.items()),
    ]


def _newest(rows: Rows) -> npt.NDArray[np.int64]:
    keys: list[npt.NDArray[Any]] = list(rows.keys.values())
    order: npt.NDArray[np.int64] = np.lexsort((rows.seq, rows.at_ms, *reversed(keys)))
    changes = np.zeros(len(order), np.bool_)
    for key in keys:
        changes[:-1] |= key[order[1:]] != key[order[:-1]]
    changes[-1] = True
    return order[changes]


def _upsert(kind: Kind, also: LiteralString = "") -> bytes:
    types: dict[str, Type] = dict.fromkeys(kind.keys, "int4")
    types |= {"at": "timestamptz", "received_at": "timestamptz", **kind.values}
    statement = sql.SQL(
        "insert into {table} as old ({names}) {rows} "
        "on conflict ({keys}) do update set {changes} "
        "where excluded.at > old.at or old.at > excluded.received_at + interval '1 minute'" + also
    ).format(
        table=sql.Identifier(kind.last),
        names=sql.SQL(", ").join(map(sql.Identifier, types)),
        rows=selection(types.values()),
        keys=sql.SQL(", ").join(map(sql.Identifier, kind.keys)),
        changes=sql.SQL(", ").join(
            sql.SQL("{0} = excluded.{0}").format(sql.Identifier(name))
            for name in types
            if name not in kind.keys
        ),
    )
    return statement.as_bytes()


_UPSERTS = {kind.tag: _upsert(kind) for kind in KINDS.values()}
_PRESENT = {
    kind.tag: _upsert(kind, " or excluded.received_at > old.received_at + interval '1 minute'")
    for kind in KINDS.values()
}
