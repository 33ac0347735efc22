"""Reads of data quality: counts by source over an hour or a day, agents' clocks, and counters.

No read is longer with age: `quality_5m` has a few rows a source for each five minutes, and at most
a day of them is read; energy is read from at most a few hundred rollup rows a meter.
"""

import datetime
from collections.abc import Sequence
from typing import Any, LiteralString

from psycopg import sql
from psycopg.rows import dict_row

from lode_hub.store.connection import Connection
from lode_hub.store.quality import COUNTED

Row = dict[str, Any]

MINUTE_S, QUARTER_S, HOUR_S = 60, 900, 3600
_LEVELS: tuple[tuple[int, LiteralString, int], ...] = (
    (3 * HOUR_S, "meter_1m", MINUTE_S),
    (4 * 24 * HOUR_S, "meter_15m", QUARTER_S),
)


async def site_id(conn: Connection, site: str) -> int | None:
    """Find a site by its name."""
    rows = await _rows(conn, "select id from site where name = %(site)s", {"site": site})
    return int(rows[0]["id"]) if rows else None


async def sources(conn: Connection, site: int, span: datetime.timedelta) -> list[Row]:
    """List the sources of a site with what was counted of them."""
    return await _rows(conn, _SOURCES, {"site": site, "span": span})


# A source's first five minutes are looked for in a whole day, so that one that fell silent within
# the span is expected to have gone on; in these themselves, which it did not begin with, no more is
# expected than came. The present five minutes are not over: nothing is expected.
_SOURCES_OF = """
    with heard as (
        select d.agent_id, d.kind, d.driver, d.interval_s, a.clock_offset_ms,
            coalesce(r.received_at, m.received_at, p.received_at) as received_at,
            coalesce(r.at, m.at, p.at) as at
        from device d
            join agent a on a.id = d.agent_id
            left join rig_last r on r.device_id = d.id and d.kind = 1
            left join meter_last m on m.device_id = d.id and d.kind = 2
            left join lateral (
                select max(received_at) as received_at, max(at) as at from point_last
                where device_id = d.id and d.kind not in (1, 2)
            ) p on true
        where a.site_id = %(site)s and d.is_configured
    ),
    now_ as (
        select agent_id, kind, driver, count(*)::int as devices,
            (count(*) filter (where not is_silent(received_at, at, interval_s, clock_offset_ms))
                )::int as fresh,
            min(seconds_since(shown_at(at, clock_offset_ms))) as newest_age_s,
            max(seconds_since(shown_at(at, clock_offset_ms))) as oldest_age_s,
            sum(300 / coalesce(nullif(interval_s, 0), 10)) filter (where kind in (1, 2))
                as expected
        from heard group by 1, 2, 3
    ),
    present as (select date_bin('5 minutes', now(), timestamptz '2000-01-01 00:00:00+00') as at),
    begun as (
        select agent_id, kind, driver, min(bucket) as at
        from quality_5m join agent a on a.id = agent_id and a.site_id = %(site)s
        where bucket > now() - interval '25 hours' group by 1, 2, 3
    ),
    counted as (
        select q.agent_id, q.kind, q.driver,
            greatest(min(bucket), date_bin('5 minutes', now() - %(span)s,
                timestamptz '2000-01-01 00:00:00+00')) as since,
            (count(*) filter (where is_in and bucket < t.at))::int as buckets,
            sum(case when bucket > f.at then q.expected
                else least(q.expected, received - duplicate) end
                ) filter (where is_in and bucket < t.at) as expected,
            coalesce(sum(received - duplicate) filter (where is_in and bucket < t.at), 0)::bigint
                as whole,
            {sums},
            coalesce(max(lag_ms) filter (where is_in), 0)::bigint as lag_ms
        from quality_5m q
            join begun f using (agent_id, kind, driver)
            cross join present t
            cross join lateral (select bucket >= date_bin('5 minutes', now() - %(span)s,
                timestamptz '2000-01-01 00:00:00+00') as is_in) i
        where bucket > now() - interval '25 hours' and bucket <= now()
        group by 1, 2, 3
    )
    select a.name as agent, n.kind, n.driver, n.devices, n.fresh, n.newest_age_s, n.oldest_age_s,
        case when n.expected is not null and c.since < t.at then (coalesce(c.expected, 0)
            + n.expected * greatest(extract(epoch from t.at - c.since) / 300 - c.buckets, 0)
            )::float8 end as expected,
        coalesce(c.whole, 0)::bigint as whole,
        {names},
        coalesce(c.lag_ms, 0)::bigint as lag_ms
    from now_ n
        join agent a on a.id = n.agent_id
        cross join present t
        left join counted c using (agent_id, kind, driver)
    order by a.name, n.kind, n.driver
"""
_SOURCES = _SOURCES_OF.format(
    sums=", ".join(f"coalesce(sum({n}) filter (where is_in), 0)::bigint as {n}" for n in COUNTED),
    names=", ".join(f"coalesce(c.{n}, 0)::bigint as {n}" for n in COUNTED),
)


