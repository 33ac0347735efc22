"""What has still to be told: events become deliveries, or are held to be told together later.

    outbox ─► groups (site, cause) ─┬─► delivery, one a recipient ─► outbox_sending
                                    └─► held ─ its time comes ─┘

All times here are the database's, so that notifiers on several machines agree.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from psycopg.rows import class_row

from lode_hub.store.connection import Connection

CHANNEL_SUBJECT, WAY, OWN = "channel:", ":way:", ":own"
"""What does not deliver: channel:mail, or of it a person's way, or the settings' recipients."""
"""Alerts about a channel itself have this and its name as subject; it is not asked to tell them."""

OVERFLOW_S, DIGEST_APART_S = 8.0, 20.0
"""What is too much for a recipient waits so long, and so long after the digest before."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Bundle:
    """Events of one site and cause that happened alike, and that nobody has been told of."""

    site_id: int | None
    site: str | None
    cause: str
    what: str
    severity: str
    channel: str  # when they are about one: its name, and :way:17 or :own when about part of it
    event_ids: list[int]
    oldest_s: float
    newest_s: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Target:
    """Where a message goes: a channel, and one address there unless it has its own."""

    channel: str
    recipient: str = ""
    way_id: int | None = None
    person_id: int | None = None

    @property
    def key(self) -> str:
        """What the recipient's pace is kept under."""
        return f"{self.channel} {self.recipient}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Digest:
    """Events that were held for one recipient until now."""

    target: Target
    event_ids: list[int]


async def serialise(conn: Connection) -> None:
    """Let one notifier at a time make deliveries, so that no group is torn apart."""
    await conn.execute("select pg_advisory_xact_lock(hashtext('lode_outbox'))")


async def bundles(conn: Connection) -> list[Bundle]:
    """List what is in the outbox."""
    cursor = conn.cursor(row_factory=class_row(Bundle))
    await cursor.execute(
        """
        select a.site_id, s.name as site, coalesce(nullif(a.cause, ''), a.rule) as cause, e.what,
            coalesce(a.told_severity, a.severity) as severity,
            coalesce(substring(a.subject from '^channel:(.*)'), '') as channel,
            array_agg(e.id order by e.id) as event_ids,
            extract(epoch from clock_timestamp() - min(o.created_at))::float8 as oldest_s,
            extract(epoch from clock_timestamp() - max(o.created_at))::float8 as newest_s
        from outbox o join alert_event e on e.id = o.event_id join alert a on a.id = e.alert_id
            left join site s on s.id = a.site_id
        group by 1, 2, 3, 4, 5, 6
        """
    )
    return await cursor.fetchall()


async def admit(conn: Connection, key: str, *, every_s: float, burst: int) -> bool:
    """Take one token of a bucket that holds `burst` and gains one `every_s`; tell if it had one."""
    done = await conn.execute(
        """
        insert into pace (key, full_at)
        values (%(key)s, clock_timestamp() + %(every_s)s * interval '1 second')
        on conflict (key) do update set full_at =
            greatest(pace.full_at, clock_timestamp()) + %(every_s)s * interval '1 second'
        where pace.full_at - clock_timestamp() <= %(room_s)s * interval '1 second'
        """,
        {"key": key, "every_s": every_s, "room_s": (burst - 1) * every_s},
    )
    return done.rowcount == 1


async def deliver(
    conn: Connection,
    target: Target,
    event_ids: Sequence[int],
    *,
    what: str,
    cause: str = "",
    site_id: int | None = None,
) -> None:
    """Write a delivery of events to one recipient."""
    await conn.execute(
        """
        with made as (
            insert into delivery (channel, recipient, way_id, person_id, site_id, cause, what)
            values (%s, %s, %s, %s, %s, %s, %s) returning id
        )
        insert into delivery_event (delivery_id, event_id)
        select made.id, event_id from made, unnest(%s::bigint[]) as event_id
        """,
        (
            *(target.channel, target.recipient, target.way_id, target.person_id),
            *(site_id, cause, what, list(event_ids)),
        ),
    )


async def dispatched(conn: Connection, event_ids: Sequence[int]) -> None:
    """Take events out of the outbox, in the transaction that wrote what became of them."""
    await conn.execute("delete from outbox where event_id = any(%s)", (list(event_ids),))


async def hold(
    conn: Connection, target: Target, event_ids: Sequence[int], *, due_s: float, why: str
) -> None:
    """Keep events for one recipient until a moment (Unix seconds)."""
    await conn.execute(
        """
        insert into held (channel, recipient, way_id, event_id, due_at, why)
        select %s, %s, %s, event_id, to_timestamp(%s), %s from unnest(%s::bigint[]) as event_id
        """,
        (target.channel, target.recipient, target.way_id, due_s, why, list(event_ids)),
    )


async def overflow(conn: Connection, target: Target, event_ids: Sequence[int]) -> None:
    """Keep events that are too much for one recipient until its next digest."""
    await conn.execute(
        """
        insert into held (channel, recipient, way_id, event_id, due_at, why)
        select %(channel)s, %(recipient)s, %(way_id)s, event_id, coalesce(
            (select min(due_at) from held where channel = %(channel)s
                and recipient = %(recipient)s and why = 'overflow'),
            greatest(clock_timestamp() + %(wait_s)s * interval '1 second',
                (select full_at from pace where key = %(digest)s))), 'overflow'
        from unnest(%(events)s::bigint[]) as event_id
        """,
        {
            "channel": target.channel,
            "recipient": target.recipient,
            "way_id": target.way_id,
            "wait_s": OVERFLOW_S,
            "digest": f"digest {target.key}",
            "events": list(event_ids),
        },
    )


async def ripe(conn: Connection) -> list[Digest]:
    """Take out what was held until now, by recipient."""
    cursor = await conn.execute(
        """
        with taken as (delete from held where due_at <= clock_timestamp() returning *)
        select t.channel, t.recipient, t.way_id, w.person_id,
            array_agg(distinct t.event_id order by t.event_id)
        from taken t left join way w on w.id = t.way_id group by 1, 2, 3, 4
        """
    )
    return [
        Digest(
            target=Target(channel=channel, recipient=to, way_id=way_id, person_id=person_id),
            event_ids=events,
        )
        for channel, to, way_id, person_id, events in await cursor.fetchall()
    ]


async def next_held_s(conn: Connection) -> float | None:
    """Give the seconds until something that is held is due; None when nothing is held."""
    cursor = await conn.execute(
        "select extract(epoch from min(due_at) - clock_timestamp())::float8 from held"
    )
    row = await cursor.fetchone()
    return row[0] if row else None


async def digested(conn: Connection, target: Target) -> None:
    """Let the recipient's next digest of what is too much wait."""
    await conn.execute(
        """
        insert into pace (key, full_at)
        values (%s, clock_timestamp() + %s * interval '1 second')
        on conflict (key) do update set full_at = excluded.full_at
        """,
        (f"digest {target.key}", DIGEST_APART_S),
    )


async def prune(conn: Connection, keep_days: int) -> None:
    """Delete deliveries that ended longer ago than that, and buckets that are full."""
    await conn.execute(
        "delete from delivery where finished_at < now() - %s * interval '1 day'", (keep_days,)
    )
    await conn.execute("delete from pace where full_at < now()")


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
