"""Rules in the database: what each layer says, and every version that was ever in effect."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import msgspec
from psycopg.rows import class_row, dict_row, scalar_row

from lode_hub.errors import InvalidError
from lode_hub.store.connection import Connection

Key = tuple[str, str | None]
"""A rule's name and the site it is for; None is everywhere."""

Origin = Literal["shipped", "file", "person"]
Row = dict[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class Layer:
    """What a layer says of a rule, everywhere or at one site; `origin` is its place for people."""

    name: str
    site: str | None
    layer: Origin
    body: Mapping[str, Any]
    origin: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Version:
    """A rule's version that is in effect."""

    name: str
    site: str | None
    version: int
    body: dict[str, Any]


async def layers(conn: Connection) -> list[Layer]:
    """List what all layers say."""
    cursor = conn.cursor(row_factory=class_row(Layer))
    await cursor.execute(
        "select l.name, s.name as site, l.layer, l.body, 'rules (' || l.layer || ')' as origin "
        "from alert_rule_layer l left join site s on s.id = l.site_id order by l.name, s.name"
    )
    return await cursor.fetchall()


async def replace(conn: Connection, layer: Origin, given: Sequence[Layer], by: str) -> None:
    """Let a layer be this from now on; sites that are not known yet are made."""
    await conn.execute("delete from alert_rule_layer where layer = %s", (layer,))
    await conn.execute(
        "insert into site (name) select unnest(%s::text[]) on conflict do nothing",
        (sorted({one.site for one in given if one.site is not None}),),
    )
    values = {
        "layer": layer,
        "by": by,
        "name": [one.name for one in given],
        "site": [one.site for one in given],
        "body": [_json(one.body) for one in given],
    }
    await conn.execute(
        """
        insert into alert_rule_layer (name, site_id, layer, body, by)
        select f.name, s.id, %(layer)s, f.body, %(by)s
        from unnest(%(name)s::text[], %(site)s::text[], %(body)s::jsonb[]) as f (name, site, body)
            left join site s on s.name = f.site
        on conflict (name, coalesce(site_id, 0), layer)
            do update set body = alert_rule_layer.body || excluded.body
        """,
        values,
    )


async def set_person(
    conn: Connection, name: str, site: str | None, body: Mapping[str, Any] | None, by: str
) -> None:
    """Keep what a person says of a rule, or forget it.

    Raises:
        InvalidError: there is no such site.
    """
    at_site = await site_id(conn, site)
    await conn.execute(
        "delete from alert_rule_layer where name = %s and layer = 'person' "
        "and site_id is not distinct from %s",
        (name, at_site),
    )
    if body is not None:
        await conn.execute(
            "insert into alert_rule_layer (name, site_id, layer, body, by) "
            "values (%s, %s, 'person', %s::jsonb, %s)",
            (name, at_site, _json(body), by),
        )


async def site_id(conn: Connection, site: str | None) -> int | None:
    """Give a site's number; None for no site.

    Raises:
        InvalidError: there is no such site.
    """
    if site is None:
        return None
    cursor = conn.cursor(row_factory=scalar_row)
    await cursor.execute("select id from site where name = %s", (site,))
    found: int | None = await cursor.fetchone()
    if found is None:
        raise InvalidError(f"site {site!r}: there is none of that name; see /api/v1/sites")
    return found


async def current(conn: Connection) -> list[Version]:
    """List the rules that are in effect."""
    cursor = conn.cursor(row_factory=class_row(Version))
    await cursor.execute(
        "select r.name, s.name as site, r.version, r.body from alert_rule r "
        "left join site s on s.id = r.site_id where r.is_current order by r.name, s.name"
    )
    return await cursor.fetchall()


async def stamp(conn: Connection) -> int:
    """Give a number that grows with every change of the rules, and one when a rule is retired."""
    cursor = await conn.execute(
        "select coalesce(max(id), 0) + 1000000000 * count(*) filter (where not is_current) "
        "from alert_rule"
    )
    ((number,),) = await cursor.fetchall()
    return int(number)


async def put(conn: Connection, site: str | None, name: str, body: Row, by: str) -> None:
    """Make a new version of a rule, which is in effect from now on."""
    await retire(conn, name, site)
    values = {
        **{key: body[key] for key in _COLUMNS},
        "is_enabled": body["enabled"],
        "name": name,
        "site": site,
        "body": _json(body),
        "by": by,
    }
    await conn.execute(_PUT, values)


async def retire(conn: Connection, name: str, site: str | None) -> None:
    """Let no version of a rule be in effect."""
    await conn.execute(
        "update alert_rule r set is_current = false where r.name = %s and r.is_current "
        "and r.site_id is not distinct from (select id from site where name = %s)",
        (name, site),
    )


async def versions(conn: Connection, name: str | None, limit: int) -> list[Row]:
    """List versions of one rule, newest first, or of all rules those that are in effect."""
    cursor = conn.cursor(row_factory=dict_row)
    await cursor.execute(
        """
        select r.name, s.name as site, r.version, r.is_current, r.is_enabled, r.cause, r.severity,
            r.body, r.by, (extract(epoch from r.at) * 1000)::bigint as at_ms,
            l.body as person, not exists (
                select from alert_rule_layer x where x.name = r.name and x.layer = 'shipped'
            ) as is_own,
            (select count(*)::int from alert a join alert_rule o on o.id = a.rule_id
                where o.name = r.name and a.state in ('open', 'acknowledged')
                and (r.site_id is null or a.site_id = r.site_id)) as open_alerts
        from alert_rule r left join site s on s.id = r.site_id
            left join alert_rule_layer l on l.name = r.name and l.layer = 'person'
                and l.site_id is not distinct from r.site_id
        where case when %(name)s::text is null then r.is_current else r.name = %(name)s end
        order by r.name, s.name nulls first, r.version desc limit %(limit)s
        """,
        {"name": name, "limit": limit},
    )
    return await cursor.fetchall()


async def fired(conn: Connection) -> list[Row]:
    """Count the alerts that each rule opened at each site in the last day and week."""
    cursor = conn.cursor(row_factory=dict_row)
    await cursor.execute(
        """
        select a.rule as name, s.name as site, count(*)::int as week,
            (count(*) filter (where a.opened_at > clock_timestamp() - interval '1 day'))::int as day
        from alert a left join site s on s.id = a.site_id
        where a.opened_at > clock_timestamp() - interval '7 days' and a.state <> 'pending'
        group by 1, 2
        """
    )
    return await cursor.fetchall()


async def now_ms(conn: Connection) -> int:
    """Give the database's time."""
    cursor = await conn.execute("select (extract(epoch from clock_timestamp()) * 1000)::bigint")
    ((at_ms,),) = await cursor.fetchall()
    return int(at_ms)


_COLUMNS = (
    "cause", "severity", "on_delay_s", "off_delay_s", "inhibited_by", "stake",
    "hashprice_usd_th_d", "escalate_usd_h",
)  # fmt: skip

_PUT = """
    insert into alert_rule (name, site_id, version, is_current, is_enabled, cause, severity,
        on_delay_s, off_delay_s, inhibited_by, stake, hashprice_usd_th_d, escalate_usd_h, body, by)
    select %(name)s, s.id, 1 + coalesce((
            select max(version) from alert_rule r
            where r.name = %(name)s and r.site_id is not distinct from s.id), 0),
        true, %(is_enabled)s, %(cause)s, %(severity)s, %(on_delay_s)s, %(off_delay_s)s,
        %(inhibited_by)s, %(stake)s, %(hashprice_usd_th_d)s, %(escalate_usd_h)s, %(body)s::jsonb,
        %(by)s
    from (select 1) one left join site s on s.name = %(site)s
"""


def _json(body: Mapping[str, Any]) -> str:
    return msgspec.json.encode(dict(body)).decode()
