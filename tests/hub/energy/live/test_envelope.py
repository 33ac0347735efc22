"""The agents' own limits: told with their devices, kept by every plan, said beside ours."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lode_edge.control import envelope, keys
from lode_edge.control.book import Book
from lode_edge.control.now import Now
from lode_edge.control.offers import Offers
from lode_edge.control.site import Device as Steered
from lode_edge.control.site import Site as Steerable
from lode_edge.control.store import Store as ControlStore
from lode_edge.drivers.acting import Abilities
from lode_edge.drivers.driver import DeviceEntry, Facts
from lode_hub.energy.live import limits, lines
from lode_hub.energy.live.fleet import Fleet, fleet
from lode_hub.energy.live.limits import Limits
from lode_hub.energy.live.outlook import STEP_S
from lode_hub.energy.live.rig import Rig
from lode_hub.energy.plan.make import feeder_w, make
from lode_hub.ingest.check import check
from lode_hub.ingest.writer import Writer
from lode_hub.queries.planner import PlannerQueries, PlanRow
from lode_wire.records import Controls, Device, DeviceKind, Record
from tests.hub.energy.live.conftest import ADA, MODEL, Site
from tests.hub.energy.live.plant import rig_of
from tests.hub.energy.plan.cases import market
from tests.hub.ingest.agents import NOW_MS, Agent

TEXT = """
agent = "north-1"
[site]
limit_kw = {site}
[feeders.main]
limit_kw = {feeder}
[models."*"]
power_max_w = 3600
min_up_s = 7200
starts_per_day = 3
"""


def made(rigs: list[Rig], text: str = "") -> Fleet:
    told = limits.described(text)
    return fleet("north", rigs, told, now_ms=NOW_MS, standing={}, disobeying={}, pool_fee_ratio=0.0)


def row(rigs: list[Rig], text: str, where: str, what: str = "power") -> tuple[object, ...]:
    rows = lines.said(rigs, limits.described(text), 1.1)
    (found,) = (one for one in rows if (one.where, one.what) == (where, what))
    return found.typed, found.own, found.holds, found.is_looser


@pytest.mark.parametrize(
    ("typed_kw", "own_kw", "limit_w"),
    [(90, 80.0, 80_000), (70, 80.0, 70_000), (None, 80.0, 80_000), (90, None, 90_000)],
)
def test_a_feeder_bears_what_the_tighter_word_says(typed_kw, own_kw, limit_w):
    rigs = [rig_of(n, feeder_limit_kw=own_kw) for n in range(4)]
    text = f"[feeders.main]\nlimit_kw = {typed_kw}" if typed_kw else ""
    (feeder,) = made(rigs, text).site.feeders
    assert (feeder.limit_w, feeder.ramp_kw_min) == (limit_w, None)
    holds = "own" if limit_w == 80_000 else "typed"
    is_looser = (typed_kw or 0) > (own_kw or 1e9)
    assert row(rigs, text, "feeder main") == (typed_kw, own_kw, holds, is_looser)


def test_what_nobody_typed_is_no_word_against_the_agents():
    rigs, what = [rig_of(1, min_up_s=7200.0)], "least time awake"
    (found,) = (one for one in lines.said(rigs, Limits(), 1.0) if one.what == what)
    assert (found.typed, found.own, found.holds) == (1800.0, 7200.0, "own")
    assert (found.is_default, found.is_looser) == (True, False)
    assert row(rigs, '[models."*"]', f"model {rigs[0].model}", what)[3]
    (alone,) = (one for one in lines.said([rig_of(1)], Limits(), 1.0) if one.what == what)
    assert (alone.holds, alone.is_default) == ("typed", True)


def test_who_is_left_out_counts_against_what_the_agents_bear():
    rigs = [rig_of(n, feeder_limit_kw=20.0, site_limit_kw=18.0) for n in range(4)]
    rigs[0] = replace(rigs[0], maintenance="new fans")
    found = made(rigs).site
    assert found.feeders[0].limit_w == 17_000
    assert [(part.name, part.limit_w) for part in found.parts] == [("agent north-1", 15_000)]


def test_a_ramp_holds_both_ways_by_the_slower():
    rigs = [rig_of(1, feeder_ramp_up_kw_per_min=30.0, feeder_ramp_down_kw_per_min=60.0,
                   site_ramp_up_kw_per_min=90.0)]  # fmt: skip
    found = made(rigs, "[feeders.main]\nramp_kw_min = 45").site
    assert (found.feeders[0].ramp_kw_min, found.parts[0].ramp_kw_min) == (30.0, 90.0)
    assert found.parts[0].limit_w == np.inf


def test_times_and_starts_of_a_model_are_the_tighter_ones():
    rigs = [rig_of(1, min_up_s=7200.0, min_down_s=60.0, starts_per_day=6, starts_left=5)]
    text = '[models."*"]\nmin_up_s = 1800\nmin_down_s = 600\nstarts_per_day = 4'
    found = made(rigs, text)
    (kind,) = found.site.classes
    assert (kind.min_up_s, kind.min_down_s, kind.starts_per_day) == (7200.0, 600.0, 4)
    assert found.standings[0].starts.tolist() == [1]  # of six, five are left
    where = "model Antminer S19k Pro"
    assert row(rigs, text, where, "least time awake") == (1800.0, 7200.0, "own", True)
    assert row(rigs, text, where, "least time asleep") == (600.0, 60.0, "typed", False)
    assert row(rigs, text, where, "starts a day") == (4, 6, "typed", False)


def test_an_older_agent_that_tells_nothing_changes_nothing():
    rigs = [rig_of(1), rig_of(2, agent="north-2")]
    found = made(rigs, "limit_kw = 50\n[feeders.main]\nlimit_kw = 5").site
    assert (len(found.classes), found.parts, found.limit_w) == (1, (), 50_000)
    assert [feeder.limit_w for feeder in found.feeders] == [5_000]
    assert row(rigs, "limit_kw = 50", "site") == (50, None, "typed", False)


def test_agents_that_call_their_feeders_alike_have_one_each():
    rigs = [rig_of(n, agent=f"north-{n % 2}", feeder_limit_kw=6.0 + n % 2) for n in range(6)]
    found = made(rigs, "[feeders.main]\nlimit_kw = 12").site
    bears = {feeder.name: feeder.limit_w for feeder in found.feeders}
    assert bears == {"main of north-0": 6_000, "main of north-1": 7_000}
    (both,) = found.parts
    assert (both.name, set(both.feeders), both.limit_w) == ("feeder main", set(bears), 12_000)


def test_what_is_typed_for_the_site_is_at_the_meter_and_the_agents_is_not():
    rigs = [rig_of(n, agent=f"north-{n}", site_limit_kw=100.0) for n in range(2)]
    assert row(rigs, "limit_kw = 219", "site") == (219, pytest.approx(220.0), "typed", False)
    assert row(rigs, "limit_kw = 221", "site") == (221, pytest.approx(220.0), "own", True)
    silent = [
        *rigs,
        rig_of(3, agent="north-3"),
    ]  # one has not said: the site is not bounded by them
    assert row(silent, "limit_kw = 221", "site") == (221, None, "typed", False)


SHARES = st.none() | st.floats(0.3, 1.2)


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_no_plan_draws_more_than_any_agent_has_told(data):
    """All rigs pay at this price, so that what holds them down is the envelope alone."""
    rigs: list[Rig] = []
    for agent in ("a", "b"):
        site = data.draw(SHARES)
        for feeder in ("main", f"own-{agent}"):
            bears, count = data.draw(SHARES), data.draw(st.integers(1, 6))
            rigs += [
                rig_of(
                    100 * len(rigs) + n,
                    agent=agent,
                    feeder=feeder,
                    feeder_limit_kw=bears and bears * 3.0 * count,
                    site_limit_kw=site and site * 18.0,
                )
                for n in range(count)
            ]
    found = made(rigs)
    plan = make(found.site, market([10, 10], dt_s=3600), found.standings)
    drawn = dict(
        zip((f.name for f in found.site.feeders), feeder_w(found.site, plan.rigs), strict=True)
    )
    named = lines.named(rigs)
    assert {reason.kind for reason in plan.reasons} <= {"min_up"}
    for agent in ("a", "b"):
        mine = [rig for rig in rigs if rig.agent == agent]
        told_kw = mine[0].site_limit_kw
        theirs = {named[rig.device_id] for rig in mine}
        whole_w = sum(drawn[line] for line in theirs)
        if told_kw is not None:
            assert not any(named[rig.device_id] in theirs for rig in rigs if rig.agent != agent)
            assert (whole_w <= told_kw * 1000 + 1).all()
    for rig in rigs:
        if rig.feeder_limit_kw is not None:
            assert (drawn[named[rig.device_id]] <= rig.feeder_limit_kw * 1000 + 1).all()


def told_by(home: Path, text: str) -> list[Controls]:
    """Let an agent with this envelope say what can be asked of ten rigs."""
    file, key = home / "envelope.toml", home / "owner.key"
    file.write_text(text)
    public = keys.write_pair(key) if not key.exists() else key.with_name("owner.key.pub")
    envelope.sign(file, keys.private_key(key))
    devices = []
    for n in range(1, 11):
        entry = DeviceEntry(
            name=f"rig-{n:02}", driver="asic", address="x", kind="rig", feeder="main"
        )
        device = Steered(entry, n, object())
        device.facts = Facts(model=MODEL, rated_power_w=2800.0)
        device.abilities = Abilities(actions=frozenset({"sleep", "wake"}))
        devices.append(device)
    store = ControlStore(home, "north-1", NOW_MS)
    held = envelope.load(file, public, "north-1")
    try:
        return list(Offers(Steerable(devices, held)).news(Book(store, Now()), NOW_MS, 100.0))
    finally:
        store.close()


class North:
    """The agent of the site in the database, heard by the ingest's own writer."""

    def __init__(self, site: Site) -> None:
        self._site, self._writer, self._agent = site, Writer(site.store), Agent()

    async def begin(self) -> None:
        rigs = [(n, f"rig-{n:02}", DeviceKind.RIG) for n in range(1, 11)]
        await self.say(self._agent.birth(11))
        await self.say(
            *(
                Device(at_ms=NOW_MS, number=number, name=name, kind=kind, driver="asic",
                       address="x", model=MODEL, rated_power_w=2800.0, rated_hashrate_ths=120.0)
                for number, name, kind in [*rigs, (11, "main", DeviceKind.METER)]
            )
        )  # fmt: skip

    async def say(self, *told: Record) -> None:
        payload = self._agent.payload(told)
        await self._writer.write([check(self._agent.wrap(payload, told[0].topic))])

    async def plan(self) -> PlanRow:
        site = self._site
        return await PlannerQueries(site.store, lambda: site.now[0]).preview("north")


