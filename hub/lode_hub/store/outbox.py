"""The outbox in the database: events become deliveries, deliveries are leased, sent, marked.

    outbox ─► dispatch (group: site, rule, happening) ─► delivery, one a channel ─► lease ─► sent
                                                                    ▲                 │
                                                                    └── retry ◄───────┴─► dead

All times here are the database's, so that notifiers on several machines agree.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

import psycopg
from psycopg.rows import class_row, scalar_row

from lode_hub.store import Store
from lode_hub.store.connection import Connection

CHANNEL_SUBJECT = "channel:"
"""Alerts about a channel itself have this and its name as subject; it is not asked to tell them."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Group:
    """Events that nobody has been told of and that belong together, oldest first."""

    site_id: int | None
    rule: str
    what: str
    severity: str
    subjects: list[str]
    event_ids: list[int]
    age_s: float  # of the oldest
    recent: int  # deliveries about the same in the last minute


@dataclass(frozen=True, kw_only=True, slots=True)
class Leased:
    """A delivery that is ours to send until the lease ends."""

    id: int
    key: UUID
    channel: str
    site: str | None
    rule: str
    what: str
    attempts: int  # this one among them


@dataclass(frozen=True, kw_only=True, slots=True)
class Item:
    """One alert in a delivery, as it is now; times in Unix ms."""

    alert_id: int
    device_id: int | None
    agent_id: int | None
    subject: str  # as people call it: the rig's or the agent's name
    rule: str
    severity: str
    state: str
    title: str
    likely_cause: str
    evidence: dict[str, object]
    since_ms: int
    opened_ms: int
    at_ms: int  # of the event
    by: str | None
    resolved_ms: int | None


async def serialise(conn: Connection) -> None:
    """Let one notifier at a time make deliveries, so that no group is torn apart."""
    await conn.execute("select pg_advisory_xact_lock(hashtext('lode_outbox'))")


async def groups(conn: Connection) -> list[Group]:
    """List the groups of events in the outbox."""
    cursor = conn.cursor(row_factory=class_row(Group))
    await cursor.execute(
        """
        select a.site_id, a.rule, e.what, a.severity,
            array_agg(a.subject order by e.id) as subjects,
            array_agg(e.id order by e.id) as event_ids,
            extract(epoch from clock_timestamp() - min(o.created_at))::float8 as age_s,
            (select count(distinct d.created_at)::int from delivery d
                where d.rule = a.rule and d.site_id is not distinct from a.site_id
                    and d.what = e.what and d.created_at > now() - interval '1 minute') as recent
        from outbox o join alert_event e on e.id = o.event_id join alert a on a.id = e.alert_id
        group by a.site_id, a.rule, e.what, a.severity
        """
    )
    return await cursor.fetchall()


async def deliver(conn: Connection, channel: str, group: Group, event_ids: Sequence[int]) -> None:
    """Write a delivery of some of a group's events to one channel."""
    await conn.execute(
        """
        with made as (
            insert into delivery (channel, site_id, rule, what)
            values (%s, %s, %s, %s) returning id
        )
        insert into delivery_event (delivery_id, event_id)
        select made.id, event_id from made, unnest(%s::bigint[]) as event_id
        """,
        (channel, group.site_id, group.rule, group.what, list(event_ids)),
    )


async def dispatched(conn: Connection, event_ids: Sequence[int]) -> None:
    """Take events out of the outbox, in the transaction that wrote their deliveries."""
    await conn.execute("delete from outbox where event_id = any(%s)", (list(event_ids),))


async def lease(conn: Connection, channel: str, owner: UUID, lease_s: float) -> Leased | None:
    """Take the next due delivery of a channel, if any; a lease that ran out is another's loss."""
    cursor = conn.cursor(row_factory=class_row(Leased))
    await cursor.execute(
        """
        update delivery d set attempts = attempts + 1, lease = %(owner)s,
            leased_until = clock_timestamp() + %(lease_s)s * interval '1 second'
        where id = (
            select id from delivery
            where channel = %(channel)s and state = 'waiting' and due_at <= clock_timestamp()
                and (leased_until is null or leased_until < clock_timestamp())
            order by due_at, id limit 1
            for update skip locked
        )
        returning id, key, channel, (select name from site s where s.id = d.site_id) as site,
            rule, what, attempts
        """,
        {"channel": channel, "owner": owner, "lease_s": lease_s},
    )
    return await cursor.fetchone()


