"""Prices and other figures over time: every revision is kept, with when it was known."""

from collections.abc import Sequence
from typing import Any, Literal

from psycopg.rows import dict_row

from lode_hub.store.connection import Connection

Row = dict[str, Any]
Value = tuple[int, int | None, float | None, int]
"""From (Unix ms), until (None: the next one), value (None: withdrawn), published."""

Clock = Literal["published", "received"]
"""By the source's word, for backtests; by the hub's own clock, for accounts made again."""

MAX_VALUES = 1_000_000


async def site_id(conn: Connection, site: str) -> int | None:
    """Give a site's number; None when there is no such site."""
    found = await conn.execute("select id from site where name = %s", (site,))
    row = await found.fetchone()
    return int(row[0]) if row else None


async def site_ids(conn: Connection) -> dict[str, int]:
    """Give every site's number by its name."""
    found = await conn.execute("select name, id from site")
    return dict(await found.fetchall())


async def add(
    conn: Connection,
    site: int | None,
    source: str,
    key: tuple[str, str, str],
    values: Sequence[Value],
    received_ms: int,
) -> int:
    """Keep values of the series (quantity, node, unit); give how many say something new.

    What was known already, and what an older publication says again, is no revision.
    """
    async with conn.transaction():
        series = await _series(conn, site, source, key)
        written = await conn.execute(
            _ADD,
            {
                "series": series,
                "received_ms": received_ms,
                "from_ms": [row[0] for row in values],
                "until_ms": [row[1] for row in values],
                "value": [row[2] for row in values],
                "published_ms": [row[3] or received_ms for row in values],
            },
        )
        return written.rowcount


async def values(  # noqa: PLR0913 -- which, when, and as known when
    conn: Connection,
    site: int | None,
    quantity: str,
    node: str | None,
    span_ms: tuple[int, int],
    *,
    known_ms: int | None = None,
    clock: Clock = "published",
) -> list[Row]:
    """List what was known at a moment of a span, of the site's own series and those of all sites.

    The value that holds at the span's begin is among them. `node` None takes every node.
    """
    async with conn.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(
            _VALUES[clock],
            {
                "site": site,
                "quantity": quantity,
                "node": node,
                "from_ms": span_ms[0],
                "until_ms": span_ms[1],
                "known_ms": known_ms,
                "most": MAX_VALUES,
            },
        )
        return await cursor.fetchall()


async def newest_end(conn: Connection, site: int | None, source: str) -> tuple[int, int] | None:
    """Give until when a source's values reach, and when the newest was received (Unix ms)."""
    found = await conn.execute(
        """
        select max((extract(epoch from v.until_at) * 1000)::bigint),
            max((extract(epoch from v.received_at) * 1000)::bigint)
        from energy_series s cross join lateral (
            select coalesce(until_at, from_at) as until_at, received_at from energy_value
            where series_id = s.id and value is not null order by from_at desc limit 1
        ) v where s.site_id is not distinct from %s and s.source = %s
        """,
        (site, source),
    )
    row = await found.fetchone()
    return (int(row[0]), int(row[1])) if row and row[0] is not None else None


async def hole(
    conn: Connection, site: int | None, source: str, now_ms: int
) -> tuple[int, int] | None:
    """Give the first span from now on (Unix ms) that a source has nothing for, and values after.

    Of several nodes the first to have one; a value that was withdrawn is none.
    """
    found = await conn.execute(
        """
        with mine as (
            select id from energy_series where site_id is not distinct from %(site)s
                and source = %(source)s
        ), last as (
            select distinct on (m.id, v.from_at) m.id, v.from_at, v.until_at, v.value
            from mine m join energy_value v on v.series_id = m.id
            where v.from_at >= coalesce((
                select max(b.from_at) from energy_value b where b.series_id = m.id
                    and b.from_at <= to_timestamp(%(now)s / 1e3)
            ), '-infinity')
            order by m.id, v.from_at, v.published_at desc, v.revision desc
        ), closed as (
            select id, from_at, value, coalesce(until_at,
                lead(from_at) over (partition by id order by from_at), 'infinity') as until_at
            from last
        ), covered as (
            select from_at, max(until_at) over (partition by id order by from_at
                rows between unbounded preceding and 1 preceding) as reached
            from closed where value is not null
        )
        select (extract(epoch from begin) * 1000)::bigint,
            (extract(epoch from from_at) * 1000)::bigint
        from (
            select from_at, greatest(reached, to_timestamp(%(now)s / 1e3)) as begin from covered
        ) c
        where begin < from_at order by begin limit 1
        """,
        {"site": site, "source": source, "now": now_ms},
    )
    row = await found.fetchone()
    return (int(row[0]), int(row[1])) if row else None


