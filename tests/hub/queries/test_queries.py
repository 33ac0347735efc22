"""What may be asked, against real rows."""

import dataclasses

import pytest

from lode_hub.errors import InvalidError, UnavailableError
from lode_hub.queries import DEVICE_METRICS, RIG_SORTS, SITE_METRICS, WINDOWS, Queries
from lode_hub.store import Store
from lode_wire.records import DeviceKind, PowerSource, Quality, State
from tests.hub.queries.mine import Mine


@pytest.fixture
def mine(store: Store) -> Mine:
    return Mine(store)


@pytest.fixture
def queries(store: Store) -> Queries:
    return Queries(store)


async def names(queries: Queries, **chosen: object) -> list[str]:
    return [rig.name for rig in await queries.rigs(**chosen)]  # type: ignore[arg-type]


async def test_an_empty_hub_has_nothing(queries: Queries) -> None:
    assert await queries.sites() == []
    assert await queries.rigs() == []
    assert await queries.meters() == []
    assert await queries.agents() == []
    assert await queries.gaps() == []
    assert await queries.quarantine() == []
    assert await queries.alerts() == []
    assert await queries.rig(1) is None
    assert await queries.alert(1) is None
    assert (await queries.series(1, "power_w", "hour")).at_ms == []
    health = await queries.health()
    assert (health.agents, health.committed_ms) == (0, None)


async def test_a_rig_is_told_with_facts_and_reading(queries: Queries, mine: Mine) -> None:
    device = await mine.device(await mine.agent(), "rig-1")
    await mine.reads(device, 1.5, hashrate_ths=100, power_w=3000, chip_temp_c=61.5, quality=3)
    await mine.alert(device)
    await mine.alert(device, state="resolved")

    rig = await queries.rig(device)
    assert rig is not None
    assert (rig.name, rig.site, rig.agent, rig.model) == ("rig-1", "north", "north-1", "S19")
    assert (rig.state, rig.hashrate_ths, rig.power_source) == ("mining", 100.0, "rig")
    assert (rig.efficiency_jth, rig.chip_temp_c, rig.fan_rpm) == (30.0, 61.5, None)
    assert rig.quality == ("partial", "repaired")
    assert rig.open_alerts == 1
    assert rig.age_s == pytest.approx(1.5, abs=1.0)
    (same,) = await queries.rigs()
    assert dataclasses.replace(same, age_s=0) == dataclasses.replace(rig, age_s=0)


@pytest.mark.parametrize("state", State)
async def test_a_fresh_rig_is_in_the_state_it_says(
    queries: Queries, mine: Mine, state: State
) -> None:
    device = await mine.device(await mine.agent(), "rig-1")
    await mine.reads(device, state=int(state))
    rig = await queries.rig(device)
    assert rig is not None
    assert rig.state == state.name.lower()


@pytest.mark.parametrize("source", PowerSource)
async def test_where_power_comes_from_is_named(
    queries: Queries, mine: Mine, source: PowerSource
) -> None:
    device = await mine.device(await mine.agent(), "rig-1")
    await mine.reads(device, power_source=int(source))
    rig = await queries.rig(device)
    assert rig is not None
    assert rig.power_source == source.name.lower()


async def test_every_quality_bit_has_a_name(queries: Queries, mine: Mine) -> None:
    device = await mine.device(await mine.agent(), "rig-1")
    await mine.reads(device, quality=sum(Quality))
    rig = await queries.rig(device)
    assert rig is not None
    assert rig.quality == tuple(str(flag.name).lower() for flag in Quality if flag)


@pytest.mark.parametrize(
    ("interval_s", "age_s", "received_s", "offset_ms", "state"),
    [
        (2, 8, 8, 0, "mining"),
        (2, 12, 12, 0, "silent"),  # at least 10 s
        (10, 25, 25, 0, "mining"),
        (10, 32, 32, 0, "silent"),  # three intervals
        (10, 50, 1, 0, "mining"),  # late, but news
        (10, 70, 1, 0, "silent"),  # out of a backlog
        (10, 3601, 1, -3_600_000, "mining"),  # the agent's clock is an hour behind
        (10, -3599, 1, 3_600_000, "mining"),  # or before
        (10, 3700, 1, -3_600_000, "silent"),
        (60, 170, 170, 0, "mining"),
    ],
)
async def test_silence_is_judged_by_the_hubs_clock(
    queries: Queries,
    mine: Mine,
    interval_s: float,
    age_s: float,
    received_s: float,
    offset_ms: float,
    state: str,
) -> None:
    device = await mine.device(await mine.agent(clock_offset_ms=offset_ms), "rig-1")
    await mine.run("update device set interval_s = %(s)s", s=interval_s)
    await mine.reads(device, age_s, received_s=received_s)
    rig = await queries.rig(device)
    assert rig is not None
    assert rig.state == state
    assert rig.age_s is not None
    assert rig.age_s >= 0


