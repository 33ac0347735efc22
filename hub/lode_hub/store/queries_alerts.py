"""Reads of alerts: the inbox, its counts, one alert's history."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from psycopg.rows import dict_row

from lode_hub.store.connection import Connection

Row = dict[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class Chosen:
    """Which alerts; what is None or empty leaves all in. Without states, all but the pending.

    A site that is empty, not None, stands for no site: an alert about a channel.
    """

    states: Sequence[str] = ()
    severities: Sequence[str] = ()
    causes: Sequence[str] = ()
    site: str | None = None
    rule: str | None = None
    device_id: int | None = None
    search: str = ""
    is_untold: bool | None = None


_ALERT = """
    select al.id as alert_id, al.rule, al.severity, al.state, s.name as site,
        al.subject as key, called(al.subject, d.name, a.name, s.name) as subject, al.device_id,
        al.agent_id,
        al.title, al.evidence, al.likely_cause, al.cause, al.rack, al.confidence, al.members,
        al.stake_usd_h, al.untold, r.version as rule_version, h.by as shelved_by,
        (extract(epoch from al.since_at) * 1000)::bigint as since_ms,
        (extract(epoch from al.opened_at) * 1000)::bigint as opened_ms,
        (extract(epoch from al.acknowledged_at) * 1000)::bigint as acknowledged_ms,
        al.acknowledged_by, (extract(epoch from al.resolved_at) * 1000)::bigint as resolved_ms,
        (extract(epoch from al.told_at) * 1000)::bigint as told_ms,
        (extract(epoch from al.cleared_at) * 1000)::bigint as cleared_ms,
        (extract(epoch from al.flapping_until) * 1000)::bigint as flapping_until_ms,
        (extract(epoch from h.until_at) * 1000)::bigint as shelved_until_ms
    from alert al
        left join site s on s.id = al.site_id
        left join device d on d.id = al.device_id
        left join agent a on a.id = al.agent_id
        left join alert_rule r on r.id = al.rule_id
        left join shelf h on h.rule = al.rule and h.subject = al.subject and h.until_at > now()
            and al.state <> 'resolved'
"""

_CHOSEN = """
    where al.state = any(%(states)s)
        and (%(severities)s::text[] = '{}' or al.severity = any(%(severities)s))
        and (%(causes)s::text[] = '{}' or al.cause = any(%(causes)s))
        and (%(site)s::text is null or coalesce(s.name, '') = %(site)s)
        and (%(rule)s::text is null or al.rule = %(rule)s)
        and (%(device_id)s::int is null or al.device_id = %(device_id)s)
        and (%(is_untold)s::bool is null or (al.untold <> '') = %(is_untold)s)
        and (%(search)s = '' or strpos(lower(concat_ws(' ', al.title, al.rule, al.subject,
            called(al.subject, d.name, a.name, s.name), a.name, s.name, al.rack,
            al.likely_cause)), lower(%(search)s)) > 0)
"""

_STATES = ["open", "acknowledged", "resolved"]
_WORST = 3

_GRAVEST = """
    array_position(array['critical', 'warning', 'info'], al.severity),
    al.stake_usd_h desc nulls last, al.since_at, al.id
