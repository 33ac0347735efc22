"""Each detector of rigs as a table: readings in, named changes out."""

import numpy as np
import pytest

from lode_hub.sites import low_hashrate, over_temperature, unreachable
from lode_hub.sites.rules import Rule
from lode_wire.records import Quality, State
from tests.hub.sites.rigs import NAN, facts, reading

TIMED_OUT = {"state": int(State.UNREACHABLE), "quality": int(Quality.TIMED_OUT)}
REFUSED = {"state": int(State.UNREACHABLE), "quality": int(Quality.REFUSED)}
NONSENSE = {"state": int(State.UNKNOWN), "quality": int(Quality.BAD_ANSWER)}
PARTLY = {"quality": int(Quality.PARTIAL | Quality.TIMED_OUT)}


def run(rule: Rule, readings: list[tuple[float, dict]], **rated: float) -> list[tuple[float, str]]:
    """Feed one rig's readings, (seconds, values), and list when what changed."""
    state, found = np.zeros(1, rule.trouble.state), []
    for at_s, values in readings:
        judged = rule.judge(state, reading(at_s, **values), facts(**rated))
        found += [(at_s, change.reason) for change in judged.changes]
        assert state["is_active"][0] == (len(found) % 2 == 1)
    return found


def every(step_s: float, n: int, values: dict, begin_s: float = 0.0) -> list[tuple[float, dict]]:
    return [(begin_s + i * step_s, values) for i in range(n)]


@pytest.mark.parametrize(
    ("readings", "found"),
    [
        pytest.param(every(2, 8, TIMED_OUT), [], id="eight bad readings are only 14 s"),
        pytest.param(every(2, 9, TIMED_OUT), [(16, "timed-out")], id="the ninth is 16 s"),
        pytest.param(every(2, 9, REFUSED), [(16, "refused")], id="refusal is a reason of its own"),
        pytest.param(every(30, 2, TIMED_OUT), [], id="two slow polls are not three"),
        pytest.param(every(30, 3, TIMED_OUT), [(60, "timed-out")], id="three slow polls are"),
        pytest.param(
            [*every(2, 7, TIMED_OUT), (14, {}), *every(2, 7, TIMED_OUT, 16)],
            [],
            id="one answer begins the count anew",
        ),
        pytest.param(every(2, 30, PARTLY), [], id="a part of an answer is an answer"),
        pytest.param(every(2, 30, NONSENSE), [], id="nonsense is not absence"),
        pytest.param(
            [*every(2, 9, TIMED_OUT), (18, {}), (20, TIMED_OUT), (22, {}), (24, {})],
            [(16, "timed-out"), (24, "answers-again")],
            id="one good reading does not end it",
        ),
        pytest.param(
            [*every(2, 9, TIMED_OUT), (18, {}), (20, NONSENSE), (22, {})],
            [(16, "timed-out")],
            id="nonsense is not good",
        ),
        pytest.param(
            [(3600, TIMED_OUT), *every(2, 8, TIMED_OUT)], [], id="a clock set back adds no time"
        ),
    ],
)
def test_unreachable(readings, found):
    assert run(unreachable.RULE, readings) == found


@pytest.mark.parametrize(
    ("chips", "found"),
    [
        pytest.param([94.9, 95.0, 95.0], [], id="at the limit is not above it"),
        pytest.param([95.1], [], id="one reading just above"),
        pytest.param([95.1, 95.2], [(1, "above-limit-twice")], id="two just above"),
        pytest.param([95.1, 94.0, 95.1], [], id="two, but not consecutive"),
        pytest.param([95.1, NAN, 95.1], [(2, "above-limit-twice")], id="a missing one is nothing"),
        pytest.param([99.9], [], id="far above is 5 degrees"),
        pytest.param([100.0], [(0, "far-above-limit")], id="far above is at once"),
        pytest.param(
            [100, 91, 91, 91], [(0, "far-above-limit"), (3, "below-limit-again")], id="it cools"
        ),
        pytest.param([100, 92, 92, 92, 92], [(0, "far-above-limit")], id="3 below is not below 3"),
        pytest.param([100, 91, 91, 93, 91, 91], [(0, "far-above-limit")], id="not yet cool"),
        pytest.param(
            [100, 91, NAN, NAN, NAN, 91],
            [(0, "far-above-limit")],
            id="a lost sensor does not cool",
        ),
    ],
)
def test_over_temperature(chips, found):
    readings = [(i, {"chip_temp_c": chip}) for i, chip in enumerate(chips)]
    assert run(over_temperature.RULE, readings) == found


def test_a_hot_board_counts_as_a_hot_chip_does():
    assert run(over_temperature.RULE, [(0, {"board_temp_c": 85.0})]) == [(0, "far-above-limit")]


def test_without_a_limit_there_is_no_verdict_and_it_is_counted():
    state = np.zeros(1, over_temperature.STATE)
    limitless = facts(chip_temp_max_c=NAN, board_temp_max_c=NAN)
    judged = over_temperature.judge(state, reading(0, chip_temp_c=150.0), limitless)
    assert (list(judged.changes), judged.unjudged) == ([], 1)


