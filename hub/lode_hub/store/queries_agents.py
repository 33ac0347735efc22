"""Reads of agents and of what went wrong on the way: gaps, quarantine. And of the hub itself."""

from typing import Any

from psycopg.rows import dict_row

from lode_hub.store.connection import Connection

Row = dict[str, Any]


async def agents(conn: Connection) -> list[Row]:
    """List every agent with its health, its newest epoch's cursor, its gaps and bad payloads."""
    return await _rows(conn, _AGENTS, {})


_AGENTS = """
    with missing as (
        select s.agent_id,
            (count(*) filter (where g.reason = 'missing'))::int as open_gaps,
            coalesce(sum(g.records) filter (where g.reason <> 'missing'), 0)::bigint
                as lost_records
        from gap g join source s on s.id = g.source_id where g.filled_at is null group by 1
    ),
    refused as (select agent as name, count(*)::int as n from quarantine group by 1)
    select a.agent_id, a.name, a.site, a.state, a.is_online, a.committed_age_s, a.version,
        a.hostname, a.started_ms, s.epoch, s.mark,
        coalesce((select sum(to_seq - seq + 1) from ahead where source_id = s.id), 0)::bigint
            as ahead,
        a.clock_offset_ms, a.health, coalesce(m.open_gaps, 0) as open_gaps,
        coalesce(m.lost_records, 0) as lost_records, coalesce(r.n, 0) as quarantined
    from agent_now a
        left join lateral (
            select id, epoch, mark from source where source.agent_id = a.agent_id
            order by first_seen desc, id desc limit 1
        ) s on true
        left join missing m on m.agent_id = a.agent_id
        left join refused r on r.name = a.name
    order by a.name
"""


async def gaps(conn: Connection, agent: str | None, limit: int, offset: int) -> list[Row]:
    """List gaps, newest first."""
    return await _rows(
        conn,
        """
        select g.id as gap_id, a.name as agent, s.epoch, g.reason, g.from_seq, g.to_seq,
            (extract(epoch from g.from_at) * 1000)::bigint as from_ms,
            (extract(epoch from g.to_at) * 1000)::bigint as to_ms, g.records, g.detail,
            (extract(epoch from g.found_at) * 1000)::bigint as found_ms,
            (extract(epoch from g.filled_at) * 1000)::bigint as filled_ms
        from gap g join source s on s.id = g.source_id join agent a on a.id = s.agent_id
        where %(agent)s::text is null or a.name = %(agent)s
        order by g.id desc limit %(limit)s offset %(offset)s
        """,
        {"agent": agent, "limit": limit, "offset": offset},
    )


async def quarantine(conn: Connection, agent: str | None, limit: int, offset: int) -> list[Row]:
    """List payloads that could not be taken, newest first, without the payloads."""
    return await _rows(
        conn,
        """
        select id as quarantine_id, (extract(epoch from at) * 1000)::bigint as at_ms, agent, topic,
            reason, size_bytes
        from quarantine where %(agent)s::text is null or agent = %(agent)s
        order by id desc limit %(limit)s offset %(offset)s
        """,
        {"agent": agent, "limit": limit, "offset": offset},
    )


async def workers(conn: Connection) -> int:
    """Count the ingest workers that have shown themselves in the last 10 s."""
    done = await conn.execute(
        "select count(*) from worker where seen_at > clock_timestamp() - interval '10 seconds'"
    )
    row = await done.fetchone()
    return int(row[0]) if row else 0


async def health(conn: Connection) -> Row:
    """Give the hub's own figures."""
    rows = await _rows(conn, _HEALTH, {})
    return rows[0]


_HEALTH = """
    select current_setting('server_version') as database_version,
        pg_database_size(current_database())::bigint as database_bytes,
        exists (select from pg_extension where extname = 'timescaledb') as has_timescale,
        (select count(*) from site)::int as sites,
        (select count(*) from agent)::int as agents,
        (select count(*) from agent_now where state in ('stale', 'unknown'))::int as stale_agents,
        (select count(*) from device where is_configured)::int as devices,
        (select count(*) from alert where state in ('open', 'acknowledged'))::int as open_alerts,
        (select count(*) from delivery where state = 'waiting')::int
            + (select count(*) from outbox)::int as outbox_depth,
        (select count(*) from gap where reason = 'missing' and filled_at is null)::int as open_gaps,
        (extract(epoch from (select max(committed_at) from agent)) * 1000)::bigint as committed_ms
"""


async def _rows(conn: Connection, statement: str, values: Row) -> list[Row]:
    async with conn.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(statement.encode(), values)
        return await cursor.fetchall()
