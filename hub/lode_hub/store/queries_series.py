"""Reads of rollups as series, looked up bucket by bucket so that the primary key serves them."""

import datetime
from dataclasses import dataclass
from typing import LiteralString

from psycopg import sql

from lode_hub.store.connection import Connection

Point = tuple[int, float | None, float | None, float | None]
"""A bucket's begin (Unix ms), mean, low, high."""

RIG_METRICS = (
    "hashrate_ths",
    "power_w",
    "board_temp_c",
    "chip_temp_c",
    "inlet_temp_c",
    "fan_rpm",
)
METER_METRICS = ("power_w", "voltage_v", "current_a", "freq_hz", "power_factor")
EFFICIENCY = "efficiency_jth"
"""Derived: power by hashrate of the same bucket; has no low and high."""

SUMMED = ("hashrate_ths", "power_w")
"""What a site has the sum of; of the others it has mean, lowest and highest."""

METERED = "meter_power_w"
"""A site's power by its meters."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Window:
    """Which buckets: of the table with that suffix, so many, up to the present one."""

    suffix: LiteralString  # 1m, 15m, 1h
    bucket_s: int
    buckets: int


# Which buckets, as a list that the primary key is looked up by; and as a range, by which the
# planner leaves all other partitions out.
_BUCKETS: LiteralString = """
    bucket = any ((select array_agg(
        date_bin(%(bucket)s, now(), '2000-01-01Z') - i * %(bucket)s)
        from generate_series(0, %(buckets)s - 1) i)::timestamptz[])
    and bucket > now() - %(window)s and bucket <= now()
"""


def _bounds(window: Window) -> dict[str, object]:
    bucket = datetime.timedelta(seconds=window.bucket_s)
    return {"bucket": bucket, "buckets": window.buckets, "window": bucket * window.buckets}


async def of_device(conn: Connection, device_id: int, metric: str, window: Window) -> list[Point]:
    """Give a device's series; empty buckets are left out. `metric` is a rig's or a meter's."""
    tables = [
        table
        for table, metrics in (("rig", (*RIG_METRICS, EFFICIENCY)), ("meter", METER_METRICS))
        if metric in metrics
    ]
    parts = [_part(table, metric, window, sql.SQL("device_id = %(device_id)s")) for table in tables]
    statement = sql.SQL(" union all ").join(parts) + sql.SQL(" order by 1")
    values = {"device_id": device_id, **_bounds(window)}
    cursor = await conn.execute(statement, values)
    points = await cursor.fetchall()
    return [(at, mean, None, None) for at, mean, *_ in points] if metric == EFFICIENCY else points


async def of_site(conn: Connection, site: str, metric: str, window: Window) -> list[Point]:
    """Give a site's series over its rigs, or of METERED over its meters."""
    table, column = ("meter", "power_w") if metric == METERED else ("rig", metric)
    mine = sql.SQL(
        "device_id = any (array(select d.id from device d join agent a on a.id = d.agent_id "
        "join site s on s.id = a.site_id where s.name = %(site)s))"
    )
    statement = sql.SQL("select at_ms, {}, {}, {} from ({}) d group by 1 order by 1").format(
        *_over_site(column), _part(table, column, window, mine)
    )
    values = {"site": site, **_bounds(window)}
    cursor = await conn.execute(statement, values)
    return await cursor.fetchall()


def _over_site(metric: str) -> tuple[sql.SQL, sql.SQL, sql.SQL]:
    none = sql.SQL("null::float8")
    if metric in SUMMED:
        return sql.SQL("sum(mean)"), none, none
    if metric == EFFICIENCY:  # low and high carry what it is made of
        return sql.SQL("sum(low) / nullif(sum(high), 0)"), none, none
    return sql.SQL("avg(mean)"), sql.SQL("min(low)"), sql.SQL("max(high)")


def _part(table: str, metric: str, window: Window, whose: sql.SQL) -> sql.Composed:
    if metric == EFFICIENCY:
        columns: sql.Composable = sql.SQL(_EFFICIENCY)
    else:
        names = {part: sql.Identifier(f"{metric}_{part}") for part in ("n", "sum", "min", "max")}
        columns = sql.SQL(
            "{sum} / nullif({n}, 0) as mean, {min}::float8 as low, {max}::float8 as high"
        ).format(**names)
    return sql.SQL(
        "select (extract(epoch from bucket) * 1000)::bigint as at_ms, {columns} from {table} "
        "where {buckets} and {whose}{further}"
    ).format(
        columns=columns,
        table=sql.Identifier(f"{table}_{window.suffix}"),
        buckets=sql.SQL(_BUCKETS),
        whose=whose,
        further=sql.SQL(_HAS_BOTH if metric == EFFICIENCY else ""),
    )


_HAS_BOTH: LiteralString = " and power_w_n > 0 and hashrate_ths_n > 0 and hashrate_ths_sum > 0"
_EFFICIENCY: LiteralString = """
    (power_w_sum / power_w_n) / (hashrate_ths_sum / hashrate_ths_n) as mean,
    power_w_sum / power_w_n as low, hashrate_ths_sum / hashrate_ths_n as high
"""