async def _series(
    conn: Connection, site: int | None, source: str, key: tuple[str, str, str]
) -> int:
    values = (site, key[0], key[1], source, key[2])
    await conn.execute(
        "insert into energy_series (site_id, quantity, node, source, unit) "
        "values (%s, %s, %s, %s, %s) on conflict do nothing",
        values,
    )
    found = await conn.execute(
        "select id from energy_series where site_id is not distinct from %s and quantity = %s "
        "and node = %s and source = %s and unit = %s for update",  # one writer at a time
        values,
    )
    row = await found.fetchone()
    if row is None:
        raise LookupError("a series that was just made is gone")
    return int(row[0])


_ADD = """
    insert into energy_value
        (series_id, from_at, revision, until_at, value, published_at, received_at)
    select %(series)s, n.from_at, coalesce(last.revision, 0) + 1, n.until_at, n.value,
        n.published_at, to_timestamp(%(received_ms)s / 1e3)
    from (
        select distinct on (from_ms) to_timestamp(from_ms / 1e3) as from_at,
            to_timestamp(until_ms / 1e3) as until_at, value,
            to_timestamp(published_ms / 1e3) as published_at
        from unnest(%(from_ms)s::bigint[], %(until_ms)s::bigint[], %(value)s::float8[],
            %(published_ms)s::bigint[]) with ordinality
            as u (from_ms, until_ms, value, published_ms, place)
        order by from_ms, published_ms desc, place desc
    ) n
    left join lateral (
        select max(revision) as revision from energy_value
        where series_id = %(series)s and from_at = n.from_at
    ) last on true
    left join lateral (
        select true as is_there, value, until_at from energy_value
        where series_id = %(series)s and from_at = n.from_at and published_at <= n.published_at
        order by published_at desc, revision desc limit 1
    ) before on true
    where before.is_there is null or before.value is distinct from n.value
        or before.until_at is distinct from n.until_at
"""


def _select(clock: str) -> str:
    return f"""
        with mine as (
            select id, unit, source, node from energy_series
            where (site_id is null or site_id = %(site)s) and quantity = %(quantity)s
                and (%(node)s::text is null or node = %(node)s)
        ), begun as (
            select m.*, least(to_timestamp(%(from_ms)s / 1e3) - interval '1 day', (
                select max(v.from_at) from energy_value v
                where v.series_id = m.id and v.from_at <= to_timestamp(%(from_ms)s / 1e3)
                    and (%(known_ms)s::bigint is null
                        or v.{clock}_at <= to_timestamp(%(known_ms)s / 1e3))
            )) as first_at from mine m
        ), known as (
            select distinct on (b.id, v.from_at) b.unit, b.source, b.node, v.from_at, v.until_at,
                v.value, v.published_at, v.received_at, v.revision
            from begun b join energy_value v on v.series_id = b.id
            where v.from_at >= b.first_at and v.from_at < to_timestamp(%(until_ms)s / 1e3)
                and (%(known_ms)s::bigint is null
                    or v.{clock}_at <= to_timestamp(%(known_ms)s / 1e3))
            order by b.id, v.from_at, v.published_at desc, v.revision desc
        )
        select unit, source, node, value, revision,
            (extract(epoch from from_at) * 1000)::bigint as from_ms,
            (extract(epoch from until_at) * 1000)::bigint as until_ms,
            (extract(epoch from published_at) * 1000)::bigint as published_ms,
            (extract(epoch from received_at) * 1000)::bigint as received_ms
        from known order by from_at, published_at, received_at, source limit %(most)s
    """  # noqa: S608 -- of constants


_VALUES: dict[Clock, bytes] = {
    "published": _select("published").encode(),
    "received": _select("received").encode(),
}
