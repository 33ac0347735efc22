"""Which rigs a plan moves, what is said of the others, and which of them are taken as alike."""

import math
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lode_hub.energy.live import limits
from lode_hub.energy.live.fleet import MAX_CLASSES, Fleet, fleet, obstacle
from lode_hub.energy.live.limits import Limits
from lode_hub.energy.live.rig import Rig
from lode_hub.energy.live.wishes import FULL, SLEEP, mode_of, modes_of, wish_of
from lode_hub.energy.nouns import ASLEEP
from lode_hub.errors import InvalidError
from lode_wire import orders
from tests.hub.energy.live.plant import rig_of

NOW = 1_800_000_000_000


def made(rigs: list[Rig], text: str = "", **known) -> Fleet:
    known = {"standing": {}, "disobeying": {}, **known}
    return fleet("north", rigs, limits.described(text), now_ms=NOW, pool_fee_ratio=0.01, **known)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({}, ""),
        ({"maintenance": "new fans", "state": "silent"}, "in maintenance: new fans"),
        ({"state": "unreachable"}, "unreachable"),
        ({"state": "silent"}, "silent"),
        ({"state": "unknown"}, "state unknown"),
        ({"state": "faulted"}, "faulted"),
        ({"state": "tuning"}, "tuning"),
        ({"lease": "c-17"}, "held by a person's order: c-17"),
        ({"offers": None}, "its agent has not said what it can do"),
        ({"offers": ["wake"]}, "cannot be put to sleep"),
        ({"offers": []}, "cannot be put to sleep"),
        ({"offers": ["wake"], "blocked": "read only"}, "cannot be put to sleep: read only"),
        ({"offers": ["power_mode:sleep"]}, "cannot be put to sleep"),
        ({"state": "sleeping"}, "asleep, and not by a plan"),
        ({"state": "curtailed"}, "asleep, and not by a plan"),
        ({"state": "sleeping", "is_ours": True}, ""),
        ({"power_w": 4141.0}, "power figure implausible: 4141 W"),
        ({"power_w": 4140.0}, ""),  # one and a half times its rating
        ({"power_w": 9e6, "rated_power_w": None}, ""),  # nothing to hold it against
        ({"power_w": None, "hashrate_ths": None}, ""),
        ({"full_w": None, "rated_power_w": None}, "no figure of its power or hashrate"),
        ({"full_w": 99.0}, "no figure of its power or hashrate"),
        ({"full_w": None}, ""),  # its rating will do
        ({"full_ths": None, "rated_hashrate_ths": None}, "no figure of its power or hashrate"),
        ({"full_ths": 0.0, "rated_hashrate_ths": 0.0}, "no figure of its power or hashrate"),
    ],
)
def test_why_a_rig_is_left_out(changes, reason):
    rig = rig_of(1, **changes)
    word, _, detail = reason.partition(": ")
    assert obstacle(rig, {2: "told, and awake"}) == ((word, detail) if reason else None)
    found = made([rig, rig_of(2)])
    assert [(one.rig.device_id, one.reason, one.detail) for one in found.left_out] == [
        (1, word, detail)
    ] * bool(reason)
    assert sum(map(len, found.members)) == 2 - bool(reason)


def test_one_that_disobeys_is_left_out_in_the_loops_words():
    found = made([rig_of(1), rig_of(2)], disobeying={2: "told to sleep, and awake"})
    assert [(one.rig.device_id, one.reason, one.detail) for one in found.left_out] == [
        (2, "does not obey", "told to sleep, and awake")
    ]


@pytest.mark.parametrize(
    ("changes", "draw_w", "most_w"),
    [
        ({}, 3000.0, 3000.0),
        ({"power_w": 0.0}, 0.0, 0.0),  # nothing is a figure
        ({"power_w": None}, 2760.0, 2760.0),
        ({"power_w": None, "hashrate_ths": 60.0}, 1380.0, 1380.0),
        ({"power_w": None, "hashrate_ths": 999.0}, 2760.0, 2760.0),
        ({"power_w": None, "hashrate_ths": None}, None, 3000.0),
        ({"power_w": None, "rated_hashrate_ths": None}, None, 3000.0),
        ({"power_w": 5.0, "state": "silent"}, 5.0, 3000.0),  # it may draw as much as ever
        ({"power_w": 5.0, "state": "faulted"}, 5.0, 5.0),
        ({"power_w": None, "full_w": None, "rated_power_w": None}, None, 0.0),
    ],
)
def test_what_a_rig_draws_and_may_draw(changes, draw_w, most_w):
    rig = rig_of(1, **changes)
    assert (rig.draw_w, rig.most_w) == (draw_w, most_w)


def test_efficiency_that_is_not_known_is_the_worst():
    assert rig_of(1).efficiency_jth == 25.0
    assert rig_of(1, full_ths=None, rated_hashrate_ths=None).efficiency_jth == math.inf


