"""Curtailments: who is taken, who is not and why, and that just those are begun."""

import asyncio
from typing import Any

import hypothesis
import pytest
from hypothesis import strategies as st

from lode_hub.access import Person
from lode_hub.actions import Ask
from lode_hub.commands.choose import Candidate, choose
from lode_hub.errors import ConflictError, InvalidError, NotFoundError
from lode_hub.queries.command_nouns import CurtailmentRow
from lode_hub.store import Store
from lode_wire import orders
from tests.hub.commands.site import Site, site_of

GOOD = Candidate(
    device_id=1, name="rig-1", agent_id=1, agent="north-1", rack="A1", state="mining", age_s=2.0,
    power_w=3000.0, rated_power_w=3250.0, hashrate_ths=100.0, rated_hashrate_ths=110.0,
    offers=("sleep", "wake"), blocked="", starts_left=None, feeder="meter-1", lease=None,
    maintenance=None,
)  # fmt: skip


def test_a_rig_that_measures_no_power_counts_by_its_rating() -> None:
    stock = rig(power_w=None, hashrate_ths=88.0)
    (taken,) = choose(Ask(site="north"), [stock], None).taken
    assert (taken.power_w, taken.is_rated) == (pytest.approx(3250.0 * 88 / 110), True)
    assert rig(power_w=None, hashrate_ths=150.0).draw_w == 3250.0
    (measured,) = choose(Ask(site="north"), [rig()], None).taken
    assert (measured.power_w, measured.is_rated) == (3000.0, False)


def rig(**changes: Any) -> Candidate:
    return Candidate(**{name: getattr(GOOD, name) for name in GOOD.__slots__} | changes)


@pytest.mark.parametrize(
    ("changes", "reason", "detail"),
    [
        ({"name": "rig-9"}, "excluded", ""),
        ({"rack": "B7"}, "excluded", ""),
        ({"maintenance": "ada: fan"}, "maintenance", "ada: fan"),
        ({"state": "unreachable"}, "unreachable", ""),
        ({"state": "silent", "age_s": 95.2}, "stale reading", "95 s old"),
        ({"state": "unknown", "age_s": None}, "stale reading", "none yet"),
        ({"offers": None}, "controls unknown", ""),
        ({"blocked": "write API is off", "offers": ()}, "blocked", "write API is off"),
        ({"offers": ("reboot",)}, "does not offer it", "offers reboot"),
        ({"lease": "c1"}, "held by another lease", "c1"),
        ({"state": "sleeping", "power_w": 20.0}, "already asleep", "sleeping"),
        ({"starts_left": 0}, "no starts left", ""),
        ({"power_w": None, "rated_power_w": None}, "no power figure", ""),
        ({"power_w": None, "hashrate_ths": None}, "no power figure", ""),
        ({"power_w": 30_000.0}, "power figure implausible", "30000 W"),
        ({"power_w": -5.0}, "power figure implausible", "-5 W"),
        ({"power_w": 0.0}, "power figure implausible", "0 W"),
        ({"power_w": 60.0}, "below minimum power", "60 W"),
    ],
)
def test_each_rig_that_is_left_alone_says_why(
    changes: dict[str, Any], reason: str, detail: str
) -> None:
    ask = Ask(site="north", excluding=frozenset({"rig-9", "B7"}))
    choice = choose(ask, [rig(**changes)], None)
    assert choice.taken == []
    assert [(one.reason, one.detail) for one in choice.skipped] == [(reason, detail)]


def test_a_rig_that_offers_sleep_and_not_all_is_taken() -> None:
    choice = choose(Ask(site="north"), [rig(blocked="no preset has been tuned")], None)
    assert [one.name for one in choice.taken] == ["rig-1"]


def test_the_least_efficient_go_first_and_no_more_than_needed() -> None:
    rigs = [
        rig(device_id=1, name="new", power_w=3000.0, hashrate_ths=200.0),
        rig(device_id=2, name="old", power_w=3000.0, hashrate_ths=60.0),
        rig(device_id=3, name="idle", power_w=900.0, hashrate_ths=0.0, feeder=None),
        rig(device_id=4, name="rated", hashrate_ths=None, rated_hashrate_ths=90.0),
        rig(device_id=5, name="unrated", hashrate_ths=None, rated_hashrate_ths=None),
    ]
    choice = choose(Ask(site="north"), rigs, 4000.0)
    assert [one.name for one in choice.taken] == ["idle", "old", "rated"]
    assert [(one.name, one.reason) for one in choice.skipped] == [
        ("new", "not needed"), ("unrated", "not needed")
    ]  # fmt: skip
    assert choice.expected_w == 6900
    assert [(one.feeder, one.rigs, one.power_w) for one in choice.feeders] == [
        ("", 1, 900), ("meter-1", 2, 6000)
    ]  # fmt: skip
    assert not choose(Ask(site="north"), rigs, 1e9).is_enough


