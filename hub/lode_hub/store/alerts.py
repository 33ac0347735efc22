"""Alerts in the database: open, renew, clear, acknowledge, resolve, and every event of their lives.

Each function runs inside its caller's transaction, so that a change of state, its event and its
outbox row stand or fall together.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import msgspec
from psycopg.rows import class_row, scalar_row

from lode_hub.committed import Finding
from lode_hub.store.connection import Connection

What = Literal["opened", "acknowledged", "resolved", "flapping", "cleared", "returned"]
State = Literal["open", "acknowledged", "resolved"]

TOLD: frozenset[What] = frozenset({"opened", "acknowledged", "resolved", "flapping"})
"""Happenings that go to the outbox; the others are only remembered."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Cleared:
    """An unresolved alert whose trouble went away, and how often that happened of late."""

    id: int
    is_held: bool  # already held open as flapping
    turns: int  # openings and resolutions by the hub in the window


@dataclass(frozen=True, kw_only=True, slots=True)
class Hold:
    """An alert whose time of being held open is over."""

    id: int
    is_cleared: bool
    turns: int  # comings and goings in the window


async def serialise(conn: Connection) -> None:
    """Let one transaction at a time change alerts, so that none can deadlock another.

    That there is one alert a trouble does not hang on this: the unique index sees to it.
    """
    await conn.execute("select pg_advisory_xact_lock(hashtext('lode_alert'))")


async def open_or_renew(conn: Connection, findings: Sequence[Finding], now_ms: int) -> list[int]:
    """Open an alert for each finding that has none, renew the others, and give the new ids.

    No two of the findings may have the same key.
    """
    cursor = conn.cursor(row_factory=scalar_row)
    await cursor.execute(_OPEN_OR_RENEW, _arrays(findings) | {"now_ms": now_ms})
    return [row async for row in cursor if row is not None]


async def returned(conn: Connection, findings: Sequence[Finding]) -> list[int]:
    """Take the mark `cleared` off held alerts whose trouble is back, and give their ids."""
    cursor = conn.cursor(row_factory=scalar_row)
    await cursor.execute(_RETURNED, _keys(findings))
    return [row async for row in cursor]


async def cleared(
    conn: Connection, findings: Sequence[Finding], now_ms: int, window_ms: int
) -> list[Cleared]:
    """List the unresolved alerts whose trouble went away, locked, with their evidence added."""
    cursor = conn.cursor(row_factory=class_row(Cleared))
    given = {**_keys(findings), "evidence": _evidence(findings), "from_ms": now_ms - window_ms}
    await cursor.execute(_CLEARED, given)
    return await cursor.fetchall()


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
            resolved_by = %(by)s, flapping_until = null
        where id = any(%(ids)s) and state <> 'resolved'
        """,
        {"ids": list(ids), "now_ms": now_ms, "by": by},
    )


async def acknowledge(conn: Connection, alert_id: int, by: str, now_ms: int) -> None:
    """Write down that a person has seen an open alert."""
    await conn.execute(
        """
        update alert set state = 'acknowledged', acknowledged_by = %(by)s,
            acknowledged_at = to_timestamp(%(now_ms)s / 1e3)
        where id = %(id)s and state = 'open'
        """,
        {"id": alert_id, "by": by, "now_ms": now_ms},
    )


async def hold(conn: Connection, ids: Sequence[int], until_ms: int) -> None:
    """Hold alerts open as flapping until then."""
    await conn.execute(
        "update alert set flapping_until = to_timestamp(%s / 1e3) where id = any(%s)",
        (until_ms, list(ids)),
    )


async def unhold(conn: Connection, ids: Sequence[int]) -> None:
    """Hold alerts open no longer; they stay open as long as their trouble does."""
    await conn.execute("update alert set flapping_until = null where id = any(%s)", (list(ids),))


async def mark_cleared(conn: Connection, ids: Sequence[int], now_ms: int) -> list[int]:
    """Mark held alerts as cleared, and give those that were not yet."""
    cursor = conn.cursor(row_factory=scalar_row)
    await cursor.execute(
        """
        update alert set cleared_at = to_timestamp(%s / 1e3)
        where id = any(%s) and cleared_at is null returning id
        """,
        (now_ms, list(ids)),
    )
    return [row async for row in cursor]


async def state_of(conn: Connection, alert_id: int) -> State | None:
    """Give an alert's state, and lock it for this transaction; None when there is no such alert."""
    cursor = conn.cursor(row_factory=scalar_row)
    await cursor.execute("select state from alert where id = %s for update", (alert_id,))
    state: State | None = await cursor.fetchone()
    return state


