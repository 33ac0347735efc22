"""Tariffs, sources, programmes and economics as text; how asking and hearing them fares."""

from typing import Any

from psycopg.rows import dict_row

from lode_hub.store.connection import Connection

Row = dict[str, Any]


async def save(  # noqa: PLR0913 -- one document
    conn: Connection, site: int | None, kind: str, name: str, body: str | None, *,
    person: str, saved_ms: int,
) -> int:  # fmt: skip
    """Keep a further revision of a document, None removes it; give the revision's number."""
    async with conn.transaction():
        await conn.execute("select pg_advisory_xact_lock(hashtext(%s))", (f"energy {kind} {name}",))
        found = await conn.execute(
            "insert into energy_document (site_id, kind, name, revision, body, person, saved_at) "
            "select %(site)s, %(kind)s, %(name)s, coalesce(max(revision), 0) + 1, %(body)s, "
            "%(person)s, to_timestamp(%(saved_ms)s / 1e3) from energy_document "
            "where site_id is not distinct from %(site)s and kind = %(kind)s "
            "and name = %(name)s returning revision",
            {
                "site": site,
                "kind": kind,
                "name": name,
                "body": body,
                "person": person,
                "saved_ms": saved_ms,
            },
        )
        row = await found.fetchone()
    return int(row[0]) if row else 0


async def documents(
    conn: Connection,
    kind: str,
    site: int | None = None,
    *,
    is_of_any_site: bool = False,
    as_of_ms: int | None = None,
) -> list[Row]:
    """List the last revisions of a kind, of a site and of all sites, as they were at a moment."""
    async with conn.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(
            """
            select * from (
                select distinct on (d.site_id, d.name) d.site_id, s.name as site, d.kind, d.name,
                    d.revision, d.body, d.person,
                    (extract(epoch from d.saved_at) * 1000)::bigint as saved_ms
                from energy_document d left join site s on s.id = d.site_id
                where d.kind = %(kind)s
                    and (%(any)s or d.site_id is null or d.site_id = %(site)s)
                    and (%(as_of)s::bigint is null or d.saved_at <= to_timestamp(%(as_of)s / 1e3))
                order by d.site_id, d.name, d.revision desc
            ) last where body is not null order by saved_ms, name
            """,
            {"kind": kind, "site": site, "any": is_of_any_site, "as_of": as_of_ms},
        )
        return await cursor.fetchall()


async def fetches(conn: Connection, kind: str) -> list[Row]:
    """List how the asking, or hearing, of each document of a kind fares."""
    async with conn.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(
            """
            select f.site_id, s.name as site, f.name, f.failures, f.trouble, f.etag, f.modified,
                f.refused, f.messages, f.bad,
                (extract(epoch from f.failing_at) * 1000)::bigint as failing_ms,
                (extract(epoch from f.due_at) * 1000)::bigint as due_ms,
                (extract(epoch from f.ok_at) * 1000)::bigint as ok_ms
            from energy_fetch f left join site s on s.id = f.site_id
            where f.kind = %s order by f.name
            """,
            (kind,),
        )
        return await cursor.fetchall()


async def fetched(
    conn: Connection, site: int | None, kind: str, name: str, **state: object
) -> None:
    """Note how an asking went.

    `state` has at_ms, due_ms, ok_ms (None: as before), failures and trouble; perhaps etag,
    modified, refused.
    """
    await conn.execute(
        """
        insert into energy_fetch as f
            (site_id, kind, name, due_at, ok_at, failures, failing_at, trouble, etag, modified,
            refused)
        values (%(site)s, %(kind)s, %(name)s, to_timestamp(%(due_ms)s / 1e3),
            to_timestamp(%(ok_ms)s / 1e3), %(failures)s,
            case when %(failures)s > 0 then to_timestamp(%(at_ms)s / 1e3) end, %(trouble)s,
            %(etag)s, %(modified)s, %(refused)s)
        on conflict (site_id, kind, name) do update set due_at = excluded.due_at,
            ok_at = coalesce(excluded.ok_at, f.ok_at), failures = excluded.failures,
            failing_at = case when excluded.failures > 0
                then coalesce(f.failing_at, excluded.failing_at) end,
            trouble = excluded.trouble, etag = excluded.etag, modified = excluded.modified,
            refused = excluded.refused
        """,
        {"site": site, "kind": kind, "name": name, "etag": "", "modified": "", "refused": 0}
        | state,
    )


async def heard(conn: Connection, site: int | None, kind: str, name: str, **state: object) -> None:
    """Count a message that was heard.

    `state` has ok_ms (None: nothing of it could be read), trouble and refused.
    """
    await conn.execute(
        """
        insert into energy_fetch as f (site_id, kind, name, ok_at, trouble, refused, messages, bad)
        values (%(site)s, %(kind)s, %(name)s, to_timestamp(%(ok_ms)s / 1e3), %(trouble)s,
            %(refused)s, 1, (%(ok_ms)s::bigint is null)::int)
        on conflict (site_id, kind, name) do update set due_at = null,
            ok_at = coalesce(excluded.ok_at, f.ok_at), failures = 0, failing_at = null,
            trouble = excluded.trouble, refused = excluded.refused,
            messages = f.messages + 1, bad = f.bad + excluded.bad
        """,
        {"site": site, "kind": kind, "name": name, **state},
    )


async def reached(
    conn: Connection, site: int | None, kind: str, name: str, trouble: str, *, at_ms: int
) -> None:
    """Note why a topic cannot be listened to; empty: it is, and the trouble is its messages'."""
    await conn.execute(
        """
        insert into energy_fetch as f (site_id, kind, name, trouble, failures, failing_at)
        values (%(site)s, %(kind)s, %(name)s, %(trouble)s, (%(trouble)s <> '')::int,
            case when %(trouble)s <> '' then to_timestamp(%(at_ms)s / 1e3) end)
        on conflict (site_id, kind, name) do update set due_at = null, trouble = excluded.trouble,
            failures = excluded.failures, failing_at = case when excluded.failures > 0
                then coalesce(f.failing_at, excluded.failing_at) end
        where f.failures <> excluded.failures or (excluded.failures > 0
            and f.trouble <> excluded.trouble)
        """,
        {"site": site, "kind": kind, "name": name, "trouble": trouble, "at_ms": at_ms},
    )