@pytest.mark.parametrize(
    ("other", "classes"),
    [
        ({}, 1),
        ({"agent": "north-2", "agent_id": 2}, 1),  # on one feeder
        ({"feeder": "b"}, 2),
        ({"model": "S21"}, 2),
        ({"firmware": "vnish"}, 2),
        ({"full_ths": 100.0}, 2),
        ({"full_ths": 121.0}, 1),
        ({"offers": ["sleep", "preset"], "presets": ["340MHz"]}, 2),
    ],
)
def test_alike_are_rigs_that_differ_in_nothing_that_matters(other, classes):
    assert len(made([rig_of(1), rig_of(2, **other)]).site.classes) == classes


def test_rigs_without_a_feeder_hang_on_their_agent():
    rigs = [rig_of(n, feeder="", agent=agent) for n, agent in enumerate("aab")]
    found = made(rigs)
    assert [one.name for one in found.site.feeders] == ["a, no feeder", "b, no feeder"]
    assert [kind.count for kind in found.site.classes] == [2, 1]


RIGS = st.lists(
    st.tuples(st.floats(500, 6000), st.floats(10, 60), st.sampled_from(["mining", "silent"])),
    min_size=1, max_size=60,
)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(RIGS)
def test_every_rig_is_planned_or_left_out_once_and_no_power_is_lost(drawn):
    rigs = [
        rig_of(n, full_w=full_w, full_ths=full_w / jth, rated_power_w=6000.0, state=state)
        for n, (full_w, jth, state) in enumerate(drawn)
    ]
    found = made(rigs)
    planned = [rig.device_id for members in found.members for rig in members]
    assert sorted([*planned, *(o.rig.device_id for o in found.left_out)]) == list(range(len(rigs)))
    assert [kind.count for kind in found.site.classes] == [len(m) for m in found.members]
    assert found.full_w + found.left_w == pytest.approx(sum(rig.full_w for rig in rigs))
    assert len(found.site.classes) <= MAX_CLASSES
    for members in found.members:
        jth = [rig.efficiency_jth for rig in members]
        assert max(jth) <= 1.5 * min(jth)
    assert found.site.limit_w > found.full_w + found.left_w


def test_many_kinds_are_put_into_coarser_buckets():
    rigs = [
        rig_of(n, model=f"m{n % 60}", full_ths=3000 / jth)
        for n, jth in enumerate(np.geomspace(20, 30, 240))
    ]
    assert 60 <= len(made(rigs).site.classes) <= MAX_CLASSES


LINES = "limit_kw = 50\n[feeders.main]\nlimit_kw = 20\nramp_kw_min = 3\n"


@pytest.mark.parametrize(
    ("text", "silent", "limit_w", "ramp"),
    [
        ("", 0, 1.5 * 12_000, None),
        (LINES, 0, 20_000.0, 3.0),
        (LINES, 2, 14_000.0, 3.0),  # less what those may draw that are left out
        (LINES, 9, 0.0, 3.0),
        ("[feeders.other]\nlimit_kw = 1\n", 0, 1.5 * 12_000, None),
    ],
)
def test_a_feeder_bears_its_limit_less_what_others_draw(text, silent, limit_w, ramp):
    rigs = [rig_of(n) for n in range(4)]
    rigs += [rig_of(10 + n, state="silent", power_w=1.0) for n in range(silent)]
    (line,) = made(rigs, text).site.feeders
    assert (line.limit_w, line.ramp_kw_min) == (limit_w, ramp)
    assert made(rigs, LINES).site.limit_w == 50_000.0


MODEL = """
[models."antminer s19K pro"]
sleep_w = 900
min_up_s = 60
starts_per_day = 4
[models."*"]
sleep_w = 40
"""


def test_limits_are_by_model_whatever_its_case_and_a_star_is_any_other():
    (kind,) = made([rig_of(1)], MODEL).site.classes
    assert (kind.sleep_w, kind.min_up_s, kind.starts_per_day) == (900.0, 60.0, 4)
    (kind,) = made([rig_of(1, full_w=1000.0)], MODEL).site.classes
    assert kind.sleep_w == 500.0  # asleep it draws at most half
    (kind,) = made([rig_of(1, model="T21")], MODEL).site.classes
    assert (kind.sleep_w, kind.min_up_s, kind.starts_per_day) == (40.0, 1800.0, None)
    assert Limits().model("T21") == limits.Model()


