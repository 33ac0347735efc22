"""COPY BINARY and array parameters: every column of every kind comes back as it was."""

import datetime
import math
from dataclasses import replace

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from lode_hub.store import copy, readings
from tests.hub.store.rows import T0_MS, fetch, make_devices, make_room, rows

BOUNDS = {"int8": 63, "int4": 31, "int2": 15}


def values(of, *, is_optional):
    if of.startswith("float"):
        inner = st.floats(width=32 if of == "float4" else 64, allow_nan=False)
    else:
        high = (1 << BOUNDS[of]) - 1
        # The smallest integer stands for a missing one.
        inner = st.sampled_from([0, 1, -1, high, -high]) | st.integers(-high, high)
    return st.none() | inner if is_optional else inner


def tables(kind):
    row = {n: values(of, is_optional=n in kind.optional) for n, of in kind.values.items()}
    return st.lists(st.fixed_dictionaries(row), min_size=1, max_size=12)


@pytest.mark.parametrize("kind", readings.KINDS.values(), ids=lambda kind: kind.tag)
@settings(
    max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(data=st.data())
def test_every_value_comes_back(kind, data, shared_store):
    listed = data.draw(tables(kind))
    n = len(listed)
    columns = {name: [row[name] for row in listed] for name in kind.values}
    made = rows(kind, list(range(1, n + 1)), [T0_MS + i for i in range(n)], **columns)

    async def round_trip(store):
        async with store.pool.connection() as conn:
            await conn.execute(f"truncate {kind.table}, {kind.last}")
            await readings.append(conn, made)
            await readings.keep_last(conn, made)
        names = ", ".join(kind.values)
        yield await fetch(store, f"select {names} from {kind.table} order by device_id")
        yield await fetch(store, f"select {names} from {kind.last} order by device_id")

    async def both(store):
        return [found async for found in round_trip(store)]

    expected = [tuple(row[name] for name in kind.values) for row in listed]
    for found in shared_store.run(both):
        assert found == expected


async def test_times_and_keys_come_back(store):
    await make_room(store, T0_MS)
    made = rows(readings.RIG, [7, 8], [T0_MS, T0_MS + 1], seq=[2**62, 1])
    async with store.pool.connection() as conn:
        await readings.append(conn, made)
    at = datetime.datetime.fromtimestamp(T0_MS / 1000, datetime.UTC)
    assert await fetch(
        store, "select at, device_id, source_id, seq from rig_reading order by 2"
    ) == [
        (at, 7, 1, 2**62),
        (at + datetime.timedelta(milliseconds=1), 8, 1, 1),
    ]


def test_nothing_is_masked_where_nothing_is_missing():
    column = copy.with_nulls("a", "float4", np.array([1.5, 2.5], np.float32))
    assert copy.rows([column]) == bytes.fromhex("0001 00000004 3fc00000 0001 00000004 40200000")


def test_a_missing_value_has_no_bytes():
    some = copy.with_nulls("a", "float4", np.array([1.5, math.nan], np.float32))
    none = copy.with_nulls("b", "int8", np.full(2, np.iinfo(np.int64).min))
    assert copy.rows([some, none]) == bytes.fromhex(
        "0002 00000004 3fc00000 ffffffff 0002 ffffffff ffffffff"
    )


async def test_last_state_is_the_newest_by_time(store):
    await make_devices(store, 2)

    async def keep(device, at_ms, watts):
        made = rows(readings.RIG, device, at_ms, power_w=watts)
        async with store.pool.connection() as conn:
            await readings.keep_last(conn, made)

    await keep([1, 1, 2], [T0_MS + 5, T0_MS + 9, T0_MS], [5.0, 9.0, 1.0])
    await keep([1, 2], [T0_MS + 7, T0_MS + 1], [7.0, None])
    found = await fetch(store, "select device_id, power_w from rig_last order by 1")
    assert found == [(1, 9.0), (2, None)]


async def test_last_state_from_a_wrong_clock_yields(store):
    await make_devices(store, 1)
    hour = 3_600_000
    for at_ms, received_ms in [(T0_MS + hour, T0_MS), (T0_MS + 2000, T0_MS + 2000)]:
        made = rows(readings.RIG, [1], [at_ms])
        made.received_ms[:] = received_ms
        async with store.pool.connection() as conn:
            await readings.keep_last(conn, made)
    assert await fetch(store, "select extract(epoch from at)::bigint from rig_last") == [
        ((T0_MS + 2000) // 1000,)
    ]


@pytest.mark.parametrize(("at_s", "received_s", "offset_s", "is_taken"), [
    (61 - 3600, 61, -3600, True),  # its clock was set back by an hour, as is known
    (61 - 62, 61, -62, True),
    (59 - 3600, 59, -3600, False),  # the one that is there may be of the present, too
    (61 - 3600, 61, 0, False),  # the clock is right: a backlog
    (-5, 300, 0, False),  # a backlog, after a reading of a slow poll
])  # fmt: skip
async def test_last_state_goes_on_when_a_clock_was_set_back(
    store, at_s, received_s, offset_s, is_taken
):
    await make_devices(store, 1)
    for at, received, offset in ((0, 0, 0), (at_s, received_s, offset_s)):
        made = rows(readings.RIG, [1], [T0_MS + 1000 * at])
        made.received_ms[:] = T0_MS + 1000 * received
        made = replace(made, offset_ms=np.array([1000 * offset]) if offset else None)
        async with store.pool.connection() as conn:
            await readings.keep_last(conn, made)
    kept = await fetch(store, "select extract(epoch from received_at)::bigint from rig_last")
    assert kept == [(T0_MS // 1000 + (received_s if is_taken else 0),)]