def test_one_limit_is_enough_for_a_verdict():
    hot = [(0, {"chip_temp_c": 150.0, "board_temp_c": 81.0}), (1, {"board_temp_c": 81.0})]
    assert run(over_temperature.RULE, hot, chip_temp_max_c=NAN) == [(1, "above-limit-twice")]


LOW, HALF, HIGH = {"hashrate_ths": 84.9}, {"hashrate_ths": 90.0}, {"hashrate_ths": 92.1}
ASLEEP = {"state": int(State.SLEEPING), "hashrate_ths": 0.0}
TUNING = {"state": int(State.TUNING), "hashrate_ths": 10.0}
CURTAILED = {"state": int(State.CURTAILED), "hashrate_ths": 0.0}
FRESH = {"hashrate_ths": 0.0, "uptime_s": 599}
FAULTED = {"state": int(State.FAULTED), "hashrate_ths": NAN}
LOST = {"state": int(State.UNREACHABLE), "hashrate_ths": NAN, "quality": int(Quality.TIMED_OUT)}
BOARDLESS = {"hashrate_ths": 66.0, "boards_alive": 2}


@pytest.mark.parametrize(
    ("readings", "found"),
    [
        pytest.param(every(10, 18, LOW), [], id="170 s are not 3 min"),
        pytest.param(every(10, 19, LOW), [(180, "below-rating")], id="180 s are"),
        pytest.param(every(120, 2, LOW), [], id="two readings are not three"),
        pytest.param(every(10, 19, BOARDLESS), [(180, "boards-missing")], id="a board is gone"),
        pytest.param(every(10, 19, FAULTED), [(180, "faulted")], id="a fault makes nothing"),
        pytest.param(
            every(10, 19, {**LOW, "state": State.UNKNOWN}),
            [(180, "below-rating")],
            id="no reason given is no excuse",
        ),
        pytest.param(
            every(10, 60, {"state": State.UNKNOWN, "hashrate_ths": NAN}),
            [],
            id="neither state nor hashrate known",
        ),
        pytest.param(every(10, 60, HALF), [], id="85 % is enough"),
        pytest.param(every(10, 60, ASLEEP), [], id="a sleeper owes nothing"),
        pytest.param(every(10, 60, CURTAILED), [], id="neither does a curtailed one"),
        pytest.param(every(10, 60, TUNING), [], id="nor one that tunes"),
        pytest.param(every(10, 60, FRESH), [], id="nor one in its first 10 min"),
        pytest.param(every(10, 60, {"hashrate_ths": NAN}), [], id="nothing known, nothing said"),
        pytest.param(
            [*every(10, 10, LOW), (100, HIGH), *every(10, 10, LOW, 110)],
            [],
            id="a good one between",
        ),
        pytest.param(
            [*every(10, 10, LOW), (100, LOST), *every(10, 9, LOW, 110)],
            [(180, "below-rating")],
            id="a lost poll between changes nothing",
        ),
        pytest.param(
            [*every(10, 5, LOW), *every(10, 10, LOW, 600)], [], id="a long gap begins it anew"
        ),
        pytest.param(
            [*every(10, 19, LOW), *every(10, 7, HIGH, 190)],
            [(180, "below-rating"), (250, "makes-enough-again")],
            id="a minute of enough ends it",
        ),
        pytest.param(
            [*every(10, 19, LOW), *every(10, 60, HALF, 190)],
            [(180, "below-rating")],
            id="between 85 and 92 % it stays",
        ),
        pytest.param(
            [*every(10, 19, LOW), *every(10, 4, HIGH, 190), (230, HALF), *every(10, 5, HIGH, 240)],
            [(180, "below-rating")],
            id="the minute must be whole",
        ),
        pytest.param(
            [*every(10, 19, LOW), *every(10, 60, ASLEEP, 190)],
            [(180, "below-rating")],
            id="sleep proves nothing",
        ),
    ],
)
def test_low_hashrate(readings, found):
    assert run(low_hashrate.RULE, readings) == found


def test_a_rig_without_a_rating_is_counted():
    state = np.zeros(1, low_hashrate.STATE)
    judged = low_hashrate.judge(state, reading(0, **LOW), facts(rated_hashrate_ths=NAN))
    assert judged.unjudged == 1


def test_an_unknown_uptime_is_no_excuse():
    readings = every(10, 19, {**LOW, "uptime_s": NAN})
    assert run(low_hashrate.RULE, readings) == [(180, "below-rating")]


@pytest.mark.parametrize(
    ("rule", "level"),
    [(over_temperature.RULE, "chip_temp_c"), (low_hashrate.RULE, "hashrate_ths")],
)
def test_noise_around_a_limit_does_not_chatter(rule, level):
    limit = {"chip_temp_c": 95.0, "hashrate_ths": 85.0}[level]
    noise = np.random.default_rng(7).normal(0, 0.8, 2000)
    readings = [(10 * i, {level: limit + offset}) for i, offset in enumerate(noise)]
    assert len(run(rule, readings)) <= 1
