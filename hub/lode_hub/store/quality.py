"""What is kept about the quality of readings: counts by source, in five minutes each.

Rows ─► usable ─► rollups          what is held stays in the raw table, and comes into no chart
Counts ─► add ─► quality_5m        one upsert for all sources; old rows are pruned
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from psycopg.rows import class_row

from lode_hub.store.connection import Connection
from lode_hub.store.readings import Rows
from lode_wire.records import Quality

BUCKET_MS = 300_000
KEEP_DAYS = 8
COUNTED = (
    *("received", "no_answer", "bad_answer", "partial", "out_of_range", "clock", "held", "late"),
    *("duplicate", "unit", "reset", "rollover"),
)
"""What is counted of a source; readings, but for `unit`, which counts values."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Device:
    """A device's facts as its readings are judged by; None where the agent gave none."""

    device_id: int
    agent_id: int
    site_id: int | None
    name: str
    kind: int
    driver: str
    model: str
    is_configured: bool
    interval_s: float | None
    rated_hashrate_ths: float | None
    rated_power_w: float | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Agent:
    """An agent's clock, and what of its records is missing."""

    agent_id: int
    name: str
    site_id: int | None
    site: str
    partition: int
    is_live: bool  # it has committed something in the last 30 s
    clock_offset_ms: float | None  # the agent's clock minus the hub's
    open_gaps: int  # asked for, for more than a minute
    lost_gaps: int  # found in the last hour, and known never to come
    lost_records: int  # in those; 0 when they could not be counted
    lost_why: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Counts:
    """One source in five minutes; `counts` is in the order of COUNTED."""

    bucket_ms: int
    agent_id: int
    kind: int
    driver: str
    devices: int
    expected: float | None
    counts: tuple[int, ...]
    lag_ms: int


def usable(rows: Rows) -> Rows | None:
    """Leave out what is held, and put times by a wrong clock right; None when nothing is left."""
    held = rows.values["quality"] & Quality.HELD != 0
    if not held.any():
        return rows if rows.offset_ms is None else replace(rows, at_ms=rows.at_ms - rows.offset_ms)
    if held.all():
        return None
    at_ms = rows.at_ms if rows.offset_ms is None else rows.at_ms - rows.offset_ms
    kept = np.flatnonzero(~held)
    return Rows(
        kind=rows.kind,
        agent_id=rows.agent_id[kept],
        source_id=rows.source_id[kept],
        seq=rows.seq[kept],
        at_ms=at_ms[kept],
        received_ms=rows.received_ms[kept],
        keys={name: ids[kept] for name, ids in rows.keys.items()},
        values={name: values[kept] for name, values in rows.values.items()},
    )


async def devices(conn: Connection) -> list[Device]:
    """List every device there ever was."""
    cursor = conn.cursor(row_factory=class_row(Device))
    await cursor.execute(
        """
        select d.id as device_id, d.agent_id, a.site_id, d.name, d.kind, d.driver, d.model,
            d.is_configured, d.interval_s, d.rated_hashrate_ths, d.rated_power_w
        from device d join agent a on a.id = d.agent_id order by d.id
        """
    )
    return await cursor.fetchall()


async def agents(conn: Connection) -> list[Agent]:
    """List every agent that belongs to a site, with what is missing of its records."""
    cursor = conn.cursor(row_factory=class_row(Agent))
    await cursor.execute(
        """
        with missing as (
            select s.agent_id,
                (count(*) filter (where g.reason = 'missing'
                    and g.found_at < now() - interval '1 minute'))::int as open_gaps,
                (count(*) filter (where g.reason <> 'missing'))::int as lost_gaps,
                coalesce(sum(g.records) filter (where g.reason <> 'missing'), 0)::bigint
                    as lost_records,
                coalesce(max(g.reason) filter (where g.reason <> 'missing'), '') as lost_why
            from source s join gap g on g.source_id = s.id and g.filled_at is null
                and (g.reason = 'missing' or g.found_at > now() - interval '1 hour')
            group by 1
        )
        select a.id as agent_id, a.name, a.site_id, s.name as site, a.partition,
            coalesce(a.committed_at > now() - interval '30 seconds', false) as is_live,
            a.clock_offset_ms, coalesce(m.open_gaps, 0) as open_gaps,
            coalesce(m.lost_gaps, 0) as lost_gaps, coalesce(m.lost_records, 0) as lost_records,
            coalesce(m.lost_why, '') as lost_why
        from agent a join site s on s.id = a.site_id left join missing m on m.agent_id = a.id
        order by a.id
        """
    )
    return await cursor.fetchall()


async def add(conn: Connection, counted: Sequence[Counts]) -> None:
    """Add counts to those that are there."""
    columns = zip(*(one.counts for one in counted), strict=True)
    given: dict[str, object] = {
        "bucket": [one.bucket_ms for one in counted],
        "agent": [one.agent_id for one in counted],
        "kind": [one.kind for one in counted],
        "driver": [one.driver for one in counted],
        "devices": [one.devices for one in counted],
        "expected": [one.expected for one in counted],
        "lag": [one.lag_ms for one in counted],
    }
    given |= dict(zip(COUNTED, map(list, columns), strict=True))
    await conn.execute(_ADD.encode(), given)


_ADD = f"""
    insert into quality_5m as old (bucket, agent_id, kind, driver, devices, expected, lag_ms,
        {", ".join(COUNTED)})
    select to_timestamp(bucket / 1e3), agent, kind, driver, devices, expected, lag,
        {", ".join(COUNTED)}
    from unnest(%(bucket)s::bigint[], %(agent)s::int[], %(kind)s::smallint[], %(driver)s::text[],
        %(devices)s::int[], %(expected)s::real[], %(lag)s::bigint[],
        {", ".join(f"%({name})s::int[]" for name in COUNTED)})
        as n (bucket, agent, kind, driver, devices, expected, lag, {", ".join(COUNTED)})
    on conflict (bucket, agent_id, kind, driver) do update set devices = excluded.devices,
        expected = excluded.expected, lag_ms = greatest(old.lag_ms, excluded.lag_ms),
        {", ".join(f"{name} = old.{name} + excluded.{name}" for name in COUNTED)}
"""  # noqa: S608 -- made of the names above


async def prune(conn: Connection) -> int:
    """Delete what is older than it is kept; give the number of rows."""
    cursor = await conn.execute(
        "delete from quality_5m where bucket < now() - make_interval(days => %s)", (KEEP_DAYS,)
    )
    return cursor.rowcount
