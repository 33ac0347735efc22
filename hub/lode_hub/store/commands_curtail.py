"""What a curtailment is chosen from, and what was chosen."""

from collections.abc import Sequence
from typing import Any

import msgspec
from psycopg.rows import dict_row

from lode_hub.store.connection import Connection
from lode_wire import orders

Row = dict[str, Any]


def _holders(wishes: Sequence[str]) -> str:
    listed = ", ".join(f"'{wish}'" for wish in wishes)
    return f"""
    holder as (
        select distinct on (cd.device_id) cd.device_id, c.id as lease
        from command c join command_device cd on cd.command_id = c.id
        where c.ended_at is null and c.stage <> 'proposed' and cd.device_id is not null
            and (cd.stage is null or cd.stage not in ('released', 'refused', 'expired'))
            and cd.wish in ({listed})
        order by cd.device_id, c.number desc
    )
"""  # noqa: S608 -- of constants


HOLDERS = _holders([wish.action for wish in orders.WISHES])
"""The command that holds each device that is held, last of all that hold something of it."""

POWER_HOLDERS = _holders([w.action for w in orders.WISHES if w is not orders.FanSpeed])
"""The same of what devices draw; how fast a rig's fans turn is no plan's matter."""

_ASLEEP = _holders([orders.Sleep.action])
"""The command that has each device sleep.

Only that stands in a curtailment's way: its agent lets sleep rule over wake, and keeps a limit of
power or a speed of fans for when the rig hashes again.
"""


async def candidates(conn: Connection, site: str) -> list[Row]:
    """List the configured rigs of a site as they are now, with what can be asked of them."""
    async with conn.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(_CANDIDATES.encode(), {"site": site})
        return await cursor.fetchall()


_CANDIDATES = f"""
    with {_ASLEEP}
    select r.device_id, r.name, d.agent_id, r.agent, r.rack, r.state, r.age_s, r.power_w,
        r.rated_power_w, r.hashrate_ths, r.rated_hashrate_ths, k.offers, k.blocked, k.starts_left,
        k.feeder, k.site_ramp_up_kw_per_min, k.site_ramp_down_kw_per_min,
        k.feeder_ramp_up_kw_per_min, k.feeder_ramp_down_kw_per_min, h.lease,
        m.person || ': ' || m.note as maintenance
    from rig_now r
        join device d on d.id = r.device_id
        left join device_controls k on k.device_id = r.device_id
        left join device_maintenance m on m.device_id = r.device_id
        left join holder h on h.device_id = r.device_id
    where r.site = %(site)s and r.is_configured
    order by r.device_id
"""  # noqa: S608 -- of constants


async def metered_w(conn: Connection, site: str) -> float | None:
    """Sum the fresh meters that rigs of a site hang on; None when one is missing, or there is none.

    Other meters are left out: one may stand before another.
    """
    found = await conn.execute(
        """
        with feeder as (
            select distinct d.agent_id, k.feeder as name
            from device_controls k join device d on d.id = k.device_id
                join agent a on a.id = d.agent_id join site s on s.id = a.site_id
            where s.name = %s and d.is_configured and k.feeder <> ''
        )
        select case when count(*) = count(m.power_w) then sum(m.power_w)::float8 end
        from feeder f
            left join device d on d.agent_id = f.agent_id and d.name = f.name
            left join meter_now m on m.device_id = d.id and not m.is_silent
        """,
        (site,),
    )
    row = await found.fetchone()
    return row[0] if row else None


async def add(
    conn: Connection, curtailment_id: str, site: str, person: str, asked: Row, chosen: Row
) -> None:
    """Keep a preview."""
    await conn.execute(
        "insert into curtailment (id, site_id, person, asked, chosen) "
        "values (%s, (select id from site where name = %s), %s, %s::jsonb, %s::jsonb)",
        (curtailment_id, site, person, _json(asked), _json(chosen)),
    )


async def locked(conn: Connection, curtailment_id: str) -> Row | None:
    """Find a curtailment, and lock it for this transaction."""
    return await _one(conn, _CURTAILMENT + " where c.id = %s for update of c", curtailment_id)


async def begin(conn: Connection, curtailment_id: str, person: str, chosen: Row) -> None:
    """Write down that a curtailment is begun, with these rigs."""
    await conn.execute(
        "update curtailment set started_by = %s, started_at = now(), chosen = %s::jsonb "
        "where id = %s",
        (person, _json(chosen), curtailment_id),
    )


async def held(conn: Connection, site: str, device_ids: Sequence[int]) -> int:
    """Count those of the devices that a command has sleep.

    Nobody else begins anything at the site meanwhile. For the transaction that takes them.
    """
    await conn.execute("select pg_advisory_xact_lock(hashtext('lode_curtail:' || %s))", (site,))
    found = await conn.execute(
        f"with {_ASLEEP} select count(*) from holder where device_id = any(%s)".encode(),  # noqa: S608
        (list(device_ids),),
    )
    ((count,),) = await found.fetchall()
    return int(count)


async def open_leases(conn: Connection, curtailment_id: str) -> list[Row]:
    """List the leases of a curtailment that are not over."""
    async with conn.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(
            "select c.id, a.name as agent from command c join agent a on a.id = c.agent_id "
            "where c.curtailment_id = %s and c.lease is null and c.ended_at is null "
            "order by c.number",
            (curtailment_id,),
        )
        return await cursor.fetchall()


_CURTAILMENT = """
    select c.id as curtailment_id, s.name as site, c.person, c.asked, c.chosen, c.started_by,
        (extract(epoch from c.made_at) * 1000)::bigint as made_ms,
        (extract(epoch from c.started_at) * 1000)::bigint as started_ms,
        array(select m.id from command m where m.curtailment_id = c.id and m.lease is null
            order by m.number) as commands,
        extract(epoch from now() - c.made_at)::float8 as age_s
    from curtailment c join site s on s.id = c.site_id
"""


async def curtailment(conn: Connection, curtailment_id: str) -> Row | None:
    """Give one curtailment."""
    return await _one(conn, _CURTAILMENT + " where c.id = %s", curtailment_id)


async def curtailments(
    conn: Connection, site: str | None, limit: int, offset: int
) -> Sequence[Row]:
    """List the curtailments that were begun, newest first."""
    async with conn.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(
            (
                _CURTAILMENT + " where c.started_at is not null "
                "and (%(site)s::text is null or s.name = %(site)s) "
                "order by c.started_at desc, c.id limit %(limit)s offset %(offset)s"
            ).encode(),
            {"site": site, "limit": limit, "offset": offset},
        )
        return await cursor.fetchall()


async def _one(conn: Connection, statement: str, curtailment_id: str) -> Row | None:
    async with conn.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(statement.encode(), (curtailment_id,))
        return await cursor.fetchone()


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()
