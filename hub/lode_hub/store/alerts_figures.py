"""What EEMUA 191 asks of an alarm system, counted from the events."""

from typing import Any

from psycopg.rows import dict_row

from lode_hub.store.connection import Connection

Row = dict[str, Any]
MAX_EVENTS = 200_000
"""Of a longer history, the newest events are counted."""

_TOLD = """
    told as materialized (
        select e.at, e.rule, e.subject, e.what, al.severity
        from alert_event e join alert al on al.id = e.alert_id
        where e.what in ('opened', 'worsened', 'returned', 'flapping') and al.told_at is not null
            and e.at > to_timestamp(%(from_ms)s / 1e3) and e.at <= to_timestamp(%(to_ms)s / 1e3)
            and (%(site)s::text is null
                or al.site_id = (select id from site where name = %(site)s))
        order by e.at desc limit %(most)s
    )
"""


async def bins(conn: Connection, span_ms: tuple[int, int], site: str | None) -> list[Row]:
    """Count the alarms people were told of in each 10 min that had any, in order of time."""
    return await _rows(
        conn,
        f"""
        with {_TOLD}
        select (extract(epoch from date_bin('10 min', at, '2000-01-01Z')) * 1000)::bigint as at_ms,
            count(*)::int as n from told where what in ('opened', 'worsened') group by 1 order by 1
        """,  # noqa: S608 -- of constants
        _values(span_ms, site),
    )


async def totals(conn: Connection, span_ms: tuple[int, int], site: str | None) -> Row:
    """Count alarms by severity, those that chatter, stand and are shelved, and the most frequent.

    An alarm chatters when it came three times within ten minutes, or was held as flapping.
    """
    rows = await _rows(
        conn,
        f"""
        with {_TOLD}, spaced as (
            select rule, subject, what, at - lag(at, 2) over (
                partition by rule, subject, what = 'flapping' order by at) as three_in
            from told where what <> 'worsened'
        ), chatter as (
            select distinct rule, subject from spaced
            where what = 'flapping' or three_in <= interval '10 min'
        ), often as (
            select rule, subject, count(*)::int as n from told where what in ('opened', 'worsened')
            group by 1, 2 order by n desc, 1, 2 limit 10
        )
        select coalesce((select jsonb_object_agg(severity, n) from (
                select severity, count(*) as n from told
                where what in ('opened', 'worsened') group by 1
            ) x), '{{}}') as by_severity,
            (select count(*)::int from chatter) as chattering,
            coalesce((select jsonb_agg(jsonb_build_object('rule', rule, 'key', often.subject,
                'subject', about.name, 'n', n) order by n desc, rule, often.subject)
                from often cross join lateral about(often.subject)), '[]') as most_frequent,
            (select count(*)::int from told) >= %(most)s as is_cut,
            (select count(*)::int from alert al where (
                    state in ('open', 'acknowledged')
                    or state = 'resolved' and resolved_at > to_timestamp(%(to_ms)s / 1e3))
                and opened_at <= to_timestamp((%(to_ms)s - 86400000) / 1e3)
                and (%(site)s::text is null or al.site_id = (
                    select id from site where name = %(site)s))) as standing
        """,  # noqa: S608 -- of constants
        _values(span_ms, site),
    )
    return rows[0]


async def shelved(conn: Connection, now_ms: int) -> int:
    """Count the alarms that are on the shelf now."""
    rows = await _rows(
        conn,
        "select count(*)::int as n from shelf where until_at > to_timestamp(%(now_ms)s / 1e3)",
        {"now_ms": now_ms},
    )
    return int(rows[0]["n"])


def _values(span_ms: tuple[int, int], site: str | None) -> Row:
    return {"from_ms": span_ms[0], "to_ms": span_ms[1], "site": site, "most": MAX_EVENTS}


async def _rows(conn: Connection, statement: str, values: Row) -> list[Row]:
    async with conn.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(statement.encode(), values)
        return await cursor.fetchall()