@hypothesis.given(
    st.lists(st.tuples(st.none() | st.floats(-10, 1e5), st.none() | st.floats(0, 500))),
    st.none() | st.floats(0, 1e6),
)
def test_every_rig_is_taken_or_skipped_and_the_last_one_was_needed(
    figures: list[tuple[float | None, float | None]], needed_w: float | None
) -> None:
    rigs = [
        rig(device_id=i, name=f"rig-{i}", power_w=power_w, hashrate_ths=ths, rated_power_w=None)
        for i, (power_w, ths) in enumerate(figures)
    ]
    choice = choose(Ask(site="north"), rigs, needed_w)
    told = [one.device_id for one in (*choice.taken, *choice.skipped)]
    assert sorted(told) == list(range(len(rigs)))
    if needed_w is not None and choice.taken:
        assert choice.expected_w - choice.taken[-1].power_w < needed_w


@pytest.fixture
def site(store: Store) -> Site:
    return site_of(store)


async def mine_of(site: Site) -> tuple[Person, list[int]]:
    """Make two agents at one site, two rigs each, and a meter that feeds the first two."""
    north, more = await site.mine.agent("north-1"), await site.mine.agent("north-2")
    rigs = [
        await site.rig(agent, f"rig-{i}", controls={"feeder": feeder}, power_w=3000 + i)
        for i, (agent, feeder) in enumerate(
            [(north, "meter-1"), (north, "meter-1"), (more, ""), (more, "")]
        )
    ]
    return await site.person(), rigs


async def look(site: Site, ada: Person, ask: Ask) -> CurtailmentRow:
    made = await site.actions.curtailments.preview(ada, ask)
    found = await site.queries.commands.curtailment(made)
    assert found is not None
    return found


async def test_a_preview_does_nothing_and_is_begun_with_what_it_showed(site: Site) -> None:
    ada, rigs = await mine_of(site)
    seen = await look(site, ada, Ask(site="north", excluding=frozenset({"rig-0"})))
    assert seen.started_ms is None
    assert [(one.name, one.reason) for one in seen.skipped] == [("rig-0", "excluded")]
    assert (seen.expected_w, seen.site_power_source) == (9006, "rigs")
    assert await site.queries.commands.count() == 0
    begun = await site.actions.curtailments.start(ada, seen.curtailment_id, request="r")
    assert await site.actions.curtailments.start(ada, seen.curtailment_id, request="r") == begun
    named = {}
    for command_id in begun:
        detail = await site.queries.commands.command(command_id)
        assert detail is not None
        assert detail.command.curtailment_id == seen.curtailment_id
        named[detail.command.agent] = [(one.target, one.expected_w) for one in detail.devices]
    assert named == {"north-1": [("rig-1", 3001)], "north-2": [("rig-3", 3003), ("rig-2", 3002)]}
    held = await look(site, ada, Ask(site="north"))
    reasons = {one.name: one.reason for one in held.skipped}
    assert reasons == dict.fromkeys(("rig-1", "rig-2", "rig-3"), "held by another lease")
    assert [one.device_id for one in held.taken] == rigs[:1]
    with pytest.raises(ConflictError, match="has begun"):
        await site.actions.curtailments.start(ada, seen.curtailment_id)
    released = await site.actions.curtailments.release(ada, seen.curtailment_id)
    assert len(released) == 2
    for command_id in begun:
        await site.stage(command_id, "released")
    with pytest.raises(ConflictError, match="holds nothing"):
        await site.actions.curtailments.release(ada, seen.curtailment_id)
    listed = await site.queries.commands.curtailments("north")
    assert [one.commands for one in listed] == [begun]
    assert listed[0].started_by == "ada"


@pytest.mark.parametrize(
    ("intent", "is_in_the_way"),
    [
        (orders.Sleep(), True),
        (orders.Wake(), False),
        (orders.PowerLimit(power_w=2500), False),
        (orders.Preset(name="eco"), False),
        (orders.FanSpeed(percent=80), False),
    ],
)
async def test_only_who_is_to_sleep_already_is_held(
    site: Site, intent: orders.AnyIntent, is_in_the_way: bool
) -> None:
    ada, (first, *_) = await mine_of(site)
    await site.mine.run("update device_controls set offers = offers || '{fan_speed}'")
    shown = await look(site, ada, Ask(site="north"))
    lease = await site.actions.commands.order(ada, intent, device_id=first)
    steps = (
        orders.Step(wish=orders.Sleep(), devices=("rig-2",)),
        orders.Step(wish=orders.PowerLimit(power_w=2500), devices=("rig-3",)),
    )
    mixed = await site.actions.commands.order(ada, orders.Curtail(steps=steps), agent="north-2")
    seen = await look(site, ada, Ask(site="north"))
    held = {one.name: one.detail for one in seen.skipped}
    assert held == {"rig-2": mixed, **({"rig-0": lease} if is_in_the_way else {})}
    assert {one.reason for one in seen.skipped} == {"held by another lease"}
    assert (await site.queries.commands.controls(first)).lease == lease  # type: ignore[union-attr]
    with pytest.raises(ConflictError, match="can still be taken"):
        await site.actions.curtailments.start(ada, shown.curtailment_id)
    assert await site.actions.curtailments.start(ada, seen.curtailment_id)


