"""Rollups: 1 min kept in the ingest transaction, 15 min, 1 h and 1 day recomputed when they change.

Rows ─► numpy by (device, minute) ─► one upsert into rig_1m ─► rollup_dirty
rollup_dirty ─► refresh: rig_1m ─► rig_15m ─► rig_1h ─► rig_1d
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from psycopg import sql

from lode_hub.store.connection import Connection
from lode_hub.store.copy import Column, Type, array, arrays, selection, with_nulls
from lode_hub.store.partitions import kept_days
from lode_hub.store.readings import METER, RIG, Rows

MINUTE_MS = 60_000
QUARTER_MS = 900_000
_MINING = 1  # lode_wire.records.State.MINING
_BUCKETS_A_ROUND = 500

Merge = Literal["least", "greatest", "add", "first", "last"]


@dataclass(frozen=True, slots=True)
class Part:
    """A column of a rollup and the rule by which two rows of one bucket become one."""

    name: str
    type: Type
    merge: Merge


@dataclass(frozen=True, slots=True)
class Level:
    """A rollup made from a finer one; `every_s` is how often it is brought up to date."""

    suffix: str
    finer: str
    interval: str
    every_s: float


LEVELS = (
    Level("15m", "1m", "15 minutes", 60.0),
    Level("1h", "15m", "1 hour", 300.0),
    Level("1d", "1h", "1 day", 1800.0),
)

_METRICS = {
    RIG.tag: ("hashrate_ths", "power_w", "board_temp_c", "chip_temp_c", "inlet_temp_c", "fan_rpm"),
    METER.tag: ("power_w", "voltage_v", "current_a", "freq_hz", "power_factor"),
}
_OWN: dict[str, tuple[Part, ...]] = {
    RIG.tag: (
        Part("mining_n", "int4", "add"),
        Part("accepted_last", "int8", "last"),
        Part("rejected_last", "int8", "last"),
    ),
    METER.tag: tuple(
        Part(f"energy_{way}_kwh_{end}", "float8", end)
        for way in ("in", "out")
        for end in ("first", "last")
    ),
}
KINDS = tuple(_METRICS)


def parts(tag: str) -> list[Part]:
    """List the columns of a kind's rollups, but for their key."""
    listed = [
        Part("first_at", "timestamptz", "least"),
        Part("last_at", "timestamptz", "greatest"),
        Part("n", "int4", "add"),
        *_OWN[tag],
    ]
    for metric in _METRICS[tag]:
        listed += [
            Part(f"{metric}_n", "int4", "add"),
            Part(f"{metric}_sum", "float8", "add"),
            Part(f"{metric}_min", "float4", "least"),
            Part(f"{metric}_max", "float4", "greatest"),
            Part(f"{metric}_last", "float4", "last"),
        ]
    return listed


