"""Calls for demand response: every modification is kept, the highest counts."""

from typing import Any

from psycopg.rows import dict_row

from lode_hub.store.connection import Connection

Row = dict[str, Any]

MAX_MODIFICATIONS = 1000

_CALL = """
    select c.id as call_id, c.site, c.programme, c.event, c.modification, c.is_cancelled,
        c.is_test, c.random_s::float8 as random_s, c.reduce, c.power_kw,
        c.notice_s::float8 as notice_s, c.penalty_usd_mwh, c.credit_usd_mwh, c.way, c.person,
        (extract(epoch from c.from_at) * 1000)::bigint as from_ms,
        (extract(epoch from c.until_at) * 1000)::bigint as until_ms,
        (extract(epoch from c.received_at) * 1000)::bigint as received_ms,
        (extract(epoch from c.heard_at) * 1000)::bigint as heard_ms
    from (
        select distinct on (e.site_id, e.programme, e.event) e.*, s.name as site,
            min(e.received_at) over (partition by e.site_id, e.programme, e.event) as heard_at
        from energy_call e join site s on s.id = e.site_id
        where (%(site)s::text is null or s.name = %(site)s)
            and (%(programme)s::text is null or e.programme = %(programme)s)
            and (%(as_of)s::bigint is null or e.received_at <= to_timestamp(%(as_of)s / 1e3))
            and exists (
                select 1 from energy_call x where x.site_id = e.site_id
                    and x.programme = e.programme and x.event = e.event
                    and x.until_at > to_timestamp(%(from_ms)s / 1e3)
                    and x.from_at < to_timestamp(%(until_ms)s / 1e3))
        order by e.site_id, e.programme, e.event, e.modification desc
    ) c
"""


async def add(conn: Connection, **call: object) -> int | None:
    """Keep a call; give its number, or None when this modification, or a later one, is there."""
    found = await conn.execute(
        """
        insert into energy_call (site_id, programme, event, modification, is_cancelled, is_test,
            from_at, until_at, random_s, reduce, power_kw, notice_s, penalty_usd_mwh,
            credit_usd_mwh, way, person, received_at)
        select %(site)s, %(programme)s, %(event)s, %(modification)s, %(is_cancelled)s, %(is_test)s,
            to_timestamp(%(from_ms)s / 1e3), to_timestamp(%(until_ms)s / 1e3), %(random_s)s,
            %(reduce)s, %(power_kw)s, %(notice_s)s, %(penalty_usd_mwh)s, %(credit_usd_mwh)s,
            %(way)s, %(person)s, to_timestamp(%(received_ms)s / 1e3)
        where not exists (
            select 1 from energy_call where site_id = %(site)s and programme = %(programme)s
                and event = %(event)s and modification >= %(modification)s)
        on conflict do nothing returning id
        """,
        call,
    )
    row = await found.fetchone()
    return int(row[0]) if row else None


async def turn(
    conn: Connection, call_id: int, *, is_cancelled: bool, way: str, received_ms: int
) -> None:
    """Cancel a call, or let it hold again, as a further modification that says the same else."""
    await conn.execute(
        """
        insert into energy_call (site_id, programme, event, modification, is_cancelled, is_test,
            from_at, until_at, random_s, reduce, power_kw, notice_s, penalty_usd_mwh,
            credit_usd_mwh, way, person, received_at)
        select site_id, programme, event, modification + 1, %(is_cancelled)s, is_test,
            from_at, until_at, random_s, reduce, power_kw, notice_s, penalty_usd_mwh,
            credit_usd_mwh, %(way)s, '', to_timestamp(%(received_ms)s / 1e3)
        from energy_call where id = %(call_id)s
        on conflict do nothing
        """,
        {
            "call_id": call_id,
            "is_cancelled": is_cancelled,
            "way": way,
            "received_ms": received_ms,
        },
    )


async def calls(
    conn: Connection,
    site: str | None,
    span_ms: tuple[int, int],
    *,
    programme: str | None = None,
    as_of_ms: int | None = None,
) -> list[Row]:
    """List the calls that touch a span, as they were known at a moment, by their begin.

    `received_ms` is of the modification that counts, `heard_ms` of the first word of the call.
    """
    values = {
        "site": site,
        "programme": programme,
        "from_ms": span_ms[0],
        "until_ms": span_ms[1],
        "as_of": as_of_ms,
    }
    async with conn.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(_CALL + " order by c.from_at, c.site, c.programme, c.event", values)
        return await cursor.fetchall()


async def modifications(conn: Connection, site_id: int, programme: str, event: str) -> list[Row]:
    """List the modifications of a call, the one that counts first."""
    async with conn.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(
            """
            select id as call_id, modification, is_cancelled, is_test, reduce, power_kw,
                (extract(epoch from from_at) * 1000)::bigint as from_ms,
                (extract(epoch from until_at) * 1000)::bigint as until_ms
            from energy_call where site_id = %s and programme = %s and event = %s
            order by modification desc limit %s
            """,
            (site_id, programme, event, MAX_MODIFICATIONS),
        )
        return await cursor.fetchall()


async def call(conn: Connection, call_id: int) -> Row | None:
    """Give a call as it stands now, by the number of any of its modifications."""
    async with conn.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(
            "select s.name as site, c.programme, c.event, "
            "(extract(epoch from c.from_at) * 1000)::bigint as from_ms, "
            "(extract(epoch from c.until_at) * 1000)::bigint as until_ms "
            "from energy_call c join site s on s.id = c.site_id where c.id = %s",
            (call_id,),
        )
        found = await cursor.fetchone()
    if found is None:
        return None
    span = (found["from_ms"] - 1, found["until_ms"] + 1)
    listed = await calls(conn, found["site"], span, programme=found["programme"])
    return next((row for row in listed if row["event"] == found["event"]), None)
