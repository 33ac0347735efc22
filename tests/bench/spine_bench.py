"""The whole way: readings a second from the agents' spools to committed rows, on one machine.

4 feeders ─► broker ─► hub (checks, ledger, COPY, last state, rollups, detectors) ─► database
the same rows, in groups as large ─► COPY into a table of the same make, by one process
"""

import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import numpy as np
import psycopg
from psycopg import sql

from lode_sim.stack import Stack
from tests.bench import cpu, stage
from tests.bench.figure import Figure

LIMIT = 60_000
LIMIT_US = 2e6 / LIMIT
AIM_RATIO = 0.6
AGENTS, RIGS = 4, 2_500  # a fleet of 10,000
POLLS = 450
INTERVAL_S = 10.0
WARM_UP_S, WINDOW_S = 6.0, 20.0
COPIED = 1_000_000
PROBES = 20  # rigs of one more agent, a reading a second each: how old is live data now?


@dataclass(frozen=True)
class Flood:
    """What was measured while all agents sent as fast as they could."""

    rate: float
    mean_group: float
    age_p50_s: float
    age_p99_s: float
    cpu_us: dict[str, float]  # by program, for each reading


def run() -> Iterator[Figure]:
    """Measure the flood, and then a raw COPY of the same rows beside an idle hub."""
    with stage.hub_alone() as found:
        flood = measure(found)
        with psycopg.connect(found.database_url(), autocommit=True) as db:
            raw = copy(db, round(flood.mean_group))
    yield Figure(
        name="spine: end to end",
        value=flood.rate,
        unit="readings/s",
        ratio=flood.rate / LIMIT,
        against=f"the limit of {LIMIT:,}",
    )
    yield Figure(
        name="spine: the same against a raw COPY",
        value=flood.rate,
        unit="readings/s",
        ratio=flood.rate / raw,
        against=f"a raw COPY of the same rows, {raw:,.0f}/s (aim {AIM_RATIO})",
    )
    parts = ", ".join(f"{name} {each:.1f}" for name, each in sorted(flood.cpu_us.items()))
    yield Figure(
        name="spine: CPU a reading, all processes",
        value=sum(flood.cpu_us.values()),
        unit="us",
        ratio=sum(flood.cpu_us.values()) / LIMIT_US,
        against=f"2 cores at the limit ({parts})",
    )
    yield Figure(name="spine: rows a transaction", value=flood.mean_group, unit="rows")
    yield Figure(name="spine: age of live data beside it, median", value=flood.age_p50_s, unit="s")
    yield Figure(name="spine: age of live data beside it, p99", value=flood.age_p99_s, unit="s")


def measure(found: Stack) -> Flood:
    """Let the agents send for a while and count what is committed."""
    url = found.database_url()
    first_ms = round((time.time() - POLLS * INTERVAL_S - 60) * 1000)
    feeds = [stage.feed(found, n, rigs=RIGS, polls=POLLS, first_ms=first_ms) for n in range(AGENTS)]
    probe = stage.feed(found, AGENTS, rigs=PROBES, polls=600, every_s=1.0)
    with ExitStack() as ends:
        running = ends.enter_context(stage.feeders(found, [*feeds, probe]))
        db = ends.enter_context(psycopg.connect(url, autocommit=True))
        ages = ends.enter_context(stage.Ages(url, probe.agent))
        for feeder in running:
            feeder.go()
        time.sleep(WARM_UP_S)
        roots = {found.hub.pid, *(feeder.pid for feeder in running)}
        begin_s, before = counted(db)
        used = cpu.used_s(roots)
        time.sleep(WINDOW_S)
        used = cpu.used_s(roots) - used
        end_s, after = counted(db)
        p50_s, p99_s = np.percentile(ages.between(begin_s, end_s), [50, 99])
        groups = stage.count(db, "(select distinct xmin::text from rig_reading) t")
    rate = (after - before) / (end_s - begin_s)
    cpu_us = {name: 1e6 * each / (after - before) for name, each in used.items()}
    return Flood(rate, after / groups, p50_s, p99_s, cpu_us)


def counted(db: psycopg.Connection[Any]) -> tuple[float, int]:
    """Count the committed rows of an instant: the one at which the snapshot is taken."""
    at_s = time.monotonic()
    return at_s, stage.count(db, "rig_reading")


def copy(db: psycopg.Connection[Any], group: int) -> float:
    """Give rows a second of COPY BINARY, a transaction a group, into a table of the same make."""
    size, rows = taken(db)
    db.execute("create table raw_reading (like rig_reading including all) partition by range (at)")
    for name, bound in db.execute(_PARTITIONS).fetchall():
        made = sql.SQL("create table {} partition of raw_reading {}")
        db.execute(made.format(sql.Identifier(f"raw_{name}"), sql.SQL(bound)))
    began = time.perf_counter()
    with db.cursor() as cursor:
        for place in range(0, len(rows), group * size):
            with cursor.copy("copy raw_reading from stdin (format binary)") as into:
                into.write(_HEADER + rows[place : place + group * size] + _TRAILER)
    return len(rows) // size / (time.perf_counter() - began)


def taken(db: psycopg.Connection[Any]) -> tuple[int, bytes]:
    """Take committed rows in COPY's binary form; give the size of one, and all."""
    statement = f"copy (select * from rig_reading limit {COPIED}) to stdout (format binary)"
    with db.cursor() as cursor, cursor.copy(statement) as out:
        rows = b"".join(out)[len(_HEADER) : -len(_TRAILER)]
    size = len(rows) // stage.count(db, f"(select from rig_reading limit {COPIED}) t")
    # Nothing is missing in these readings, so that every row has the same size and fields.
    fields = np.ndarray((len(rows) // size,), ">i2", rows, strides=(size,))
    assert len(rows) % size == 0
    assert (fields == fields[0]).all()
    return size, rows


_HEADER, _TRAILER = b"PGCOPY\n\xff\r\n\0" + bytes(8), b"\xff\xff"
_PARTITIONS = """
    select c.relname, pg_get_expr(c.relpartbound, c.oid) from pg_inherits i
    join pg_class c on c.oid = i.inhrelid where i.inhparent = 'rig_reading'::regclass
"""
