"""Reads of the fleet: sites, rigs, meters and their further points, each one statement.

What silent and stale mean is in the views rig_now, meter_now and agent_now.
"""

from collections.abc import Sequence
from typing import Any

from psycopg import sql
from psycopg.rows import dict_row

from lode_hub.store.connection import Connection

Row = dict[str, Any]

RIG_SORTS = frozenset(
    {
        *("name", "site", "agent", "rack", "model", "state", "age_s", "open_alerts"),
        *("hashrate_ths", "power_w", "efficiency_jth"),
        *("board_temp_c", "chip_temp_c", "inlet_temp_c", "fan_rpm"),
    }
)
"""What rigs can be sorted by."""


async def rigs(
    conn: Connection,
    chosen: Row,
    *,
    sort: str = "name",
    is_descending: bool = False,
    limit: int,
    offset: int = 0,
) -> list[Row]:
    """List rigs; `chosen` is what `choose` gives, `sort` one of RIG_SORTS."""
    order = sql.SQL("{} desc" if is_descending else "{}").format(sql.Identifier(sort))
    values = {**chosen, "limit": limit, "offset": offset}
    return await _rows(conn, sql.SQL(_RIGS).format(_COLUMNS, order), values)


_COLUMNS = sql.SQL(", ").join(
    sql.Identifier(name)
    for name in (
        *("device_id", "name", "site", "agent", "rack", "vendor", "model", "firmware", "serial"),
        *("mac", "address", "profile", "state", "at_ms", "age_s", "correction_ms"),
        *("hashrate_ths", "rated_hashrate_ths", "power_w", "rated_power_w", "power_source"),
        *("efficiency_jth", "board_temp_c", "chip_temp_c", "chip_temp_max_c", "board_temp_max_c"),
        *("inlet_temp_c", "fan_rpm", "fans_alive", "rated_fans", "boards_alive", "rated_boards"),
        *("chips_alive", "accepted_shares", "rejected_shares", "uptime_s", "quality"),
    )
)

_RIGS = """
    select {}, coalesce(n.n, 0)::int as open_alerts
    from rig_now r
        left join (
            select device_id, count(*) as n from alert
            where state in ('open', 'acknowledged') and device_id is not null group by device_id
        ) n using (device_id)
    where is_configured and (%(site)s::text is null or site = %(site)s)
        and (%(states)s::text[] is null or state = any(%(states)s))
        and (%(search)s::text is null
            or concat_ws(' ', name, model, serial, mac, address, rack, agent) ilike %(search)s)
    order by {} nulls last, name, device_id limit %(limit)s offset %(offset)s
"""


async def count_rigs(conn: Connection, chosen: Row) -> int:
    """Count the rigs that are chosen."""
    rows = await _rows(conn, sql.SQL(_COUNT_RIGS), chosen)
    return int(rows[0]["n"])


_COUNT_RIGS = """
    select count(*) as n from rig_now
    where is_configured and (%(site)s::text is null or site = %(site)s)
        and (%(states)s::text[] is null or state = any(%(states)s))
        and (%(search)s::text is null
            or concat_ws(' ', name, model, serial, mac, address, rack, agent) ilike %(search)s)
"""


def choose(site: str | None, states: Sequence[str] | None, search: str | None) -> Row:
    """Say which rigs are meant; `search` is looked for in names, models, serials and addresses."""
    pattern = None
    if search:
        escaped = search.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
        pattern = f"%{escaped}%"
    return {"site": site, "states": list(states) if states else None, "search": pattern}


async def rig(conn: Connection, device_id: int) -> Row | None:
    """Give one rig, also one that is no longer configured."""
    rows = await _rows(conn, sql.SQL(_RIG).format(_COLUMNS), {"device_id": device_id})
    return rows[0] if rows else None


_RIG = """
    select {}, (select count(*) from alert a
        where a.device_id = r.device_id and a.state in ('open', 'acknowledged'))::int as open_alerts
    from rig_now r where r.device_id = %(device_id)s
"""


