"""The planner's rows: who lets it act, its plans, what it learned of rigs, the closed loop."""

from collections.abc import Sequence
from typing import Any

import msgspec
from psycopg.rows import dict_row

from lode_hub.store.commands_curtail import POWER_HOLDERS
from lode_hub.store.connection import Connection
from lode_hub.store.controls import ENVELOPE

Row = dict[str, Any]
KEPT_DAYS = 7


async def modes(conn: Connection) -> list[Row]:
    """List the sites at which a person has ever said what the planner may do, and what it may."""
    return await _rows(
        conn,
        "select distinct on (p.site_id) p.site_id, s.name as site, p.mode, p.person, "
        "(extract(epoch from p.at) * 1000)::bigint as at_ms "
        "from energy_planner p join site s on s.id = p.site_id order by p.site_id, p.id desc",
    )


async def mode(conn: Connection, site_id: int) -> Row | None:
    """Give what the planner may do at a site, and who said so."""
    found = await _rows(
        conn,
        "select mode, person, (extract(epoch from at) * 1000)::bigint as at_ms "
        "from energy_planner where site_id = %(site)s order by id desc limit 1",
        site=site_id,
    )
    return found[0] if found else None


async def set_mode(conn: Connection, site_id: int, mode: str, person: str) -> None:
    """Note what a person lets the planner do."""
    await conn.execute(
        "insert into energy_planner (site_id, mode, person) values (%s, %s, %s)",
        (site_id, mode, person),
    )


async def rigs(conn: Connection, site: str) -> list[Row]:
    """List a site's configured rigs as they are, what they offer, who holds them, what we know."""
    return await _rows(conn, _RIGS, site=site)


_RIGS = f"""
    with {POWER_HOLDERS}
    select r.device_id, r.name, d.agent_id, r.agent, coalesce(k.feeder, '') as feeder, r.model,
        r.firmware, r.state, r.age_s, r.power_w, r.power_source, r.hashrate_ths, r.rated_power_w,
        r.rated_hashrate_ths, k.offers, coalesce(k.presets, '{{}}') as presets, k.power_min_w,
        k.power_max_w, coalesce(k.blocked, '') as blocked, k.starts_left, h.lease,
        {", ".join(f"k.{name}" for name in ENVELOPE)},
        m.person || ': ' || m.note as maintenance,
        e.power_w as full_w, e.hashrate_ths as full_ths, e.is_awake,
        coalesce(e.is_ours, false) as is_ours,
        (extract(epoch from e.turned_at) * 1000)::bigint as turned_ms
    from rig_now r
        join device d on d.id = r.device_id
        left join device_controls k on k.device_id = r.device_id
        left join device_maintenance m on m.device_id = r.device_id
        left join holder h on h.device_id = r.device_id
        left join energy_rig e on e.device_id = r.device_id
    where r.site = %(site)s and r.is_configured
    order by r.device_id
"""  # noqa: S608 -- of constants


async def learn(conn: Connection, learned: Sequence[Row]) -> None:
    """Keep what was learned of rigs: device_id, full_w, full_ths, is_awake, turned_ms, is_ours."""
    async with conn.cursor() as cursor:
        await cursor.executemany(
            """
            insert into energy_rig (device_id, power_w, hashrate_ths, is_awake, turned_at, is_ours)
            values (%(device_id)s, %(full_w)s, %(full_ths)s, %(is_awake)s,
                to_timestamp(%(turned_ms)s / 1e3), %(is_ours)s)
            on conflict (device_id) do update set power_w = excluded.power_w,
                hashrate_ths = excluded.hashrate_ths, is_awake = excluded.is_awake,
                turned_at = excluded.turned_at, is_ours = excluded.is_ours
            """,
            learned,
        )


async def metered(conn: Connection, site: str, names: Sequence[str]) -> list[Row]:
    """List the meters of a site's power as they are: those named, else those rigs hang on.

    Each: name, power_w, age_s, is_silent, and is_doubted while its unit seems to be a wrong one.
    """
    return await _rows(
        conn,
        """
        select m.name, m.power_w, m.age_s, m.is_silent, exists (
            select 1 from alert a where a.rule = 'quality-units' and a.site_id = m.site_id
                and a.state in ('open', 'acknowledged')
                and 'device:' || m.device_id = any(a.members)
        ) as is_doubted
        from meter_now m
        where m.site = %(site)s and m.is_configured
            and case when %(names)s::text[] = '{}' then exists (
                select 1 from device_controls k join device r on r.id = k.device_id
                    join agent a on a.id = r.agent_id
                where a.name = m.agent and r.is_configured and k.feeder = m.name
            ) else m.name = any(%(names)s) end
        order by m.name
        """,
        site=site,
        names=list(names),
    )


