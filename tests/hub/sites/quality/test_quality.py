"""The verdict on a real database: what is found, named, counted and kept from detectors."""

import time

import numpy as np
import pytest

from lode_hub import alerts
from lode_hub.committed import Committed
from lode_hub.sites import Sites
from lode_hub.sites.quality.series import FLAT_RUN, UNPROVED_TIMES
from lode_hub.sites.quality.units import CONFIRMED, SETTLED_MS
from lode_wire.records import Quality as Mark
from tests.hub.sites import stage
from tests.hub.sites.rigs import committed

S = 1000
HELD = {"quality": int(Mark.HELD | Mark.CLOCK)}


class Mine:
    """One agent with rigs and meters, a clock moved by hand, and the domain that watches them."""

    def __init__(self, store, agent, rigs, meters):
        self.store, self.agent, self.rigs, self.meters = store, agent, rigs, meters
        self.now_ms = time.time_ns() // 1_000_000  # the database's clock is asked, too
        self.dice = np.random.default_rng(3)
        self.sites = Sites(store, clock=lambda: self.now_ms / 1000)

    async def run(self, statement, *values):
        async with self.store.pool.connection() as conn:
            cursor = await conn.execute(statement.encode(), values)
            return await cursor.fetchall() if cursor.description else []

    def noisy(self, base, spread=0.5):
        return (base + self.dice.normal(0, spread, len(self.rigs))).astype(np.float32)

    async def read(self, received_ms=None, at_ms=None, **columns):
        """Every rig is read now; each column is noise unless it is given."""
        noise = {
            "hashrate_ths": self.noisy(100), "power_w": self.noisy(3000, 20),
            "chip_temp_c": self.noisy(75), "board_temp_c": self.noisy(60),
            "inlet_temp_c": self.noisy(25), "fan_rpm": self.noisy(5000, 20),
        }  # fmt: skip
        at = [self.now_ms if at_ms is None else at_ms] * len(self.rigs)
        group = committed(
            self.rigs, at, self.agent, received_ms=received_ms or self.now_ms, **noise | columns
        )
        return await self.sites.consume([group])

    async def meter(self, **columns):
        """Every meter is read now."""
        n = len(self.meters)
        values = {"power_w": 30_000.0, "voltage_v": 230.0, "current_a": 130.0, "freq_hz": 50.0}
        values |= {"energy_in_kwh": 100.0, "energy_out_kwh": 0.0, "power_factor": 1.0} | columns
        made = {
            name: np.broadcast_to(np.array(value, "f8" if "energy" in name else "f4"), n).copy()
            for name, value in values.items()
        }
        group = Committed(
            kind="meter",
            agent_id=np.full(n, self.agent, np.int32),
            device_id=np.array(self.meters, np.int32),
            at_ms=np.full(n, self.now_ms),
            received_ms=np.full(n, self.now_ms),
            columns=made | {"quality": np.zeros(n, np.uint16)},
        )
        return await self.sites.consume([group])

    async def reads(self, n, step_s=10, **columns):
        """Read so often, without a tick."""
        for _ in range(n):
            self.now_ms += step_s * S
            await self.read(**columns)

    async def turns(self, n, step_s=10, *, has_meters=True, **columns):
        """Read and tick so often; give what was found of data quality."""
        found = []
        for _ in range(n):
            self.now_ms += step_s * S
            await self.run("update agent set committed_at = to_timestamp(%s / 1e3)", self.now_ms)
            if has_meters:
                await self.meter()
            found += await self.read(**columns)
            found += await self.sites.tick(self.now_ms)
        return found


@pytest.fixture
async def mine(store):
    agent = await stage.add_agent(store)
    rigs = await stage.add_rigs(store, agent, 6)
    made = Mine(store, agent, rigs, await stage.add_rigs(store, agent, 2, kind=2, name="meter"))
    await made.sites.restore()
    return made


def quality(findings):
    return [f for f in findings if f.rule.startswith("quality-")]


def keys(findings):
    return [(f.rule, f.subject, f.is_active) for f in quality(findings)]


async def test_healthy_rigs_and_a_reboot_raise_nothing(mine):
    await mine.reads(40, step_s=2)
    assert keys(await mine.turns(2)) == []
    assert keys(await mine.turns(5, accepted_shares=3, uptime_s=9)) == []


