"""The detector of rigs: single troubles of a small quiet fleet, step by step."""

import numpy as np
import pytest

from lode_models.peers import Peers
from lode_models.peers.sample import Table
from lode_wire.records import State
from tests.models.peers.quiet_fleet import T0, N, fleet, play, set_to


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("board_loss", {"boards_alive": 2, "hashrate_ths": 66.0, "power_w": 2200.0}),
        ("fan_failure", {"fans_alive": 3}),
        ("chip_loss", {"chips_alive": 320, "hashrate_ths": 97.0}),
        ("power_up", {"power_w": 3640.0}),
        ("hash_loss", {"hashrate_ths": 0.0, "boards_alive": 0}),
    ],
)
def test_a_step_is_found_within_a_minute_as_what_it_is(peers, kind, values):
    found = play(peers, range(540, 547), set_to(4, **values))
    assert [(f.kind, f.slot, f.is_active) for f in found] == [(kind, 4, True)]
    assert T0 + 5_380_000 <= found[0].since_ms <= found[0].at_ms
    assert found[0].likely_cause
    assert found[0].evidence["peers"] == N


def test_what_is_mended_is_over(peers):
    play(peers, range(540, 560), set_to(4, fans_alive=3))
    over = play(peers, range(560, 580))
    assert [(f.kind, f.slot, f.is_active) for f in over] == [("fan_failure", 4, False)]


def test_a_rig_that_falls_silent_is_offline_and_back(peers):
    found = play(peers, range(540, 550), set_to(7, at_ms=0))
    assert [(f.kind, f.slot) for f in found] == [("offline", 7)]
    assert found[0].at_ms - (T0 + 5_390_000) <= 30_000
    assert [f.is_active for f in play(peers, range(550, 553))] == [False]


def test_all_without_work_is_one_event_and_its_end(peers):
    found = play(peers, range(540, 570), set_to(slice(None), hashrate_ths=0.0, power_w=800.0))
    assert [(f.kind, str(f.group), len(f.members)) for f in found] == [("pool_outage", "site:A", N)]
    over = play(peers, range(570, 640))
    assert [(f.kind, f.is_active) for f in over] == [("pool_outage", False)]


def test_a_rack_that_falls_silent_is_named(peers):
    found = play(peers, range(540, 550), set_to(slice(0, 10), at_ms=0))
    assert [(f.kind, str(f.group)) for f in found] == [("common_offline", "site:A:rack:k0")]


def test_an_event_does_not_hide_a_rig_of_another_fault(peers):
    change = set_to(slice(None), hashrate_ths=0.0)
    found = play(
        peers, range(540, 560), lambda t, rows: set_to(3, fans_alive=3)(t, change(t, rows))
    )
    assert {(f.kind, f.slot) for f in found} == {("pool_outage", -1), ("fan_failure", 3)}


def test_peers_that_fail_do_not_make_the_healthy_look_bad(peers):
    def change(turn: int, rows: Table) -> Table:
        sick = min(12, (turn - 540) // 25)  # one after another, to more than half
        return set_to(slice(0, sick), chip_temp_c=40.0, board_temp_c=30.0, power_w=2000.0)(
            turn, rows
        )

    found = play(peers, range(540, 900), change)
    assert {f.slot for f in found} <= set(range(12)) | {-1}


def test_a_commanded_rest_and_the_way_back_raise_nothing(peers):
    asleep = set_to(slice(0, 15), state=int(State.SLEEPING), hashrate_ths=0, power_w=60)
    assert play(peers, range(540, 600), asleep) == []
    warm = set_to(slice(0, 15), hashrate_ths=40.0, power_w=2000.0)
    assert play(peers, range(600, 615), warm) == []
    assert play(peers, range(615, 700)) == []


def test_another_mode_has_another_level(peers):
    low = set_to(slice(0, 10), mode=1, hashrate_ths=78.0, power_w=2300.0)
    assert play(peers, range(540, 700), low) == []


def test_missing_figures_hold_what_is_known(peers):
    temps, parts = ("chip_temp_c", "board_temp_c"), ("boards_alive", "chips_alive")
    nothing = dict.fromkeys(("hashrate_ths", "power_w", "fan_rpm", *temps, *parts), np.nan)
    assert play(peers, range(540, 580), set_to(slice(None), **nothing)) == []
    assert play(peers, range(580, 600)) == []


def test_a_snapshot_goes_on_exactly_as_the_original(peers):
    change = set_to(4, boards_alive=2, hashrate_ths=66.0)
    play(peers, range(540, 541), change)
    other = Peers(fleet())
    other.restore(peers.snapshot())
    one, two = play(peers, range(541, 560), change), play(other, range(541, 560), change)
    assert one == two
    assert len(one) == 1
    for name, array in peers.snapshot().items():
        np.testing.assert_array_equal(array, other.snapshot()[name])


def test_what_goes_on_is_renewed(peers):
    play(peers, range(540, 545), set_to(4, fans_alive=3))
    renewed = peers.renew(T0 + 5_600_000)
    assert [(f.kind, f.slot, f.at_ms) for f in renewed] == [("fan_failure", 4, T0 + 5_600_000)]


def test_new_rigs_get_slots_and_changed_ones_begin_anew(peers):
    peers.fit(fleet(N + 5))
    assert play(peers, range(540, 640)) == []
    assert peers.snapshot()["heard_ms"].shape == (N + 5,)


def test_state_is_within_its_budget(peers):
    assert peers.bytes_per_rig / 6 <= 400