def test_a_standing_is_as_rigs_were_told_and_since_when():
    rigs = [
        rig_of(1, starts_left=1, turned_ms=NOW - 5000, offers=["sleep", "preset"],
               presets=["340MHz"]),
        rig_of(2, starts_left=9, turned_ms=NOW + 5000, state="sleeping", is_ours=True,
               offers=["sleep", "preset"], presets=["340MHz"]),
        rig_of(3, offers=["sleep", "preset"], presets=["340MHz"]),
    ]  # fmt: skip
    told = {1: "preset:340MHz", 2: "preset:340MHz", 3: "preset:1MHz"}
    (stands,) = made(rigs, MODEL, standing=told).standings
    assert stands.mode.tolist() == [0, ASLEEP, 1]  # an unknown mode is full
    assert stands.since_s.tolist() == [5.0, 0.0, math.inf]
    assert stands.starts.tolist() == [3, 0, 0]


def test_lower_modes_are_shares_of_what_the_rig_draws_in_full():
    (kind,) = made([rig_of(1, offers=["sleep", "preset"], presets=["340MHz"])]).site.classes
    low, full = kind.modes
    assert (full.name, full.power_w, full.hashrate_ths) == (FULL, 3000.0, 120.0)
    assert low.power_w == pytest.approx(3000 * 1414 / 2794)
    assert low.hashrate_ths == pytest.approx(120 * 70.2 / 121.8)


WATTS = {"offers": ["sleep", "power_limit"], "power_min_w": 1500.0, "power_max_w": 3000.0}


def test_a_rig_that_is_tuned_by_watts_is_limited_at_points_of_its_curve():
    rig = rig_of(1, **WATTS)
    assert [name for name, _, _ in modes_of(rig)] == [
        f"power_limit:{watts}" for watts in (1657, 1916, 2192, 2485)
    ]  # of 2794 W: the points nearest to 60, 70, 80 and 90 %
    (kind,) = made([rig]).site.classes
    low, *_, full = kind.modes
    assert (full.power_w, len(kind.modes)) == (3000.0, 5)
    assert low.power_w == 1657.0  # as told, whatever it draws in full
    assert low.hashrate_ths == pytest.approx(120 * 80.5 / 121.8 * (1657 / 3000) / (1657 / 2794))
    assert wish_of(low.name) == orders.PowerLimit(power_w=1657.0)
    assert mode_of(wish_of(low.name)) == low.name


def test_a_limit_outside_of_what_may_be_asked_or_above_what_a_rig_draws_is_none():
    narrow = WATTS | {"power_min_w": 1700.0, "power_max_w": 2200.0}
    assert [name for name, _, _ in modes_of(rig_of(1, **narrow))] == [
        "power_limit:1916", "power_limit:2192",
    ]  # fmt: skip
    (kind,) = made([rig_of(1, full_w=2200.0, full_ths=100.0, **WATTS)]).site.classes
    assert [mode.name for mode in kind.modes] == ["power_limit:1657", "power_limit:1916", FULL]
    named = rig_of(1, **WATTS | {"offers": ["sleep", "power_limit", "preset"]}, presets=["340MHz"])
    assert [name for name, _, _ in modes_of(named)] == ["preset:340MHz"]


@pytest.mark.parametrize("offers", [None, [], ["sleep"], ["sleep", "preset"]])
def test_a_mode_that_is_not_offered_is_none(offers):
    assert modes_of(rig_of(1, offers=offers, presets=["nothing of this name"])) == ()


@pytest.mark.parametrize(
    ("mode", "wish"),
    [
        (SLEEP, orders.Sleep()),
        (FULL, None),
        ("preset:a:b", orders.Preset(name="a:b")),
        ("power_mode:low", orders.PowerMode(mode="low")),
        ("", None),
    ],
)
def test_a_mode_is_brought_about_by_its_wish(mode, wish):
    assert wish_of(mode) == wish


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("limit_kw = 0", "limits: limit_kw: expected `float` > 0.0"),
        ("limit_kw = nan", "limits: limit_kw: expected"),
        ("limit_kw = inf", "limits: limit_kw: expected"),
        ("limit_kw = '3'", "limits: limit_kw: expected `float | null`, got `str`"),
        ("limit = 3", "limits: the whole: object contains unknown field `limit`"),
        ("[feeders.a]\nramp_kw_min = -1", "ramp_kw_min: expected"),
        ("[models.a]\nstarts_per_day = 1.5", "starts_per_day: expected"),
        ("[models.a]\nsleep_w = 1001", "sleep_w: expected `float` <= 1000"),
        ("limit_kw = 1\nlimit_kw = 2", "limits: no TOML: Cannot overwrite a value"),
        ("limit_kw = " + "1" * 5000, "limits: a number too long or nested too deep"),
        ("limit_kw = " + "1" * 400, "limits: limit_kw: number out of range"),
        ("feeders = " + "[" * 5000, "limits: a number too long or nested too deep"),
        ("#" * 200_001, "limits: 200001 characters, at most 200000"),
    ],
    ids=lambda value: value[:24],
)
def test_a_document_that_cannot_be_says_where_and_what(text, says):
    with pytest.raises(InvalidError, match=re.escape(says)):
        limits.described(text)
