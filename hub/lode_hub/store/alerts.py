"""Alerts in the database: clear, acknowledge, resolve, hold, and every event of their lives.

Each function runs inside its caller's transaction, so that a change of state, its event and its
outbox row stand or fall together. How findings become alerts is in `store.alerts_open`; who is not
told of one, and why, in `store.alerts_review`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from psycopg.rows import class_row, scalar_row

from lode_hub.committed import Finding
from lode_hub.store import alerts_open
from lode_hub.store.connection import Connection

What = Literal[
    "opened",
    "acknowledged",
    "resolved",
    "flapping",
    "cleared",
    "returned",
    "untold",
    "released",
    "worsened",
]
State = Literal["pending", "open", "acknowledged", "resolved"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Cleared:
    """An alert that people may know, whose trouble went away, and how often it came of late."""

    id: int
    is_held: bool  # held open as flapping
    is_cleared: bool  # its trouble was away already
    comings: int  # how often the hub saw it come in the window
    off_delay_s: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Hold:
    """An alert whose time of being held open is over."""

    id: int
    is_cleared: bool
    comings: int  # in the window


async def serialise(conn: Connection) -> None:
    """Let one transaction at a time change alerts, so that none can deadlock another.

    That there is one alert a trouble does not hang on this: the unique index sees to it.
    """
    await conn.execute("select pg_advisory_xact_lock(hashtext('lode_alert'))")


async def cleared(
    conn: Connection, findings: Sequence[Finding], now_ms: int, window_ms: int
) -> list[Cleared]:
    """List the open alerts whose trouble went away, locked, with their evidence added."""
    cursor = conn.cursor(row_factory=class_row(Cleared))
    given = {
        **alerts_open.keys(findings),
        "evidence": alerts_open.evidence(findings),
        "at_ms": [finding.at_ms for finding in findings],
        "from_ms": now_ms - window_ms,
    }
    await cursor.execute(_CLEARED, given)
    return await cursor.fetchall()


async def forget_pending(conn: Connection, findings: Sequence[Finding]) -> None:
    """Drop the pending alerts whose trouble went away before anybody was told."""
    await conn.execute(
        """
        delete from alert a using unnest(%(rule)s::text[], %(subject)s::text[]) f (rule, subject)
        where a.rule = f.rule and a.subject = f.subject and a.state = 'pending'
        """,
        alerts_open.keys(findings),
    )


async def ripe(conn: Connection, now_ms: int) -> list[int]:
    """Open the pending alerts whose on-delay is over, and give their ids."""
    return await _ids(
        conn,
        """
        update alert set state = 'open', opened_at = to_timestamp(%(now_ms)s / 1e3),
            told_at = to_timestamp(%(now_ms)s / 1e3), told_severity = severity, turns_at = null
        where state = 'pending' and turns_at <= to_timestamp(%(now_ms)s / 1e3) returning id
        """,
        {"now_ms": now_ms},
    )


async def over(conn: Connection, now_ms: int) -> list[int]:
    """List the cleared alerts whose off-delay is over."""
    return await _ids(
        conn,
        """
        select id from alert where turns_at <= to_timestamp(%(now_ms)s / 1e3)
            and state in ('open', 'acknowledged') and flapping_until is null
        """,
        {"now_ms": now_ms},
    )


async def ended_holds(conn: Connection, now_ms: int, window_ms: int) -> list[Hold]:
    """List the alerts that were held open until now, locked."""
    cursor = conn.cursor(row_factory=class_row(Hold))
    await cursor.execute(_ENDED_HOLDS, {"now_ms": now_ms, "from_ms": now_ms - window_ms})
    return await cursor.fetchall()


async def resolve(conn: Connection, ids: Sequence[int], now_ms: int, by: str | None = None) -> None:
    """End alerts that are not resolved."""
    await conn.execute(
        """
        update alert set state = 'resolved', resolved_at = to_timestamp(%(now_ms)s / 1e3),
            resolved_by = %(by)s, flapping_until = null, turns_at = null, settles_at = null,
            untold = ''
        where id = any(%(ids)s) and state <> 'resolved'
        """,
        {"ids": list(ids), "now_ms": now_ms, "by": by},
    )


async def acknowledge(conn: Connection, ids: Sequence[int], by: str, now_ms: int) -> list[int]:
    """Write down that a person has seen alerts as grave as they are; give those open so far."""
    return await _ids(
        conn,
        """
        update alert set state = 'acknowledged', acknowledged_by = %(by)s, settles_at = null,
            untold = '', acknowledged_at = to_timestamp(%(now_ms)s / 1e3),
            told_severity = severity
        where id = any(%(ids)s) and state = 'open' returning id
        """,
        {"ids": list(ids), "by": by, "now_ms": now_ms},
    )


async def hold(conn: Connection, ids: Sequence[int], until_ms: int) -> None:
    """Hold alerts open as flapping until then."""
    await conn.execute(
        "update alert set flapping_until = to_timestamp(%s / 1e3), turns_at = null "
        "where id = any(%s)",
        (until_ms, list(ids)),
    )


async def unhold(conn: Connection, ids: Sequence[int]) -> None:
    """Hold alerts open no longer; they stay open as long as their trouble does."""
    await conn.execute("update alert set flapping_until = null where id = any(%s)", (list(ids),))


async def mark_cleared(
    conn: Connection, ids: Sequence[int], now_ms: int, ends_ms: Sequence[int] | None = None
) -> list[int]:
    """Mark alerts as cleared, and give those that were not yet; `ends_ms` is when each ends."""
    return await _ids(
        conn,
        """
        update alert a set cleared_at = to_timestamp(%(now_ms)s / 1e3),
            turns_at = to_timestamp(f.ends_ms / 1e3)
        from unnest(%(ids)s::bigint[], %(ends_ms)s::bigint[]) as f (id, ends_ms)
        where a.id = f.id and a.cleared_at is null returning a.id
        """,
        {"ids": list(ids), "now_ms": now_ms, "ends_ms": ends_ms or [None] * len(ids)},
    )


async def state_of(conn: Connection, alert_id: int) -> State | None:
    """Give an alert's state, and lock it for this transaction; None when there is no such alert."""
    cursor = conn.cursor(row_factory=scalar_row)
    await cursor.execute("select state from alert where id = %s for update", (alert_id,))
    state: State | None = await cursor.fetchone()
    return state


