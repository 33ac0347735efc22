"""How good a site's data is, and energy by counters, asked of a real database."""

import asyncio
import time

import pytest

from lode_hub.errors import InvalidError, NotFoundError
from lode_hub.queries import Queries
from lode_hub.queries.quality import site_meters
from lode_hub.store import quality
from lode_hub.store.quality import BUCKET_MS, COUNTED, Counts
from tests.hub.queries.mine import Mine


def present_ms():
    """Give when the present five minutes began."""
    return time.time_ns() // 1_000_000 // BUCKET_MS * BUCKET_MS


@pytest.fixture
async def mine(store):
    left_s = (present_ms() + BUCKET_MS) / 1000 - time.time()
    if left_s < 10:  # the next five minutes would begin between what is written and what is asked
        await asyncio.sleep(left_s)
    return Mine(store)


async def counted(mine, agent, ago, *, devices=2, expected=300.0, **counts):
    """Write what was counted in the five minutes so many before the present ones."""
    row = Counts(
        bucket_ms=present_ms() - ago * BUCKET_MS, agent_id=agent, kind=1, driver="asic",
        devices=devices, expected=expected, lag_ms=900,
        counts=tuple(counts.get(name, 0) for name in COUNTED),
    )  # fmt: skip
    async with mine.store.pool.connection() as conn:
        await quality.add(conn, [row])


async def test_a_site_without_any_device_is_empty_and_an_unknown_one_is_an_error(mine):
    await mine.agent()
    answer = await Queries(mine.store).quality.of_site("north")
    assert (answer.verdict, answer.devices, answer.sources) == ("good", 0, [])
    assert answer.completeness_ratio is None
    with pytest.raises(NotFoundError):
        await Queries(mine.store).quality.of_site("nowhere")


async def test_a_source_is_complete_fresh_and_without_errors(mine):
    agent = await mine.agent()
    for name in ("rig-1", "rig-2"):
        await mine.reads(await mine.device(agent, name), age_s=1)
    for ago in range(1, 12):
        await counted(mine, agent, ago, received=300)
    (source,) = (await Queries(mine.store).quality.of_site("north")).sources
    assert (source.devices, source.fresh, source.verdict, source.advice) == (2, 2, "good", ())
    assert source.completeness_ratio == 1.0
    assert source.error_ratio == 0.0
    assert source.lag_s == 0.9


async def test_what_is_missing_wrong_or_twice_is_told_with_what_to_do(mine):
    agent = await mine.agent()
    await mine.reads(await mine.device(agent, "rig-1"), age_s=1)
    await mine.device(agent, "rig-2")
    await counted(mine, agent, 11, received=310, duplicate=10)
    await counted(mine, agent, 1, received=300, no_answer=60, held=4, unit=7)
    answer = await Queries(mine.store).quality.of_site("north")
    (source,) = answer.sources
    # Nine of eleven buckets did not come; a repeated reading fills none of them.
    assert source.expected == pytest.approx(11 * 300, rel=0.02)
    assert source.completeness_ratio == pytest.approx(600 / 3300, rel=0.02)
    assert source.error_ratio == pytest.approx(60 / 610)
    assert (source.fresh, source.verdict, answer.verdict) == (1, "bad", "bad")
    assert (answer.held, answer.unit) == (4, 7)
    said = " | ".join(source.advice)
    for part in ("1 of 2 devices are silent", "82% of the readings are missing",
                 "10% of the polls end in no answer", "4 readings are kept and not used",
                 "7 values are in a wrong unit", "10 readings came twice"):  # fmt: skip
        assert part in said


async def test_what_began_within_five_minutes_lacks_nothing_before(mine):
    agent = await mine.agent()
    await mine.reads(await mine.device(agent, "rig-1"), age_s=1)
    await counted(mine, agent, 2, received=70)
    await counted(mine, agent, 1, received=300)
    (source,) = (await Queries(mine.store).quality.of_site("north")).sources
    assert (source.expected, source.completeness_ratio) == (370.0, 1.0)


async def test_the_worst_source_and_agent_come_first_and_other_sites_stay_out(mine):
    good, bad = await mine.agent("north-1"), await mine.agent("north-2", clock_offset_ms=-40_000)
    await mine.agent("south-1", site="south", clock_offset_ms=9e6)
    for agent, received in ((good, 300), (bad, 120)):
        await mine.reads(await mine.device(agent, f"rig-{agent}"), age_s=1)
        await counted(mine, agent, 2, received=300)
        await counted(mine, agent, 1, received=received)
    answer = await Queries(mine.store).quality.of_site("north", "day")
    assert [source.agent for source in answer.sources] == ["north-2", "north-1"]
    assert [(a.agent, a.verdict, a.correction_ms) for a in answer.agents] == [
        ("north-2", "doubtful", -40_000), ("north-1", "good", 0)
    ]  # fmt: skip
    assert "times are shown corrected" in answer.agents[0].advice[0]
    assert answer.worst_offset_ms == -40_000


async def test_ages_are_shown_by_the_hubs_clock_when_the_agents_is_far_off(mine):
    agent = await mine.agent(clock_offset_ms=-45_000)
    rig = await mine.device(agent, "rig-1")
    await mine.reads(rig, age_s=46, received_s=1)
    row = await Queries(mine.store).rig(rig)
    assert row.age_s == pytest.approx(1, abs=5)
    assert row.state == "mining"
    assert row.correction_ms == -45_000


