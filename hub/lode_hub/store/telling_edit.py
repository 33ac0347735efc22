"""Changes to people's ways and habits, schedules, overrides and policies."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import msgspec
from psycopg.rows import class_row, scalar_row

from lode_hub.store.connection import Connection
from lode_hub.store.telling import Habit, Layer, Step


@dataclass(frozen=True, kw_only=True, slots=True)
class Owned:
    """A way and whose it is."""

    id: int
    person: str
    kind: str
    address: str


async def person_id(conn: Connection, name: str) -> int | None:
    """Give the number of a person who is not disabled; None when there is none."""
    cursor = conn.cursor(row_factory=scalar_row)
    await cursor.execute("select id from person where name = %s and not is_disabled", (name,))
    found: int | None = await cursor.fetchone()
    return found


async def way(conn: Connection, way_id: int) -> Owned | None:
    """Give one way; None when there is none."""
    cursor = conn.cursor(row_factory=class_row(Owned))
    await cursor.execute(
        """
        select w.id, p.name as person, w.kind, w.address
        from way w join person p on p.id = w.person_id where w.id = %s
        """,
        (way_id,),
    )
    return await cursor.fetchone()


async def put_way(  # noqa: PLR0913 -- its columns
    conn: Connection,
    person: int,
    kind: str,
    address: str,
    *,
    min_severity: str,
    is_on_call_only: bool,
    is_resolved_told: bool,
) -> int:
    """Add a way, or change what goes to an address that is there; give its number."""
    cursor = conn.cursor(row_factory=scalar_row)
    await cursor.execute(
        """
        insert into way (person_id, kind, address, min_severity, is_on_call_only, is_resolved_told)
        values (%s, %s, %s, %s, %s, %s)
        on conflict (person_id, kind, address) do update set min_severity = excluded.min_severity,
            is_on_call_only = excluded.is_on_call_only,
            is_resolved_told = excluded.is_resolved_told
        returning id
        """,
        (person, kind, address, min_severity, is_on_call_only, is_resolved_told),
    )
    number: int | None = await cursor.fetchone()
    return number or 0


async def count_ways(conn: Connection, person: int, but: str) -> int:
    """Count a person's ways, but for those to one address."""
    cursor = conn.cursor(row_factory=scalar_row)
    await cursor.execute(
        "select count(*)::int from way where person_id = %s and address <> %s", (person, but)
    )
    found: int | None = await cursor.fetchone()
    return found or 0


async def remove_way(conn: Connection, way_id: int) -> None:
    """Remove a way, and give up what waits for it."""
    async with conn.transaction():
        await conn.execute(
            """
            update delivery set state = 'dead', finished_at = clock_timestamp(),
                error = 'the person is not told this way any more'
            where way_id = %s and state = 'waiting'
            """,
            (way_id,),
        )
        await conn.execute("delete from way where id = %s", (way_id,))


async def put_habit(conn: Connection, person: int, habit: Habit) -> None:
    """Set when a person is left alone."""
    await conn.execute(
        """
        insert into habit (person_id, time_zone, quiet_from, quiet_until, is_critical_through,
            digest, digest_at, digest_max)
        values (%s, %s, %s, %s, %s, %s, %s, %s)
        on conflict (person_id) do update set time_zone = excluded.time_zone,
            quiet_from = excluded.quiet_from, quiet_until = excluded.quiet_until,
            is_critical_through = excluded.is_critical_through, digest = excluded.digest,
            digest_at = excluded.digest_at, digest_max = excluded.digest_max
        """,
        (
            *(person, habit.time_zone, habit.quiet_from, habit.quiet_until),
            *(habit.is_critical_through, habit.digest, habit.digest_at, habit.digest_max),
        ),
    )


async def put_schedule(
    conn: Connection,
    name: str,
    time_zone: str,
    sites: Sequence[str] | None,
    layers: Sequence[Layer],
) -> None:
    """Write a schedule, new or changed."""
    await conn.execute(
        """
        insert into schedule (name, time_zone, sites, layers) values (%s, %s, %s, %s::jsonb)
        on conflict (name) do update set time_zone = excluded.time_zone, sites = excluded.sites,
            layers = excluded.layers
        """,
        (name, time_zone, _listed(sites), msgspec.json.encode(list(layers)).decode()),
    )


async def remove_schedule(conn: Connection, name: str) -> bool:
    """Remove a schedule; tell whether there was one."""
    return (await conn.execute("delete from schedule where name = %s", (name,))).rowcount == 1


async def add_override(
    conn: Connection, schedule: str, person: int, from_at: datetime, until_at: datetime
) -> int | None:
    """Let somebody stand in; give the override's number, None when there is no such schedule."""
    cursor = conn.cursor(row_factory=scalar_row)
    await cursor.execute(
        """
        insert into schedule_override (schedule_id, person_id, from_at, until_at)
        select id, %s, %s, %s from schedule where name = %s returning id
        """,
        (person, from_at, until_at, schedule),
    )
    number: int | None = await cursor.fetchone()
    return number


async def remove_override(conn: Connection, override_id: int) -> bool:
    """Remove an override; tell whether there was one."""
    done = await conn.execute("delete from schedule_override where id = %s", (override_id,))
    return done.rowcount == 1


async def put_policy(
    conn: Connection, name: str, sites: Sequence[str] | None, steps: Sequence[Step]
) -> None:
    """Write a policy, new or changed; timers that run go on with its new steps."""
    await conn.execute(
        """
        insert into policy (name, sites, steps) values (%s, %s, %s::jsonb)
        on conflict (name) do update set sites = excluded.sites, steps = excluded.steps
        """,
        (name, _listed(sites), msgspec.json.encode(list(steps)).decode()),
    )


async def remove_policy(conn: Connection, name: str) -> bool:
    """Remove a policy with its timers; tell whether there was one."""
    return (await conn.execute("delete from policy where name = %s", (name,))).rowcount == 1


async def count(conn: Connection, what: str, but: str = "") -> int:
    """Count schedules, policies or overrides, but for the one of a name."""
    queries = {
        "schedule": "select count(*)::int from schedule where name <> %(but)s",
        "policy": "select count(*)::int from policy where name <> %(but)s",
        "override": "select count(*)::int from schedule_override where until_at > now()",
    }
    cursor = conn.cursor(row_factory=scalar_row)
    await cursor.execute(queries[what].encode(), {"but": but})
    found: int | None = await cursor.fetchone()
    return found or 0


async def send_again(conn: Connection, delivery_id: int) -> bool:
    """Let a delivery that was given up be tried again; tell whether it was one."""
    done = await conn.execute(
        """
        update delivery set state = 'waiting', attempts = 0, due_at = clock_timestamp(),
            finished_at = null
        where id = %s and state = 'dead'
        """,
        (delivery_id,),
    )
    return done.rowcount == 1


def _listed(sites: Sequence[str] | None) -> list[str] | None:
    return None if sites is None else list(sites)
