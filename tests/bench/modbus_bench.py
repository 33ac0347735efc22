"""The agent against simulated meters: 400 of them, every second, over Modbus TCP."""

import time
from collections.abc import Iterator

import numpy as np
import psycopg

from lode_sim.stack import Stack, wait_for
from tests.bench import cpu, stage
from tests.bench.edge_bench import Cost, health
from tests.bench.figure import Figure

METERS, INTERVAL_S = 400, 1.0
WINDOW_S = 30.0
TAGS = 20
PEER = 435
"""Points a second that thingsboard-gateway 3.8.5 delivers of 8,000 offered, on a like machine."""


def run() -> Iterator[Figure]:
    """Measure the agent's cost and whether it keeps the interval."""
    options = ("--meters", str(METERS))
    with stage.stack(rigs=0, interval_s=INTERVAL_S, base="auto", site_options=options) as found:
        found.start()
        wait_for(lambda: meters(found) > METERS, 60, "every meter", found.edge)
        time.sleep(5.0)  # the first reads also identify
        cost, values = measure(found)
    due = (METERS + 1) * WINDOW_S / INTERVAL_S
    yield Figure(
        name="modbus: 400 meters every second, cores",
        value=cost.cores,
        unit="cores",
        ratio=cost.cores,
        against="the limit of 1 core",
    )
    yield Figure(name="modbus: 400 meters every second, RSS", value=cost.rss_mb, unit="MB")
    yield Figure(
        name="modbus: polls done",
        value=cost.polls,
        unit="polls",
        ratio=cost.polls / due,
        against=f"what was due, {due:,.0f}",
    )
    yield Figure(name="modbus: polls skipped", value=cost.skipped, unit="polls")
    yield Figure(
        name="modbus: values committed",
        value=values,
        unit="points/s",
        ratio=values / PEER,
        against=f"thingsboard-gateway, which collapses at 8,000 points/s ({PEER}/s)",
    )
    age_s = float(np.percentile(cost.ages_s, 99))
    yield Figure(name="modbus: reading to commit, p99", value=age_s, unit="s")


def meters(found: Stack) -> int:
    """Count the meters that were read."""
    with psycopg.connect(found.database_url()) as db:
        return stage.count(db, "meter_last")


def measure(found: Stack) -> tuple[Cost, float]:
    """Watch the agent for a while; give also how many values a second were committed."""
    url = found.database_url()
    with stage.Ages(url, "north-1", of=4, since_ms=1, table="meter_last") as ages:
        before, used, values = health(found), cpu.used_s({found.edge.pid}), stored(url)
        begin_s = time.monotonic()
        time.sleep(WINDOW_S)
        used = cpu.used_s({found.edge.pid}) - used
        end_s = time.monotonic()
        values = stored(url) - values
        rss_mb = cpu.rss_bytes(found.edge.pid) / 1e6
        after = health(found)
    share = WINDOW_S * 1000 / (after["at_ms"] - before["at_ms"])
    cost = Cost(
        cores=sum(used.values()) / (end_s - begin_s),
        rss_mb=rss_mb,
        polls=round((after["polls_done"] - before["polls_done"]) * share),
        skipped=sum(after[f"polls_{n}"] - before[f"polls_{n}"] for n in ("skipped", "late")),
        ages_s=ages.between(begin_s + 1, end_s),
    )
    return cost, values / (end_s - begin_s)


def stored(url: str) -> int:
    """Count committed values: of a meter's reading those that are there, and further points."""
    columns = "power_w, energy_in_kwh, energy_out_kwh, voltage_v, current_a, freq_hz, power_factor"
    with psycopg.connect(url) as db:
        row = db.execute(
            f"select coalesce(sum(num_nonnulls({columns})), 0) from meter_reading"
        ).fetchone()
        assert row is not None
        return int(row[0]) + stage.count(db, "point_reading where value is not null")
