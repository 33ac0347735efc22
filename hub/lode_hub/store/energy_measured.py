"""What is measured of a site that a plan rests on: a point as it is, highest windows so far."""

from typing import Any

from psycopg.rows import dict_row

from lode_hub.store.connection import Connection

Row = dict[str, Any]
KEPT_MONTHS = 48


async def point(conn: Connection, site: str, name: str, device: str) -> Row | None:
    """Give the last value of a point of a site's devices; of any device when none is named."""
    async with conn.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(
            """
            select l.value, p.unit, (extract(epoch from l.at) * 1000)::bigint as at_ms
            from point p join point_last l on l.point_id = p.id
                join device d on d.id = l.device_id join agent a on a.id = d.agent_id
                join site s on s.id = a.site_id
            where p.name = %(name)s and s.name = %(site)s and l.value is not null
                and (%(device)s = '' or d.name = %(device)s)
            order by l.at desc limit 1
            """,
            {"site": site, "name": name, "device": device},
        )
        return await cursor.fetchone()


async def peaks(
    conn: Connection, site_id: int, rule: str, months: tuple[int, int]
) -> dict[int, tuple[float | None, int]]:
    """Give the highest window (kW) by month, as far as months were looked through (Unix ms)."""
    found = await conn.execute(
        "select month, power_kw, (extract(epoch from until_at) * 1000)::bigint from energy_peak "
        "where site_id = %s and rule = %s and month between %s and %s",
        (site_id, rule, *months),
    )
    return {int(month): (kw, int(until)) for month, kw, until in await found.fetchall()}


async def set_peak(
    conn: Connection, site_id: int, rule: str, month: int, power_kw: float | None, until_ms: int
) -> None:
    """Keep a month's highest window as far as it was looked through and will not change."""
    await conn.execute(
        "insert into energy_peak as p (site_id, rule, month, power_kw, until_at) "
        "values (%s, %s, %s, %s, to_timestamp(%s / 1e3)) on conflict (site_id, rule, month) "
        "do update set power_kw = excluded.power_kw, until_at = excluded.until_at "
        "where p.until_at < excluded.until_at",
        (site_id, rule, month, power_kw, until_ms),
    )
    await conn.execute(
        "delete from energy_peak where site_id = %s and month < %s", (site_id, month - KEPT_MONTHS)
    )