def meter(number, name, feeder="", rigs=0):
    return {"device_id": number, "agent_id": 1, "name": name, "feeder": feeder, "rigs": rigs}


def test_meters_behind_one_another_are_counted_once():
    chain = [meter(1, "main"), meter(2, "hall-a", "main", 40), meter(3, "hall-b", "main", 30)]
    assert [m["name"] for m in site_meters(chain)[0]] == ["main"]
    side = [meter(1, "office"), meter(2, "hall-a", "", 40), meter(3, "hall-b", "", 30)]
    assert [m["name"] for m in site_meters(side)[0]] == ["hall-a", "hall-b"]
    assert [m["name"] for m in site_meters([meter(1, "only")])[0]] == ["only"]
    chosen, how = site_meters([meter(1, "a"), meter(2, "b")])
    assert not chosen
    assert "feeder" in how
    circle = [meter(1, "a", "b", 3), meter(2, "b", "a", 0)]
    assert len(site_meters(circle)[0]) == 1


@pytest.mark.parametrize(("rest", "names"), [
    ([], ["a"]),
    ([meter(3, "hall", "b", 9)], ["a"]),  # behind the circle
    ([meter(3, "c", "", 9)], ["a", "c"]),
    ([meter(3, "self", "self", 9)], ["a", "self"]),
])  # fmt: skip
def test_of_meters_that_name_each_other_one_is_counted_and_said(rest, names):
    chosen, how = site_meters([meter(2, "b", "a", 4), meter(1, "a", "b", 3), *rest])
    assert sorted(m["name"] for m in chosen) == names
    assert "a and b name each other as feeder: only a is counted" in how
    assert "self name" not in how


async def test_meters_in_a_circle_are_told_on_the_page_and_make_energy_a_lower_bound(mine):
    agent = await mine.agent()
    main, sub = [await mine.device(agent, name, kind=2) for name in ("main", "sub")]
    rig = await mine.device(agent, "rig-1")
    async with mine.store.pool.connection() as conn:
        for device, feeder in ((main, "sub"), (sub, "main"), (rig, "sub")):
            await conn.execute(
                "insert into device_controls (device_id, offers, presets, feeder, outlet, blocked, "
                "at, source_id, seq) values (%s, '{}', '{}', %s, '', '', now(), 1, 1)",
                (device, feeder),
            )
    for device in (main, sub):
        await _rolled(mine, device, 30, 10.0, 15.0)
    queries, now = Queries(mine.store).quality, time.time_ns() // 1_000_000
    energy = await queries.energy_kwh(now - 3_600_000, now, site="north")
    assert (energy.energy_kwh, energy.is_whole, energy.meters) == (5.0, False, ("main",))
    meters = [s for s in (await queries.of_site("north")).sources if s.kind == "meter"]
    assert "main and sub name each other as feeder" in " ".join(meters[0].advice)


async def test_energy_is_counted_over_a_gap_a_rollover_and_a_reset(mine):
    agent = await mine.agent()
    device = await mine.device(agent, "meter-1", kind=2)
    end = 2**16 * 0.1
    steps = [(50, 1000.0, 1001.0), (49, 1001.0, 1002.0), (30, 1021.0, 1022.0),  # 19 min missing
             (29, end - 0.5, end - 0.2), (28, 0.3, 0.8), (27, 0.2, 1.2)]  # fmt: skip
    for ago, first, last in steps[:3]:
        await _rolled(mine, device, ago, first, last)
    now = time.time_ns() // 1_000_000
    energy = Queries(mine.store).quality.energy_kwh
    plain = await energy(now - 3_600_000, now, site="north")
    assert (plain.energy_kwh, plain.is_whole) == (22.0, True)
    assert (plain.meters, plain.how) == (("meter-1",), "the site's only meter")
    for ago, first, last in steps[3:]:
        await _rolled(mine, device, ago, first, last)
    odd = await energy(now - 29 * 60_000, now, device_id=device)
    assert odd.energy_kwh == pytest.approx(0.3 + 0.5 + 0.5 + 0.2 + 1.0)
    assert (odd.rollovers, odd.resets, odd.is_whole) == (1, 1, False)


async def test_energy_of_nothing_is_not_zero_and_no_span_is_an_error(mine):
    agent = await mine.agent()
    await mine.device(agent, "meter-1", kind=2)
    nothing = await Queries(mine.store).quality.energy_kwh(0, 3_600_000, site="north")
    assert (nothing.energy_kwh, nothing.is_whole) == (None, False)
    for values in ({"site": "north", "device_id": 1}, {}):
        with pytest.raises(InvalidError):
            await Queries(mine.store).quality.energy_kwh(0, 1, **values)
    with pytest.raises(InvalidError):
        await Queries(mine.store).quality.energy_kwh(5, 5, site="north")


async def _rolled(mine, device, ago, first, last):
    at = f"date_bin('1 minute', now(), '2000-01-01Z') - interval '{ago} minutes'"
    await mine.rolls(
        "meter_1m", device, ago, 60, energy_in_kwh_first=first, energy_in_kwh_last=last,
        power_w_max=60_000, first_at=at, last_at=f"{at} + interval '55 seconds'",
    )  # fmt: skip
