"""Reports that are owed to VTNs, and how they fare."""

from typing import Any

import msgspec
from psycopg.rows import dict_row

from lode_hub.store.connection import Connection

Row = dict[str, Any]


async def note(
    conn: Connection, site: int, programme: str, event: str, *, asked: object, due_ms: int
) -> None:
    """Note what an event wants reported, and from when on; what was sent stays so."""
    await conn.execute(
        """
        insert into energy_report as r (site_id, programme, event, asked, first_due_at, due_at)
        values (%(site)s, %(programme)s, %(event)s, %(asked)s::jsonb,
            to_timestamp(%(due_ms)s / 1e3), to_timestamp(%(due_ms)s / 1e3))
        on conflict (site_id, programme, event) do update
            set asked = excluded.asked, first_due_at = excluded.first_due_at,
                due_at = excluded.due_at, failures = 0, trouble = '', is_over = false
            where r.first_due_at <> excluded.first_due_at or r.asked <> excluded.asked
        """,
        {"site": site, "programme": programme, "event": event, "due_ms": due_ms,
         "asked": msgspec.json.encode(asked).decode()},
    )  # fmt: skip


async def due(conn: Connection, site: int, programme: str, now_ms: int) -> list[Row]:
    """List the reports of a programme that are due, the oldest first."""
    async with conn.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(
            "select site_id, programme, event, asked, failures, "
            "(extract(epoch from first_due_at) * 1000)::bigint as first_due_ms "
            "from energy_report where not is_over and site_id = %s and programme = %s "
            "and due_at <= to_timestamp(%s / 1e3) order by first_due_at limit 20",
            (site, programme, now_ms),
        )
        return await cursor.fetchall()


async def last(conn: Connection, site: int, most: int) -> list[Row]:
    """List the reports of a site that were due last, at most so many of a programme."""
    async with conn.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(
            """
            select r.* from (
                select distinct programme from energy_report where site_id = %(site)s
            ) p cross join lateral (
                select programme, event, failures, trouble, is_over,
                    (extract(epoch from first_due_at) * 1000)::bigint as first_due_ms,
                    (extract(epoch from due_at) * 1000)::bigint as due_ms,
                    (extract(epoch from sent_at) * 1000)::bigint as sent_ms
                from energy_report where site_id = %(site)s and programme = p.programme
                order by first_due_at desc, event limit %(most)s
            ) r
            """,
            {"site": site, "most": most},
        )
        return await cursor.fetchall()


async def fared(conn: Connection, row: Row, **state: object) -> None:
    """Note how it went: due_ms, failures, trouble, sent_ms (None: not yet), is_over."""
    await conn.execute(
        """
        update energy_report set due_at = to_timestamp(%(due_ms)s / 1e3), failures = %(failures)s,
            trouble = %(trouble)s, sent_at = to_timestamp(%(sent_ms)s / 1e3), is_over = %(is_over)s
        where site_id = %(site)s and programme = %(programme)s and event = %(event)s
        """,
        {"site": row["site_id"], "programme": row["programme"], "event": row["event"], **state},
    )