async def test_a_rig_that_never_spoke_is_unknown_and_then_silent(
    queries: Queries, mine: Mine
) -> None:
    agent = await mine.agent()
    await mine.device(agent, "young", facts_age_s=1)
    await mine.device(agent, "old", facts_age_s=60)
    assert {rig.name: rig.state for rig in await queries.rigs()} == {
        "young": "unknown",
        "old": "silent",
    }


async def test_rigs_are_chosen_sorted_and_paged(queries: Queries, mine: Mine) -> None:
    north, south = await mine.agent(), await mine.agent("south-1", "south")
    for number, agent in enumerate((north, north, south)):
        device = await mine.device(agent, f"rig-{number}", model=f"M{number}_%")
        if number < 2:
            await mine.reads(device, power_w=3000 - number, state=number + 1)
    await mine.device(north, "meter", kind=int(DeviceKind.METER))
    gone = await mine.device(north, "gone")
    await mine.run("update device set is_configured = false where id = %(id)s", id=gone)

    assert await names(queries) == ["rig-0", "rig-1", "rig-2"]
    assert await names(queries, is_descending=True) == ["rig-2", "rig-1", "rig-0"]
    assert await names(queries, sort="power_w") == ["rig-1", "rig-0", "rig-2"]
    # Who has no value comes last, whichever way.
    assert await names(queries, sort="power_w", is_descending=True) == ["rig-0", "rig-1", "rig-2"]
    assert await names(queries, limit=1, offset=1) == ["rig-1"]
    assert await names(queries, site="south") == ["rig-2"]
    assert await names(queries, states=["mining", "sleeping"]) == ["rig-0", "rig-1"]
    assert await names(queries, search="m1_%") == ["rig-1"]
    assert await names(queries, search="sn-RIG-2") == ["rig-2"]
    assert await names(queries, search="south-1") == ["rig-2"]
    assert await names(queries, search="_") == ["rig-0", "rig-1", "rig-2"]
    assert await names(queries, search="\\") == []
    assert await queries.count_rigs() == 3
    assert await queries.count_rigs(site="north", states=["mining"], search="rig") == 1
    assert (await queries.rig(gone)) is not None
    for sort in RIG_SORTS:
        assert len(await queries.rigs(sort=sort)) == 3
    with pytest.raises(InvalidError, match="cannot sort by 'serial; drop table'"):
        await queries.rigs(sort="serial; drop table")


async def test_a_site_sums_what_is_fresh(queries: Queries, mine: Mine) -> None:
    agent = await mine.agent()
    await mine.agent("north-2", committed_at="2026-01-01Z")
    figures = [
        {"hashrate_ths": 100, "power_w": 3000},
        {"hashrate_ths": 50, "power_w": 2000},
        {"hashrate_ths": 10},  # no power: not in the efficiency
        {"hashrate_ths": 999, "power_w": 999, "age_s": 500},  # silent
    ]
    for number, figure in enumerate(figures):
        await mine.reads(await mine.device(agent, f"rig-{number}"), **figure)
    for number, age_s in enumerate((1, 500)):
        meter = await mine.device(agent, f"meter-{number}", kind=int(DeviceKind.METER))
        await mine.reads(meter, age_s, power_w=5500, table="meter_last")
    await mine.alert()

    (site,) = await queries.sites()
    assert (site.site, site.rigs) == ("north", 4)
    assert site.rigs_by_state == {"mining": 3, "silent": 1}
    assert (site.hashrate_ths, site.rig_power_w, site.meter_power_w) == (160.0, 5000.0, 5500.0)
    assert site.efficiency_jth == pytest.approx(5000 / 150)
    assert (site.open_alerts, site.agents, site.stale_agents) == (1, 2, 1)
    assert site.newest_ms is not None


