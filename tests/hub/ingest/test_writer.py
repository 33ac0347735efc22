"""The writer: what a group of batches leaves in the database."""

import msgspec
import psycopg
import pytest

from lode_hub.ingest.check import check
from lode_hub.ingest.writer import StaleError, Writer
from lode_wire.records import Death, Gap, GapReason, Health, MeterReading, PointReading
from tests.hub.ingest.agents import NOW_MS, Agent, devices, readings


@pytest.fixture
def agent():
    return Agent()


async def rows(store, query, *args):
    async with store.pool.connection() as conn:
        return await (await conn.execute(query.encode(), args)).fetchall()


def facts(agent, count, at_ms=NOW_MS):
    birth = agent.incoming([agent.birth(count, at_ms)])
    return [birth, agent.incoming(devices(count, at_ms))]


async def write(writer, *incoming):
    return await writer.write([check(one) for one in incoming])


async def test_readings_arrive_once(store, agent):
    writer = Writer(store)
    group = [*facts(agent, 3), agent.incoming(readings(3))]
    written = await write(writer, *group)
    assert len(written.taken) == 3
    assert not written.unfit
    again = await write(Writer(store), *group, *group)
    assert again.repeated == 6
    assert not again.committed
    assert await rows(store, "select count(*), sum(hashrate_ths) from rig_reading") == [(3, 303.0)]
    assert await rows(store, "select mark from source") == [(3,)]
    (committed,) = written.committed
    assert committed.kind == "rig"
    assert committed.at_ms.tolist() == [NOW_MS] * 3
    assert committed.device_id.tolist() == [
        row[0] for row in await rows(store, "select id from device order by name")
    ]


async def test_any_order_and_holes(store, agent):
    writer = Writer(store)
    await write(writer, *facts(agent, 1))
    batches = [agent.incoming(readings(5, NOW_MS + 5000 * i, rig=1)) for i in range(4)]  # 3 to 6
    await write(writer, batches[3], batches[1])
    assert await rows(store, "select mark from source") == [(2,)]
    assert await rows(store, "select from_seq, to_seq, reason, filled_at from gap order by 1") == [
        (3, 3, "missing", None),
        (5, 5, "missing", None),
    ]
    cursor = writer.cursor("north-1", "e1")
    assert (cursor.mark, cursor.ahead) == (2, [(4, 4), (6, 6)])
    await write(writer, batches[0])
    await write(writer, batches[2])
    assert await rows(store, "select mark from source") == [(6,)]
    assert await rows(store, "select count(*), count(filled_at) from gap") == [(2, 2)]
    assert await rows(store, "select count(*), count(distinct at) from rig_reading") == [(20, 20)]


async def test_a_gap_record_voids_what_never_comes(store, agent):
    writer = Writer(store)
    await write(writer, *facts(agent, 1))
    gone = [agent.incoming(readings(1, NOW_MS + i)) for i in range(3)]  # 3, 4, 5
    await write(writer, agent.incoming(readings(1)))  # 6
    report = Gap(
        at_ms=NOW_MS, epoch="e1", reason=GapReason.EVICTED, from_seq=3, to_seq=4,
        from_ms=NOW_MS, to_ms=NOW_MS + 1, records=2, detail="spool full",
    )  # fmt: skip
    await write(writer, agent.incoming([report]), gone[2])
    assert await rows(store, "select mark from source") == [(7,)]
    found = await rows(
        store, "select reason, from_seq, to_seq, records, filled_at is null from gap order by id"
    )
    # What was asked for as 3 to 5 is now: 5 came; 3 and 4 are known to be lost.
    assert found == [("missing", 5, 5, None, False), ("evicted", 3, 4, 2, True)]
    late = await write(writer, gone[0])
    assert late.repeated == 1, "an evicted batch that comes after all is known already"


async def test_a_gap_of_an_older_epoch(store, agent):
    old, writer = Agent(epoch="e0"), Writer(store)
    await write(writer, *facts(old, 1))
    await write(writer, old.incoming(readings(1), 9))
    report = Gap(
        at_ms=NOW_MS, epoch="e0", reason=GapReason.SALVAGED, from_seq=3, to_seq=8,
        from_ms=None, to_ms=None, records=None,
    )  # fmt: skip
    unknown = msgspec.structs.replace(report, epoch="e-never-seen", from_seq=1, to_seq=2)
    await write(writer, *facts(agent, 1), agent.incoming([report, unknown]))
    marks = await rows(store, "select epoch, mark from source order by epoch")
    assert marks == [("e-never-seen", 2), ("e0", 9), ("e1", 3)]


async def test_an_unknown_device_number_is_quarantined_and_not_sent_for_ever(store, agent):
    writer = Writer(store)
    written = await write(writer, *facts(agent, 2), agent.incoming(readings(3)))
    assert [one.reason for one in written.unfit] == ["device number 3 unknown in epoch e1"]
    assert await rows(
        store, "select agent, reason, size_bytes = length(payload) from quarantine"
    ) == [("north-1", "device number 3 unknown in epoch e1", True)]
    assert await rows(store, "select mark from source") == [(3,)]


async def test_a_device_that_comes_later_is_known_then(store, agent):
    writer = Writer(store)
    await write(writer, *facts(agent, 1))
    await write(writer, agent.incoming(devices(3)))
    written = await write(writer, agent.incoming(readings(3)))
    assert not written.unfit


