"""Devices with their facts, the numbers that readings call them by, and points."""

from collections.abc import Iterable, Sequence
from typing import Any

from lode_hub.store.agents import Said
from lode_hub.store.connection import Connection
from lode_wire.records import Device

_FACTS = (
    "driver", "address", "profile", "vendor", "model", "firmware", "serial", "mac", "rack",
    "interval_s", "rated_hashrate_ths", "rated_power_w", "rated_boards", "rated_fans",
    "chip_temp_max_c", "board_temp_max_c",
)  # fmt: skip
_COLUMNS = ("agent_id", "name", "kind", *_FACTS, "facts_at", "facts_source_id", "facts_seq")
_UPSERT = (  # every name in it is a constant above
    f"insert into device as old ({', '.join(_COLUMNS)}) "  # noqa: S608
    f"values ({', '.join(['%s'] * (len(_FACTS) + 3))}, to_timestamp(%s / 1e3), %s, %s) "
    "on conflict (agent_id, name) do update set is_configured = true, "
    + ", ".join(f"{name} = excluded.{name}" for name in _COLUMNS[2:])
    + " where (old.facts_source_id, old.facts_seq)"
    " <= (excluded.facts_source_id, excluded.facts_seq)"
)


async def add(conn: Connection, said: Said, facts: Sequence[Device]) -> None:
    """Keep devices' facts, unless later ones are there, and what this epoch calls them."""
    rows: list[tuple[Any, ...]] = [
        (
            *(said.agent_id, device.name, int(device.kind)),
            *(getattr(device, name) for name in _FACTS),
            *(device.at_ms, said.source_id, said.seq),
        )
        for device in facts
    ]
    async with conn.cursor() as cursor:
        await cursor.executemany(_UPSERT, rows)
    numbers = {device.number: device.name for device in facts}
    await conn.execute(
        "insert into device_number (source_id, number, device_id) "
        "select %s, v.number, d.id from unnest(%s::bigint[], %s::text[]) as v (number, name) "
        "join device d on d.agent_id = %s and d.name = v.name "
        "on conflict (source_id, number) do update set device_id = excluded.device_id",
        (said.source_id, list(numbers), list(numbers.values()), said.agent_id),
    )


async def leave_out(conn: Connection, agent_ids: Iterable[int]) -> None:
    """Mark devices that the latest birth has left out, once all it promised are there."""
    await conn.execute(
        "update device d set is_configured = false from agent a "
        "where a.id = any(%s) and d.agent_id = a.id and d.is_configured "
        "and (d.facts_source_id, d.facts_seq) < (a.birth_source_id, a.birth_seq) "
        "and a.birth_devices <= (select count(*) from device e where e.agent_id = a.id "
        "and (e.facts_source_id, e.facts_seq) >= (a.birth_source_id, a.birth_seq))",
        (list(agent_ids),),
    )


async def numbers(conn: Connection, source_ids: Iterable[int]) -> dict[int, dict[int, int]]:
    """Give the devices of each source by what its readings call them."""
    listed = list(source_ids)
    found = await conn.execute(
        "select source_id, number, device_id from device_number where source_id = any(%s)",
        (listed,),
    )
    known: dict[int, dict[int, int]] = {source_id: {} for source_id in listed}
    for source_id, number, device_id in await found.fetchall():
        known[source_id][number] = device_id
    return known


async def points(conn: Connection, wanted: Iterable[tuple[str, str]]) -> dict[tuple[str, str], int]:
    """Find, or make, points by (name, unit)."""
    listed = sorted(set(wanted))
    names, units = [name for name, _ in listed], [unit for _, unit in listed]
    await conn.execute(
        "insert into point (name, unit) select * from unnest(%s::text[], %s::text[]) "
        "on conflict (name, unit) do nothing",
        (names, units),
    )
    found = await conn.execute(
        "select p.name, p.unit, p.id from unnest(%s::text[], %s::text[]) as v (name, unit) "
        "join point p using (name, unit)",
        (names, units),
    )
    return {(name, unit): point_id for name, unit, point_id in await found.fetchall()}
