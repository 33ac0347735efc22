"""Migrations and partitions: made once, made ahead and on demand, dropped in time."""

import asyncio
import datetime

import pytest

from lode_hub.errors import DatabaseError
from lode_hub.settings import RetentionSettings
from lode_hub.store import Store, migrate, partitions, quarantined, retention, timescale
from tests.hub.store.rows import fetch

TODAY = datetime.datetime.now(datetime.UTC).date()


def day_number(date):
    return (date - datetime.date(1970, 1, 1)).days


async def names(store):
    found = await fetch(
        store,
        "select c.relname from pg_inherits i join pg_class c on c.oid = i.inhrelid "
        "where c.relkind = 'r'",
    )
    return {row[0] for row in found}


async def test_migrating_again_changes_nothing(store):
    async with store.pool.connection() as conn:
        assert await migrate.migrate(conn) == []
    found = await fetch(store, "select count(*) from schema_version")
    assert found[0][0] >= 1


async def test_two_hubs_migrate_at_once(empty_postgres):
    stores = [await Store.open(empty_postgres) for _ in range(3)]
    await asyncio.gather(*(store.migrate() for store in stores))
    found = await fetch(stores[0], "select version, count(*) from schema_version group by 1")
    assert all(count == 1 for _, count in found)
    for store in stores:
        await store.close()


async def test_every_time_table_is_divided(store):
    if store.has_timescale:
        pytest.skip("raw readings are hypertables here")
    found = await fetch(
        store, "select relname, relkind::text from pg_class where relname = any(%s)",
        list(partitions.TABLES),
    )  # fmt: skip
    assert dict(found) == dict.fromkeys(partitions.TABLES, "p")


async def test_partitions_come_ahead_and_on_demand(store):
    made = partitions.Partitions()
    async with store.pool.connection() as conn:
        await made.ahead(conn)
        there = await names(store)
        assert f"rig_1m_p{TODAY:%Y%m%d}" in there
        assert f"rig_1m_p{TODAY + datetime.timedelta(days=2):%Y%m%d}" in there
        assert f"rig_1h_p{TODAY:%Y}0101" in there
        await made.ensure(conn, [day_number(datetime.date(2009, 1, 1))])
        await made.ensure(conn, [day_number(datetime.date(2024, 2, 29))])
    there = await names(store)
    assert {"rig_1m_p20090101", "rig_15m_p20240201", "meter_1d_p20240101"} <= there


async def test_two_workers_make_the_same_partitions(store):
    async def make():
        async with store.pool.connection() as conn:
            await partitions.Partitions().ensure(conn, range(20_000, 20_010))

    await asyncio.gather(*(make() for _ in range(4)))
    assert len([name for name in await names(store) if name.startswith("rig_1m_")]) == 10


async def test_an_upsert_finds_room_on_its_page(store):
    async with store.pool.connection() as conn:
        await partitions.Partitions().ensure(conn, [20_000])
    found = await fetch(
        store,
        "select reloptions from pg_class where relkind = 'r' and relname like %s",
        "rig\\_1m\\_p%",
    )
    assert found == [(["fillfactor=70"],)]


async def test_what_is_older_than_it_is_kept_is_dropped(store):
    old, kept = TODAY - datetime.timedelta(days=95), TODAY - datetime.timedelta(days=85)
    async with store.pool.connection() as conn:
        await partitions.Partitions().ensure(conn, map(day_number, (old, kept, TODAY)))
    dropped = await retention.tidy_up(store)
    there = await names(store)
    assert f"rig_1m_p{old:%Y%m%d}" in dropped
    assert f"rig_1m_p{old:%Y%m%d}" not in there
    for date in (kept, TODAY):
        assert f"rig_1m_p{date:%Y%m%d}" in there
    assert f"rig_1h_p{old:%Y}0101" in there
    assert await retention.tidy_up(store) == []


async def test_hourly_rollups_stay_seven_years(store):
    async with store.pool.connection() as conn:
        await partitions.Partitions().ensure(conn, [day_number(datetime.date(2018, 6, 1))])
        at = datetime.datetime(2025, 12, 1, tzinfo=datetime.UTC)
        assert "rig_1h_p20180101" not in await partitions.drop_expired(conn, at)
        at = datetime.datetime(2026, 2, 1, tzinfo=datetime.UTC)
        assert "rig_1h_p20180101" in await partitions.drop_expired(conn, at)


async def test_the_settings_say_how_long(store):
    kept = RetentionSettings(raw_days=10, rollup_15m_days=30, rollup_years=2)
    old = TODAY - datetime.timedelta(days=12)
    async with store.pool.connection() as conn:
        await partitions.Partitions().ensure(conn, [day_number(old)])
        assert f"rig_reading_p{old:%Y%m%d}" not in await partitions.drop_expired(conn)
        await retention.keep(store, kept)
        dropped = await partitions.drop_expired(conn)
    assert f"rig_reading_p{old:%Y%m%d}" in dropped
    assert f"rig_1m_p{old:%Y%m%d}" in dropped
    assert not [name for name in dropped if "_1h_" in name]


async def test_a_partition_in_use_is_dropped_later(store):
    old = TODAY - datetime.timedelta(days=95)
    async with store.pool.connection() as conn, store.pool.connection() as reader:
        await partitions.Partitions().ensure(conn, [day_number(old)])
        async with reader.transaction():
            await reader.execute("select count(*) from meter_1m")
            dropped = await partitions.drop_expired(conn)
            assert f"meter_1m_p{old:%Y%m%d}" not in dropped
            assert f"rig_1m_p{old:%Y%m%d}" in dropped
        assert f"meter_1m_p{old:%Y%m%d}" in await partitions.drop_expired(conn)


async def test_the_quarantine_is_bounded(store, monkeypatch):
    monkeypatch.setattr(quarantined, "KEEP_PER_AGENT", 3)
    bad = [
        quarantined.Bad(agent=agent, topic="t\0", reason="\ud800 bad", payload=b"x")
        for agent in ("a", "a", "a", "a", "b", None)
    ]
    async with store.pool.connection() as conn:
        await quarantined.add(conn, bad)
        await conn.execute(
            "update quarantine set at = now() - interval '40 days' where agent = 'b'"
        )
    await retention.tidy_up(store)
    found = await fetch(store, "select agent, count(*) from quarantine group by 1 order by 1")
    assert found == [("a", 3), (None, 1)]


async def test_no_database_is_said_so():
    with pytest.raises(DatabaseError, match="no connection"):
        await Store.open("postgresql://lode@127.0.0.1:9/lode?connect_timeout=1")


def test_versions_of_timescale():
    assert timescale._version("2.28.3") >= timescale._COLUMNSTORE_SINCE
    assert timescale._version("2.18.0-dev") >= timescale._COLUMNSTORE_SINCE
    assert timescale._version("2.17.2") < timescale._COLUMNSTORE_SINCE


async def test_on_timescale_raw_readings_are_hypertables(store):
    if not store.has_timescale:
        pytest.skip("no TimescaleDB in this database; set LODE_TEST_DATABASE_URL to one with it")
    async with store.pool.connection() as conn:
        for table in ("rig_reading", "meter_reading", "point_reading"):
            assert await timescale.is_hypertable(conn, table)
    jobs = await fetch(store, "select hypertable_name, proc_name from timescaledb_information.jobs")
    for table in ("rig_reading", "meter_reading", "point_reading"):
        assert {proc for name, proc in jobs if name == table} >= {"policy_retention"}