async def test_meters_and_points(queries: Queries, mine: Mine) -> None:
    agent = await mine.agent()
    meter = await mine.device(agent, "meter-1", kind=int(DeviceKind.METER))
    await mine.reads(meter, power_w=5500, energy_in_kwh=123.25, quality=8, table="meter_last")
    (row,) = await queries.meters("north")
    assert (row.power_w, row.energy_in_kwh, row.voltage_v) == (5500.0, 123.25, None)
    assert row.quality == ("timed_out",)
    assert await queries.meters("south") == []

    rows = await mine.run("insert into point (name, unit) values ('fan.2', 'rpm') returning id")
    await mine.reads(meter, point_id=rows[0][0], value=4200, table="point_last")
    (point,) = await queries.points(meter)
    assert (point.point, point.unit, point.value) == ("fan.2", "rpm", 4200.0)


@pytest.mark.parametrize(("span", "suffix"), [("hour", "1m"), ("day", "15m"), ("week", "1h")])
async def test_a_series_is_mean_low_and_high_of_its_buckets(
    queries: Queries, mine: Mine, span: str, suffix: str
) -> None:
    window = WINDOWS[span]  # type: ignore[index]
    device = await mine.device(await mine.agent(), "rig-1")
    for ago in (0, 3, window.buckets - 1, window.buckets):
        await mine.rolls(
            f"rig_{suffix}", device, ago, window.bucket_s,
            power_w_n=2, power_w_sum=6000 + ago, power_w_min=2900, power_w_max=3100,
            hashrate_ths_n=1, hashrate_ths_sum=100,
        )  # fmt: skip
    series = await queries.series(device, "power_w", span)  # type: ignore[arg-type]
    assert series.bucket_s == window.bucket_s
    assert series.mean == [(6000 + ago) / 2 for ago in (window.buckets - 1, 3, 0)]
    assert (series.low, series.high) == ([2900.0] * 3, [3100.0] * 3)
    assert series.at_ms[2] - series.at_ms[1] == 3000 * window.bucket_s

    series = await queries.series(device, "efficiency_jth", span)  # type: ignore[arg-type]
    assert series.mean[2] == 30.0
    assert series.low == [None] * 3
    series = await queries.series(device, "fan_rpm", span)  # type: ignore[arg-type]
    assert series.mean == [None] * 3


async def test_a_sites_series_sums_power_and_spreads_temperature(
    queries: Queries, mine: Mine
) -> None:
    north, south = await mine.agent(), await mine.agent("south-1", "south")
    for number, agent in enumerate((north, north, south)):
        await mine.rolls(
            "rig_1m", await mine.device(agent, f"rig-{number}"), 1, 60,
            power_w_n=2, power_w_sum=6000, hashrate_ths_n=1, hashrate_ths_sum=50 * (number + 1),
            chip_temp_c_n=1, chip_temp_c_sum=60 + number, chip_temp_c_min=58 + number,
            chip_temp_c_max=70 + number,
        )  # fmt: skip
    meter = await mine.device(north, "meter", kind=int(DeviceKind.METER))
    await mine.rolls("meter_1m", meter, 1, 60, power_w_n=1, power_w_sum=6100)

    power = await queries.site_series("north", "power_w", "hour")
    assert (power.device_id, power.mean, power.low) == (0, [6000.0], [None])
    hot = await queries.site_series("north", "chip_temp_c", "hour")
    assert (hot.mean, hot.low, hot.high) == ([60.5], [58.0], [71.0])
    assert (await queries.site_series("north", "efficiency_jth", "hour")).mean == [40.0]
    assert (await queries.site_series("north", "meter_power_w", "hour")).mean == [6100.0]
    assert (await queries.site_series("nowhere", "power_w", "hour")).mean == []


async def test_every_metric_can_be_asked_for_and_no_other(queries: Queries) -> None:
    for metric in DEVICE_METRICS:
        await queries.series(1, metric, "day")
    for metric in SITE_METRICS:
        await queries.site_series("north", metric, "week")
    with pytest.raises(InvalidError, match="no metric 'n; drop'"):
        await queries.series(1, "n; drop", "hour")
    with pytest.raises(InvalidError, match="no metric 'voltage_v'"):
        await queries.site_series("north", "voltage_v", "hour")


