"""What people and machines ask: charts, the fleet, the API under load, with 10,000 rigs stored.

a day of rollups (made by SQL) ─► Queries ─► API, one asker ─► API, 200 requests a second
"""

import asyncio
import itertools
import random
import statistics
import time
from collections.abc import Awaitable, Callable, Iterator

import httpx
import numpy as np
import psycopg
from psycopg import sql

from lode_hub.queries import Queries
from lode_hub.store import Store, rollups
from lode_sim.stack import Stack, wait_for
from tests.bench import stage
from tests.bench.figure import Figure
from tests.system.hub_api import first_password

RIGS = 10_000
TIMES = 30
CHART_LIMIT_MS, COMPLEX_LIMIT_MS = 200.0, 2_000.0
API_LIMIT_MS, API_RATE, API_LOAD_S = 100.0, 200, 15.0
BUCKETS = {"1m": ("1 minute", 120), "15m": ("15 minutes", 97), "1h": ("1 hour", 25)}


def run() -> Iterator[Figure]:
    """Measure reads beside a hub that takes nothing in."""
    with stage.hub_alone() as found:
        fill(found.database_url())
        queries = asyncio.run(ask_queries(found.database_url()))
        api, load = asyncio.run(ask_api(found))
    for name, took in {**queries, **api}.items():
        limit = CHART_LIMIT_MS if "one rig" in name else COMPLEX_LIMIT_MS
        yield Figure(
            name=f"series: {name}, median",
            value=statistics.median(took),
            unit="ms",
            ratio=statistics.median(took) / limit,
            against=f"the limit of {limit:,.0f} ms (most {max(took):.0f})",
        )
    for percent in (50, 99):
        value = float(np.percentile(load, percent))
        yield Figure(
            name=f"series: API at {API_RATE} requests/s, p{percent}",
            value=value,
            unit="ms",
            ratio=value / API_LIMIT_MS,
            against=f"the limit of {API_LIMIT_MS:.0f} ms at p99",
        )


def fill(url: str) -> None:
    """Store a fleet, its last readings, and a day of rollups (of minutes only the last hours)."""
    with psycopg.connect(url, autocommit=True) as db:
        parts = "pg_inherits where inhparent = 'rig_1m'::regclass"
        wait_for(lambda: stage.count(db, parts) > 1, 30, "the partitions")
        db.execute(_FLEET, {"rigs": RIGS})
        for suffix, (step, buckets) in BUCKETS.items():
            db.execute(_rollup(suffix), {"step": step, "buckets": buckets})
        db.execute("vacuum analyze")


async def ask_queries(url: str) -> dict[str, list[float]]:
    """Time what the dashboard asks, in this process; in ms."""
    store = await Store.open(url)
    queries = Queries(store)
    rigs = random.Random(1)
    found = {
        "24 h of one rig": await timed(
            lambda: queries.series(rigs.randrange(1, RIGS + 1), "hashrate_ths", "day")
        ),
        "24 h of a site of 10,000 rigs": await timed(
            lambda: queries.site_series("bench", "hashrate_ths", "day"), 5
        ),
        "the fleet of 10,000 rigs": await timed(queries.rigs, 5),
        "the live figures of 10,000 rigs": await timed(queries.pulse, 5),
    }
    assert len(await queries.rigs()) == RIGS
    assert len((await queries.series(1, "hashrate_ths", "day")).at_ms) >= 90
    await store.close()
    return found


async def ask_api(found: Stack) -> tuple[dict[str, list[float]], list[float]]:
    """Time the API: one asker, and many at a steady rate; in ms."""
    limits = httpx.Limits(max_connections=50, max_keepalive_connections=50)
    async with httpx.AsyncClient(base_url=found.url, timeout=10, limits=limits) as client:
        body = {"name": "admin", "password": first_password(found)}
        headers = {"Origin": found.url}
        (await client.post("/api/v1/session", json=body, headers=headers)).raise_for_status()

        async def get(path: str) -> None:
            (await client.get(f"/api/v1/{path}")).raise_for_status()

        rigs = random.Random(2)
        paths = (
            next(kinds).format(rigs.randrange(1, RIGS + 1)) for kinds in itertools.repeat(_mix())
        )
        chart = await timed(lambda: get("rigs/17/series?metric=hashrate_ths&span=day"))
        return {"24 h of one rig by the API": chart}, await load(lambda: get(next(paths)))


