"""The agent against simulated rigs: what it costs, what it skips, and what hung rigs cost others.

lode-sim (1,000 rigs) ◄─ every 10 s ─ lode-edge run ─► broker ─► hub ─► database
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import psycopg

from lode_sim.stack import Stack, wait_for
from tests.bench import cpu, stage
from tests.bench.figure import Figure

RIGS, INTERVAL_S = 1_000, 10.0
WINDOW_S, HUNG_WINDOW_S = 40.0, 45.0
HUNG_SHARE = 0.05
LIMIT_MB, LIMIT_CORES = 60.0, 0.5
LATE_LIMIT_S = 1.0


@dataclass(frozen=True)
class Cost:
    """What the agent used and did in a window."""

    cores: float
    rss_mb: float
    polls: int
    skipped: int
    ages_s: list[float]


def run() -> Iterator[Figure]:
    """Measure a healthy site, and then the same site with every twentieth rig hanging."""
    with stage.stack(rigs=RIGS, interval_s=INTERVAL_S, base="auto") as found:
        found.start()
        wait_for(lambda: heard(found) >= RIGS, 60, "every rig", found.edge)
        settle(found)
        cost = measure(found, WINDOW_S, of=5)
        yield from figures("edge: 1,000 rigs every 10 s", cost, RIGS * WINDOW_S / INTERVAL_S)
        age_s = float(np.percentile(cost.ages_s, 99))
        yield Figure(
            name="edge: reading to commit, p99",
            value=age_s,
            unit="s",
            ratio=age_s / LATE_LIMIT_S,
            against="the limit of 1 s",
        )
        found.control("fault", "hang", "--share", str(HUNG_SHARE))
        hung = measure(found, HUNG_WINDOW_S, of=5)
        late_s = lateness(found)
    yield Figure(name="edge: 5 % hung, cores", value=hung.cores, unit="cores")
    for name, value in (("p99", float(np.percentile(late_s, 99))), ("most", float(late_s.max()))):
        yield Figure(
            name=f"edge: 5 % hung, others' polls late, {name}",
            value=value,
            unit="s",
            ratio=value / LATE_LIMIT_S,
            against="the limit of 1 s",
        )


def figures(name: str, cost: Cost, offered: float) -> Iterator[Figure]:
    """Give what an agent cost."""
    yield Figure(
        name=f"{name}, cores",
        value=cost.cores,
        unit="cores",
        ratio=cost.cores / LIMIT_CORES,
        against=f"the limit of {LIMIT_CORES}",
    )
    yield Figure(
        name=f"{name}, RSS",
        value=cost.rss_mb,
        unit="MB",
        ratio=cost.rss_mb / LIMIT_MB,
        against=f"the limit of {LIMIT_MB:.0f} MB",
    )
    yield Figure(
        name=f"{name}, polls done",
        value=cost.polls,
        unit="polls",
        ratio=cost.polls / offered,
        against=f"what was due in that time, {offered:,.0f}",
    )
    yield Figure(name=f"{name}, polls skipped", value=cost.skipped, unit="polls")


def settle(found: Stack) -> None:
    """Wait until a cycle has passed in which devices were read and no longer identified."""
    time.sleep(INTERVAL_S)
    assert found.edge.is_running, found.edge.last_words()


def measure(found: Stack, window_s: float, *, of: int) -> Cost:
    """Watch the agent for a while."""
    with stage.Ages(found.database_url(), "north-1", of=of, since_ms=1) as ages:
        before, used = health(found), cpu.used_s({found.edge.pid})
        begin_s = time.monotonic()
        time.sleep(window_s)
        used = cpu.used_s({found.edge.pid}) - used
        end_s = time.monotonic()
        rss = cpu.rss_bytes(found.edge.pid)
        after = health(found)
    # Health comes every 5 s: counted over the time between the two records themselves.
    share = window_s * 1000 / (after["at_ms"] - before["at_ms"])
    return Cost(
        cores=sum(used.values()) / (end_s - begin_s),
        rss_mb=rss / 1e6,
        polls=round((after["polls_done"] - before["polls_done"]) * share),
        skipped=sum(after[f"polls_{n}"] - before[f"polls_{n}"] for n in ("skipped", "late")),
        ages_s=ages.between(begin_s + 1, end_s),
    )


def health(found: Stack) -> dict[str, int]:
    """Give the agent's newest health record that is committed."""
    with psycopg.connect(found.database_url()) as db:
        row = db.execute("select health from agent where name = 'north-1'").fetchone()
    assert row is not None
    return dict(row[0])


def heard(found: Stack) -> int:
    """Count the rigs that were read."""
    with psycopg.connect(found.database_url()) as db:
        return stage.count(db, "rig_last where state <> 6")


def lateness(found: Stack) -> np.ndarray:
    """Give how much later than an interval after the one before each reading was observed, in s.

    Of the rigs that answered all the time, since some hang.
    """
    with psycopg.connect(found.database_url()) as db:
        rows = db.execute(_LATE, {"interval": INTERVAL_S, "window": HUNG_WINDOW_S}).fetchall()
    # All that do not hang must be among them: one that starved and was given up would not be seen.
    assert len({device for device, _ in rows}) == round((1 - HUNG_SHARE) * RIGS)
    return np.array([late for _, late in rows], np.float64)


_LATE = """
    with recent as (
        select * from rig_reading where at > now() - make_interval(secs => %(window)s)
    ), well as (
        select device_id from recent group by 1 having bool_and(state <> 6)
    )
    select device_id, extract(epoch from late)::float8 - %(interval)s from (
        select device_id, at - lag(at) over (partition by device_id order by at) as late
        from recent join well using (device_id)
    ) t where late is not null
"""