async def test_from_an_agents_envelope_to_the_plan(site: Site, tmp_path):
    north = North(site)
    await north.begin()
    await north.say(*(Controls(at_ms=NOW_MS, device=n, offers=("sleep", "wake"), feeder="main")
                      for n in range(1, 11)))  # fmt: skip
    free = await north.plan()  # by an agent that does not tell it
    assert free.periods[0].power_w == pytest.approx(28_000)
    await north.say(*told_by(tmp_path, TEXT.format(site=100, feeder=17)))
    held = await north.plan()
    assert max(period.power_w for period in held.periods) <= 17_000
    await north.say(*told_by(tmp_path, TEXT.format(site=12.5, feeder=17)))
    held = await north.plan()
    assert max(period.power_w for period in held.periods) <= 12_500
    assert any("12.5 kW" in note and "40 kW" in note for note in held.notes)
    rows = await PlannerQueries(site.store).limits("north")
    found = {(one.where, one.what): (one.typed, one.own, one.holds, one.is_looser) for one in rows}
    assert found["site", "power"] == (40.0, 12.5, "own", True)
    assert found["feeder main", "power"] == (None, 17.0, "own", False)
    assert found[f"model {MODEL}", "least time awake"] == (0.0, 7200.0, "own", True)
    assert found[f"model {MODEL}", "starts a day"] == (None, 3, "own", False)
    await north.say(*(Controls(at_ms=NOW_MS, device=n, offers=("sleep", "wake"), feeder="main")
                      for n in range(1, 11)))  # fmt: skip
    assert (await north.plan()).periods[0].power_w == pytest.approx(28_000)