def _mix() -> Iterator[str]:
    # What a machine asks most: one rig, a chart, a page of the fleet, alerts, agents.
    return itertools.cycle(
        ["rigs/{}", "rigs/{}/series?metric=power_w&span=day", "rigs/{}", "alerts", "agents"]
    )


async def load(ask: Callable[[], Awaitable[None]]) -> list[float]:
    """Ask at a steady rate, whether or not the answers keep up; give ms from when each was due."""
    took: list[float] = []

    async def one(due_s: float) -> None:
        await ask()
        took.append((time.perf_counter() - due_s) * 1000)

    begin_s = time.perf_counter()
    async with asyncio.TaskGroup() as tasks:
        for number in range(int(API_RATE * API_LOAD_S)):
            due_s = begin_s + number / API_RATE
            await asyncio.sleep(max(0.0, due_s - time.perf_counter()))
            tasks.create_task(one(due_s))
    return took


async def timed(ask: Callable[[], Awaitable[object]], times: int = TIMES) -> list[float]:
    """Time a question several times, after once; in ms."""
    await ask()
    took = []
    for _ in range(times):
        began = time.perf_counter()
        await ask()
        took.append((time.perf_counter() - began) * 1000)
    return took


def _rollup(suffix: str) -> sql.Composed:
    """Write a statement that fills a rollup with plausible numbers, bucket by bucket."""
    values = {"timestamptz": "b", "int4": "6", "int8": "5000", "float8": "660 + d / 1e3"}
    listed = rollups.parts("rig")
    return sql.SQL(
        "insert into {table} (bucket, device_id, {names}) select b, d, {values} from ("
        "select date_bin(%(step)s::interval, now(), '2000-01-01Z') - n * %(step)s::interval as b "
        "from generate_series(0, %(buckets)s - 1) n order by 1) t, generate_series(1, {rigs}) d"
    ).format(
        table=sql.Identifier(f"rig_{suffix}"),
        names=sql.SQL(", ").join(sql.Identifier(part.name) for part in listed),
        values=sql.SQL(", ").join(
            sql.SQL(values.get(part.type, "110 + random() * 5")) for part in listed
        ),
        rigs=sql.Literal(RIGS),
    )


_FLEET = """
    with s as (insert into site (name) values ('bench') returning id),
    a as (
        insert into agent (name, partition, site_id, started_at, committed_at, is_online)
        select 'bench', 0, id, now(), now(), true from s returning id
    ),
    o as (insert into source (agent_id, epoch) select id, 'e' from a returning id),
    d as (
        insert into device (agent_id, name, kind, driver, address, profile, vendor, model, firmware,
            serial, mac, rack, interval_s, rated_hashrate_ths, rated_power_w, rated_boards,
            rated_fans, chip_temp_max_c, board_temp_max_c, facts_at, facts_source_id, facts_seq)
        select a.id, 'rig-' || lpad(n::text, 5, '0'), 1, 'asic', '10.0.0.1', '', 'Bitmain',
            'Antminer S19', '2025', 'S' || n, '', 'A' || n / 50, 10, 110, 3250, 3, 4, 95, 80,
            now(), o.id, 1
        from a, o, generate_series(1, %(rigs)s) n returning id
    )
    insert into rig_last (device_id, at, received_at, hashrate_ths, power_w, board_temp_c,
        chip_temp_c, inlet_temp_c, fan_rpm, accepted_shares, rejected_shares, uptime_s,
        chips_alive, boards_alive, fans_alive, state, power_source, quality)
    select id, now(), now(), 110, 3250, 65, 75, 25, 5400, 5000, 3, 90000, 342, 3, 4, 1, 2, 0 from d
"""
