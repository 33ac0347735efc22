"""A backlog after an outage: how fast it drains, and how old live readings get meanwhile.

4 agents, 10,000 rigs: half an hour in their spools ─► all connect ─► drain, and read on live
"""

import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import numpy as np
import psycopg

from lode_sim.stack import Stack
from tests.bench import stage
from tests.bench.figure import Figure

AGENTS, RIGS, INTERVAL_S = 4, 2_500, 10.0
BACKLOG_POLLS, LIVE_POLLS = 180, 12
LIVE_RATE = AGENTS * RIGS / INTERVAL_S
TIMES_LIMIT = 5
BEHIND_LIMIT_S = 2.0
WATCHED = 25  # every so many rigs


@dataclass(frozen=True)
class Drain:
    """What was measured until the last agent's backlog was gone."""

    took_s: float
    ages_s: list[float]


def run() -> Iterator[Figure]:
    """Measure the drain of all agents' backlogs beside their own live readings."""
    with stage.hub_alone() as found:
        drain = measure(found)
    rate = AGENTS * RIGS * BACKLOG_POLLS / drain.took_s
    yield Figure(
        name="backlog: 30 minutes of 10,000 rigs drained",
        value=rate,
        unit="readings/s",
        ratio=rate / LIVE_RATE,
        against=f"the live rate beside it, {LIVE_RATE:,.0f}/s (limit {TIMES_LIMIT})",
    )
    yield Figure(name="backlog: gone after", value=drain.took_s, unit="s")
    for percent in (50, 99, 100):
        age_s = float(np.percentile(drain.ages_s, percent))
        yield Figure(
            name=f"backlog: live data behind, p{percent}",
            value=age_s,
            unit="s",
            ratio=age_s / BEHIND_LIMIT_S,
            against=f"the limit of {BEHIND_LIMIT_S:.0f} s",
        )


def measure(found: Stack) -> Drain:
    """Connect all agents at once; watch until their backlogs are gone, and count."""
    url = found.database_url()
    now_ms = round(time.time() * 1000)
    feeds = [
        stage.feed(
            found,
            n,
            rigs=RIGS,
            polls=BACKLOG_POLLS + LIVE_POLLS,
            backlog_polls=BACKLOG_POLLS,
            first_ms=now_ms - round(BACKLOG_POLLS * INTERVAL_S * 1000),
            every_s=INTERVAL_S,
        )
        for n in range(AGENTS)
    ]
    with ExitStack() as ends:
        running = ends.enter_context(stage.feeders(found, feeds))
        begin_s, begin_ms = time.monotonic(), round(time.time() * 1000)
        ages = ends.enter_context(stage.Ages(url, "agent-%", of=WATCHED, since_ms=begin_ms))
        for feeder in running:
            feeder.go()
        end_s = max(float(feeder.ready()) for feeder in running)
        ages_s = ages.between(begin_s, end_s)
        db = ends.enter_context(psycopg.connect(url))
        before = f"(select from rig_reading where at < to_timestamp({begin_ms / 1000})) t"
        assert stage.count(db, before) == AGENTS * RIGS * BACKLOG_POLLS
    # A reading that came so late that the next one was first would not have been seen at all.
    expected = AGENTS * RIGS / WATCHED * (end_s - begin_s - BEHIND_LIMIT_S) / INTERVAL_S
    assert len(ages_s) >= 0.95 * expected, f"{len(ages_s)} live readings, {expected:.0f} expected"
    return Drain(end_s - begin_s, ages_s)