async def add(conn: Connection, rows: Rows) -> None:
    """Add readings to their minutes, and mark the coarser buckets for recomputation."""
    tag = rows.kind.tag
    if tag not in KINDS:
        return
    columns = _aggregate(rows)
    await conn.execute(_UPSERTS[tag], arrays(columns), prepare=True)
    quarters = np.unique(rows.at_ms // QUARTER_MS) * QUARTER_MS
    await conn.execute(
        "insert into rollup_dirty (kind, bucket) select %s, unnest(%s::timestamptz[])",
        (f"{tag}_15m", array(Column("bucket", "timestamptz", quarters))),
        prepare=True,
    )


async def refresh(conn: Connection, level: Level) -> int:
    """Recompute a level's buckets that changed since the last time; give how many there were."""
    done = 0
    for tag in KINDS:
        table = f"{tag}_{level.suffix}"
        cursor = await conn.execute(
            "select distinct bucket from rollup_dirty where kind = %s order by bucket limit %s",
            (table, _BUCKETS_A_ROUND),
        )
        for (bucket,) in await cursor.fetchall():
            await _recompute(conn, tag, level, bucket)
            done += 1
    return done


async def _recompute(conn: Connection, tag: str, level: Level, bucket: object) -> None:
    table, finer = f"{tag}_{level.suffix}", f"{tag}_{level.finer}"
    async with conn.transaction():
        # Only the marks that are visible now; what commits later has marks of its own.
        await conn.execute(
            "delete from rollup_dirty where kind = %s and bucket = %s", (table, bucket)
        )
        # Below this the finer rollup is incomplete: recomputing would forget what was dropped.
        keep = await kept_days(conn, finer)
        cursor = await conn.execute(
            _RECOMPUTE[table], {"bucket": bucket, "step": level.interval, "keep": keep}
        )
        coarser = next((up for up in LEVELS if up.finer == level.suffix), None)
        if cursor.rowcount and coarser is not None:
            await conn.execute(
                "insert into rollup_dirty (kind, bucket) values "
                "(%s, date_bin(%s::interval, %s, timestamptz '2000-01-01 00:00:00+00'))",
                (f"{tag}_{coarser.suffix}", coarser.interval, bucket),
            )


def _aggregate(rows: Rows) -> list[Column]:
    device, at = rows.keys["device_id"], rows.at_ms
    # seq breaks a tie of two readings with one time, so that the order of arrival does not.
    order = np.lexsort((rows.seq, at, device))
    device, at = device[order], at[order]
    minute = at // MINUTE_MS
    changed = (device[1:] != device[:-1]) | (minute[1:] != minute[:-1])
    begins = np.concatenate(([0], np.flatnonzero(changed) + 1))
    ends = np.concatenate((begins[1:], [len(at)])) - 1
    return [
        Column("bucket", "timestamptz", minute[begins] * MINUTE_MS),
        Column("device_id", "int4", device[begins]),
        Column("first_at", "timestamptz", at[begins]),
        Column("last_at", "timestamptz", at[ends]),
        Column("n", "int4", ends - begins + 1),
        *_own(rows, order, begins, ends),
        *(
            column
            for metric in _METRICS[rows.kind.tag]
            for column in _metric(metric, rows.values[metric][order], begins, ends)
        ),
    ]


def _own(
    rows: Rows,
    order: npt.NDArray[np.int64],
    begins: npt.NDArray[np.int64],
    ends: npt.NDArray[np.int64],
) -> list[Column]:
    first, last = order[begins], order[ends]
    values = rows.values
    if rows.kind is RIG:
        mining = (values["state"] == _MINING)[order]
        return [
            Column("mining_n", "int4", np.add.reduceat(mining, begins, dtype=np.int32)),
            with_nulls("accepted_last", "int8", values["accepted_shares"][last]),
            with_nulls("rejected_last", "int8", values["rejected_shares"][last]),
        ]
    return [
        with_nulls(f"{name}_{end}", "float8", values[name][at])
        for name in ("energy_in_kwh", "energy_out_kwh")
        for end, at in (("first", first), ("last", last))
    ]


def _metric(
    name: str,
    values: npt.NDArray[Any],
    begins: npt.NDArray[np.int64],
    ends: npt.NDArray[np.int64],
) -> Iterator[Column]:
    is_there = ~np.isnan(values)
    present = np.where(is_there, values, 0)
    yield Column(f"{name}_n", "int4", np.add.reduceat(is_there, begins, dtype=np.int32))
    yield Column(f"{name}_sum", "float8", np.add.reduceat(present, begins, dtype=np.float64))
    yield with_nulls(f"{name}_min", "float4", np.fmin.reduceat(values, begins))
    yield with_nulls(f"{name}_max", "float4", np.fmax.reduceat(values, begins))
    yield with_nulls(f"{name}_last", "float4", values[ends])


def _upsert(tag: str) -> bytes:
    listed = parts(tag)
    types: list[Type] = ["timestamptz", "int4", *(part.type for part in listed)]
    statement = sql.SQL(
        "insert into {table} as old ({names}) {rows} "
        "on conflict (bucket, device_id) do update set {changes}"
    ).format(
        table=sql.Identifier(f"{tag}_1m"),
        names=_names(tag),
        rows=selection(types),
        changes=sql.SQL(", ").join(
            sql.SQL(f"{{0}} = {_MERGED[part.merge]}").format(sql.Identifier(part.name))
            for part in listed
        ),
    )
    return statement.as_bytes()


_MERGED: dict[Merge, str] = {
    "least": "least(old.{0}, excluded.{0})",
    "greatest": "greatest(old.{0}, excluded.{0})",
    "add": "old.{0} + excluded.{0}",
    "first": "case when excluded.first_at < old.first_at then excluded.{0} else old.{0} end",
    "last": "case when excluded.last_at >= old.last_at then excluded.{0} else old.{0} end",
}
# Within a device the order of the finer buckets is the order of their readings.
_GATHERED: dict[Merge, str] = {
    "least": "min({0})",
    "greatest": "max({0})",
    "add": "sum({0})",
    "first": "(array_agg({0} order by bucket))[1]",
    "last": "(array_agg({0} order by bucket desc))[1]",
}


def _recomputation(tag: str, level: Level) -> bytes:
    listed = parts(tag)
    statement = sql.SQL(
        "insert into {table} ({names}) select %(bucket)s, device_id, {gathered} from {finer} "
        "where bucket >= %(bucket)s and bucket < %(bucket)s + %(step)s::interval "
        "and %(bucket)s > now() - make_interval(days => %(keep)s) group by device_id "
        "on conflict (bucket, device_id) do update set {changes}"
    ).format(
        table=sql.Identifier(f"{tag}_{level.suffix}"),
        finer=sql.Identifier(f"{tag}_{level.finer}"),
        names=_names(tag),
        gathered=sql.SQL(", ").join(
            sql.SQL(_GATHERED[part.merge]).format(sql.Identifier(part.name)) for part in listed
        ),
        changes=sql.SQL(", ").join(
            sql.SQL("{0} = excluded.{0}").format(sql.Identifier(part.name)) for part in listed
        ),
    )
    return statement.as_bytes()


def _names(tag: str) -> sql.Composed:
    names = ["bucket", "device_id", *(part.name for part in parts(tag))]
    return sql.SQL(", ").join(map(sql.Identifier, names))


_UPSERTS = {tag: _upsert(tag) for tag in KINDS}
_RECOMPUTE = {
    f"{tag}_{level.suffix}": _recomputation(tag, level) for tag in KINDS for level in LEVELS
}