async def items(conn: Connection, delivery_id: int) -> list[Item]:
    """List the alerts that a delivery is about, as they are now."""
    cursor = conn.cursor(row_factory=class_row(Item))
    await cursor.execute(
        """
        select a.id as alert_id, a.device_id, a.agent_id, a.rule, a.severity, a.state, a.title,
            coalesce(d.name, 'agent ' || ag.name, a.subject) as subject, a.likely_cause,
            a.evidence, e.by,
            (extract(epoch from a.since_at) * 1000)::bigint as since_ms,
            (extract(epoch from a.opened_at) * 1000)::bigint as opened_ms,
            (extract(epoch from e.at) * 1000)::bigint as at_ms,
            (extract(epoch from a.resolved_at) * 1000)::bigint as resolved_ms
        from delivery_event de join alert_event e on e.id = de.event_id
            join alert a on a.id = e.alert_id
            left join device d on d.id = a.device_id left join agent ag on ag.id = a.agent_id
        where de.delivery_id = %s
        order by e.id
        """,
        (delivery_id,),
    )
    return await cursor.fetchall()


async def mark_sent(conn: Connection, delivery_id: int, owner: UUID, note: str | None) -> None:
    """Write down that a channel took a delivery; without effect when the lease was lost."""
    await conn.execute(
        """
        update delivery set state = 'sent', finished_at = clock_timestamp(), error = %s,
            lease = null, leased_until = null
        where id = %s and lease = %s
        """,
        (note, delivery_id, owner),
    )


async def retry(
    conn: Connection, delivery_id: int, owner: UUID, *, after_s: float, error: str
) -> None:
    """Give a delivery back to be tried again later."""
    await conn.execute(
        """
        update delivery set due_at = clock_timestamp() + %s * interval '1 second', error = %s,
            lease = null, leased_until = null
        where id = %s and lease = %s
        """,
        (after_s, error, delivery_id, owner),
    )


async def bury(conn: Connection, delivery_id: int, owner: UUID, error: str) -> None:
    """Give a delivery up; it stays to be read."""
    await conn.execute(
        """
        update delivery set state = 'dead', finished_at = clock_timestamp(), error = %s,
            lease = null, leased_until = null
        where id = %s and lease = %s
        """,
        (error, delivery_id, owner),
    )


async def bury_strangers(conn: Connection, channels: Sequence[str]) -> int:
    """Give up what waits for channels that are no longer configured; give how many that were."""
    cursor = await conn.execute(
        """
        update delivery set state = 'dead', finished_at = clock_timestamp(),
            error = 'the channel is no longer configured'
        where state = 'waiting' and channel <> all(%s)
        """,
        (list(channels),),
    )
    return cursor.rowcount


async def next_due_s(conn: Connection, channel: str) -> float | None:
    """Give the seconds until a waiting delivery of a channel may be sent; None when none waits."""
    cursor = conn.cursor(row_factory=scalar_row)
    await cursor.execute(
        """
        select extract(epoch from
            min(greatest(due_at, coalesce(leased_until, due_at))) - clock_timestamp())::float8
        from delivery where channel = %s and state = 'waiting'
        """,
        (channel,),
    )
    due_s: float | None = await cursor.fetchone()
    return due_s


async def counts(conn: Connection) -> Mapping[tuple[str, str], int]:
    """Count deliveries by channel and state, and events not yet dispatched as ('', 'outbox')."""
    cursor = await conn.execute(
        """
        select channel, state, count(*) from delivery group by channel, state
        union all select '', 'outbox', count(*) from outbox
        """
    )
    return {(channel, state): n for channel, state, n in await cursor.fetchall()}


async def prune(conn: Connection, keep_days: int) -> None:
    """Delete deliveries that ended longer ago than that."""
    await conn.execute(
        "delete from delivery where finished_at < now() - %s * interval '1 day'", (keep_days,)
    )


async def alert_changes(store: Store, timeout_s: float) -> AsyncIterator[bool]:
    """Yield whenever alerts have changed, at the latest after each timeout, for ever.

    Yields whether it was a change. The connection is its own, since it is never given back.

    Raises:
        psycopg.OperationalError: the connection is lost.
    """
    conninfo = store.pool.conninfo
    if not isinstance(conninfo, str):
        raise TypeError("the pool's address is made by a function, so we cannot connect beside it")
    conn = await psycopg.AsyncConnection.connect(
        conninfo, autocommit=True, connect_timeout=5, application_name="lode-notify"
    )
    async with conn:
        await conn.execute("listen lode_alert")
        while True:
            heard = [note async for note in conn.notifies(timeout=timeout_s, stop_after=1)]
            yield bool(heard)
