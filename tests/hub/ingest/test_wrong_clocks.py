"""A wrong clock and repeats on the whole way in: payload, database, rollups, counts, findings."""

import dataclasses
import time

import pytest

from lode_hub.sites import Sites
from lode_wire.records import Quality
from tests.hub.ingest.agents import Agent, devices, readings
from tests.hub.ingest.test_pipeline import Running, ask

RIGS, TIMES = 4, 5
CLOCK, HELD = int(Quality.CLOCK), int(Quality.CLOCK | Quality.HELD)


class Way:
    """An agent whose clock is off, the pipeline, and the domain that is given what it commits."""

    def __init__(self, store, offset_ms):
        self.store, self.agent = store, Agent()
        self.now_ms = time.time_ns() // 1_000_000
        self.sites = Sites(store, clock=lambda: self.now_ms / 1000)
        self.running = Running(
            store, on_committed=self.sites.consume, clock_offset_ms=lambda _: offset_ms
        )
        self.offset_ms = offset_ms

    def put(self, records, seq=None):
        """Let a batch arrive now."""
        arrived = self.agent.incoming(records, seq)
        self.running.inbox.put(dataclasses.replace(arrived, received_ms=self.now_ms))

    async def go(self):
        """Read all rigs some times; the last batch comes twice, and its readings once more."""
        first_ms = self.now_ms - 1000 * TIMES + self.offset_ms
        async with self.running.at_work() as running:
            self.put([self.agent.birth(RIGS, first_ms)])
            self.put(devices(RIGS, first_ms))
            await running.settled()
            await self.sites.restore()
            for turn in range(TIMES):
                self.put(readings(RIGS, first_ms + 1000 * turn), seq=10 + turn)
            await running.settled()
            self.put(readings(RIGS, first_ms + 1000 * (TIMES - 1)), seq=9 + TIMES)
            for seq in (50, 51, 52):
                self.put(readings(RIGS, first_ms + 1000 * (TIMES - 1)), seq=seq)
            await running.settled()
        async with self.store.pool.connection() as conn:
            await conn.execute(
                "update agent set clock_offset_ms = %s, committed_at = now()", (self.offset_ms,)
            )
        return [f for f in await self.sites.tick(self.now_ms) if f.rule.startswith("quality")]


@pytest.mark.parametrize(("offset_ms", "marks", "shown_off_ms", "severity"), [
    (0, 0, 0, None),
    (-2_500, CLOCK, -2_500, "info"),
    (-47_000, CLOCK, 0, "warning"),
    (47_000, CLOCK, 0, "warning"),
    (-301_000, HELD, None, "critical"),
    (70_000, HELD, None, "critical"),
])  # fmt: skip
async def test_what_comes_by_a_wrong_clock_and_twice_is_kept_counted_and_told(
    store, offset_ms, marks, shown_off_ms, severity
):
    way = Way(store, offset_ms)
    found = {finding.rule: finding for finding in await way.go()}
    raw = await ask(store, "select count(*), count(distinct at), bit_or(quality) from rig_reading")
    assert raw == [(RIGS * (TIMES + 3), TIMES, marks)]  # what is sent again by its number is not
    assert getattr(found.get("quality-clock"), "severity", None) == severity
    counts = await ask(
        store,
        "select sum(received), sum(duplicate), sum(clock), sum(held) from quality_5m "
        "where kind = 1",
    )
    received = RIGS * (TIMES + 3)
    is_held = marks == HELD
    assert counts == [
        (received, 0 if is_held else 3 * RIGS, received if marks else 0, received * is_held)
    ]
    assert ("quality-duplicates" in found) == (not is_held)
    shown = await ask(store, "select max(extract(epoch from last_at) * 1000)::bigint from rig_1m")
    last_ms = way.now_ms - 1000
    assert shown == [(None if is_held else last_ms + shown_off_ms,)]
    (row,) = await ask(store, "select max(at_ms), max(correction_ms) from rig_now")
    is_corrected = abs(offset_ms) > 30_000
    assert row == (last_ms + (0 if is_corrected else offset_ms), offset_ms if is_corrected else 0)
