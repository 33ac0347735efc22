"""People and their sessions in the database."""

from collections.abc import Sequence
from dataclasses import dataclass

from psycopg.rows import class_row

from lode_hub.store.connection import Connection


@dataclass(frozen=True, kw_only=True, slots=True)
class Account:
    """A person as stored."""

    person_id: int
    name: str
    role: str
    password_hash: str
    is_disabled: bool


async def count(conn: Connection) -> int:
    """Count the people."""
    row = await (await conn.execute("select count(*) from person")).fetchone()
    return int(row[0]) if row else 0


async def find(conn: Connection, name: str) -> Account | None:
    """Find a person by name."""
    async with conn.cursor(row_factory=class_row(Account)) as cursor:
        await cursor.execute(
            "select id as person_id, name, role, password_hash, is_disabled from person "
            "where name = %s",
            (name,),
        )
        return await cursor.fetchone()


async def add(
    conn: Connection,
    name: str,
    role: str,
    password_hash: str,
    sites: Sequence[str] | None = None,
) -> bool:
    """Add a person; tell whether the name was free."""
    done = await conn.execute(
        "insert into person (name, role, password_hash, sites) values (%s, %s, %s, %s) "
        "on conflict (name) do nothing",
        (name, role, password_hash, list(sites) if sites is not None else None),
    )
    return done.rowcount == 1


async def set_password(conn: Connection, name: str, password_hash: str) -> bool:
    """Give a person another password and end their sessions; tell whether there is one."""
    done = await conn.execute(
        "with changed as (update person set password_hash = %s, password_at = now() "
        "where name = %s returning id), "
        "ended as (delete from session where person_id in (select id from changed)) "
        "select 1 from changed",
        (password_hash, name),
    )
    return done.rowcount == 1


async def rehash(conn: Connection, person_id: int, password_hash: str) -> None:
    """Store the same password under newer parameters."""
    await conn.execute(
        "update person set password_hash = %s where id = %s", (password_hash, person_id)
    )


async def open_session(conn: Connection, token_hash: bytes, person_id: int, address: str) -> None:
    """Open a session."""
    await conn.execute(
        "insert into session (token_hash, person_id, address) values (%s, %s, %s)",
        (token_hash, person_id, address),
    )


async def session(
    conn: Connection, token_hash: bytes, idle_s: float, absolute_s: float
) -> tuple[str, str] | None:
    """Give name and role of whose living session this is, and note that it was seen."""
    done = await conn.execute(
        "select p.name, p.role, s.seen_at < now() - interval '1 minute' "
        "from session s join person p on p.id = s.person_id "
        "where s.token_hash = %s and not p.is_disabled "
        "and s.seen_at > now() - make_interval(secs => %s) "
        "and s.opened_at > now() - make_interval(secs => %s)",
        (token_hash, idle_s, absolute_s),
    )
    row = await done.fetchone()
    if row is None:
        return None
    if row[2]:
        await conn.execute(
            "update session set seen_at = now() where token_hash = %s", (token_hash,)
        )
    return row[0], row[1]


async def standing(conn: Connection, name: str) -> tuple[str, list[str] | None] | None:
    """Give a person's present role and the sites they may act at; None: they are nobody (more).

    No list of sites is every site.
    """
    done = await conn.execute(
        "select role, sites from person where name = %s and not is_disabled", (name,)
    )
    row = await done.fetchone()
    return (row[0], row[1]) if row else None


async def end_session(conn: Connection, token_hash: bytes) -> None:
    """End a session."""
    await conn.execute("delete from session where token_hash = %s", (token_hash,))


async def sweep(conn: Connection, idle_s: float, absolute_s: float) -> int:
    """Delete the sessions that have run out, and count them."""
    done = await conn.execute(
        "delete from session where seen_at < now() - make_interval(secs => %s) "
        "or opened_at < now() - make_interval(secs => %s)",
        (idle_s, absolute_s),
    )
    return done.rowcount
