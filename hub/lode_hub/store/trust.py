"""Enrolled agents, the tokens that let them in, and their certificates."""

import datetime as dt
from dataclasses import dataclass

from psycopg.rows import class_row

from lode_hub.store.connection import Connection

CHANGED = "lode_trust"
"""The channel that tells when somebody was let in or thrown out."""

_KEEP_DAYS = 90  # of what has run out

_COLUMNS = (
    "e.agent, e.site, e.key_id, e.nonce, e.enrolled_at, e.enrolled_from, e.renewed_at, e.revoked_at"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Enrolment:
    """An agent that was let in, and perhaps thrown out again."""

    agent: str
    site: str
    key_id: str
    nonce: str
    enrolled_at: dt.datetime
    enrolled_from: str
    renewed_at: dt.datetime | None
    revoked_at: dt.datetime | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Token:
    """A token as stored: it lets `agent` in, with one key."""

    id: str
    secret_hash: bytes
    agent: str
    site: str
    used_by_key: str | None = None


async def add_token(conn: Connection, fresh: Token, by: str, hours: float) -> dt.datetime:
    """Keep a token in place of the agent's earlier ones; give when it ends."""
    async with conn.transaction():
        await conn.execute(
            "delete from enrolment_token where agent = %s "
            "or expires_at < now() - make_interval(days => %s)",
            (fresh.agent, _KEEP_DAYS),
        )
        done = await conn.execute(
            "insert into enrolment_token (id, secret_hash, agent, site, made_by, expires_at) "
            "values (%s, %s, %s, %s, %s, now() + make_interval(secs => %s)) returning expires_at",
            (fresh.id, fresh.secret_hash, fresh.agent, fresh.site, by, hours * 3600),
        )
        row = await done.fetchone()
    assert row is not None  # noqa: S101 -- an insert returns its row
    expires_at: dt.datetime = row[0]
    return expires_at


async def token(conn: Connection, id_: str) -> Token | None:
    """Find a token that has not run out, and lock it for this transaction."""
    async with conn.cursor(row_factory=class_row(Token)) as cursor:
        await cursor.execute(
            "select id, secret_hash, agent, site, used_by_key from enrolment_token "
            "where id = %s and expires_at > now() for update",
            (id_,),
        )
        return await cursor.fetchone()


async def use_token(conn: Connection, id_: str, key_id: str) -> None:
    """Bind a token to the key that it lets in."""
    await conn.execute("update enrolment_token set used_by_key = %s where id = %s", (key_id, id_))


async def enrol(
    conn: Connection, agent: str, site: str, key_id: str, nonce: str, address: str
) -> None:
    """Let an agent in; whatever was certified to another key of its name is good no more."""
    await conn.execute(
        "insert into enrolment (agent, site, key_id, nonce, enrolled_from) "
        "values (%s, %s, %s, %s, %s) on conflict (agent) do update set "
        "site = excluded.site, key_id = excluded.key_id, nonce = excluded.nonce, "
        "enrolled_from = excluded.enrolled_from, enrolled_at = now(), renewed_at = null, "
        "revoked_at = null, revoked_by = null",
        (agent, site, key_id, nonce, address),
    )
    await conn.execute(
        "update certificate set revoked_at = now() "
        "where agent = %s and key_id <> %s and revoked_at is null",
        (agent, key_id),
    )


async def add_certificate(
    conn: Connection, serial: str, agent: str, key_id: str, not_after: dt.datetime
) -> None:
    """Remember a certificate."""
    await conn.execute(
        "delete from certificate where agent = %s "
        "and not_after < now() - make_interval(days => %s)",
        (agent, _KEEP_DAYS),
    )
    await conn.execute(
        "insert into certificate (serial, agent, key_id, not_after) values (%s, %s, %s, %s)",
        (serial, agent, key_id, not_after),
    )


async def renewable(conn: Connection, serial: str) -> Enrolment | None:
    """Give whose certificate this is, when it is still good and may be followed by another."""
    async with conn.cursor(row_factory=class_row(Enrolment)) as cursor:
        await cursor.execute(
            f"select {_COLUMNS} from enrolment e "  # noqa: S608 -- fixed text
            "join certificate c on c.agent = e.agent and c.key_id = e.key_id "
            "where c.serial = %s and c.revoked_at is null and c.not_after > now() "
            "and e.revoked_at is null",
            (serial,),
        )
        return await cursor.fetchone()


async def renewed(conn: Connection, agent: str) -> None:
    """Note that an agent has a fresh certificate."""
    await conn.execute("update enrolment set renewed_at = now() where agent = %s", (agent,))


async def revoke(conn: Connection, agent: str, by: str) -> bool:
    """Throw an agent out with everything certified to it; tell whether there is one.

    Nothing is expected of its devices from then on. One that a broker of the operator's own let
    in without enrolment is refused from then on, too.
    """
    async with conn.transaction():
        await conn.execute("delete from enrolment_token where agent = %s", (agent,))
        await conn.execute(
            "update certificate set revoked_at = now() where agent = %s and revoked_at is null",
            (agent,),
        )
        await conn.execute(
            "update device d set is_configured = false from agent a "
            "where a.name = %s and d.agent_id = a.id and d.is_configured",
            (agent,),
        )
        await conn.execute(
            "insert into enrolment (agent, site, key_id, nonce, enrolled_from) "
            "select a.name, coalesce(s.name, ''), '', '', '' "
            "from agent a left join site s on s.id = a.site_id where a.name = %s "
            "on conflict do nothing",
            (agent,),
        )
        done = await conn.execute(
            "update enrolment set revoked_at = coalesce(revoked_at, now()), "
            "revoked_by = coalesce(revoked_by, %s) where agent = %s",
            (by, agent),
        )
        await notify(conn)
    return done.rowcount == 1


async def notify(conn: Connection) -> None:
    """Tell, when the transaction commits, that the list has changed."""
    await conn.execute("select pg_notify(%s, '')", (CHANGED,))


async def enrolments(conn: Connection) -> list[Enrolment]:
    """List every agent that was ever let in, by name."""
    async with conn.cursor(row_factory=class_row(Enrolment)) as cursor:
        await cursor.execute(f"select {_COLUMNS} from enrolment e order by agent")  # noqa: S608
        return await cursor.fetchall()


async def ends(conn: Connection) -> dict[str, dt.datetime]:
    """Give when each agent's newest good certificate ends."""
    found = await conn.execute(
        "select agent, max(not_after) from certificate where revoked_at is null group by agent"
    )
    return dict(await found.fetchall())


async def revoked_serials(conn: Connection) -> list[str]:
    """List the certificates that were revoked before their end."""
    found = await conn.execute(
        "select serial from certificate where revoked_at is not null and not_after > now() "
        "order by serial"
    )
    return [row[0] for row in await found.fetchall()]


async def session_suffix(conn: Connection) -> str:
    """Give what the names of the hub's MQTT sessions end with."""
    row = await (await conn.execute("select suffix from session_suffix")).fetchone()
    return str(row[0]) if row else ""