"""


async def alerts(
    conn: Connection, chosen: Chosen, *, is_gravest_first: bool = False, limit: int, offset: int
) -> list[Row]:
    """List alerts, newest first, or by severity, money at stake and age."""
    order = _GRAVEST if is_gravest_first else "al.opened_at desc, al.id desc"
    statement = f"{_ALERT} {_CHOSEN} order by {order} limit %(limit)s offset %(offset)s"
    return await _rows(conn, statement, _values(chosen) | {"limit": limit, "offset": offset})


async def groups(conn: Connection, chosen: Chosen, *, limit: int, offset: int) -> list[Row]:
    """List alerts by site and cause, the group with the gravest first, each with its gravest."""
    statement = f"""
        with chosen as (
            select al.id, s.name as site, al.cause, al.state, al.severity, al.stake_usd_h,
                al.since_at, al.untold, row_number() over (order by {_GRAVEST}) as place
            from alert al
                left join site s on s.id = al.site_id
                left join device d on d.id = al.device_id
                left join agent a on a.id = al.agent_id
            {_CHOSEN}
        )
        select site, cause, count(*)::int as n,
            (count(*) filter (where state = 'open'))::int as n_open,
            (count(*) filter (where untold <> ''))::int as untold,
            sum(stake_usd_h)::float8 as stake_usd_h,
            (extract(epoch from min(since_at)) * 1000)::bigint as since_ms,
            (array_agg(severity order by place))[1] as severity,
            (array_agg(id order by place))[1:{_WORST}] as worst,
            (count(*) over ())::int as groups, (sum(count(*)) over ())::int as total
        from chosen group by site, cause order by min(place) limit %(limit)s offset %(offset)s
    """  # noqa: S608 -- of constants
    return await _rows(conn, statement, _values(chosen) | {"limit": limit, "offset": offset})


async def these(conn: Connection, alert_ids: Sequence[int]) -> dict[int, Row]:
    """Give the alerts of these ids."""
    rows = await _rows(conn, _ALERT + " where al.id = any(%(ids)s)", {"ids": list(alert_ids)})
    return {row["alert_id"]: row for row in rows}


async def alert(conn: Connection, alert_id: int) -> Row | None:
    """Give one alert."""
    rows = await _rows(conn, _ALERT + " where al.id = %(alert_id)s", {"alert_id": alert_id})
    return rows[0] if rows else None


async def names(conn: Connection, subjects: Sequence[str]) -> dict[str, str]:
    """Give what people call each of these subjects."""
    cursor = await conn.execute(
        "select given.subject, about.name from unnest(%(subjects)s::text[]) given (subject) "
        "cross join lateral about(given.subject)",
        {"subjects": list(subjects)},
    )
    return dict(await cursor.fetchall())


async def history(conn: Connection, alert_id: int, limit: int) -> list[Row]:
    """List what happened to an alert, the newest of it first."""
    return await _rows(
        conn,
        """
        select what, (extract(epoch from at) * 1000)::bigint as at_ms, by, note
        from alert_event where alert_id = %(alert_id)s order by id desc limit %(limit)s
        """,
        {"alert_id": alert_id, "limit": limit},
    )


async def counts(conn: Connection, site: str | None) -> Row:
    """Count the living alerts by state, severity and cause; the last two of what is open."""
    rows = await _rows(
        conn,
        """
        with living as materialized (
            select al.state, al.severity, al.cause, al.untold, al.stake_usd_h, al.flapping_until
            from alert al left join site s on s.id = al.site_id
            where al.state <> 'resolved' and (%(site)s::text is null or s.name = %(site)s)
        ), here as (select * from living where state in ('open', 'acknowledged'))
        select coalesce((select jsonb_object_agg(state, n) from (
                select state, count(*) as n from living group by 1) x), '{}') as by_state,
            coalesce((select jsonb_object_agg(severity, n) from (
                select severity, count(*) as n from here group by 1) x), '{}') as by_severity,
            coalesce((select jsonb_object_agg(cause, n) from (
                select cause, count(*) as n from here group by 1) x), '{}') as by_cause,
            (select count(*)::int from here where untold <> '') as untold,
            (select count(*)::int from here where flapping_until is not null) as flapping,
            (select sum(stake_usd_h)::float8 from here) as stake_usd_h
        """,
        {"site": site},
    )
    return rows[0]


def _values(chosen: Chosen) -> Row:
    return {
        "states": list(chosen.states) or _STATES,
        "severities": list(chosen.severities),
        "causes": list(chosen.causes),
        "site": chosen.site,
        "rule": chosen.rule,
        "device_id": chosen.device_id,
        "search": chosen.search,
        "is_untold": chosen.is_untold,
    }


async def _rows(conn: Connection, statement: str, values: Row) -> list[Row]:
    async with conn.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(statement.encode(), values)
        return await cursor.fetchall()
