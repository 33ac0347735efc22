"""Shelves, silences and maintenance in the database."""

from dataclasses import dataclass
from typing import Any, Literal

from psycopg.rows import dict_row

from lode_hub.store.connection import Connection

Row = dict[str, Any]
Planned = Literal["alert", "silence", "maintenance"]
Times = tuple[int, int, int]
"""Begin, end and now, in Unix ms."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Fits:
    """What alerts a silence is about; None fits all."""

    site_id: int | None
    rule: str | None
    cause: str | None
    rack: str | None
    subject: str | None


async def shelve(
    conn: Connection, alert_id: int, until_ms: int, by: str, note: str, now_ms: int
) -> None:
    """Put an alert's alarm on the shelf."""
    await conn.execute(
        """
        insert into shelf (rule, subject, until_at, by, note, at)
        select rule, subject, to_timestamp(%s / 1e3), %s, %s, to_timestamp(%s / 1e3)
        from alert where id = %s
        on conflict (rule, subject) do update set until_at = excluded.until_at, by = excluded.by,
            note = excluded.note, at = excluded.at
        """,
        (until_ms, by, note, now_ms, alert_id),
    )
    await conn.execute("delete from shelf where until_at <= to_timestamp(%s / 1e3)", (now_ms,))


async def unshelve(conn: Connection, alert_id: int) -> bool:
    """Take an alert's alarm from the shelf; tell whether it was on it."""
    cursor = await conn.execute(
        "delete from shelf h using alert a "
        "where a.id = %s and h.rule = a.rule and h.subject = a.subject",
        (alert_id,),
    )
    return cursor.rowcount > 0


async def shelves(conn: Connection, now_ms: int, *, limit: int) -> list[Row]:
    """List the alarms on the shelf, the next to come off first, each with its alert if one lives.

    An alarm stays on the shelf when its alert ends, and waits for the next.
    """
    return await _rows(conn, _SHELVES, {"now_ms": now_ms, "limit": limit})


_SHELVES = """
    select h.rule, h.subject as key, a.id as alert_id, a.title, a.severity, a.state,
        about.site, about.name as subject, h.by, h.note,
        (extract(epoch from h.at) * 1000)::bigint as at_ms,
        (extract(epoch from h.until_at) * 1000)::bigint as until_ms
    from shelf h cross join lateral about(h.subject)
        left join alert a on a.rule = h.rule and a.subject = h.subject and a.state <> 'resolved'
    where h.until_at > to_timestamp(%(now_ms)s / 1e3)
    order by h.until_at, h.rule, h.subject limit %(limit)s
"""


async def silence(conn: Connection, fits: Fits, times: Times, by: str, comment: str) -> int:
    """Keep a silence; give its number."""
    return await _id(
        conn,
        """
        insert into silence (site_id, rule, cause, rack, subject, starts_at, ends_at, made_at,
            author, comment)
        values (%s, %s, %s, %s, %s, to_timestamp(%s / 1e3), to_timestamp(%s / 1e3),
            to_timestamp(%s / 1e3), %s, %s)
        returning id
        """,
        (fits.site_id, fits.rule, fits.cause, fits.rack, fits.subject, *times, by, comment),
    )


async def maintain(
    conn: Connection, place: tuple[int | None, str | None], times: Times, by: str, note: str
) -> int:
    """Keep planned maintenance of a site, or of a rack of it; give its number."""
    return await _id(
        conn,
        """
        insert into maintenance (site_id, rack, starts_at, ends_at, made_at, person, note)
        values (%s, %s, to_timestamp(%s / 1e3), to_timestamp(%s / 1e3), to_timestamp(%s / 1e3),
            %s, %s)
        returning id
        """,
        (*place, *times, by, note),
    )


async def end(
    conn: Connection, table: Literal["silence", "maintenance"], number: int, now_ms: int
) -> bool:
    """End a silence or maintenance now, or forget it if it had not begun; tell whether it was."""
    deleted = await conn.execute(
        f"delete from {table} where id = %s and starts_at >= to_timestamp(%s / 1e3)",  # noqa: S608
        (number, now_ms),
    )
    ended = await conn.execute(
        f"update {table} set ends_at = to_timestamp(%s / 1e3) "  # noqa: S608 -- one of two names
        "where id = %s and ends_at > to_timestamp(%s / 1e3)",
        (now_ms, number, now_ms),
    )
    return deleted.rowcount + ended.rowcount > 0


async def site_of(conn: Connection, table: Planned, number: int) -> tuple[str | None, bool]:
    """Give the site that something is at, None for none; and whether it is there at all."""
    cursor = await conn.execute(
        f"select s.name from {table} x left join site s on s.id = x.site_id where x.id = %s",  # noqa: S608
        (number,),
    )
    row = await cursor.fetchone()
    return (row[0], True) if row else (None, False)


async def silences(conn: Connection, now_ms: int, *, is_over: bool, limit: int) -> list[Row]:
    """List silences that are or will be, the next to end first; or those that are over."""
    return await _rows(
        conn,
        f"""
        select q.id as silence_id, s.name as site, q.rule, q.cause, q.rack, q.subject, q.author,
            about.name as called, q.comment, {_TIMES}
        from silence q left join site s on s.id = q.site_id
            left join lateral about(q.subject) on q.subject ~ {_IS_KEY} {_WHEN}
        """,  # noqa: S608 -- of constants
        {"now_ms": now_ms, "is_over": is_over, "limit": limit},
    )


async def maintenances(conn: Connection, now_ms: int, *, is_over: bool, limit: int) -> list[Row]:
    """List maintenance of sites and racks that is or will be; or what is over."""
    return await _rows(
        conn,
        f"""
        select q.id as maintenance_id, s.name as site, q.rack, q.person, q.note, {_TIMES}
        from maintenance q join site s on s.id = q.site_id {_WHEN}
        """,  # noqa: S608 -- of constants
        {"now_ms": now_ms, "is_over": is_over, "limit": limit},
    )


_IS_KEY = "'^(device|agent|site|channel|schedule|source):'"
"""A silence may also be of a name, which has colons of its own."""

_TIMES = """
    (extract(epoch from q.starts_at) * 1000)::bigint as starts_ms,
    (extract(epoch from q.ends_at) * 1000)::bigint as ends_ms,
    q.starts_at <= to_timestamp(%(now_ms)s / 1e3) and q.ends_at > to_timestamp(%(now_ms)s / 1e3)
        as is_active
"""

_WHEN = """
    where (q.ends_at <= to_timestamp(%(now_ms)s / 1e3)) = %(is_over)s
    order by case when %(is_over)s then -extract(epoch from q.ends_at)
        else extract(epoch from q.ends_at) end, q.id
    limit %(limit)s
"""


async def _id(conn: Connection, statement: str, values: tuple[object, ...]) -> int:
    cursor = await conn.execute(statement.encode(), values)
    ((number,),) = await cursor.fetchall()
    return int(number)


async def _rows(conn: Connection, statement: str, values: Row) -> list[Row]:
    async with conn.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(statement.encode(), values)
        return await cursor.fetchall()