async def test_two_writers_with_memories_of_their_own(store, agent):
    one, other = Writer(store), Writer(store)
    group = [*facts(agent, 2), agent.incoming(readings(2))]
    await write(one, *group)
    await write(other, *group)
    # The other learns a new device; the one must not go on with what it remembers.
    more = [agent.incoming(devices(3)), agent.incoming(readings(3))]
    assert not (await write(other, *more)).unfit
    assert (await write(one, *more)).repeated == 2
    assert not (await write(one, agent.incoming(readings(3)))).unfit
    assert await rows(store, "select count(*) from rig_reading") == [(8,)]


async def test_facts_of_agents_and_devices(store, agent):
    writer = Writer(store)
    await write(writer, *facts(agent, 3))
    later = NOW_MS + 60_000
    await write(writer, *facts(agent, 2, later))
    found = await rows(store, "select name, is_configured from device order by name")
    assert found == [("rig-001", True), ("rig-002", True), ("rig-003", False)]
    found = await rows(
        store,
        "select a.name, s.name, boot, version, hostname, stopped_at, committed_at is not null, "
        "extract(epoch from started_at)::bigint, partition "
        "from agent a join site s on s.id = site_id",
    )
    assert found == [
        ("north-1", "north", f"boot-{later}", "0.1.0", "pi", None, True, later // 1000,
         agent.partition)
    ]  # fmt: skip


async def test_an_old_birth_that_comes_late_changes_nothing(store, agent):
    writer = Writer(store)
    old = facts(agent, 3)
    await write(writer, *facts(agent, 2, NOW_MS - 3_600_000))  # a clock that was set back
    await write(writer, *old)
    assert await rows(store, "select boot from agent") == [(f"boot-{NOW_MS - 3_600_000}",)]
    assert await rows(store, "select count(*) from device where is_configured") == [(2,)]


async def test_death_counts_for_its_own_boot_only(store, agent):
    writer = Writer(store)
    await write(writer, *facts(agent, 1))
    other = Death(at_ms=NOW_MS, boot="another", reason="stopped")
    await write(writer, agent.incoming([other]))
    assert await rows(store, "select stopped_at from agent") == [(None,)]
    own = Death(at_ms=NOW_MS + 1000, boot=f"boot-{NOW_MS}", reason="stopped")
    await write(writer, agent.incoming([own]))
    assert await rows(store, "select stopped_at is not null from agent") == [(True,)]


async def test_health_is_kept_as_its_fields_say(store, agent):
    writer = Writer(store)
    health = Health(
        at_ms=NOW_MS, boot="b", spool_batches=1, spool_records=2, spool_bytes=3, oldest_ms=None,
        lag_s=0.5, clock_offset_ms=None, rtt_ms=1.0, is_stuck=False, rss_bytes=4, cpu_s=None,
        polls_done=5, polls_late=6, polls_skipped=7, polls_failed=8, bad_answers=9,
        batches_evicted=0, disk_free_bytes=None,
    )  # fmt: skip
    older = agent.incoming([health])
    await write(writer, agent.incoming([msgspec.structs.replace(health, spool_records=22)]))
    await write(writer, older)
    assert await rows(
        store, "select health->>'spool_records', health->>'lag_s', health->'oldest_ms' from agent"
    ) == [("22", "0.5", None)]


async def test_meters_and_points(store, agent):
    writer = Writer(store)
    meter = MeterReading(at_ms=NOW_MS, meter=1, power_w=5.0, energy_in_kwh=1e9 + 0.125)
    points = [
        PointReading(at_ms=NOW_MS + i, device=2, point=f"fan.{i % 2}", value=float(i), unit="rpm")
        for i in range(4)
    ]
    written = await write(writer, *facts(agent, 2), agent.incoming([meter]), agent.incoming(points))
    assert await rows(store, "select power_w, energy_in_kwh from meter_last") == [
        (5.0, 1e9 + 0.125)
    ]
    found = await rows(
        store, "select name, unit, value from point_last join point on id = point_id order by 1"
    )
    assert found == [("fan.0", "rpm", 2.0), ("fan.1", "rpm", 3.0)]
    assert await rows(store, "select n from meter_1m") == [(1,)]
    committed = {one.kind: one for one in written.committed}
    assert committed["point"].columns["point"].tolist() == ["fan.0", "fan.1", "fan.0", "fan.1"]
    assert committed["point"].columns["unit"].tolist() == ["rpm"] * 4


async def test_listeners_hear_who_changed(store, agent):
    async with await psycopg.AsyncConnection.connect(
        store.pool.conninfo, autocommit=True
    ) as listener:
        await listener.execute("listen lode_live")
        await write(Writer(store), *facts(agent, 1), agent.incoming(readings(1)))
        async for notice in listener.notifies(timeout=5, stop_after=1):
            assert notice.payload == '{"agents":[1],"sites":[1]}'
            break
        else:
            pytest.fail("nothing heard")


async def test_old_and_odd_days_get_their_partitions(store, agent):
    writer = Writer(store)
    year_ms = 365 * 86_400_000
    odd = [NOW_MS - 10 * year_ms, NOW_MS - year_ms, NOW_MS + 3_600_000 * 23]
    written = await write(
        writer, *facts(agent, 1), *(agent.incoming(readings(1, at_ms)) for at_ms in odd)
    )
    assert not written.unfit
    assert await rows(store, "select count(*) from rig_reading") == [(3,)]
    # What is of the future is kept, and comes into no chart.
    assert await rows(store, "select count(*) from rig_1m") == [(2,)]


async def test_a_replaced_database_is_noticed(store, agent):
    writer = Writer(store)
    group = [*facts(agent, 1), agent.incoming(readings(1))]
    await write(writer, *group)
    async with store.pool.connection() as conn:
        await conn.execute("truncate agent, source, device, device_number, site cascade")
    with pytest.raises(StaleError):
        await write(writer, *group)
    assert len((await write(writer, *group)).taken) == 3
