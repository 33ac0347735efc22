"""Whom to tell: people's ways and habits, who is on call, policies and their running timers."""

import datetime
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
from psycopg.rows import class_row

from lode_hub.store.connection import Connection


@dataclass(frozen=True, kw_only=True, slots=True)
class Habit:
    """When a person wants to be left alone, and what they want together; times are local."""

    time_zone: str = "UTC"
    quiet_from: datetime.time | None = None
    quiet_until: datetime.time | None = None
    is_critical_through: bool = True
    digest: str = "none"  # hourly, daily
    digest_at: datetime.time = datetime.time(8)
    digest_max: str = "info"  # what is graver is told at once


@dataclass(frozen=True, kw_only=True, slots=True)
class Way:
    """One way to tell one person who is not disabled."""

    id: int
    person_id: int
    person: str
    sites: list[str] | None  # None: every site
    kind: str
    address: str
    min_severity: str
    is_on_call_only: bool
    is_resolved_told: bool
    habit: Habit


@dataclass(frozen=True, kw_only=True, slots=True)
class Layer:
    """A rotation: its people take turns of so many days, each from the handover on.

    With `from_time` and `until_time` (local; earlier: of the next day) or `weekdays` it holds at
    these times alone. A later layer stands above an earlier one.
    """

    people: tuple[str, ...]
    begins_on: datetime.date
    days: int = 7
    handover: datetime.time = datetime.time(9)
    from_time: datetime.time | None = None
    until_time: datetime.time | None = None
    weekdays: tuple[int, ...] = ()  # 0 is Monday; none: all