@pytest.mark.parametrize(
    ("columns", "state"),
    [
        ({}, "live"),
        ({"committed_at": "2026-01-01Z"}, "stale"),
        ({"started_at": "2026-01-01Z", "stopped_at": "2026-01-02Z"}, "stopped"),
        ({"started_at": "2026-01-03Z", "stopped_at": "2026-01-02Z"}, "live"),
        ({"is_online": True, "committed_at": "2026-01-01Z"}, "stale"),  # presence is a hint
    ],
)
async def test_an_agents_state(
    queries: Queries, mine: Mine, columns: dict[str, object], state: str
) -> None:
    await mine.agent(**columns)
    (agent,) = await queries.agents()
    assert agent.state == state


async def test_an_agent_that_only_announced_itself_is_unknown(queries: Queries, mine: Mine) -> None:
    await mine.run("insert into agent (name, partition, is_online) values ('new', 1, true)")
    (agent,) = await queries.agents()
    assert (agent.state, agent.committed_age_s, agent.site) == ("unknown", None, None)


async def test_an_agent_is_told_with_health_cursor_gaps_and_quarantine(
    queries: Queries, mine: Mine
) -> None:
    agent = await mine.agent(health='{"spool_records": 7, "lag_s": 1.5, "is_stuck": false}')
    for epoch, days in (("old", 9), ("new", 1)):
        await mine.run(
            "insert into source (agent_id, epoch, mark, first_seen) "
            "values (%(agent)s, %(epoch)s, 40, now() - make_interval(days => %(days)s))",
            agent=agent, epoch=epoch, days=days,
        )  # fmt: skip
    await mine.run("insert into ahead (source_id, seq, to_seq) values (2, 42, 43), (2, 50, 50)")
    await mine.run(
        "insert into gap (source_id, reason, from_seq, to_seq, records, filled_at) values "
        "(2, 'missing', 41, 41, null, null), (2, 'missing', 1, 2, null, now()), "
        "(1, 'evicted', 5, 9, 500, null)"
    )
    await mine.run(
        "insert into quarantine (agent, topic, reason, size_bytes) "
        "values ('north-1', 't', 'crc', 9), ('other', 't', 'crc', 9)"
    )
    (row,) = await queries.agents()
    assert (row.epoch, row.mark, row.ahead) == ("new", 40, 3)
    assert (row.spool_records, row.lag_s, row.is_stuck, row.rss_bytes) == (7, 1.5, False, None)
    assert (row.open_gaps, row.lost_records, row.quarantined) == (1, 500, 1)

    gaps = await queries.gaps("north-1")
    assert [(gap.reason, gap.epoch) for gap in gaps] == [
        ("evicted", "old"), ("missing", "new"), ("missing", "new"),
    ]  # fmt: skip
    assert len(await queries.gaps(limit=1, offset=1)) == 1
    assert await queries.gaps("other") == []
    assert [row.agent for row in await queries.quarantine()] == ["other", "north-1"]
    assert len(await queries.quarantine("other")) == 1


async def test_alerts_are_chosen_and_newest_first(queries: Queries, mine: Mine) -> None:
    device = await mine.device(await mine.agent(), "rig-1")
    first = await mine.alert(device)
    second = await mine.alert(rule="site-dark", severity="info")
    over = await mine.alert(device, rule="old", state="resolved")

    assert [alert.alert_id for alert in await queries.alerts()] == [over, second, first]
    open_ones = await queries.alerts(states=["open", "acknowledged"])
    assert [alert.alert_id for alert in open_ones] == [second, first]
    assert [a.alert_id for a in await queries.alerts(device_id=device, limit=1)] == [over]
    assert await queries.alerts(site="south") == []
    alert = await queries.alert(first)
    assert alert is not None
    assert (alert.subject, alert.site, alert.state) == ("rig-1", "north", "open")
    assert alert.evidence == {"chip_temp_c": 99}
    assert alert.resolved_ms is None


async def test_a_database_that_is_away_is_said_so(store: Store, queries: Queries) -> None:
    await store.pool.close()
    with pytest.raises(UnavailableError, match="database: does not answer now"):
        await queries.rigs()
