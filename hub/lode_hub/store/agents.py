"""Agents and their sources, as births, deaths, health records and presence tell of them.

What is newest is told by (source, seq), the number of the batch that said so, because an agent's
clock may be set back.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from lode_hub.store.connection import Connection


@dataclass(frozen=True, kw_only=True, slots=True)
class Source:
    """An agent's epoch: what the ledger counts the batches of."""

    source_id: int
    agent_id: int
    site_id: int | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Said:
    """Which batch said something about an agent."""

    agent_id: int
    source_id: int
    seq: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Seen:
    """What an agent's presence says; the offset is its clock minus the hub's."""

    agent: str
    partition: int
    is_online: bool
    clock_offset_ms: float | None


async def resolve(
    conn: Connection, wanted: Iterable[tuple[str, int, str]]
) -> dict[tuple[str, str], Source]:
    """Find, or make, the sources of (agent, partition, epoch); give them by (agent, epoch)."""
    listed = sorted(set(wanted))
    names, partitions, epochs = (list(column) for column in zip(*listed, strict=True))
    await conn.execute(
        "insert into agent (name, partition) "
        "select distinct on (name) * from unnest(%s::text[], %s::smallint[]) as v (name, partition)"
        " on conflict (name) do nothing",
        (names, partitions),
    )
    await conn.execute(
        "insert into source (agent_id, epoch) select a.id, v.epoch "
        "from unnest(%s::text[], %s::text[]) as v (name, epoch) join agent a using (name) "
        "on conflict (agent_id, epoch) do nothing",
        (names, epochs),
    )
    found = await conn.execute(
        "select a.name, s.epoch, s.id, a.id, a.site_id "
        "from unnest(%s::text[], %s::text[]) as v (name, epoch) "
        "join agent a using (name) join source s on s.agent_id = a.id and s.epoch = v.epoch",
        (names, epochs),
    )
    return {
        (name, epoch): Source(source_id=source_id, agent_id=agent_id, site_id=site_id)
        for name, epoch, source_id, agent_id, site_id in await found.fetchall()
    }


async def born(  # noqa: PLR0913 -- the fields of a birth
    conn: Connection,
    said: Said,
    *,
    partition: int,
    at_ms: int,
    boot: str,
    site: str,
    version: str,
    config_hash: str,
    hostname: str,
    devices: int,
) -> None:
    """Note that an agent has started."""
    await conn.execute("insert into site (name) values (%s) on conflict (name) do nothing", (site,))
    await conn.execute(
        "update agent set partition = %s, site_id = (select id from site where name = %s), "
        "boot = %s, version = %s, config_hash = %s, hostname = %s, "
        "started_at = to_timestamp(%s / 1e3), stopped_at = null, "
        "birth_source_id = %s, birth_seq = %s, birth_devices = %s where id = %s "
        "and (birth_source_id is null or (birth_source_id, birth_seq) <= (%s, %s))",
        (partition, site, boot, version, config_hash, hostname, at_ms, said.source_id, said.seq,
         devices, said.agent_id, said.source_id, said.seq),
    )  # fmt: skip


async def died(conn: Connection, said: Said, *, at_ms: int, boot: str) -> None:
    """Note that an agent has stopped in good order, unless it has started again since."""
    await conn.execute(
        "update agent set stopped_at = to_timestamp(%s / 1e3) where id = %s and boot = %s",
        (at_ms, said.agent_id, boot),
    )


async def healthy(conn: Connection, said: Said, *, at_ms: int, health: dict[str, Any]) -> None:
    """Keep an agent's newest health record."""
    await conn.execute(
        "update agent set health = %s::jsonb, health_at = to_timestamp(%s / 1e3), "
        "health_source_id = %s, health_seq = %s where id = %s "
        "and (health_source_id is null or (health_source_id, health_seq) <= (%s, %s))",
        (json.dumps(health), at_ms, said.source_id, said.seq, said.agent_id, said.source_id,
         said.seq),
    )  # fmt: skip


async def committed(conn: Connection, agent_ids: Sequence[int]) -> None:
    """Note that batches of these agents are committed now."""
    await conn.execute(
        "update agent set committed_at = now() where id = any(%s)", (list(agent_ids),), prepare=True
    )


async def sites_of(conn: Connection, agent_ids: Iterable[int]) -> dict[int, int | None]:
    """Give the site of each agent; None before its birth."""
    found = await conn.execute(
        "select id, site_id from agent where id = any(%s)", (list(agent_ids),)
    )
    return dict(await found.fetchall())


async def seen(conn: Connection, agents: Sequence[Seen]) -> None:
    """Keep what presence says; an agent that has never committed anything is made known by it."""
    listed = {agent.agent: agent for agent in agents}.values()
    await conn.execute(
        "insert into agent as old (name, partition, is_online, clock_offset_ms) "
        "select * from unnest(%s::text[], %s::smallint[], %s::bool[], %s::real[]) "
        "on conflict (name) do update set is_online = excluded.is_online, "
        "clock_offset_ms = coalesce(excluded.clock_offset_ms, old.clock_offset_ms)",
        (
            [agent.agent for agent in listed],
            [agent.partition for agent in listed],
            [agent.is_online for agent in listed],
            [agent.clock_offset_ms for agent in listed],
        ),
    )


async def notify(conn: Connection, agent_ids: Iterable[int], site_ids: Iterable[int]) -> None:
    """Tell listeners, when the transaction commits, whose data changed."""
    changed = {"agents": sorted(agent_ids), "sites": sorted(site_ids)}
    payload = json.dumps(changed, separators=(",", ":"))
    if len(payload) > _MAX_NOTIFY_BYTES:  # then say only that much has changed
        payload = '{"agents":[],"sites":[]}'
    await conn.execute("select pg_notify('lode_live', %s)", (payload,), prepare=True)


_MAX_NOTIFY_BYTES = 7900  # PostgreSQL takes less than 8000