async def test_a_rig_in_another_unit_is_named_and_kept_from_detectors(mine):
    await mine.turns(2)
    await mine.reads(SETTLED_MS // 10_000)
    hashrate = mine.noisy(100)
    hashrate[2] = 100_300.0
    power = mine.noisy(3000)
    power[4] = 3.0
    await mine.reads(CONFIRMED - 2, hashrate_ths=hashrate, power_w=power)
    assert keys(await mine.turns(1, hashrate_ths=hashrate, power_w=power)) == []
    found = await mine.turns(2, hashrate_ths=hashrate, power_w=power)
    (finding,) = quality(found)
    assert (finding.rule, finding.subject) == ("quality-units", "site:1:model:S19")
    assert finding.members == (f"device:{mine.rigs[2]}", f"device:{mine.rigs[4]}")
    assert "rig-003: hashrate 100,300, expected about 100 TH/s: set GH/s" in finding.likely_cause
    assert "rig-005: power 3, expected about 3,000 W: set kW" in finding.likely_cause
    assert np.isnan(mine.sites._fleet.last["hashrate_ths"][2])
    assert keys(await mine.turns(2)) == [("quality-units", "site:1:model:S19", False)]


async def test_a_rig_in_fahrenheit_is_not_too_hot(mine):
    await mine.turns(3)
    chip, board = mine.noisy(75), mine.noisy(60)
    chip[0], board[0] = 1.8 * 75 + 32, 1.8 * 60 + 32
    found = await mine.turns(CONFIRMED + 1, chip_temp_c=chip, board_temp_c=board)
    assert [f.rule for f in found] == ["quality-units"]
    assert "set °F as its unit" in found[0].likely_cause


async def test_a_rig_that_overheats_past_the_fahrenheit_line_is_too_hot(mine):
    await mine.turns(3)
    found = []
    for step in range(12):
        chip = mine.noisy(75)
        chip[0] = 80 + 10 * step
        found += await mine.turns(1, chip_temp_c=chip)
    assert [(f.rule, f.is_active) for f in found if f.rule != "rig-low-hashrate"] == [
        ("rig-over-temperature", True)
    ] + [("rig-over-temperature", True)] * (len(found) - 1)


async def test_a_flat_line_is_found_where_peers_are_noisy_only(mine):
    chips = [mine.noisy(75) for _ in range(UNPROVED_TIMES * FLAT_RUN + 1)]
    for chip in chips:
        chip[1] = 71.0
        await mine.reads(1, chip_temp_c=chip, fan_rpm=6000.0)
    found = await mine.turns(1, chip_temp_c=chips[0], fan_rpm=6000.0)
    (finding, *_) = quality(found)
    assert finding.rule == "quality-flatline"
    assert finding.members == (f"device:{mine.rigs[1]}",)
    assert finding.title == "rig-002: chip temperature is always the same"
    assert {f.rule for f in quality(found)} == {"quality-flatline"}


async def test_a_counter_that_begins_anew_is_told_and_one_at_its_end_too(mine):
    await mine.meter(energy_in_kwh=[4_000.0, 2**32 / 1000 - 0.02])
    mine.now_ms += 10 * S
    await mine.meter(energy_in_kwh=[0.1, 0.05])
    found = await mine.turns(1, has_meters=False)
    (finding,) = [f for f in quality(found) if f.rule == "quality-counter"]
    assert "meter-001's import counter began anew: 4,000.0 to 0.1 kWh" in finding.likely_cause
    assert "meter-002's import counter ran over its end" in finding.likely_cause


async def test_readings_that_come_twice_are_told_and_counted(mine):
    await mine.turns(3)
    found = []
    for _ in range(3):
        found += await mine.read(at_ms=mine.now_ms)
    found += await mine.turns(2)
    assert keys(found) == [("quality-duplicates", f"agent:{mine.agent}", True)]
    rows = await mine.run(
        "select sum(received), sum(duplicate), sum(late) from quality_5m where kind = 1"
    )
    assert rows == [(6 * 8, 18, 0)]


async def test_a_backlog_is_neither_skew_nor_a_repeat(mine):
    await mine.turns(3)
    for minute in range(10):
        await mine.read(at_ms=mine.now_ms - 3_600_000 + minute * 60_000)
    assert keys(await mine.turns(3)) == []
    rows = await mine.run("select count(distinct bucket), sum(late), sum(held) from quality_5m")
    assert rows[0][0] >= 3
    assert rows[0][1:] == (60, 0)


async def test_what_is_held_is_heard_and_not_judged(mine):
    await mine.turns(3)
    found = await mine.turns(8, chip_temp_c=120.0, **HELD)
    assert found == []  # neither hot, nor silent
    assert await mine.run("select sum(held) from quality_5m") == [(48,)]


@pytest.mark.parametrize(("offset_ms", "severity", "word"), [
    (2500, "info", "marked"), (-45_000, "warning", "corrected"), (61_000, "critical", "kept"),
    (-301_000, "critical", "5 min behind"),
])  # fmt: skip
async def test_a_wrong_clock_is_told_by_how_wrong_it_is(mine, offset_ms, severity, word):
    await mine.run("update agent set clock_offset_ms = %s", offset_ms)
    (finding,) = quality(await mine.turns(1))
    assert (finding.rule, finding.subject) == ("quality-clock", f"agent:{mine.agent}")
    assert finding.severity == severity
    assert word in finding.title
    await mine.run("update agent set clock_offset_ms = 1600 * sign(clock_offset_ms)")
    assert keys(await mine.turns(2)) == []  # not yet near enough
    await mine.run("update agent set clock_offset_ms = 100")
    assert keys(await mine.turns(1)) == [("quality-clock", f"agent:{mine.agent}", False)]


async def test_a_site_with_a_wrong_clock_is_one_finding(mine):
    others = [await stage.add_agent(mine.store, f"north-{n}") for n in (2, 3)]
    await mine.run("update agent set clock_offset_ms = -40000")
    (finding,) = quality(await mine.turns(1))
    assert (finding.subject, len(finding.members)) == ("site:1", 3)
    assert finding.title.startswith("3 of 3 clocks at north are up to 40.0 s behind")
    await mine.run("update agent set clock_offset_ms = 0 where id = any(%s)", others)
    assert keys(await mine.turns(1)) == [
        ("quality-clock", f"agent:{mine.agent}", True), ("quality-clock", "site:1", False)
    ]  # fmt: skip


async def test_gaps_and_silent_meters_are_told_with_their_reason(mine):
    await mine.run(
        "insert into gap (source_id, reason, records, found_at) values (1, 'evicted', 412, now())"
    )
    found = quality(await mine.turns(8, has_meters=False))
    said = {f.rule: f for f in found}
    assert said["quality-gap"].title == "412 records of north-1 are lost"
    assert "larger spool" in said["quality-gap"].likely_cause
    assert said["quality-stale"].title == "north-1: nothing new of 2 of 2 meters (asic)"
    assert said["quality-stale"].members == tuple(f"device:{meter}" for meter in mine.meters)


async def test_findings_are_alerts_and_outlive_a_restart(mine):
    await mine.run("update agent set clock_offset_ms = -40000")
    await alerts.take(mine.store, await mine.turns(1), mine.now_ms)
    mine.sites = Sites(mine.store, clock=lambda: mine.now_ms / 1000)
    await mine.sites.restore()
    await mine.run("update agent set clock_offset_ms = 0")
    assert keys(await mine.turns(3)) == []  # what needs time to be seen again gets it
    assert keys(await mine.turns(11, step_s=60)) == [
        ("quality-clock", f"agent:{mine.agent}", False)
    ]


async def test_what_is_counted_adds_up_and_is_pruned(mine):
    await mine.run(
        "insert into quality_5m select now() - interval '9 days', %s, 1, 'asic', 1, 1, "
        "0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0",
        mine.agent,
    )
    timed_out = {"quality": int(Mark.TIMED_OUT)}
    await mine.turns(3, **timed_out)
    rows = await mine.run(
        "select kind, driver, max(devices), max(expected), sum(received), sum(no_answer) "
        "from quality_5m where kind = 1 group by 1, 2"
    )
    assert rows == [(1, "asic", 6, 900.0, 18, 18)]