async def pulse(conn: Connection) -> list[tuple[Any, ...]]:
    """Give the few figures of every rig that a live view needs, in the order of PULSE."""
    columns = sql.SQL(", ").join(map(sql.Identifier, PULSE))
    statement = sql.SQL("select {} from rig_now where is_configured").format(columns)
    return await (await conn.execute(statement)).fetchall()


PULSE = (
    *("device_id", "state", "at_ms", "hashrate_ths", "power_w", "efficiency_jth"),
    *("board_temp_c", "chip_temp_c", "inlet_temp_c", "fan_rpm", "fans_alive", "boards_alive"),
)


async def sites(conn: Connection) -> list[Row]:
    """Give the totals of every site; a sum is over what is fresh and has the value."""
    return await _rows(conn, sql.SQL(_SITES), {})


_SITES = """
    with by_state as (
        select site_id, state, count(*) as n, max(at_ms) as newest_ms,
            sum(hashrate_ths) filter (where state <> 'silent') as hashrate_ths,
            sum(power_w) filter (where state <> 'silent') as power_w,
            sum(hashrate_ths) filter (where state <> 'silent' and efficiency_jth is not null)
                as both_ths,
            sum(power_w) filter (where state <> 'silent' and efficiency_jth is not null) as both_w
        from rig_now where is_configured group by 1, 2
    ),
    fleet as (
        select site_id, sum(n)::int as rigs, jsonb_object_agg(state, n) as rigs_by_state,
            sum(hashrate_ths)::float8 as hashrate_ths, sum(power_w)::float8 as power_w,
            (sum(both_w) / nullif(sum(both_ths), 0))::float8 as efficiency_jth,
            max(newest_ms) as newest_ms
        from by_state group by 1
    ),
    metered as (
        select site_id, sum(power_w)::float8 as power_w
        from meter_now where is_configured and not is_silent group by 1
    ),
    alerted as (
        select site_id, count(*)::int as n from alert
        where state in ('open', 'acknowledged') group by 1
    ),
    agents as (
        select site_id, count(*)::int as n,
            (count(*) filter (where state in ('stale', 'unknown')))::int as stale
        from agent_now group by 1
    )
    select s.id as site_id, s.name as site, coalesce(f.rigs, 0) as rigs,
        coalesce(f.rigs_by_state, '{}') as rigs_by_state, f.hashrate_ths,
        f.power_w as rig_power_w, m.power_w as meter_power_w, f.efficiency_jth,
        coalesce(al.n, 0) as open_alerts, f.newest_ms, coalesce(ag.n, 0) as agents,
        coalesce(ag.stale, 0) as stale_agents
    from site s
        left join fleet f on f.site_id = s.id
        left join metered m on m.site_id = s.id
        left join alerted al on al.site_id = s.id
        left join agents ag on ag.site_id = s.id
    order by s.name
"""


async def meters(conn: Connection, site: str | None) -> list[Row]:
    """List meters with their last reading."""
    return await _rows(conn, sql.SQL(_METERS), {"site": site})


_METERS = """
    select device_id, name, site, agent, model, address, at_ms, age_s, power_w, energy_in_kwh,
        voltage_v, current_a, freq_hz, power_factor, quality
    from meter_now where is_configured and (%(site)s::text is null or site = %(site)s)
    order by site, name
"""


async def points(conn: Connection, device_id: int) -> list[Row]:
    """List the last values of a device's further points."""
    return await _rows(conn, sql.SQL(_POINTS), {"device_id": device_id})


_POINTS = """
    select p.name as point, p.unit, l.value, (extract(epoch from l.at) * 1000)::bigint as at_ms,
        l.quality
    from point_last l join point p on p.id = l.point_id
    where l.device_id = %(device_id)s order by p.name
"""


async def _rows(conn: Connection, statement: sql.SQL | sql.Composed, values: Row) -> list[Row]:
    async with conn.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(statement, values)
        return await cursor.fetchall()
