"""Reads of who is told, how, and what became of it."""

from collections.abc import Sequence
from typing import Any

from psycopg.rows import dict_row

from lode_hub.store.connection import Connection

Row = dict[str, Any]


async def deliveries(  # noqa: PLR0913 -- each is one way to look at them
    conn: Connection,
    *,
    states: Sequence[str] | None,
    channel: str | None,
    person: str | None,
    alert_id: int | None,
    limit: int,
    before: int | None,
) -> list[Row]:
    """List deliveries, newest first; those before one of them, by its number."""
    chosen: Row = {"channel": channel, "person": person, "alert_id": alert_id}
    chosen |= {"states": list(states) if states else None, "limit": limit, "before": before}
    return await _rows(conn, _DELIVERIES, chosen)


_DELIVERIES = """
    select d.id as delivery_id, d.key::text as key, d.channel, p.name as person, d.recipient,
        s.name as site, d.cause, d.what, d.state, d.attempts, d.error, d.reference,
        (select count(distinct e.alert_id)::int from delivery_event de
            join alert_event e on e.id = de.event_id where de.delivery_id = d.id) as alerts,
        (extract(epoch from d.created_at) * 1000)::bigint as created_ms,
        (extract(epoch from d.due_at) * 1000)::bigint as due_ms,
        (extract(epoch from d.finished_at) * 1000)::bigint as finished_ms,
        (extract(epoch from d.link_used_at) * 1000)::bigint as link_used_ms
    from delivery d left join person p on p.id = d.person_id
        left join site s on s.id = d.site_id
    where (%(states)s::text[] is null or d.state = any(%(states)s))
        and (%(channel)s::text is null or d.channel = %(channel)s)
        and (%(person)s::text is null or p.name = %(person)s)
        and (%(alert_id)s::bigint is null or exists (
            select 1 from delivery_event de join alert_event e on e.id = de.event_id
            where de.delivery_id = d.id and e.alert_id = %(alert_id)s))
        and (%(before)s::bigint is null or d.id < %(before)s)
    order by d.id desc limit %(limit)s
"""


async def channel_counts(conn: Connection) -> list[Row]:
    """Say of each channel how its deliveries of the last day fared."""
    return await _rows(
        conn,
        """
        select channel, count(*) filter (where state = 'waiting')::int as waiting,
            count(*) filter (where state = 'sent')::int as sent,
            count(*) filter (where state = 'dead')::int as dead,
            (extract(epoch from max(finished_at) filter (where state = 'sent')) * 1000)::bigint
                as last_sent_ms,
            (array_agg(error order by created_at desc) filter (where error is not null))[1]
                as last_error
        from delivery where created_at > now() - interval '1 day' or state = 'waiting'
        group by 1
        """,
        {},
    )


async def ways(conn: Connection, person: str | None) -> list[Row]:
    """List people's ways, also of who is disabled."""
    return await _rows(
        conn,
        """
        select w.id as way_id, p.name as person, w.kind, w.address, w.min_severity,
            w.is_on_call_only, w.is_resolved_told
        from way w join person p on p.id = w.person_id
        where %(person)s::text is null or p.name = %(person)s order by p.name, w.kind, w.id
        """,
        {"person": person},
    )


async def timers(conn: Connection) -> list[Row]:
    """List the escalation timers that run, the next first."""
    return await _rows(
        conn,
        """
        select x.alert_id, a.title, s.name as site, p.name as policy, x.step,
            (extract(epoch from x.begun_at) * 1000)::bigint as begun_ms,
            (extract(epoch from x.due_at) * 1000)::bigint as due_ms
        from escalation x join alert a on a.id = x.alert_id join policy p on p.id = x.policy_id
            left join site s on s.id = a.site_id
        where a.state = 'open' and a.untold = '' order by x.due_at limit 1000
        """,
        {},
    )


async def _rows(conn: Connection, statement: str, values: Row) -> list[Row]:
    async with conn.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(statement.encode(), values)
        return await cursor.fetchall()