async def record(
    conn: Connection, ids: Sequence[int], what: What, now_ms: int, by: str | None = None
) -> None:
    """Append an event to each alert's life, and to the outbox where somebody is to be told."""
    await conn.execute(
        """
        with event as (
            insert into alert_event (alert_id, rule, subject, what, at, by)
            select id, rule, subject, %(what)s, to_timestamp(%(now_ms)s / 1e3), %(by)s
            from alert where id = any(%(ids)s) order by id
            returning id
        )
        insert into outbox (event_id) select id from event where %(told)s
        """,
        {"ids": list(ids), "what": what, "now_ms": now_ms, "by": by, "told": what in TOLD},
    )


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


_OPEN_OR_RENEW = """
    insert into alert (rule, subject, site_id, agent_id, device_id, severity, title, likely_cause,
        evidence, since_at, opened_at, renewed_at)
    select f.rule, f.subject, s.id, a.id, d.id, f.severity, f.title, f.cause, f.evidence,
        to_timestamp(f.since_ms / 1e3), to_timestamp(%(now_ms)s / 1e3),
        to_timestamp(%(now_ms)s / 1e3)
    from unnest(
        %(rule)s::text[], %(subject)s::text[], %(kind)s::text[], %(number)s::int[],
        %(severity)s::text[], %(title)s::text[], %(cause)s::text[], %(evidence)s::jsonb[],
        %(since_ms)s::bigint[]
    ) as f (rule, subject, kind, number, severity, title, cause, evidence, since_ms)
    left join device d on f.kind = 'device' and d.id = f.number
    left join agent a on a.id = case f.kind when 'agent' then f.number else d.agent_id end
    left join site s on s.id = case f.kind when 'site' then f.number else a.site_id end
    order by f.rule, f.subject
    on conflict (rule, subject) where state <> 'resolved' do update set
        severity = excluded.severity, title = excluded.title, evidence = excluded.evidence,
        likely_cause = excluded.likely_cause, renewed_at = excluded.renewed_at
    -- xmax is 0 in a row that was inserted, and our own transaction in one that was updated.
    returning case when xmax = 0 then id end
"""

_RETURNED = """
    update alert a set cleared_at = null
    from unnest(%(rule)s::text[], %(subject)s::text[]) as f (rule, subject)
    where a.rule = f.rule and a.subject = f.subject
        and a.state <> 'resolved' and a.cleared_at is not null
    returning a.id
"""

_CLEARED = """
    update alert a set evidence = a.evidence || jsonb_build_object('cleared', f.evidence)
    from unnest(%(rule)s::text[], %(subject)s::text[], %(evidence)s::jsonb[])
        as f (rule, subject, evidence)
    where a.rule = f.rule and a.subject = f.subject and a.state <> 'resolved'
    returning a.id, a.flapping_until is not null as is_held, (
        select count(*)::int from alert_event e
        where e.rule = a.rule and e.subject = a.subject and e.by is null
            and e.what in ('opened', 'resolved') and e.at > to_timestamp(%(from_ms)s / 1e3)
    ) as turns
"""

_ENDED_HOLDS = """
    select a.id, a.cleared_at is not null as is_cleared, (
        select count(*)::int from alert_event e
        where e.rule = a.rule and e.subject = a.subject and e.by is null
            and e.what in ('opened', 'resolved', 'cleared', 'returned')
            and e.at > to_timestamp(%(from_ms)s / 1e3)
    ) as turns
    from alert a
    where a.flapping_until <= to_timestamp(%(now_ms)s / 1e3) and a.state <> 'resolved'
    for update of a
"""


def _keys(findings: Sequence[Finding]) -> dict[str, list[str]]:
    return {"rule": [f.rule for f in findings], "subject": [f.subject for f in findings]}


def _evidence(findings: Sequence[Finding]) -> list[str]:
    return [msgspec.json.encode(finding.evidence).decode() for finding in findings]


def _arrays(findings: Sequence[Finding]) -> dict[str, object]:
    about = [finding.subject.partition(":") for finding in findings]
    return {
        **_keys(findings),
        "kind": [kind for kind, _, _ in about],
        "number": [int(rest) if rest.isdecimal() else None for _, _, rest in about],
        "severity": [finding.severity for finding in findings],
        "title": [finding.title for finding in findings],
        "cause": [finding.likely_cause for finding in findings],
        "evidence": _evidence(findings),
        "since_ms": [finding.evidence.get("since_ms", finding.at_ms) for finding in findings],
    }
