"""The domain on a real database: what it finds, forgets, restores, and does not cry about."""

import pytest

from lode_hub import alerts
from lode_hub.sites import Sites
from lode_wire.records import Quality, State
from tests.hub.sites import stage
from tests.hub.sites.rigs import T0, committed

S = 1000
TIMED_OUT = {"state": int(State.UNREACHABLE), "quality": int(Quality.TIMED_OUT)}


class Mine:
    """One agent with rigs, a clock that is moved by hand, and the domain that watches them."""

    def __init__(self, store, agent, rigs):
        self.store, self.agent, self.rigs = store, agent, rigs
        self.now_ms = T0
        self.sites = Sites(store, clock=lambda: self.now_ms / 1000)

    async def committed_at(self, ms, agent=None):
        async with self.store.pool.connection() as conn:
            await conn.execute(
                "update agent set committed_at = to_timestamp(%s / 1e3) where id = %s",
                (ms, agent or self.agent),
            )

    async def restart(self):
        self.sites = Sites(self.store, clock=lambda: self.now_ms / 1000)
        await self.sites.restore()

    async def read(self, rigs=None, **columns):
        """Every rig is read now."""
        ids = self.rigs if rigs is None else rigs
        group = committed(ids, [self.now_ms] * len(ids), self.agent, **columns)
        return await self.sites.consume([group])

    async def wait(self, seconds, *, reads=None, beats=True, step_s=1):
        """Let time pass with a tick a second; `reads` are read, and the agent goes on."""
        found = []
        for _ in range(int(seconds / step_s)):
            self.now_ms += int(step_s * S)
            if beats:
                await self.committed_at(self.now_ms)
            if reads:
                found += await self.read(reads)
            found += await self.sites.tick(self.now_ms)
        return found


@pytest.fixture
async def mine(store):
    agent = await stage.add_agent(store)
    made = Mine(store, agent, await stage.add_rigs(store, agent, 3))
    await made.committed_at(T0)
    await made.sites.restore()
    return made


def names(findings):
    return [(f.rule, f.subject, f.is_active) for f in findings]


def changes(findings):
    """Name what began and ended, without what is only said again."""
    return names(f for f in findings if f.evidence["reason"] != "goes-on")


async def test_a_hot_rig_is_found_at_once_with_all_it_takes_to_act(mine):
    (finding,) = await mine.read(mine.rigs[:1], chip_temp_c=101.0, fans_alive=2)
    assert finding.rule == "rig-over-temperature"
    assert finding.subject == f"device:{mine.rigs[0]}"
    assert finding.severity == "critical"
    assert finding.title == "rig-001 is too hot: chip 101.0 °C, limit 95 °C"
    assert finding.likely_cause == "2 of 4 fans do not turn: replace them"
    assert finding.evidence["temp_c"] == 101.0
    assert finding.evidence["limit_c"] == 95.0
    assert finding.evidence["since_ms"] == T0
    assert finding.evidence["reason"] == "far-above-limit"
    assert finding.evidence["rule_version"] == 1
    assert repr(finding.evidence["fans_alive"]) == "2"


async def test_a_rack_that_is_hot_together_points_at_the_rack(mine):
    found = await mine.read(chip_temp_c=101.0)
    assert len(found) == 3
    assert found[0].likely_cause == "3 of 3 rigs in rack A1 are too hot: look at the air around it"


async def test_warm_air_is_named(mine):
    (finding,) = await mine.read(mine.rigs[:1], chip_temp_c=101.0, inlet_temp_c=41.5)
    assert "41.5 °C" in finding.likely_cause


async def test_a_late_reading_is_counted_and_not_judged(mine):
    mine.now_ms += 60 * S
    await mine.read()
    backlog = committed(mine.rigs, [T0] * 3, received_ms=mine.now_ms, chip_temp_c=120.0)
    assert await mine.sites.consume([backlog]) == []
    assert mine.sites.counters.late == 3


async def test_a_clock_that_was_set_back_blinds_nobody_for_long(mine):
    await mine.read()
    found = []
    for second in range(30):
        at = [T0 - 3_600_000 + second * S]
        hot = committed(mine.rigs[:1], at, received_ms=T0 + second * S, chip_temp_c=120.0)
        found += await mine.sites.consume([hot])
    assert names(found) == [("rig-over-temperature", f"device:{mine.rigs[0]}", True)]


