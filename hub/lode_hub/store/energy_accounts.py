"""Accounts as they were made: appended, never changed."""

from typing import Any

import msgspec
from psycopg.rows import dict_row

from lode_hub.store.connection import Connection

Row = dict[str, Any]

_HEAD = """
    select a.id as account_id, s.name as site, a.kind, a.subject, a.digest, a.person,
        (extract(epoch from a.from_at) * 1000)::bigint as from_ms,
        (extract(epoch from a.until_at) * 1000)::bigint as until_ms,
        (extract(epoch from a.as_of) * 1000)::bigint as as_of_ms,
        (extract(epoch from a.made_at) * 1000)::bigint as made_ms,
        a.body
    from energy_account a join site s on s.id = a.site_id
"""


async def add(conn: Connection, *, body: object, **head: object) -> int:
    """Keep an account: site, kind, subject, from_ms, until_ms, as_of_ms, digest, person."""
    found = await conn.execute(
        """
        insert into energy_account
            (site_id, kind, subject, from_at, until_at, as_of, digest, person, body)
        values (%(site)s, %(kind)s, %(subject)s, to_timestamp(%(from_ms)s / 1e3),
            to_timestamp(%(until_ms)s / 1e3), to_timestamp(%(as_of_ms)s / 1e3), %(digest)s,
            %(person)s, %(body)s::jsonb) returning id
        """,
        {**head, "body": msgspec.json.encode(body).decode()},
    )
    row = await found.fetchone()
    return int(row[0]) if row else 0


async def accounts(conn: Connection, site: str | None, limit: int, offset: int) -> list[Row]:
    """List accounts, the latest time first, and of one subject the last made first."""
    async with conn.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(
            _HEAD + "where (%(site)s::text is null or s.name = %(site)s) "
            "order by a.from_at desc, a.id desc limit %(limit)s offset %(offset)s",
            {"site": site, "limit": limit, "offset": offset},
        )
        return await cursor.fetchall()


async def account(conn: Connection, account_id: int) -> Row | None:
    """Give one account."""
    async with conn.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(_HEAD + "where a.id = %(id)s", {"id": account_id})
        return await cursor.fetchone()
