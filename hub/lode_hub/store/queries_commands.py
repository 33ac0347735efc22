"""Reads of commands, their devices and steps, and of what can be asked of devices."""

from collections.abc import Sequence
from typing import Any

from psycopg.rows import dict_row

from lode_hub.store.commands_curtail import HOLDERS
from lode_hub.store.connection import Connection

Row = dict[str, Any]

MAX_DEVICES = 20_000
MAX_STEPS = 1000
_LOCAL = "starts_with(t.command_id, 'local:')"


def _ms(column: str) -> str:
    return f"(extract(epoch from {column}) * 1000)::bigint"


_COMMAND = f"""
    select c.id as command_id, s.name as site, a.name as agent, c.device_id, c.target, c.action,
        c.asked as "order", c.actor,
        array(select p.person from command_approval p where p.command_id = c.id
            and p.decision in ('proposed', 'approved') order by p.at) as approved_by,
        c.stage, c.reason, n.devices, c.counts,
        c.ended_at is null and c.lease is null and c.stage <> 'proposed' and c.action in ('sleep',
            'wake', 'power_limit', 'power_mode', 'preset', 'fan_speed', 'outlet', 'curtail')
            as is_held,
        c.curtailment_id, c.lease, c.sequence, n.expected_w, n.power_before_w, n.power_after_w,
        {_ms("c.created_at")} as created_ms, {_ms("c.expires_at")} as expires_ms,
        {_ms("c.dispatched_at")} as dispatched_ms, {_ms("c.answered_at")} as answered_ms,
        {_ms("c.ended_at")} as ended_ms
    from command c
        join site s on s.id = c.site_id
        join agent a on a.id = c.agent_id
        cross join lateral (
            select count(*)::int as devices, sum(d.expected_w)::float8 as expected_w,
                sum(d.power_before_w)::float8 as power_before_w,
                sum(d.power_after_w)::float8 as power_after_w
            from command_device d where d.command_id = c.id
        ) n
"""  # noqa: S608 -- of constants

_CHOSEN = """
    where (%(site)s::text is null or s.name = %(site)s)
        and (%(stages)s::text[] is null or c.stage = any(%(stages)s))
        and (%(device_id)s::int is null or c.device_id = %(device_id)s or exists (
            select 1 from command_device x
            where x.command_id = c.id and x.device_id = %(device_id)s))
        and (not %(is_open)s or c.ended_at is null)
"""


async def commands(conn: Connection, chosen: Row, *, limit: int, offset: int) -> list[Row]:
    """List commands, newest first; `chosen` is what `choose` gives."""
    order = " order by c.number desc limit %(limit)s offset %(offset)s"
    values = {**chosen, "limit": limit, "offset": offset}
    return await _rows(conn, _COMMAND + _CHOSEN + order, values)


async def count(conn: Connection, chosen: Row) -> int:
    """Count the commands that are chosen."""
    statement = "select count(*)::int as n from command c join site s on s.id = c.site_id"
    rows = await _rows(conn, statement + _CHOSEN, chosen)
    return int(rows[0]["n"])


def choose(
    site: str | None, stages: Sequence[str] | None, device_id: int | None, *, is_open: bool
) -> Row:
    """Say which commands are meant."""
    listed = list(stages) if stages else None
    return {"site": site, "stages": listed, "device_id": device_id, "is_open": is_open}


async def command(conn: Connection, command_id: str) -> Row | None:
    """Give one command."""
    rows = await _rows(conn, _COMMAND + " where c.id = %(id)s", {"id": command_id})
    return rows[0] if rows else None


async def devices(conn: Connection, command_id: str) -> list[Row]:
    """List the devices of a command, in the order in which they are taken."""
    return await _rows(
        conn,
        f"""
        select target, device_id, stage, reason, expected_w, power_before_w, power_after_w,
            power_source, read_back, changes, said, answer, entry, {_ms("at")} as at_ms
        from command_device where command_id = %(id)s order by place, target limit %(limit)s
        """,  # noqa: S608 -- of constants
        {"id": command_id, "limit": MAX_DEVICES},
    )


async def steps(conn: Connection, command_id: str) -> list[Row]:
    """List the newest steps of a command, newest first, in whatever order they came."""
    return await _rows(
        conn,
        f"""
        select id as step_id, {_ms("at")} as at_ms, {_ms("received_at")} as received_ms, target,
            stage, reason, sequence, entry, evidence
        from command_step where command_id = %(id)s order by entry desc, id desc
            limit %(limit)s
        """,  # noqa: S608 -- of constants
        {"id": command_id, "limit": MAX_STEPS},
    )


async def approvals(conn: Connection, command_id: str) -> list[Row]:
    """List what people said to a proposal."""
    return await _rows(
        conn,
        f"select person, decision, {_ms('at')} as at_ms from command_approval "  # noqa: S608
        "where command_id = %(id)s order by at, person",
        {"id": command_id},
    )


async def strange(conn: Connection, limit: int, *, is_local: bool) -> list[Row]:
    """List the newest states of what was not ordered here: begun at the site itself, or strange."""
    return await _rows(
        conn,
        f"""
        select t.command_id, a.name as agent, s.name as site, t.target, t.stage, t.reason,
            {_ms("t.at")} as at_ms, {_ms("t.received_at")} as received_ms
        from command_step t
            join agent a on a.id = t.agent_id
            left join site s on s.id = a.site_id
        where not t.is_ours and {_LOCAL if is_local else f"not {_LOCAL}"}
        order by t.id desc limit %(limit)s
        """,  # noqa: S608 -- of constants
        {"limit": limit},
    )


_CONTROLS = f"""
    with {HOLDERS}
    select k.device_id, d.name, coalesce(s.name, '') as site, a.name as agent, k.offers,
        k.presets, k.power_min_w, k.power_max_w, k.starts_left, k.feeder, k.outlet, k.blocked,
        h.lease,
        m.person || ', ' || to_char(m.at at time zone 'utc', 'YYYY-MM-DD HH24:MI') || ' UTC'
            || case when m.note <> '' then ': ' || m.note else '' end as maintenance,
        {_ms("k.at")} as at_ms
    from device_controls k
        join device d on d.id = k.device_id
        join agent a on a.id = d.agent_id
        left join site s on s.id = a.site_id
        left join device_maintenance m on m.device_id = k.device_id
        left join holder h on h.device_id = k.device_id
"""  # noqa: S608 -- of constants


async def controls(conn: Connection, device_id: int) -> Row | None:
    """Give what can be asked of one device."""
    rows = await _rows(conn, _CONTROLS + " where k.device_id = %(id)s", {"id": device_id})
    return rows[0] if rows else None


async def all_controls(conn: Connection, site: str | None, limit: int, offset: int) -> list[Row]:
    """List what can be asked of every configured device of a site."""
    chosen = (
        " where d.is_configured and (%(site)s::text is null or s.name = %(site)s)"
        " order by s.name, d.name, d.id limit %(limit)s offset %(offset)s"
    )
    return await _rows(conn, _CONTROLS + chosen, {"site": site, "limit": limit, "offset": offset})


async def _rows(conn: Connection, statement: str, values: Row) -> list[Row]:
    async with conn.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(statement.encode(), values)
        return await cursor.fetchall()
