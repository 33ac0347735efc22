"""Rows of readings for the store's tests, made from few numbers."""

from typing import Any

import numpy as np

from lode_hub.store import Store, partitions
from lode_hub.store.readings import Kind, Rows

T0_MS = 1_790_000_040_000
"""A full minute in September 2026, not at the begin of a quarter of an hour."""

_DTYPES = {"float4": "f4", "float8": "f8", "int8": "i8", "int4": "i4", "int2": "i2"}


def rows(kind: Kind, device: list[int], at_ms: list[int], **values: list[Any]) -> Rows:
    """Make rows; a value not given is missing, a required one is 0."""
    n = len(device)
    columns = {}
    for name, of in kind.values.items():
        dtype = np.dtype(_DTYPES[of])
        missing = np.nan if dtype.kind == "f" else np.iinfo(dtype).min
        default = missing if name in kind.optional else 0
        given = values.get(name, [None] * n)
        columns[name] = np.array([default if v is None else v for v in given], dtype)
    keys = {"device_id": np.array(device, np.int32)}
    if "point_id" in kind.keys:
        keys["point_id"] = np.array(values.get("point_id", [1] * n), np.int32)
    return Rows(
        kind=kind,
        agent_id=np.ones(n, np.int32),
        source_id=np.ones(n, np.int32),
        seq=np.array(values.get("seq", range(1, n + 1)), np.int64),
        at_ms=np.array(at_ms, np.int64),
        received_ms=np.array(at_ms, np.int64) + 100,
        keys=keys,
        values=columns,
    )


async def make_room(store: Store, *at_ms: int) -> None:
    """Make the partitions these times need."""
    async with store.pool.connection() as conn:
        await partitions.Partitions().ensure(conn, [at // 86_400_000 for at in at_ms])


async def make_devices(store: Store, count: int) -> None:
    """Make that many devices, numbered from 1, of one agent."""
    async with store.pool.connection() as conn:
        await conn.execute("insert into agent (name, partition) values ('a', 1)")
        await conn.execute(
            "insert into device (agent_id, name, kind, driver, address, profile, vendor, model, "
            "firmware, serial, mac, rack, facts_at, facts_source_id, facts_seq) "
            "select 1, 'd' || n, 1, '', '', '', '', '', '', '', '', '', now(), 1, 1 "
            "from generate_series(1, %s) n",
            (count,),
        )


async def fetch(store: Store, query: str, *args: object) -> list[tuple[Any, ...]]:
    """Ask the database, in its binary form: a float4 comes back with all its bits."""
    async with store.pool.connection() as conn:
        return await (await conn.execute(query.encode(), args, binary=True)).fetchall()
