"""Who is not told of an open alert, and why: shelves, silences, maintenance, orders, other alerts.

    reason found ─► untold ─► reason gone ─► settling ─► still there ─► told
                      ▲                         │
                      └──── a reason again ◄────┘

One statement over all open alerts, or over those that have just opened; each kind of reason is a
join, so that ten thousand alerts take as long as a few joins do.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from psycopg.rows import class_row

from lode_hub.store.connection import Connection
from lode_hub.store.ordered import ORDERED

SETTLING = "settling"
"""What an alert is called whose reason has just ended: the trouble may end with it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Reviewed:
    """An alert of which people are told no more, or again."""

    id: int
    untold: str
    was_untold: str


async def is_due(conn: Connection, now_ms: int, every_ms: int) -> bool:
    """Tell whether nobody has reviewed for so long, and note that we do now."""
    cursor = await conn.execute(
        """
        update alert_review set at = to_timestamp(%(now_ms)s / 1e3)
        where at <= to_timestamp((%(now_ms)s - %(every_ms)s) / 1e3)
            or at > to_timestamp((%(now_ms)s + 60000) / 1e3)  -- a clock was set back
        """,
        {"now_ms": now_ms, "every_ms": every_ms},
    )
    return cursor.rowcount > 0


async def review(
    conn: Connection, now_ms: int, settle_ms: int, ids: Sequence[int] | None = None
) -> list[Reviewed]:
    """Find each open alert's reason not to be told anew; give those of which it changed.

    `ids` are the alerts that have just opened, and people are not told of those that have a
    reason after all; None reviews all.
    """
    cursor = conn.cursor(row_factory=class_row(Reviewed))
    given = {"ids": None if ids is None else list(ids), "now_ms": now_ms, "settle_ms": settle_ms}
    await cursor.execute(_REVIEW, given)
    return await cursor.fetchall()


async def tell_again(conn: Connection, ids: Sequence[int], now_ms: int) -> None:
    """Put the openings of alerts into the outbox, now that nothing speaks against it."""
    await conn.execute(
        """
        with told as (
            insert into outbox (event_id)
            select max(id) from alert_event where what = 'opened' and alert_id = any(%(ids)s)
            group by alert_id
            on conflict do nothing
        )
        update alert set told_at = to_timestamp(%(now_ms)s / 1e3), told_severity = severity
        where id = any(%(ids)s)
        """,
        {"ids": list(ids), "now_ms": now_ms},
    )


_TARGETS = """
    target as materialized (
        select a.id, a.rule, a.cause, a.subject, a.site_id, a.agent_id, a.device_id, a.rack,
            a.model, a.members, a.untold, a.settles_at, a.cleared_at, g.name as agent,
            called(a.subject, d.name, g.name, s.name) as name,
            coalesce(r.inhibited_by, array['agent-stale']) as inhibited_by
        from alert a left join alert_rule r on r.id = a.rule_id
            left join device d on d.id = a.device_id left join agent g on g.id = a.agent_id
            left join site s on s.id = a.site_id
        where a.state = 'open' and (%(ids)s::bigint[] is null or a.id = any(%(ids)s))
    ), source as materialized (
        select id, rule, cause, subject, site_id, agent_id, device_id, rack, model, members,
            substring(untold from '^inhibited by alert ([0-9]+)$')::bigint as inhibitor
        from alert where state in ('open', 'acknowledged')
    )
"""
"""The alerts that are judged, and those that may speak against telling them."""

