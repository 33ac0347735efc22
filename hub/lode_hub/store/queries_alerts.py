"""Reads of alerts."""

from collections.abc import Sequence
from typing import Any

from psycopg.rows import dict_row

from lode_hub.store.connection import Connection

Row = dict[str, Any]

_ALERT = """
    select al.id as alert_id, al.rule, al.severity, al.state, s.name as site,
        coalesce(d.name, 'agent ' || a.name, al.subject) as subject, al.device_id, al.agent_id,
        al.title, al.evidence, al.likely_cause,
        (extract(epoch from al.since_at) * 1000)::bigint as since_ms,
        (extract(epoch from al.opened_at) * 1000)::bigint as opened_ms,
        (extract(epoch from al.acknowledged_at) * 1000)::bigint as acknowledged_ms,
        al.acknowledged_by, (extract(epoch from al.resolved_at) * 1000)::bigint as resolved_ms
    from alert al
        left join site s on s.id = al.site_id
        left join device d on d.id = al.device_id
        left join agent a on a.id = al.agent_id
"""


async def alerts(
    conn: Connection,
    *,
    states: Sequence[str] | None,
    site: str | None,
    device_id: int | None,
    limit: int,
    offset: int,
) -> list[Row]:
    """List alerts, newest first."""
    chosen = """
        where (%(states)s::text[] is null or al.state = any(%(states)s))
            and (%(site)s::text is null or s.name = %(site)s)
            and (%(device_id)s::int is null or al.device_id = %(device_id)s)
        order by al.opened_at desc, al.id desc limit %(limit)s offset %(offset)s
    """
    values = {"states": list(states) if states else None, "site": site, "device_id": device_id}
    return await _rows(conn, _ALERT + chosen, values | {"limit": limit, "offset": offset})


async def alert(conn: Connection, alert_id: int) -> Row | None:
    """Give one alert."""
    rows = await _rows(conn, _ALERT + " where al.id = %(alert_id)s", {"alert_id": alert_id})
    return rows[0] if rows else None


async def _rows(conn: Connection, statement: str, values: Row) -> list[Row]:
    async with conn.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(statement.encode(), values)
        return await cursor.fetchall()
