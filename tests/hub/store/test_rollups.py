"""Rollups against an aggregate over the raw readings: late data, concurrency, levels."""

import asyncio
import datetime
import math

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, given, settings

from lode_hub.store import readings, rollups
from lode_hub.store.readings import METER, RIG
from tests.hub.store.rows import T0_MS, fetch, make_room, rows

WATTS = st.none() | st.floats(-1e6, 1e6, width=32)
STEPS = {"1m": "1 minute", **{level.suffix: level.interval for level in rollups.LEVELS}}


def expected(kind, step):
    """Aggregate raw readings the slow way: the truth that every rollup has to say."""
    newest = "(array_agg({} order by at desc, seq desc))[1]"
    oldest = "(array_agg({} order by at, seq))[1]"
    listed = ["min(at)", "max(at)", "count(*)::int"]
    if kind is RIG:
        listed += ["count(*) filter (where state = 1)::int"]
        listed += [newest.format("accepted_shares"), newest.format("rejected_shares")]
    else:
        for name in ("energy_in_kwh", "energy_out_kwh"):
            listed += [oldest.format(name), newest.format(name)]
    for part in rollups.parts(kind.tag):
        if part.name.endswith("_sum"):
            name = part.name.removesuffix("_sum")
            listed += [f"count({name})::int", f"coalesce(sum({name}::float8), 0)"]
            listed += [f"min({name})", f"max({name})", newest.format(name)]
    origin = "timestamptz '2000-01-01 00:00:00+00'"
    return (
        f"select date_bin('{step}', at, {origin}) as bucket, device_id, {', '.join(listed)} "
        f"from {kind.table} group by 1, 2 order by 1, 2"
    )


def stored(kind, suffix):
    names = ", ".join(part.name for part in rollups.parts(kind.tag))
    return f"select bucket, device_id, {names} from {kind.tag}_{suffix} order by 1, 2"


async def add(store, made):
    async with store.pool.connection() as conn, conn.transaction():
        await readings.append(conn, made)
        await rollups.add(conn, made)


async def refresh(store):
    async with store.pool.connection() as conn:
        for level in rollups.LEVELS:
            while await rollups.refresh(conn, level):
                pass


async def compare(store, kind, suffixes=("1m", "15m", "1h", "1d")):
    for suffix in suffixes:
        truth = await fetch(store, expected(kind, STEPS[suffix]))
        told = await fetch(store, stored(kind, suffix))
        assert len(told) == len(truth)
        for a, b in zip(told, truth, strict=True):
            for x, y in zip(a, b, strict=True):
                assert x == y or math.isclose(x, y, rel_tol=1e-12, abs_tol=1e-6), (suffix, a, b)


def batch(kind):
    """Readings of three devices anywhere in two hours: late, early, out of order."""
    row = {
        "device": st.integers(1, 3),
        "at": st.integers(0, 7_200_000),
        "power_w": WATTS,
        "counter": st.none() | st.integers(0, 10**9),
        "state": st.integers(0, 6),
    }
    return st.lists(st.fixed_dictionaries(row), min_size=1, max_size=30).map(
        lambda listed: make(kind, listed)
    )


def make(kind, listed):
    counters = ("accepted_shares",) if kind is RIG else ("energy_in_kwh", "energy_out_kwh")
    values = {"power_w": [row["power_w"] for row in listed]}
    values |= {name: [row["counter"] for row in listed] for name in counters}
    if kind is RIG:
        values["state"] = [row["state"] for row in listed]
    return rows(kind, [r["device"] for r in listed], [T0_MS + r["at"] for r in listed], **values)


@pytest.mark.parametrize("kind", [RIG, METER], ids=["rig", "meter"])
@settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_rollups_say_what_the_readings_say(kind, data, shared_store):
    batches = data.draw(st.lists(batch(kind), min_size=1, max_size=4))
    seen: set[tuple[int, int]] = set()

    async def check(store):
        tables = ", ".join(f"{kind.tag}_{suffix}" for suffix in STEPS)
        async with store.pool.connection() as conn:
            await conn.execute(f"truncate {kind.table}, {tables}, rollup_dirty")
        for made in batches:
            # Two readings of one device at one instant have no order that both sides could know.
            for i, key in enumerate(
                zip(made.keys["device_id"].tolist(), made.at_ms.tolist(), strict=False)
            ):
                while (key[0], int(made.at_ms[i])) in seen:
                    made.at_ms[i] += 1
                seen.add((key[0], int(made.at_ms[i])))
            await add(store, made)
        await refresh(store)
        await compare(store, kind)

    shared_store.run(check)


async def test_two_transactions_add_to_the_same_minute(store):
    await make_room(store, T0_MS)

    async def many(offset):
        for i in range(10):
            made = rows(
                RIG, [1, 2], [T0_MS + 2000 * i + offset] * 2, power_w=[float(i), None], seq=[i, i]
            )
            await add(store, made)

    await asyncio.gather(many(0), many(1), many(2))
    await compare(store, RIG, ["1m"])


async def test_late_readings_change_the_coarser_rollups(store):
    await make_room(store, T0_MS)
    await add(store, rows(RIG, [1], [T0_MS + 60_000], power_w=[10.0]))
    await refresh(store)
    await add(store, rows(RIG, [1, 2], [T0_MS, T0_MS], power_w=[30.0, 5.0]))
    await refresh(store)
    await compare(store, RIG)
    assert await fetch(store, "select count(*) from rollup_dirty") == [(0,)]


async def test_a_commit_during_a_recomputation_is_not_missed(store):
    await make_room(store, T0_MS)
    await add(store, rows(RIG, [1], [T0_MS], power_w=[10.0]))
    late = rows(RIG, [1], [T0_MS + 1000], power_w=[20.0])
    async with store.pool.connection() as conn:
        async with conn.transaction():
            await readings.append(conn, late)
            await rollups.add(conn, late)
            await refresh(store)  # sees the first reading only
        await refresh(store)
    await compare(store, RIG)


async def test_what_was_dropped_is_not_forgotten_by_a_late_reading(store):
    day_ms = 86_400_000
    old = int(datetime.datetime.now(datetime.UTC).timestamp() * 1000) - 100 * day_ms
    old -= old % 900_000
    await make_room(store, old)
    await add(store, rows(RIG, [1, 1], [old, old + 1000], power_w=[10.0, 20.0]))
    async with store.pool.connection() as conn:
        await conn.execute(
            "insert into rig_15m (bucket, device_id, first_at, last_at, n, mining_n, "
            + ", ".join(
                p.name for p in rollups.parts("rig") if p.name.endswith(("_n", "_sum"))
            ).replace("mining_n, ", "")
            + ") select to_timestamp(%s), 1, now(), now(), 99, 0"
            + ", 0" * 12,
            (old // 1000,),
        )
    await refresh(store)
    assert await fetch(store, "select n from rig_15m") == [(99,)]
