"""The outbox of commands: sealed in order, sent again until answered, expired.

queued ─► seal (sequence, bytes) ─► dispatched ─► (the agent's states)
   ▲       │ a later one is ahead:      │ nobody answers: expired
   │       └─► refused, superseded      │
   └── refused as out of order ◄────────┘

All times here are the database's. A command's row changes before anything of it is sent.
"""

from dataclasses import dataclass

from psycopg.rows import class_row

from lode_hub.store.connection import Connection
from lode_wire.orders import Reason


@dataclass(frozen=True, kw_only=True, slots=True)
class Due:
    """A command that its agent has not answered; `sealed` None: it is to be sealed."""

    id: str
    agent: str
    sealed: bytes | None
    sequence: int | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Unsealed:
    """A command that is to be sealed; it is locked."""

    id: str
    agent_id: int
    agent: str
    actor: str
    target: str
    action: str
    body: bytes
    reseals: int
    created_ms: int
    expires_ms: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Ended:
    """A command that has expired here: nobody answered it, or nobody approved it."""

    id: str
    agent_id: int
    device_id: int | None
    action: str
    target: str
    was_proposed: bool


async def due(conn: Connection, window: int) -> list[Due]:
    """List the commands of each agent that are not answered, the oldest `window` of each.

    A stop of everything goes before all else.
    """
    async with conn.cursor(row_factory=class_row(Due)) as cursor:
        await cursor.execute(
            """
            select o.id, a.name as agent, o.sealed, o.sequence
            from (select distinct agent_id from command
                    where stage in ('queued', 'dispatched')) w
                join agent a on a.id = w.agent_id
                cross join lateral (
                    select c.id, c.number, c.sealed, c.sequence, c.action = 'stop_all' as is_stop
                    from command c
                    where c.agent_id = w.agent_id and c.stage in ('queued', 'dispatched')
                        and c.expires_at > clock_timestamp()
                    order by c.action <> 'stop_all', c.number limit %s
                ) o
            order by a.name, o.is_stop desc, o.sequence nulls last, o.number
            """,
            (window,),
        )
        return await cursor.fetchall()


async def unsealed(conn: Connection, command_id: str) -> Unsealed | None:
    """Find a command that is still to be sealed, and lock it."""
    async with conn.cursor(row_factory=class_row(Unsealed)) as cursor:
        await cursor.execute(
            "select c.id, c.agent_id, a.name as agent, c.actor, c.target, c.action, c.body, "
            "c.reseals, (extract(epoch from c.created_at) * 1000)::bigint as created_ms, "
            "(extract(epoch from c.expires_at) * 1000)::bigint as expires_ms "
            "from command c join agent a on a.id = c.agent_id "
            "where c.id = %s and c.stage = 'queued' and c.expires_at > clock_timestamp() "
            "for update of c",
            (command_id,),
        )
        return await cursor.fetchone()


async def next_sequence(conn: Connection, agent_id: int, ahead: int) -> int:
    """Take the agent's next sequence: above every one before, not below the clock plus `ahead`."""
    found = await conn.execute(
        "insert into command_sequence as old (agent_id, last) "
        "values (%(agent)s, (extract(epoch from clock_timestamp()) * 1000)::bigint + %(ahead)s) "
        "on conflict (agent_id) do update set last = greatest(old.last + 1, excluded.last) "
        "returning last",
        {"agent": agent_id, "ahead": ahead},
    )
    ((last,),) = await found.fetchall()
    return int(last)


async def overtaken_by(conn: Connection, command_id: str) -> str | None:
    """Name a later command that takes this one's place, if one does; its own is not sent then.

    Such is one about the same thing that was sealed before it, or the release of its lease. Asked
    after `next_sequence`, which lets nobody else seal for the agent in this transaction. A stop is
    only overtaken by its end: to stop twice does no harm.
    """
    found = await conn.execute(
        """
        select later.id from command c cross join lateral (
            select l.id, l.number from command l where l.lease = c.id
            union all
            select l.id, l.number from command l
            where l.agent_id = c.agent_id and l.about = c.about and l.about <> ''
                and l.number > c.number and l.sequence is not null
                and (c.action <> 'stop_all' or l.action <> 'stop_all')
        ) later where c.id = %s order by later.number desc limit 1
        """,
        (command_id,),
    )
    row = await found.fetchone()
    return row[0] if row else None


async def supersede(conn: Connection, command_id: str, by: str) -> None:
    """End a command that the agent has not taken, because a later one takes its place."""
    await conn.execute(
        "update command set stage = 'refused', reason = %s, ended_at = clock_timestamp(), "
        "sealed = null, body = null where id = %s",
        (f"{Reason.SUPERSEDED}: by {by}", command_id),
    )


async def sealed(conn: Connection, command_id: str, sequence: int, payload: bytes) -> None:
    """Keep a sealed command, in the transaction that took its sequence."""
    await conn.execute(
        "update command set stage = 'dispatched', sequence = %s, sealed = %s, "
        "dispatched_at = coalesce(dispatched_at, clock_timestamp()) where id = %s",
        (sequence, payload, command_id),
    )


async def expire(conn: Connection, grace_s: float) -> list[Ended]:
    """End what was not approved, or not answered, in time; give it.

    The grace is for an answer that is on its way; one that comes later still counts.
    """
    async with conn.cursor(row_factory=class_row(Ended)) as cursor:
        await cursor.execute(
            """
            with over as (
                select id, stage from command
                where stage in ('proposed', 'queued', 'dispatched') and ended_at is null
                    and expires_at < clock_timestamp() - case when stage = 'dispatched'
                        then make_interval(secs => %s) else interval '0' end
                order by id for update skip locked
            )
            update command c set stage = 'expired', ended_at = clock_timestamp(), sealed = null,
                body = null, reason = case o.stage
                    when 'proposed' then 'nobody approved it in time'
                    when 'queued' then 'too-late: it could not be sent in time'
                    else 'too-late: the agent did not answer in time' end
            from over o where c.id = o.id
            returning c.id, c.agent_id, c.device_id, c.action, c.target,
                o.stage = 'proposed' as was_proposed
            """,
            (grace_s,),
        )
        return await cursor.fetchall()


async def keep_house(conn: Connection) -> None:
    """Forget previews that nobody began, and requests that nobody will repeat."""
    await conn.execute(
        "delete from curtailment where started_at is null and made_at < now() - interval '1 day'"
    )
    await conn.execute("delete from command_request where at < now() - interval '7 days'")
