"""Counters and hashrates of the past, from the rollups, as accounts need them."""

from collections.abc import Sequence
from typing import Any, LiteralString, cast

from psycopg import sql
from psycopg.rows import dict_row

from lode_hub.store.connection import Connection

Row = dict[str, Any]
SUFFIXES: dict[int, LiteralString] = {60: "1m", 900: "15m", 3600: "1h"}


async def meters(conn: Connection, site: str, names: Sequence[str] = ()) -> list[tuple[int, str]]:
    """List the meters that are billed: those named, else those that rigs hang on."""
    found = await conn.execute(
        """
        select d.id, d.name from device d join agent a on a.id = d.agent_id
            join site s on s.id = a.site_id
        where s.name = %(site)s and case when %(names)s::text[] = '{}' then exists (
            select 1 from device_controls k join device r on r.id = k.device_id
            where r.agent_id = d.agent_id and r.is_configured and k.feeder = d.name
        ) else d.name = any(%(names)s) end
        order by d.name, d.id
        """,
        {"site": site, "names": list(names)},
    )
    return await found.fetchall()


async def counters(
    conn: Connection, device_id: int, span_ms: tuple[int, int], step_s: int
) -> list[tuple[int, int, float | None]]:
    """List a meter's buckets of a span: begin, last reading's time (Unix ms), import counter."""
    statement = sql.SQL(
        """
        select (extract(epoch from bucket) * 1000)::bigint,
            (extract(epoch from last_at) * 1000)::bigint, energy_in_kwh_last
        from {} where device_id = %s and bucket >= to_timestamp(%s / 1e3)
            and bucket < to_timestamp(%s / 1e3) order by bucket
        """
    ).format(sql.Identifier(f"meter_{SUFFIXES[step_s]}"))
    found = await conn.execute(statement, (device_id, *span_ms))
    return cast(list[tuple[int, int, float | None]], await found.fetchall())


async def highest_w(
    conn: Connection, device_id: int, span_ms: tuple[int, int], step_s: int
) -> float | None:
    """Give the highest power that a meter has shown in a span; None: it has shown none."""
    statement = sql.SQL(
        "select max(power_w_max)::float8 from {} where device_id = %s "
        "and bucket >= to_timestamp(%s / 1e3) and bucket < to_timestamp(%s / 1e3)"
    ).format(sql.Identifier(f"meter_{SUFFIXES[step_s]}"))
    found = await (await conn.execute(statement, (device_id, *span_ms))).fetchone()
    return cast(float | None, found[0]) if found else None


async def hashing(conn: Connection, site: str, span_ms: tuple[int, int], step_s: int) -> list[Row]:
    """List what each rig did in each bucket of a span: means of its readings, missing ones None."""
    statement = sql.SQL(
        """
        select d.name as rig, d.model, (extract(epoch from r.bucket) * 1000)::bigint as from_ms,
            r.hashrate_ths_sum / nullif(r.hashrate_ths_n, 0) as hashrate_ths,
            r.power_w_sum / nullif(r.power_w_n, 0) as power_w
        from {} r join device d on d.id = r.device_id join agent a on a.id = d.agent_id
            join site s on s.id = a.site_id
        where s.name = %s and r.bucket >= to_timestamp(%s / 1e3)
            and r.bucket < to_timestamp(%s / 1e3) order by d.name, r.bucket
        """
    ).format(sql.Identifier(f"rig_{SUFFIXES[step_s]}"))
    async with conn.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(statement, (site, *span_ms))
        return await cursor.fetchall()


async def hashed(conn: Connection, site: str, span_ms: tuple[int, int], step_s: int) -> list[Row]:
    """List what a site's rigs hashed together in each bucket of a span: from_ms, hashrate_ths."""
    return await _summed(
        conn, site, span_ms, step_s,
        "select (extract(epoch from r.bucket) * 1000)::bigint as from_ms, "
        "sum(r.hashrate_ths_sum / nullif(r.hashrate_ths_n, 0))::float8 as hashrate_ths",
        "group by r.bucket order by r.bucket",
    )  # fmt: skip


async def hashed_by_rig(
    conn: Connection, site: str, span_ms: tuple[int, int], step_s: int
) -> list[Row]:
    """List what each rig hashed over a span, the mean, and the energy it says itself it drew."""
    return await _summed(
        conn, site, span_ms, step_s,
        "select d.name as rig, d.model, "
        "avg(r.hashrate_ths_sum / nullif(r.hashrate_ths_n, 0))::float8 as during_ths, "
        "sum(r.power_w_sum / nullif(r.power_w_n, 0) * {hours})::float8 / 1000 as reported_kwh",
        "group by d.id order by d.name, d.id",
    )  # fmt: skip


async def _summed(
    conn: Connection, site: str, span_ms: tuple[int, int], step_s: int, what: LiteralString,
    how: LiteralString,
) -> list[Row]:  # fmt: skip
    statement = sql.SQL(
        what + " from {table} r join device d on d.id = r.device_id join agent a on a.id = "
        "d.agent_id join site s on s.id = a.site_id where s.name = %s "
        "and r.bucket >= to_timestamp(%s / 1e3) and r.bucket < to_timestamp(%s / 1e3) " + how
    ).format(table=sql.Identifier(f"rig_{SUFFIXES[step_s]}"), hours=sql.Literal(step_s / 3600))
    async with conn.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(statement, (site, *span_ms))
        return await cursor.fetchall()