async def test_a_new_rig_is_known_with_its_first_reading(mine):
    (rig,) = await stage.add_rigs(mine.store, mine.agent, 1, name="new")
    assert names(await mine.read([rig], chip_temp_c=120.0)) == [
        ("rig-over-temperature", f"device:{rig}", True)
    ]


async def test_a_device_that_is_no_rig_is_left_alone(mine):
    (meter,) = await stage.add_rigs(mine.store, mine.agent, 1, name="meter", kind=2)
    assert await mine.read([meter], chip_temp_c=120.0) == []
    assert mine.sites.counters.unknown_device == 1


async def test_facts_that_change_are_taken_up(mine):
    await mine.read(mine.rigs[:1], chip_temp_c=90.0)
    async with mine.store.pool.connection() as conn:
        await conn.execute("update device set chip_temp_max_c = 80 where id = %s", (mine.rigs[0],))
    await mine.wait(3)
    assert len(await mine.read(mine.rigs[:1], chip_temp_c=90.0)) == 1


async def test_rigs_without_a_limit_are_counted(mine):
    await stage.add_rigs(
        mine.store, mine.agent, 2, name="odd", chip_temp_max_c=None, board_temp_max_c=None
    )
    await mine.sites.restore()
    assert mine.sites.counters.rigs_without_limit == 2


async def test_silence_of_one_rig_is_found_and_ends(mine):
    await mine.wait(5, reads=mine.rigs)
    found = await mine.wait(40, reads=mine.rigs[1:])
    assert names(found) == [("rig-silent", f"device:{mine.rigs[0]}", True)]
    assert found[0].evidence["since_ms"] == T0 + 5 * S
    assert found[0].evidence["silent_s"] == pytest.approx(16, abs=1)
    found = await mine.wait(3, reads=mine.rigs)
    assert names(found) == [("rig-silent", f"device:{mine.rigs[0]}", False)]


async def test_a_dead_agent_is_one_finding_and_its_rigs_none(mine):
    await mine.wait(90, reads=mine.rigs)
    found = await mine.wait(120, beats=False)
    assert changes(found) == [("agent-stale", f"agent:{mine.agent}", True)]
    assert found[0].at_ms - found[0].evidence["since_ms"] == 31 * S
    assert found[0].evidence["rigs"] == 3


async def test_an_agent_that_comes_back_has_no_silent_rigs(mine):
    await mine.wait(90, reads=mine.rigs)
    await mine.wait(60, beats=False)
    found = await mine.wait(10)  # its first batches hold no rig yet
    found += await mine.wait(60, reads=mine.rigs)
    assert changes(found) == [("agent-stale", f"agent:{mine.agent}", False)]


async def test_an_agent_that_restarts_quickly_has_no_silent_rigs(mine):
    await mine.wait(90, reads=mine.rigs)
    found = await mine.wait(25, beats=False)
    found += await mine.wait(10)
    found += await mine.wait(30, reads=mine.rigs)
    assert found == []


async def test_a_stopped_agent_is_said_to_be_stopped(mine):
    await mine.wait(90, reads=mine.rigs)
    async with mine.store.pool.connection() as conn:
        await conn.execute("update agent set stopped_at = now()")
    finding, *_ = await mine.wait(60, beats=False)
    assert "stopped in good order" in finding.likely_cause


async def test_nobody_cries_wolf_after_a_restart(mine):
    await mine.wait(90, reads=mine.rigs)
    mine.now_ms += 600 * S  # the hub was away for ten minutes, and so heard nobody
    await mine.restart()
    found = await mine.wait(25, beats=False)
    found += await mine.wait(5)
    found += await mine.wait(120, reads=mine.rigs)
    assert found == []


async def test_who_stays_away_after_a_restart_is_stale_after_the_grace(mine):
    await mine.wait(90, reads=mine.rigs)
    await mine.restart()
    assert await mine.wait(59, beats=False) == []
    assert changes(await mine.wait(5, beats=False)) == [
        ("agent-stale", f"agent:{mine.agent}", True)
    ]


async def test_a_hub_that_stood_still_blames_nobody(mine):
    await mine.wait(90, reads=mine.rigs)
    mine.now_ms += 300 * S
    found = await mine.wait(10, beats=False)
    found += await mine.wait(60, reads=mine.rigs)
    assert found == []


async def test_a_restarted_hub_ends_what_it_had_found_before(mine):
    found = await mine.read(mine.rigs[:1], chip_temp_c=120.0)
    await alerts.take(mine.store, found, T0)
    await mine.restart()
    cleared = []
    for _ in range(3):
        mine.now_ms += 2 * S
        cleared += await mine.read(mine.rigs[:1])
    assert names(cleared) == [("rig-over-temperature", f"device:{mine.rigs[0]}", False)]
    assert cleared[0].evidence["since_ms"] == T0


