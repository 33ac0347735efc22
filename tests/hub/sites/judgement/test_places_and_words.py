"""Medians and totals of a site's rigs where some say nothing, and what is said of a finding."""

import statistics

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lode_hub.sites.judgement import words
from lode_hub.sites.judgement.groups import COVERED, HELD, LEAST_RIGS, Groups, Place
from lode_hub.store.judgement import Device
from lode_models.peers import KINDS, SAMPLE, Found
from lode_models.peers.rigs import Group
from lode_wire.records import State

T0 = 1_800_000_000_000
NAN = float("nan")


def device(number: int, **says) -> Device:
    figures = {
        "device_id": number, "agent_id": 1, "site_id": 1, "site": "north", "name": f"rig-{number}",
        "kind": 1, "model": "S19", "rack": "A", "is_configured": True, "interval_s": 10.0,
        "rated_hashrate_ths": 100.0, "rated_power_w": 3000.0,
    }  # fmt: skip
    return Device(**{**figures, **says})


def rows(n: int, **columns) -> np.ndarray:
    table = np.zeros(n, SAMPLE)
    table["at_ms"], table["state"] = T0, State.MINING
    for name in ("hashrate_ths", "power_w", "chip_temp_c"):
        table[name] = columns.pop(name, NAN)
    for name, values in columns.items():
        table[name] = values
    return table


def values(rigs, table, now_ms=T0, troubled=(), watched=None) -> dict[tuple[str, str], float]:
    is_watched = np.ones(len(rigs), bool) if watched is None else np.array(watched)
    is_troubled = np.isin(np.arange(len(rigs)), troubled)
    found = Groups(rigs, is_watched).values(table, now_ms, is_troubled)
    return {(place.subject, metric): value for place, metric, value in found}


def test_a_site_is_its_median_and_its_total():
    found = values([device(n) for n in range(5)],
                   rows(5, hashrate_ths=[90, 100, 110, 80, 50], chip_temp_c=[60, 61, 62, 63, 90],
                        power_w=[3000, 3100, 3200, 2900, 2000]))  # fmt: skip
    assert found == {
        ("site:1", "hash-ratio"): pytest.approx(0.9),
        ("site:1", "chip-temp"): 62.0,
        ("site:1", "hashrate"): pytest.approx(430.0),
        ("site:1", "power"): pytest.approx(14_200.0),
    }


@pytest.mark.parametrize(
    ("n", "silent", "is_known"),
    [(LEAST_RIGS, 0, True), (LEAST_RIGS - 1, 0, False), (10, 1, True), (10, 2, False),
     (20, 2, True), (20, 3, False), (9, 1, False)],
)  # fmt: skip
@pytest.mark.parametrize("why", ["missing", "old", "troubled"])
def test_a_group_has_a_value_when_nine_of_ten_say_theirs(n, silent, is_known, why):
    table = rows(n, hashrate_ths=100.0, power_w=3000.0, chip_temp_c=60.0)
    if why == "missing":
        for name in ("hashrate_ths", "power_w", "chip_temp_c"):
            table[name][:silent] = NAN
    elif why == "old":
        table["at_ms"][:silent] = T0 - 30_001
    troubled = range(silent) if why == "troubled" else ()
    found = values([device(n) for n in range(n)], table, troubled=troubled)
    assert [not np.isnan(value) for value in found.values()] == [is_known] * 4
    if is_known:  # what is not said is not zero: the total is of all
        assert found["site:1", "hashrate"] == pytest.approx(100.0 * n)


def test_a_total_is_scaled_by_rating():
    rigs = [device(n, rated_hashrate_ths=100.0 if n else 200.0) for n in range(10)]
    table = rows(10, hashrate_ths=[NAN] + [90.0] * 9)
    assert values(rigs, table)["site:1", "hashrate"] == pytest.approx(990.0)
    rigs = [device(n, rated_hashrate_ths=None if n == 0 else 100.0) for n in range(10)]
    found = values(rigs, table)
    assert found["site:1", "hashrate"] == pytest.approx(900.0)
    unrated = [device(n, rated_hashrate_ths=None) for n in range(10)]
    found = values(unrated, table)
    assert found["site:1", "hashrate"] == pytest.approx(900.0)
    assert np.isnan(found["site:1", "hash-ratio"])


