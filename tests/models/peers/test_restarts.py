"""Rigs that restart again and again, and those that only do what they were told."""

import numpy as np
import pytest

from lode_models.peers import Found, Peers
from lode_models.peers.sample import Table
from lode_wire.records import State
from tests.models.peers.quiet_fleet import EVERY_S, T0, fleet, play

RIG = 4
OFTEN = (570, 630, 690)  # every ten minutes


def ups(restarts: tuple[int, ...] = OFTEN, slots: tuple[int, ...] = (RIG,), **says: float):
    """Give uptimes that begin anew in some turns; `says` is what these rigs say then."""

    def change(turn: int, rows: Table) -> Table:
        rows["uptime_s"] = EVERY_S * (turn + 1000)
        before = [start for start in restarts if start <= turn]
        if before:
            for slot in slots:
                rows["uptime_s"][slot] = EVERY_S * (turn - before[-1]) + 4
        if turn in restarts:
            for name, value in says.items():
                rows[name][list(slots)] = value
        return rows

    return change


def kinds(found: list[Found]) -> list[tuple[str, int, bool]]:
    return [(f.kind, f.slot, f.is_active) for f in found]


def test_three_restarts_within_an_hour_are_found_with_their_times(peers):
    found = play(peers, range(540, 700), ups())
    assert kinds(found) == [("restarting", RIG, True)]
    times = [T0 + turn * EVERY_S * 1000 - 4_000 for turn in OFTEN]
    assert found[0].evidence["restarts_ms"] == times
    assert found[0].since_ms == times[0]
    assert found[0].at_ms == T0 + OFTEN[-1] * EVERY_S * 1000
    over = play(peers, range(700, 900), ups())
    assert kinds(over) == [("restarting", RIG, False)]
    assert over[0].at_ms - times[-1] >= 1_800_000


@pytest.mark.parametrize(
    "restarts",
    [
        (570, 630),  # two
        (570, 750, 931),  # three in more than an hour
    ],
)
def test_a_restart_now_and_then_is_no_trouble(peers, restarts):
    assert play(peers, range(540, 960), ups(restarts)) == []


def test_a_rig_that_is_dead_is_not_well_again(peers):
    play(peers, range(540, 700), ups())

    def dead(turn: int, rows: Table) -> Table:
        rows = ups()(turn, rows)
        rows["at_ms"][RIG] = 0
        return rows

    assert kinds(play(peers, range(700, 1000), dead)) == [("offline", RIG, True)]


@pytest.mark.parametrize("says", [{"state": int(State.SLEEPING)}, {"state": int(State.TUNING)}])
def test_restarts_of_rigs_that_rest_are_not_their_own(peers, says):
    assert play(peers, range(540, 700), ups(**says)) == []


def test_restarts_with_another_mode_are_commanded(peers):
    def change(turn: int, rows: Table) -> Table:
        rows = ups()(turn, rows)
        rows["mode"][RIG] = sum(start <= turn for start in OFTEN)
        return rows

    assert play(peers, range(540, 700), change) == []


@pytest.mark.parametrize(("excused", "is_found"), [(OFTEN[:1], True), (OFTEN[1:], False)])
def test_restarts_that_were_ordered_do_not_count(peers, excused, is_found):
    """A fourth restart makes three where one of them was ordered."""
    restarts, found = (*OFTEN, 750), []
    for turn in range(540, 760):
        if turn + 6 in excused:
            peers.excuse(np.array([RIG]), T0 + turn * EVERY_S * 1000)
        found += play(peers, range(turn, turn + 1), ups(restarts))
    assert [f.kind for f in found] == ["restarting"] * is_found


def test_an_uptime_of_two_clocks_is_no_restart(peers):
    def change(turn: int, rows: Table) -> Table:
        rows["uptime_s"] = EVERY_S * (turn if turn % 2 else turn - 300)
        return rows

    assert play(peers, range(540, 600), change) == []


def test_restarts_are_remembered_over_a_snapshot(peers):
    play(peers, range(540, 650), ups())
    other = Peers(fleet())
    other.restore(peers.snapshot())
    assert kinds(play(other, range(650, 700), ups())) == [("restarting", RIG, True)]


def test_many_that_restart_together_are_one_event(peers):
    found = play(peers, range(540, 700), ups(slots=tuple(range(12))))
    assert [(f.kind, str(f.group), len(f.members)) for f in found] == [
        ("common_restarting", "site:A", 12)
    ]