async def test_a_stale_agent_stays_so_over_a_restart_and_is_ended_after_it(mine):
    await mine.wait(90, reads=mine.rigs)
    await alerts.take(mine.store, await mine.wait(60, beats=False), mine.now_ms)
    await mine.restart()
    assert changes(await mine.wait(90, beats=False)) == []
    assert changes(await mine.wait(5)) == [("agent-stale", f"agent:{mine.agent}", False)]


async def test_what_goes_on_is_said_again_once_a_minute(mine):
    await mine.wait(2)
    await mine.read(mine.rigs[:1], chip_temp_c=120.0)
    found = await mine.wait(61, reads=mine.rigs[1:])
    renewed = [f for f in found if f.rule == "rig-over-temperature"]
    assert [f.evidence["reason"] for f in renewed] == ["goes-on"]


async def test_a_person_who_resolves_what_goes_on_sees_it_again(mine):
    await alerts.take(mine.store, await mine.read(mine.rigs[:1], chip_temp_c=120.0), T0)
    async with mine.store.pool.connection() as conn:
        ((alert_id,),) = await (await conn.execute("select id from alert")).fetchall()
    await alerts.resolve(mine.store, alert_id, "ann", T0)
    found = []
    for _ in range(62):
        mine.now_ms += S
        await mine.read(mine.rigs[:1], chip_temp_c=120.0)
        found += await mine.sites.tick(mine.now_ms)
    hot = [finding for finding in found if finding.rule == "rig-over-temperature"]
    assert len((await alerts.take(mine.store, hot, mine.now_ms)).opened) == 1


async def test_an_alert_that_was_opened_behind_our_back_is_ended(mine):
    found = await mine.read(mine.rigs[:1], chip_temp_c=120.0)
    await mine.restart()  # before the finding was taken
    await alerts.take(mine.store, found, T0)
    found = await mine.wait(130, reads=mine.rigs)
    assert names(found) == [("rig-over-temperature", f"device:{mine.rigs[0]}", False)]


async def test_a_worker_does_not_renew_what_is_another_workers(mine):
    await alerts.take(mine.store, await mine.read(mine.rigs[:1], chip_temp_c=120.0), T0)
    mine.sites = Sites(mine.store, partitions=lambda: {1}, clock=lambda: mine.now_ms / 1000)
    assert await mine.wait(130, beats=False) == []


async def test_a_clock_that_ran_ahead_blinds_nobody_at_all(mine):
    ahead = committed(mine.rigs[:1], [T0 + 3_600_000], received_ms=T0)
    await mine.sites.consume([ahead])
    right = committed(mine.rigs[:1], [T0 + S], received_ms=T0 + S, chip_temp_c=120.0)
    assert len(await mine.sites.consume([right])) == 1


async def test_without_a_restore_it_restores_itself(mine):
    mine.sites = Sites(mine.store, clock=lambda: mine.now_ms / 1000)
    assert await mine.sites.tick(mine.now_ms) == []
    assert len(await mine.read(mine.rigs[:1], chip_temp_c=120.0)) == 1


async def test_a_rig_that_is_taken_out_has_no_troubles_left(mine):
    await mine.read(mine.rigs[:1], chip_temp_c=120.0)
    async with mine.store.pool.connection() as conn:
        await conn.execute("update device set is_configured = false where id = %s", mine.rigs[:1])
    found = await mine.wait(5, reads=mine.rigs[1:])
    assert names(found) == [("rig-over-temperature", f"device:{mine.rigs[0]}", False)]
    assert await mine.read(mine.rigs[:1], chip_temp_c=120.0) == []


async def test_other_workers_agents_are_not_ours_to_judge(mine):
    mine.sites = Sites(mine.store, partitions=lambda: {1}, clock=lambda: mine.now_ms / 1000)
    await mine.sites.restore()
    assert await mine.wait(120, beats=False) == []


async def test_two_groups_with_several_readings_a_rig_are_put_in_order(mine):
    first = committed(mine.rigs[:1] * 2, [T0 + 4 * S, T0], chip_temp_c=[80.0, 96.0])
    second = committed(mine.rigs[:1], [T0 + 2 * S], chip_temp_c=96.0)
    (finding,) = await mine.sites.consume([first, second])
    assert finding.at_ms == T0 + 2 * S