@dataclass(frozen=True, kw_only=True, slots=True)
class Override:
    """Somebody who stands in."""

    id: int
    person: str
    from_at: datetime.datetime
    until_at: datetime.datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Schedule:
    """Who is on call when."""

    id: int
    name: str
    time_zone: str
    sites: list[str] | None  # None: every site
    layers: tuple[Layer, ...]
    overrides: tuple[Override, ...]  # those not yet over, the oldest first


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """Whom a policy tells so long after an alert: `schedule:NAME` or `person:NAME`."""

    after_s: int
    tell: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Policy:
    """Whom a critical alert goes to, one step after the other until it is acknowledged."""

    id: int
    name: str
    sites: list[str] | None  # None: every site that no other policy names
    steps: tuple[Step, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Due:
    """Alerts of one site and cause for which nobody has stepped in, and what is next."""

    policy_id: int
    step: int
    site_id: int | None
    site: str | None
    cause: str
    alert_ids: list[int]
    event_ids: list[int]


async def now(conn: Connection) -> datetime.datetime:
    """Give the database's time, in UTC."""
    cursor = await conn.execute("select clock_timestamp() at time zone 'UTC'")
    row = await cursor.fetchone()
    if row is None:
        raise LookupError("database: no row of a select without a table")
    moment: datetime.datetime = row[0]
    return moment.replace(tzinfo=datetime.UTC)


async def ways(conn: Connection) -> list[Way]:
    """List every way to everybody who is not disabled."""
    cursor = await conn.execute(
        """
        select w.id, w.person_id, p.name, p.sites, w.kind, w.address, w.min_severity,
            w.is_on_call_only, w.is_resolved_told, h.person_id is not null, h.time_zone,
            h.quiet_from, h.quiet_until, h.is_critical_through, h.digest, h.digest_at, h.digest_max
        from way w join person p on p.id = w.person_id left join habit h on h.person_id = p.id
        where not p.is_disabled order by w.id
        """
    )
    return [
        Way(
            **dict(zip(_WAY, row[:9], strict=True)),
            habit=Habit(**dict(zip(_HABIT, row[10:], strict=True))) if row[9] else Habit(),
        )
        for row in await cursor.fetchall()
    ]


async def habit(conn: Connection, person: str) -> Habit:
    """Give a person's habit; the usual one when they have set none."""
    cursor = conn.cursor(row_factory=class_row(Habit))
    await cursor.execute(
        """
        select time_zone, quiet_from, quiet_until, is_critical_through, digest, digest_at,
            digest_max
        from habit h join person p on p.id = h.person_id where p.name = %s
        """,
        (person,),
    )
    return await cursor.fetchone() or Habit()


async def schedules(conn: Connection) -> list[Schedule]:
    """List the schedules with the overrides that are not over."""
    cursor = await conn.execute(
        """
        select o.schedule_id, o.id, p.name, o.from_at, o.until_at
        from schedule_override o join person p on p.id = o.person_id
        where o.until_at > clock_timestamp() and not p.is_disabled order by o.id
        """
    )
    overrides: dict[int, list[Override]] = {}
    for schedule_id, number, person, from_at, until_at in await cursor.fetchall():
        one = Override(id=number, person=person, from_at=from_at, until_at=until_at)
        overrides.setdefault(schedule_id, []).append(one)
    cursor = await conn.execute(
        "select id, name, time_zone, sites, layers from schedule order by name"
    )
    return [
        Schedule(
            id=number,
            name=name,
            time_zone=time_zone,
            sites=sites,
            layers=msgspec.convert(layers, tuple[Layer, ...]),
            overrides=tuple(overrides.get(number, ())),
        )
        for number, name, time_zone, sites, layers in await cursor.fetchall()
    ]


async def policies(conn: Connection) -> list[Policy]:
    """List the policies."""
    cursor = await conn.execute("select id, name, sites, steps from policy order by name")
    return [
        Policy(id=number, name=name, sites=sites, steps=msgspec.convert(steps, tuple[Step, ...]))
        for number, name, sites, steps in await cursor.fetchall()
    ]


async def begin_escalation(
    conn: Connection, event_ids: Sequence[int], policy_id: int, step: int, after_s: float
) -> None:
    """Start the timers of the alerts of these events; one that runs goes on."""
    await conn.execute(
        """
        insert into escalation (alert_id, policy_id, step, begun_at, due_at)
        select distinct a.id, %s::int, %s::int, clock_timestamp(),
            clock_timestamp() + %s * interval '1 second'
        from alert_event e join alert a on a.id = e.alert_id
        where e.id = any(%s) and a.state = 'open' and a.untold = ''
        on conflict (alert_id) do nothing
        """,
        (policy_id, step, after_s, list(event_ids)),
    )


async def due_escalations(conn: Connection) -> list[Due]:
    """List the timers that have run out, by what is told together; end those of no use."""
    await conn.execute(
        """
        delete from escalation x using alert a
        where a.id = x.alert_id and x.due_at <= clock_timestamp()
            and (a.state <> 'open' or a.untold <> '')
        """
    )
    cursor = conn.cursor(row_factory=class_row(Due))
    await cursor.execute(
        """
        select x.policy_id, x.step, a.site_id, s.name as site,
            coalesce(nullif(a.cause, ''), a.rule) as cause, array_agg(a.id) as alert_ids,
            array_agg((select max(e.id) from alert_event e
                where e.alert_id = a.id and e.what in ('opened', 'worsened'))) as event_ids
        from escalation x join alert a on a.id = x.alert_id left join site s on s.id = a.site_id
        where x.due_at <= clock_timestamp() group by 1, 2, 3, 4, 5
        """
    )
    return await cursor.fetchall()


async def end_escalation(conn: Connection, alert_ids: Sequence[int]) -> None:
    """End the timers of alerts."""
    await conn.execute("delete from escalation where alert_id = any(%s)", (list(alert_ids),))


async def step_on(conn: Connection, alert_ids: Sequence[int], step: int, after_s: float) -> None:
    """Set timers to the next step, so long after their begin."""
    await conn.execute(
        """
        update escalation set step = %s, due_at = begun_at + %s * interval '1 second'
        where alert_id = any(%s)
        """,
        (step, after_s, list(alert_ids)),
    )


async def repeat(conn: Connection, alert_ids: Sequence[int], least_s: float, most_s: float) -> None:
    """Have timers run out again, each after as long as it has run already, within limits."""
    await conn.execute(
        """
        update escalation set due_at = clock_timestamp() + least(
            greatest(clock_timestamp() - begun_at, %s * interval '1 second'),
            %s * interval '1 second'
        ) where alert_id = any(%s)
        """,
        (least_s, most_s, list(alert_ids)),
    )


async def next_escalation_s(conn: Connection) -> float | None:
    """Give the seconds until a timer runs out; None when none runs."""
    cursor = await conn.execute(
        "select extract(epoch from min(due_at) - clock_timestamp())::float8 from escalation"
    )
    row = await cursor.fetchone()
    return row[0] if row else None


_WAY = (
    *("id", "person_id", "person", "sites", "kind", "address", "min_severity"),
    *("is_on_call_only", "is_resolved_told"),
)
_HABIT = (
    *("time_zone", "quiet_from", "quiet_until", "is_critical_through"),
    *("digest", "digest_at", "digest_max"),
)