@pytest.mark.parametrize(
    ("interval_s", "age_ms", "is_fresh"),
    [(None, 30_000, True), (None, 30_001, False), (1.0, 30_000, True), (60.0, 180_000, True),
     (60.0, 180_001, False)],
)  # fmt: skip
def test_a_reading_is_fresh_for_three_intervals(interval_s, age_ms, is_fresh):
    rigs = [device(n, interval_s=interval_s) for n in range(5)]
    found = values(rigs, rows(5, chip_temp_c=60.0), T0 + age_ms)
    assert np.isnan(found["site:1", "chip-temp"]) != is_fresh


@pytest.mark.parametrize(
    ("models", "subjects"),
    [
        (["S19"] * 10, {"site:1"}),  # the site itself
        (["S19"] * 5 + ["S21"] * 5, {"site:1", "site:1:model:S19", "site:1:model:S21"}),
        (["S19"] * 6 + ["S21"] * 4, {"site:1", "site:1:model:S19"}),
        (["S19"] * 5 + [""] * 5, {"site:1"}),
    ],
)
def test_a_model_is_a_place_where_a_site_has_several(models, subjects):
    rigs = [device(n, model=model) for n, model in enumerate(models)]
    assert {subject for subject, _ in values(rigs, rows(10))} == subjects


def test_two_sites_and_what_is_not_watched_do_not_mix():
    rigs = [device(n, site_id=1 + n % 2, site=f"s{n % 2}") for n in range(14)]
    table = rows(14, chip_temp_c=[50.0 + 20 * (n % 2) for n in range(14)])
    table["chip_temp_c"][12:] = 200.0
    found = values(rigs, table, watched=[n < 12 for n in range(14)])
    assert (found["site:1", "chip-temp"], found["site:2", "chip-temp"]) == (50.0, 70.0)
    assert values([], rows(0)) == {}
    assert str(Place(1, "north", "S19")) == "S19 at north"


TEMPS = st.lists(st.one_of(st.just(NAN), st.integers(20, 110).map(float)), min_size=5, max_size=30)


@settings(max_examples=120, deadline=None)
@given(st.lists(TEMPS, min_size=1, max_size=4), st.randoms(use_true_random=False))
def test_medians_are_those_of_what_is_there_in_whatever_order(sites, rng):
    pairs = [(site, temp) for site, temps in enumerate(sites, 1) for temp in temps]
    rng.shuffle(pairs)
    rigs = [device(n, site_id=site, site=str(site)) for n, (site, _) in enumerate(pairs)]
    found = values(rigs, rows(len(rigs), chip_temp_c=[temp for _, temp in pairs]))
    for site, temps in enumerate(sites, 1):
        there = [temp for temp in temps if temp == temp]  # noqa: PLR0124 -- NaN
        value = found[f"site:{site}", "chip-temp"]
        if len(there) >= COVERED * len(temps):
            assert value == pytest.approx(statistics.median(there))
        else:
            assert np.isnan(value)


@pytest.mark.parametrize(
    ("change", "is_held"),
    [
        ({}, False),
        ({"state": [State.SLEEPING] + [State.MINING] * 19}, False),  # just HELD of them
        ({"state": [State.SLEEPING, State.TUNING] + [State.MINING] * 18}, True),
        ({"state": [State.FAULTED] * 20}, False),
        ({"mode": [3, 3] + [0] * 18}, True),
        ({"state": [State.CURTAILED] * 20, "at_ms": [T0 - 60_000] * 20}, False),  # long ago
        ({"mode": [3] * 20, "at_ms": [0] * 20}, True),  # an order holds, heard or not
    ],
)
def test_a_site_is_held_when_too_many_of_it_rest_or_obey(change, is_held):
    assert HELD == 1 / 20
    groups = Groups([device(n) for n in range(20)], np.ones(20, bool))
    assert groups.held(rows(20, **change), T0) == {1: is_held}