async def test_what_has_changed_too_much_is_previewed_again(site: Site) -> None:
    ada, rigs = await mine_of(site)
    start = site.actions.curtailments.start
    seen = await look(site, ada, Ask(site="north"))
    await site.actions.commands.maintain(ada, rigs[0], is_on=True, note="fan")
    with pytest.raises(ConflictError, match="of 12006 W only 9006 W"):
        await start(ada, seen.curtailment_id)
    await site.actions.commands.maintain(ada, rigs[0], is_on=False)
    await site.mine.run("update curtailment set made_at = now() - interval '11 minutes'")
    with pytest.raises(ConflictError, match="its preview is old"):
        await start(ada, seen.curtailment_id)
    nobody = await look(site, ada, Ask(site="north", excluding=frozenset({"A1"})))
    with pytest.raises(ConflictError, match="no rig can be taken"):
        await start(ada, nobody.curtailment_id)
    with pytest.raises(NotFoundError):
        await start(ada, "nothing")
    assert await site.queries.commands.count() == 0


async def test_two_who_begin_at_once_do_not_take_the_same_rigs(site: Site) -> None:
    ada, _ = await mine_of(site)
    bob = await site.person("bob")
    seen = [await look(site, person, Ask(site="north")) for person in (ada, bob)]
    both = [
        site.actions.curtailments.start(person, one.curtailment_id)
        for person, one in zip((ada, bob), seen, strict=True)
    ]
    done = await asyncio.gather(*both, return_exceptions=True)
    assert sorted(type(one).__name__ for one in done) == ["ConflictError", "list"]
    assert await site.queries.commands.count() == 2


async def test_reduce_to_counts_from_the_feeders_meters(site: Site) -> None:
    ada, rigs = await mine_of(site)
    agent = (await site.mine.run("select id from agent where name = 'north-1'"))[0][0]
    meter = await site.mine.device(agent, "meter-1", kind=2)
    await site.mine.reads(meter, table="meter_last", power_w=20_000)
    seen = await look(site, ada, Ask(site="north", reduce_to_w=15_000))
    assert (seen.site_power_w, seen.site_power_source) == (20_000, "meters")
    assert (seen.needed_w, seen.is_enough, len(seen.taken)) == (5000, True, 2)
    seen = await look(site, ada, Ask(site="north", reduce_by_w=3000))
    assert len(seen.taken) == 1
    assert len(rigs) == 4


async def test_a_preview_says_how_long_the_agents_ramps_take(site: Site) -> None:
    ada, rigs = await mine_of(site)
    seen = await look(site, ada, Ask(site="north"))
    assert (seen.down_s, seen.up_s) == (None, None)
    # Two rigs of 3 kW hang on a feeder of one agent: 6 kW at 2 kW/min. The other's are faster.
    slow = {"site_ramp_down_kw_per_min": 4.0, "feeder_ramp_down_kw_per_min": 2.0}
    for rig in rigs[:2]:
        await site.mine.run("delete from device_controls where device_id = %(d)s", d=rig)
        await site.controls(rig, feeder="meter-1", feeder_ramp_up_kw_per_min=1.0, **slow)
    for rig in rigs[2:]:
        await site.mine.run("delete from device_controls where device_id = %(d)s", d=rig)
        await site.controls(rig, site_ramp_down_kw_per_min=3.0)
    seen = await look(site, ada, Ask(site="north"))
    assert (seen.down_s, seen.up_s) == pytest.approx((180.03, 360.06))
    seen = await look(site, ada, Ask(site="north", excluding=frozenset({"rig-0", "rig-1"})))
    assert (seen.down_s, seen.up_s) == (pytest.approx(120.1), None)
    begun = await site.actions.curtailments.start(ada, seen.curtailment_id)
    row = await site.queries.commands.curtailment(seen.curtailment_id)
    assert (row.down_s, len(begun)) == (seen.down_s, 1)


async def test_an_ask_that_makes_no_sense_is_refused(site: Site) -> None:
    ada, _ = await mine_of(site)
    preview = site.actions.curtailments.preview
    with pytest.raises(InvalidError, match="not both"):
        await preview(ada, Ask(site="north", reduce_by_w=1, reduce_to_w=1))
    with pytest.raises(InvalidError, match="reduce_by_w"):
        await preview(ada, Ask(site="north", reduce_by_w=float("nan")))
    with pytest.raises(InvalidError, match="until_ms"):
        await preview(ada, Ask(site="north"), orders.Terms(until_ms=5))
    with pytest.raises(NotFoundError):
        await preview(ada, Ask(site="nowhere"))