_COVERED = """
    covered (target_id, source_id, is_member) as (
        select t.id, s.id, true
        from source s cross join lateral unnest(s.members) m (subject)
            join target t on t.subject = m.subject and t.id <> s.id
        union all
        select t.id, s.id, false
        from source s join target t on t.members <@ s.members and t.id <> s.id
        where t.members <> '{}' and s.members <> '{}'
        union all
        select t.id, s.id, false
        from source s join target t on t.subject = s.subject and t.id <> s.id
        union all
        select t.id, s.id, false
        from source s join target t on t.agent_id = s.agent_id and t.subject <> s.subject
        where s.subject like 'agent:%%' and s.members = '{}'
        union all
        select t.id, s.id, false
        from source s join target t on t.site_id = s.site_id and t.subject <> s.subject
            and s.rack in ('', t.rack) and s.model in ('', t.model)
        where s.subject like 'site:%%' and s.members = '{}'
    ), inhibited as (
        select c.target_id as id, min(c.source_id) as by
        from covered c join target t on t.id = c.target_id join source s on s.id = c.source_id
            left join covered x on x.target_id = c.target_id and x.source_id = s.inhibitor
        where (s.rule = any(t.inhibited_by) or (s.cause <> '' and s.cause = any(t.inhibited_by))
                or (c.is_member and s.cause = t.cause))
            and (s.inhibitor is null or x.source_id is not null)
        group by c.target_id
    )
"""
"""What alerts are about things that another alert is about, too; and which of those it inhibits.

One that is inhibited itself explains only what the alert that inhibits it is about, too: nobody
was told of it. Of one that people have shelved or silenced they know.
"""

_BY_PEOPLE = """
    silenced as (
        select t.id, min(s.id) as by
        from target t join silence s on s.starts_at <= to_timestamp(%(now_ms)s / 1e3)
            and s.ends_at > to_timestamp(%(now_ms)s / 1e3)
            and (s.site_id is null or s.site_id = t.site_id)
            and fits(t.rule, s.rule) and fits(t.cause, s.cause) and fits(t.rack, s.rack)
            and (fits(t.subject, s.subject) or fits(t.name, s.subject)
                or t.subject like 'agent:%%' and fits(t.agent, s.subject))
        group by t.id
    ), maintained as (
        select t.id, min(m.id) as by
        from target t join maintenance m on m.site_id = t.site_id
            and (m.rack is null or m.rack = t.rack)
            and m.starts_at <= to_timestamp(%(now_ms)s / 1e3)
            and m.ends_at > to_timestamp(%(now_ms)s / 1e3)
        group by t.id
    )
"""

_HELD = """
    held as (
        select distinct on (x.id) x.id, x.by, x.action
        from (
            -- A full join is hashed, however few rigs are expected to be under an order.
            select t.id, t.inhibited_by, o.command_id as by, o.action, o.wish, o.number
            from target t full join ordered o on o.device_id = t.device_id offset 0) x
        where x.id is not null
            and case x.wish when 'sleep' then 'order' when 'power_limit' then 'limit'
                when 'power_mode' then 'limit' when 'preset' then 'limit' end = any(x.inhibited_by)
        order by x.id, x.wish <> 'sleep', x.number desc
    )
"""
"""The order that explains an alert about its device: it has it down, or lets it run on less."""

_REVIEW = f"""
    with {_TARGETS}, {_COVERED}, {_BY_PEOPLE}, {ORDERED}, {_HELD}, judged as (
        select t.id, t.untold as was_untold, t.settles_at, t.cleared_at, coalesce(
            'shelved until ' || to_char(h.until_at at time zone 'UTC', 'YYYY-MM-DD HH24:MI')
                || ' UTC by ' || h.by,
            'silence ' || q.by,
            'maintenance by ' || dm.person,
            'maintenance ' || m.by,
            'inhibited by alert ' || i.by,
            'order ' || o.by || ' (' || o.action || ')',
            '') as reason
        from target t
            left join shelf h on h.rule = t.rule and h.subject = t.subject
                and h.until_at > to_timestamp(%(now_ms)s / 1e3)
            left join silenced q on q.id = t.id
            left join device_maintenance dm on dm.device_id = t.device_id
            left join maintained m on m.id = t.id
            left join inhibited i on i.id = t.id
            left join held o on o.id = t.id
    ), decided as (
        select id, was_untold, settles_at, case
            when reason <> '' or was_untold = '' then reason
            when settles_at <= to_timestamp(%(now_ms)s / 1e3) and cleared_at is null then ''
            else '{SETTLING}' end as untold
        from judged
    )
    update alert a set untold = d.untold,
        told_at = case when %(ids)s::bigint[] is null then a.told_at end, settles_at = case
        when d.untold <> '{SETTLING}' then null
        else coalesce(d.settles_at, to_timestamp((%(now_ms)s + %(settle_ms)s) / 1e3)) end
    from decided d
    where a.id = d.id and d.untold <> d.was_untold
    returning a.id, a.untold, d.was_untold
""".encode()  # noqa: S608 -- of constants