def found(kind: str, *, group: Group | None = None, is_active: bool = True, **evidence) -> Found:
    return Found(
        kind=kind, slot=0, group=group, is_active=is_active, severity="warning", at_ms=T0,
        since_ms=T0 - 1000, confidence=0.9, likely_cause="why", members=(0, 1, 2),
        evidence=evidence,
    )  # fmt: skip


@pytest.mark.parametrize("kind", [kind.name for kind in KINDS])
def test_every_kind_of_trouble_has_a_rule_and_a_title_that_names_the_rig(kind):
    counts = {"boards_alive": 2.0, "boards_expected": 3.0, "chips_alive": 80.0,
              "chips_expected": 126.0}  # fmt: skip
    said = words.of_rig(found(kind, **counts), device(7, name="rig {7} %s"))
    assert said.rule in words.RULES
    assert (said.subject, said.title[:10]) == ("device:7", "rig {7} %s")
    assert said.title == words.TITLES[kind].format(rig="rig {7} %s", **counts)


@pytest.mark.parametrize("evidence", [{}, {"boards_alive": None, "boards_expected": 3.0}])
def test_a_count_that_nobody_gave_is_not_said(evidence):
    said = words.of_rig(found("board_loss", **evidence), device(7))
    assert said.title == "rig-7: board loss"


@pytest.mark.parametrize(
    ("hashrate", "lost"),
    [
        ({"value": 60.0, "own_level": 100.0}, {"lost_ths": 40.0}),
        ({"value": 110.0, "own_level": 100.0}, {"lost_ths": 0.0}),
        ({"value": None, "own_level": 100.0}, {}),  # not known is not nothing
        ({"value": 0.0, "own_level": 100.0}, {"lost_ths": 100.0}),
        ({"own_level": 100.0}, {}),
        (None, {}),
    ],
)
def test_what_a_rig_makes_less_is_at_stake(hashrate, lost):
    said = words.of_rig(found("hash_loss", hashrate_ths=hashrate), device(1))
    assert {k: v for k, v in said.evidence.items() if k == "lost_ths"} == lost


@pytest.mark.parametrize(
    ("group", "subject", "where"),
    [
        (None, "site:1", "north"),
        (Group(level="fleet"), "site:1", "north"),
        (Group(level="site", site="1"), "site:1", "north"),
        (Group(level="rack", site="1", name="A3"), "site:1:rack:A3", "rack A3 at north"),
        (Group(level="model", site="1", name="S 19"), "site:1:model:S 19", "model S 19 at north"),
    ],
)
def test_an_event_of_many_is_said_of_its_place(group, subject, where):
    members = [device(n) for n in (4, 5, 6)]
    (said,) = words.of_event(found("common_offline", group=group, is_active=False), members)
    assert (said.subject, said.is_active, said.evidence["reason"]) == (subject, False, "over")
    assert said.title == f"3 rigs of {where} fell silent together"
    assert said.members == ("device:4", "device:5", "device:6")


def test_an_event_of_several_sites_is_told_to_each_with_its_own_rigs():
    members = [device(n, site_id=1 + n % 2, site=f"s{n % 2}") for n in range(7)]
    members.append(device(9, site_id=None, site=""))
    one, two = words.of_event(found("pool_outage", group=Group(level="fleet")), members)
    assert (one.subject, two.subject) == ("site:1", "site:2")
    assert one.members == tuple(f"device:{n}" for n in (0, 2, 4, 6))
    assert two.members == tuple(f"device:{n}" for n in (1, 3, 5))
    assert one.title.startswith("4 rigs of s0 ")
    assert (two.evidence["members"], two.evidence["of_sites"]) == (3, 2)
    assert two.evidence["examples"] == ["rig-1", "rig-3", "rig-5"]
    assert {one.rule, two.rule} == {"site-pool-outage"}