async def agents(conn: Connection, site: int, span: datetime.timedelta) -> list[Row]:
    """List a site's agents with their clocks, what they lost, and what could not be taken."""
    return await _rows(conn, _AGENTS, {"site": site, "span": span})


_AGENTS = """
    select a.name, n.state, n.committed_age_s, a.clock_offset_ms, correction_ms(a.clock_offset_ms),
        coalesce(g.open_gaps, 0) as open_gaps, coalesce(g.lost_gaps, 0) as lost_gaps,
        coalesce(g.lost_records, 0)::bigint as lost_records, coalesce(q.n, 0) as quarantined,
        coalesce(q.reason, '') as last_reason
    from agent a
        join agent_now n on n.agent_id = a.id
        left join lateral (
            select (count(*) filter (where g.reason = 'missing'))::int as open_gaps,
                (count(*) filter (where g.reason <> 'missing'))::int as lost_gaps,
                sum(g.records) filter (where g.reason <> 'missing') as lost_records
            from source s join gap g on g.source_id = s.id and g.filled_at is null
                and (g.reason = 'missing' or g.found_at > now() - %(span)s)
            where s.agent_id = a.id
        ) g on true
        left join lateral (
            select count(*)::int as n, (array_agg(reason order by id desc))[1] as reason
            from quarantine where agent = a.name and at > now() - %(span)s
        ) q on true
    where a.site_id = %(site)s order by a.name
"""


async def meters(conn: Connection, site: str | None, device_id: int | None) -> list[Row]:
    """List a site's meters, or one: what each hangs on, and how many rigs hang on it."""
    return await _rows(
        conn,
        """
        select d.id as device_id, d.agent_id, a.name as agent, d.name,
            coalesce(k.feeder, '') as feeder,
            (select count(*) from device r join device_controls c on c.device_id = r.id
                where r.agent_id = d.agent_id and r.kind = 1 and r.is_configured
                    and c.feeder = d.name)::int as rigs
        from device d
            join agent a on a.id = d.agent_id
            left join site s on s.id = a.site_id
            left join device_controls k on k.device_id = d.id
        where d.kind = 2 and (d.is_configured or d.id = %(device_id)s)
            and (%(site)s::text is null or s.name = %(site)s)
            and (%(device_id)s::int is null or d.id = %(device_id)s)
        order by d.id
        """,
        {"site": site, "device_id": device_id},
    )


async def counted(
    conn: Connection, device_ids: Sequence[int], from_ms: int, to_ms: int
) -> list[tuple[Any, ...]]:
    """Give the import counters of meters in a span, by rollup buckets in order of time.

    Each row: device, first and last time (Unix ms), first and last value (kWh), highest power (W).
    """
    long_s = (to_ms - from_ms) / 1000
    table, step_s = next(
        ((name, step) for most_s, name, step in _LEVELS if long_s <= most_s), ("meter_1h", HOUR_S)
    )
    statement = sql.SQL(
        """
        select device_id, (extract(epoch from first_at) * 1000)::bigint,
            (extract(epoch from last_at) * 1000)::bigint,
            energy_in_kwh_first, energy_in_kwh_last, power_w_max::float8
        from {} where device_id = any(%(ids)s) and bucket >= to_timestamp(%(from)s / 1e3)
            and bucket < to_timestamp(%(to)s / 1e3) order by device_id, bucket
        """
    ).format(sql.Identifier(table))
    # What begins within a bucket is counted from the bucket's begin.
    begin_ms = from_ms // (step_s * 1000) * step_s * 1000
    cursor = await conn.execute(statement, {"ids": list(device_ids), "from": begin_ms, "to": to_ms})
    return await cursor.fetchall()


async def _rows(conn: Connection, statement: str, values: Row) -> list[Row]:
    async with conn.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(statement.encode(), values)
        return await cursor.fetchall()