async def record(
    conn: Connection,
    ids: Sequence[int],
    what: What,
    now_ms: int,
    *,
    by: str | None = None,
    note: str = "",
) -> None:
    """Append an event to each alert's life, and to the outbox where people are to be told.

    They are told that an alert opened, flaps or became graver unless it has a reason not to, and
    of its further life if they were told that it opened.
    """
    given = {"ids": list(ids), "what": what, "now_ms": now_ms, "by": by, "note": note}
    await conn.execute(_RECORD, given)


async def announce(conn: Connection, ids: Sequence[int]) -> None:
    """Tell all who listen on `lode_alert`, after the commit, which alerts changed."""
    few = sorted(set(ids))[:200]  # a payload ends at 8,000 bytes; who needs all of them asks
    await conn.execute(
        """
        select pg_notify('lode_alert', json_build_object('alerts', %(few)s::bigint[], 'sites',
            coalesce((select json_agg(distinct s.name) from alert a join site s on s.id = a.site_id
                where a.id = any(%(few)s)), '[]'))::text)
        """,
        {"few": few},
    )


async def of_rule(
    conn: Connection, rule: str, site: str | None, *, but: Sequence[str]
) -> list[int]:
    """List the alerts of a rule that are not resolved, at one site or at all but some."""
    return await _ids(
        conn,
        """
        select a.id from alert a left join site s on s.id = a.site_id
        where a.rule = %(rule)s and a.state <> 'resolved' and case
            when %(site)s::text is null then s.name is null or s.name <> all(%(but)s::text[])
            else s.name = %(site)s end
        """,
        {"rule": rule, "site": site, "but": list(but)},
    )


async def unresolved(conn: Connection, rules: Sequence[str]) -> list[tuple[str, str, int]]:
    """List rule, subject and begin (Unix ms) of the alerts of these rules that are not resolved.

    An alert that is held open although its trouble went away is none of them.
    """
    cursor = conn.cursor(row_factory=class_row(_Unresolved))
    await cursor.execute(
        """
        select rule, subject, (extract(epoch from since_at) * 1000)::bigint as since_ms
        from alert where state <> 'resolved' and cleared_at is null and rule = any(%s)
        """,
        (list(rules),),
    )
    return [(row.rule, row.subject, row.since_ms) async for row in cursor]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Unresolved:
    rule: str
    subject: str
    since_ms: int


async def _ids(conn: Connection, statement: str, values: dict[str, object]) -> list[int]:
    cursor = conn.cursor(row_factory=scalar_row)
    await cursor.execute(statement.encode(), values)
    return await cursor.fetchall()


_RECORD = """
    with event as (
        insert into alert_event (alert_id, rule, subject, what, at, by, note)
        select id, rule, subject, %(what)s, to_timestamp(%(now_ms)s / 1e3), %(by)s,
            case %(what)s::text when 'untold' then untold when 'worsened' then severity
                else %(note)s end
        from alert where id = any(%(ids)s) order by id
        returning id, alert_id
    )
    insert into outbox (event_id)
    select e.id from event e join alert a on a.id = e.alert_id
    where a.told_at is not null and case %(what)s::text
        when 'opened' then true
        when 'flapping' then a.untold = ''
        -- An opening that waits to be told is told as grave as the alert is by then.
        when 'worsened' then a.untold = '' and not exists (
            select from outbox o join alert_event x on x.id = o.event_id
            where x.alert_id = a.id and x.what = 'opened')
        when 'acknowledged' then true
        when 'resolved' then true
        else false end
"""

_COMINGS = """
    select count(*)::int from alert_event e
    where e.rule = a.rule and e.subject = a.subject
        and e.what in ('opened', 'returned') and e.at > to_timestamp(%(from_ms)s / 1e3)
"""

_CLEARED = f"""
    update alert a set observed_at = greatest(a.observed_at, to_timestamp(f.at_ms / 1e3)),
        evidence = a.evidence || jsonb_build_object('cleared', f.evidence)
    from unnest(%(rule)s::text[], %(subject)s::text[], %(evidence)s::jsonb[], %(at_ms)s::bigint[])
        as f (rule, subject, evidence, at_ms)
    where a.rule = f.rule and a.subject = f.subject and a.state in ('open', 'acknowledged')
    returning a.id, a.flapping_until is not null as is_held, a.cleared_at is not null as is_cleared,
        ({_COMINGS}) as comings, coalesce((
            select r.off_delay_s from alert_rule r where r.id = a.rule_id), 0) as off_delay_s
""".encode()  # noqa: S608 -- of constants

_ENDED_HOLDS = f"""
    select a.id, a.cleared_at is not null as is_cleared, ({_COMINGS}) as comings
    from alert a
    where a.flapping_until <= to_timestamp(%(now_ms)s / 1e3) and a.state <> 'resolved'
    for update of a
""".encode()  # noqa: S608 -- of constants