@pytest.mark.parametrize(("ramp_kw_min", "response_s"), [(None, 0.0), (600.0, STEP_S)])
async def test_the_loop_waits_as_long_as_an_agents_ramp_may_take(
    site: Site, ramp_kw_min, response_s
):
    north = North(site)
    await north.begin()
    ramp = {"feeder_ramp_down_kw_per_min": ramp_kw_min}
    await north.say(*(Controls(at_ms=NOW_MS, device=n, offers=("sleep", "wake"), feeder="main",
                               **ramp) for n in range(1, 11)))  # fmt: skip
    await site.desk.set_planner(ADA, "north", "act")
    await site.planner.look("signal")
    (steered,) = site.planner.sites.values()
    aim = steered.aim(site.now[0])
    assert aim is not None
    assert aim.response_s == response_s


@pytest.mark.parametrize(
    ("field", "value"),
    [("site_limit_kw", 0.0), ("feeder_limit_kw", -5.0), ("feeder_ramp_up_kw_per_min", np.inf),
     ("min_up_s", -1.0), ("starts_per_day", 4_000_000_000)],
)  # fmt: skip
def test_what_cannot_be_a_limit_is_refused_by_its_name(field, value):
    agent = Agent()
    told = Controls(at_ms=NOW_MS, device=3, offers=("sleep",), **{field: value})
    refused = check(agent.wrap(agent.payload([told]), told.topic))
    assert f"controls 3: {field} is" in refused.reason


def test_unknown_limits_are_none_and_not_zero():
    assert lines.said([rig_of(1)], Limits(), 1.0)[0].own is None
    assert made([rig_of(1)]).site.parts == ()