async def add_plan(  # noqa: PLR0913 -- a row
    conn: Connection, site_id: int, *, made_ms: int, cause: str, commands: Sequence[str],
    agents: Sequence[str], body: object, is_sent: bool,
) -> None:  # fmt: skip
    """Keep a plan; forget those of more than a week ago but the last sent and what calls found."""
    await conn.execute(
        "insert into energy_plan (site_id, made_at, cause, is_sent, commands, agents, body) "
        "values (%s, to_timestamp(%s / 1e3), %s, %s, %s, %s, %s::jsonb)",
        (site_id, made_ms, cause, is_sent, list(commands), list(agents), _json(body)),
    )
    await conn.execute(
        "delete from energy_plan p where made_at < to_timestamp(%s / 1e3) - make_interval(days => "
        "%s) and not is_kept "
        "and id < (select max(id) from energy_plan where site_id = p.site_id and is_sent)",
        (made_ms, KEPT_DAYS),
    )


async def plan(conn: Connection, site_id: int) -> Row | None:
    """Give the last plan."""
    found = await _rows(
        conn,
        "select cause, is_sent, commands, agents, body, "
        "(extract(epoch from made_at) * 1000)::bigint as made_ms from energy_plan "
        "where site_id = %(site)s order by id desc limit 1",
        site=site_id,
    )
    return found[0] if found else None


async def last_power(conn: Connection, site_id: int, since_ms: int) -> Row | None:
    """Give what the last plan since a moment found of a site: baseline_w, unexplained_w."""
    found = await _rows(
        conn,
        "select (body->>'baseline_w')::float8 as baseline_w, "
        "(body->>'unexplained_w')::float8 as unexplained_w from energy_plan "
        "where site_id = %(site)s and made_at >= to_timestamp(%(since)s / 1e3) "
        "and body ? 'baseline_w' order by id desc limit 1",
        site=site_id,
        since=since_ms,
    )
    return found[0] if found else None


async def plan_before_call(
    conn: Connection, site_id: int, programme: str, event: str
) -> Row | None:
    """Give the plan that stood when the first word of a call came: came_ms, made_ms, body."""
    found = await _rows(
        conn,
        """
        select (extract(epoch from c.came_at) * 1000)::bigint as came_ms, p.body,
            (extract(epoch from p.made_at) * 1000)::bigint as made_ms
        from (
            select min(received_at) as came_at from energy_call
            where site_id = %(site)s and programme = %(programme)s and event = %(event)s
        ) c cross join lateral (
            select made_at, body from energy_plan
            where site_id = %(site)s and is_sent and made_at <= c.came_at order by id desc limit 1
        ) p
        """,
        site=site_id,
        programme=programme,
        event=event,
    )
    return found[0] if found else None


async def set_standing(conn: Connection, site_id: int, plans: object, waited_for: object) -> None:
    """Keep what stands at a site's agents from now on."""
    await conn.execute(
        "insert into energy_standing (site_id, plans, waited_for) values (%s, %s::jsonb, %s::jsonb)"
        " on conflict (site_id) do update set plans = excluded.plans, "
        "waited_for = excluded.waited_for",
        (site_id, _json(plans), _json(waited_for)),
    )


async def standing(conn: Connection, site_id: int) -> Row | None:
    """Give what stands at a site's agents: plans, waited_for."""
    found = await _rows(
        conn, "select plans, waited_for from energy_standing where site_id = %(s)s", s=site_id
    )
    return found[0] if found else None


async def set_loop(conn: Connection, site_id: int, at_ms: int, body: object) -> None:
    """Note how a site follows its setpoint."""
    await conn.execute(
        "insert into energy_loop (site_id, at, body) values (%s, to_timestamp(%s / 1e3), %s::jsonb)"
        " on conflict (site_id) do update set at = excluded.at, body = excluded.body",
        (site_id, at_ms, _json(body)),
    )


async def loop(conn: Connection, site_id: int) -> Row | None:
    """Give how a site followed its setpoint when that was last looked at."""
    found = await _rows(
        conn,
        "select body, (extract(epoch from at) * 1000)::bigint as at_ms "
        "from energy_loop where site_id = %(site)s",
        site=site_id,
    )
    return found[0] if found else None


async def _rows(conn: Connection, statement: str, **values: object) -> list[Row]:
    async with conn.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(statement.encode(), values)
        return await cursor.fetchall()


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()
