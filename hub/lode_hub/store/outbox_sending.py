"""Deliveries on their way: leased, read, sent, tried again, given up.

All times here are the database's, so that notifiers on several machines agree.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from uuid import UUID

import psycopg
from psycopg.rows import class_row, scalar_row

from lode_hub.store import Store
from lode_hub.store.connection import Connection


@dataclass(frozen=True, kw_only=True, slots=True)
class Leased:
    """A delivery that is ours to send until the lease ends."""

    id: int
    key: UUID
    channel: str
    recipient: str
    way_id: int | None
    person: str | None
    site: str | None
    cause: str
    what: str
    attempts: int  # this one among them


@dataclass(frozen=True, kw_only=True, slots=True)
class Item:
    """One alert in a delivery, as it is now; times in Unix ms."""

    alert_id: int
    device_id: int | None
    agent_id: int | None
    key: str  # device:17, agent:3, site:1:rack:A3, channel:mail
    subject: str  # as people call it: rig-017, agent north-1, rack A3
    site: str | None
    rule: str
    cause: str
    severity: str
    state: str
    title: str
    likely_cause: str
    evidence: dict[str, object]
    members: int  # subjects that share a trouble of many
    what: str  # what happened to it last, of what is told here
    since_ms: int
    opened_ms: int
    at_ms: int  # of the event
    by: str | None
    resolved_ms: int | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Overview:
    """All alerts of a delivery together; each counts once, by what happened to it last."""

    alerts: int
    members: int
    by_what: dict[str, int]
    by_cause: dict[str, int]
    racks: list[str]  # three at most, as the next two
    feeders: list[str]
    sites: list[str]
    is_open: bool  # one of them at least waits for somebody


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
        returning id, key, channel, recipient, way_id, cause, what, attempts,
            (select name from site s where s.id = d.site_id) as site,
            (select name from person p where p.id = d.person_id) as person
        """,
        {"channel": channel, "owner": owner, "lease_s": lease_s},
    )
    return await cursor.fetchone()


async def items(conn: Connection, delivery_id: int, limit: int) -> list[Item]:
    """List the alerts that a delivery is about, as they are now, the worst first."""
    cursor = conn.cursor(row_factory=class_row(Item))
    await cursor.execute(
        """
        select a.id as alert_id, a.device_id, a.agent_id, a.rule, a.severity, a.state, a.title,
            a.subject as key, called(a.subject, d.name, ag.name, s.name) as subject,
            s.name as site,
            coalesce(nullif(a.cause, ''), a.rule) as cause, a.likely_cause, a.evidence,
            cardinality(a.members) as members, e.what, e.by,
            (extract(epoch from a.since_at) * 1000)::bigint as since_ms,
            (extract(epoch from a.opened_at) * 1000)::bigint as opened_ms,
            (extract(epoch from e.at) * 1000)::bigint as at_ms,
            (extract(epoch from a.resolved_at) * 1000)::bigint as resolved_ms
        from (
            select distinct on (a.id) e.id, a.severity, a.members
            from delivery_event de join alert_event e on e.id = de.event_id
                join alert a on a.id = e.alert_id
            where de.delivery_id = %s order by a.id, e.id desc
        ) latest join alert_event e on e.id = latest.id join alert a on a.id = e.alert_id
            left join site s on s.id = a.site_id
            left join device d on d.id = a.device_id left join agent ag on ag.id = a.agent_id
        order by array_position(array['critical', 'warning', 'info'], a.severity),
            e.what not in ('opened', 'worsened'), cardinality(a.members) desc, e.id limit %s
        """,
        (delivery_id, limit),
    )
    return await cursor.fetchall()


async def overview(conn: Connection, delivery_id: int) -> Overview:
    """Say what all alerts of a delivery have in common."""
    cursor = conn.cursor(row_factory=class_row(Overview))
    await cursor.execute(_OVERVIEW, (delivery_id,))
    found = await cursor.fetchone()
    if found is None:
        raise LookupError(f"delivery {delivery_id}: an aggregate gave no row")
    return found


_OVERVIEW = """
    with latest as (
        select distinct on (a.id) a.id, a.site_id, a.device_id, a.state, e.what,
            coalesce(nullif(a.cause, ''), a.rule) as cause, cardinality(a.members) as members
        from delivery_event de join alert_event e on e.id = de.event_id
            join alert a on a.id = e.alert_id
        where de.delivery_id = %s order by a.id, e.id desc
    ), placed as (
        select l.*, s.name as site, coalesce(d.rack, '') as rack, coalesce(c.feeder, '') as feeder
        from latest l left join site s on s.id = l.site_id
            left join device d on d.id = l.device_id
            left join device_controls c on c.device_id = l.device_id
    )
    select count(*)::int as alerts, coalesce(sum(members), 0)::int as members,
        coalesce(bool_or(state = 'open'), false) as is_open,
        coalesce((select jsonb_object_agg(what, n) from
            (select what, count(*) as n from placed group by 1) as x), '{}') as by_what,
        coalesce((select jsonb_object_agg(cause, n) from
            (select cause, count(*) as n from placed group by 1) as x), '{}') as by_cause,
        array(select distinct rack from placed order by 1 limit 3) as racks,
        array(select distinct feeder from placed order by 1 limit 3) as feeders,
        array(select distinct site from placed where site is not null order by 1 limit 3) as sites
    from placed
"""


async def mark_sent(
    conn: Connection, delivery_id: int, owner: UUID, *, reference: str, note: str | None
) -> None:
    """Write down that a channel took a delivery; without effect when the lease was lost."""
    await conn.execute(
        """
        update delivery set state = 'sent', finished_at = clock_timestamp(), error = %s,
            reference = %s, lease = null, leased_until = null
        where id = %s and lease = %s
        """,
        (note, reference, delivery_id, owner),
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


async def alert_changes(store: Store, timeout_s: float) -> AsyncIterator[bool]:
    """Yield whenever alerts have changed, at the latest after each timeout, for ever.

    Yields whether it was a change. The connection is its own, since it is never given back.

    Raises:
        psycopg.OperationalError: the connection is lost.
    """
    conn = await psycopg.AsyncConnection.connect(
        store.url, autocommit=True, connect_timeout=5, application_name="lode-notify"
    )
    async with conn:
        await conn.execute("listen lode_alert")
        while True:
            heard = [note async for note in conn.notifies(timeout=timeout_s, stop_after=1)]
            yield bool(heard)
