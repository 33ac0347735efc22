"""Troubles that are rarer or slower to tell: rejects, stuck values, offsets, sites of few rigs."""

import numpy as np

from lode_models.peers import Found, Peers, Rig, Rigs
from lode_models.peers.rigs import LEAST_PEERS
from lode_models.peers.sample import Table
from tests.models.peers import quiet_fleet
from tests.models.peers.quiet_fleet import T0, fleet, play, set_to


def kinds(found: list[Found]) -> list[tuple[str, int, bool]]:
    return [(f.kind, f.slot, f.is_active) for f in found]


def shares(turn: int, rows: Table, bad: float) -> Table:
    """Count six shares a reading, of which a few are rejected; slot 4's are `bad`."""
    share = np.full(len(rows), 0.005)
    rows["accepted_shares"] = 6 * turn * (1 - share)
    rows["rejected_shares"] = 6 * turn * share
    rows["rejected_shares"][4] += 6 * max(0, turn - 540) * bad
    return rows


def test_rejected_shares_are_found_and_none_at_all_hold_them(peers):
    found = play(peers, range(540, 590), lambda turn, rows: shares(turn, rows, bad=0.3))
    assert kinds(found) == [("rejected_shares", 4, True)]
    figures = found[0].evidence
    assert figures["rejected"] > 0.05 * figures["accepted"]
    rest = play(peers, range(590, 630), lambda turn, rows: shares(min(turn, 590), rows, bad=0.3))
    assert kinds(rest) == []  # no share at all is not few rejected ones


def test_rejects_that_all_have_are_one_event_and_no_rigs_own(peers):
    def change(turn: int, rows: Table) -> Table:
        rows = shares(turn, rows, bad=0)
        rows["rejected_shares"] += 6 * np.clip(turn - 600, 0, 60) * 0.3
        return rows

    found = play(peers, range(540, 660), change)
    assert [(f.kind, str(f.group), f.slot) for f in found] == [
        ("common_rejected_shares", "site:A", -1)
    ]
    assert T0 + 6_000_000 <= found[0].since_ms <= found[0].at_ms <= T0 + 6_300_000
    over, turn = [], 660
    while not over and turn < 900:
        over, turn = play(peers, range(turn, turn + 1), change), turn + 1
    assert [(f.kind, f.is_active) for f in over] == [("common_rejected_shares", False)]
    # Nobody was away, so nobody has to come back before it is judged again.
    fan = set_to(3, fans_alive=3)
    found = play(peers, range(turn, turn + 3), lambda turn, rows: fan(turn, change(turn, rows)))
    assert kinds(found) == [("fan_failure", 3, True)]


def test_rejects_that_all_have_are_one_event_however_they_are_read(peers):
    def change(turn: int, rows: Table) -> Table:
        rows = shares(turn, rows, bad=0)
        rows["rejected_shares"] += 6 * np.clip(turn - 600, 0, 60) * 0.3
        rows["at_ms"][(np.arange(len(rows)) + turn) % 3 == 0] = 0  # a third is not read this time
        return rows

    found = play(peers, range(540, 660), change)
    assert [(f.kind, str(f.group)) for f in found] == [("common_rejected_shares", "site:A")]


def test_a_rack_that_shows_rejects_first_is_no_event_of_its_own(peers):
    def change(turn: int, rows: Table) -> Table:
        rows = shares(turn, rows, bad=0)
        begins = np.full(len(rows), 609)
        begins[10:20] = 600  # one rack, a minute and a half before the others
        rows["rejected_shares"] += 6 * np.clip(turn - begins, 0, 60) * 0.3
        return rows

    found = play(peers, range(540, 660), change)
    assert [(f.kind, str(f.group)) for f in found] == [("common_rejected_shares", "site:A")]


def test_rejects_that_all_have_always_had_are_no_event(peers):
    def change(turn: int, rows: Table) -> Table:
        rows = shares(turn, rows, bad=0)
        rows["rejected_shares"] += 6 * (turn - 539) * 0.08
        return rows

    assert play(peers, range(540, 660), change) == []


def test_a_strange_reading_of_power_is_no_step(peers):
    """The chart stays high for a while, the readings after it do not."""

    def change(turn: int, rows: Table) -> Table:
        power_w = {540: 5200.0, 541: 3310.0, 542: 3310.0}.get(turn)
        return set_to(4, power_w=power_w)(turn, rows) if power_w else rows

    assert play(peers, range(540, 560), change) == []


def test_a_stuck_temperature_is_a_flatline_and_over_when_it_moves(peers):
    found = play(peers, range(540, 600), set_to(4, chip_temp_c=70.5))
    assert kinds(found) == [("flatline", 4, True)]
    assert found[0].evidence["equal_samples"]["chip_temp_c"] >= 30
    assert abs(found[0].since_ms - (T0 + 5_400_000)) <= 20_000
    assert kinds(play(peers, range(600, 604))) == [("flatline", 4, False)]


def test_values_that_all_stand_still_are_no_flatline(peers):
    still = set_to(slice(None), chip_temp_c=70.0, board_temp_c=56.0)
    assert play(peers, range(540, 600), still) == []


def test_values_often_read_are_stuck_by_time_and_not_by_their_number(monkeypatch):
    monkeypatch.setattr(quiet_fleet, "EVERY_S", 2)
    peers = Peers(fleet())
    play(peers, range(1800))
    stuck = set_to(4, chip_temp_c=70.5)
    assert play(peers, range(1800, 1940), stuck) == []
    assert kinds(play(peers, range(1940, 1970), stuck)) == [("flatline", 4, True)]


def test_where_no_peer_shows_noise_nothing_is_stuck():
    peers = Peers(Rigs([Rig(name="alone", model="Odd", site="A", rated_hashrate_ths=100.0)]))
    play(
        peers, range(540), lambda turn, rows: set_to(0, chip_temp_c=70 + turn // 2 % 3)(turn, rows)
    )
    assert play(peers, range(540, 700), set_to(0, chip_temp_c=70.5)) == []


def test_a_rig_that_was_hot_from_the_start_is_offset_and_a_warm_rack_is_not():
    peers = Peers(fleet())

    def warm(turn: int, rows: Table) -> Table:
        for name in ("chip_temp_c", "board_temp_c"):
            rows[name][4] += 10
            rows[name][10:20] += 6
        return rows

    found = play(peers, range(450), warm)
    assert kinds(found) == [("offset", 4, True)]
    assert found[0].at_ms >= T0 + 3_600_000  # an hour is watched before it is said


def placed(*rigs: tuple[str, str, str, int]) -> Rigs:
    """Make rigs from (model, site, rack, how many)."""
    return Rigs([
        Rig(name=f"{model}-{site}-{rack}-{i}", model=model, site=site, rack=rack,
            rated_hashrate_ths=100.0)
        for model, site, rack, n in rigs for i in range(n)
    ])  # fmt: skip


def warmer(by_c: float, slots: slice):
    def change(turn: int, rows: Table) -> Table:
        for name in ("chip_temp_c", "board_temp_c"):
            rows[name][slots] += by_c
        return rows

    return change


def test_few_rigs_among_others_in_a_warm_rack_or_at_a_warm_site_are_not_offset():
    """Their class is elsewhere, and the rack's other rigs are a class of the rack itself."""
    for rigs in (
        placed(("S19", "A", "cool", 10), ("S19", "A", "warm", 2), ("M50", "A", "warm", 10)),
        placed(("S19", "A", "", 10), ("S19", "B", "", 2), ("M50", "B", "", 10)),
    ):
        peers = Peers(rigs)
        assert not peers.rigs.knows_air[10:12].any()
        assert peers.rigs.knows_air[:10].all()
        assert peers.rigs.knows_air[12:].all()
        assert play(peers, range(450), warmer(9, slice(10, 22))) == []


def test_a_hot_rig_is_told_from_its_warm_rack_where_the_rack_has_rigs_of_classes_elsewhere():
    rigs = placed(("S19", "A", "one", 12), ("S19", "A", "two", 12))
    assert rigs.knows_air.all()
    peers = Peers(rigs)
    warm_rack, hot_rig = warmer(6, slice(12, 24)), warmer(9, slice(12, 13))
    found = play(peers, range(450), lambda turn, rows: hot_rig(turn, warm_rack(turn, rows)))
    assert kinds(found) == [("offset", 12, True)]


def small_sites(sites: int, each: int) -> Rigs:
    return Rigs(
        [Rig(name=f"r{i}", model="S19", site=f"S{i // each}", rated_hashrate_ths=100.0)
         for i in range(sites * each)]
    )  # fmt: skip


def test_rigs_of_small_sites_are_each_others_peers():
    rigs = small_sites(sites=5, each=4)
    assert len(rigs.peers(0)) == 20
    peers = Peers(rigs)
    assert play(peers, range(150)) == []
    found = play(peers, range(150, 158), set_to(4, power_w=3640.0))
    assert kinds(found) == [("power_up", 4, True)]
    assert found[0].evidence["peers"] == 20


def test_a_site_that_is_large_enough_keeps_to_itself():
    rows = [*small_sites(sites=5, each=4).rows]
    rows += [Rig(name=f"b{i}", model="S19", site="big", rated_hashrate_ths=100.0)
             for i in range(LEAST_PEERS)]  # fmt: skip
    rigs = Rigs(rows)
    assert set(rigs.peers(20).tolist()) == set(range(20, 28))
    assert set(rigs.peers(0).tolist()) == set(range(20))


def test_a_rig_without_peers_is_judged_by_its_own_past():
    peers = Peers(small_sites(sites=1, each=LEAST_PEERS - 1))
    assert len(peers.rigs.peers(0)) == 0
    assert play(peers, range(150)) == []
    found = play(peers, range(150, 158), set_to(2, power_w=3640.0))
    assert kinds(found) == [("power_up", 2, True)]
    assert found[0].evidence["peers"] == 0


def test_fans_that_turn_slowly_while_the_rig_is_cold_are_no_failure(peers):
    away = set_to(slice(0, 3), hashrate_ths=0.0, power_w=800.0, chip_temp_c=45.0,
                  board_temp_c=33.0, fan_rpm=3000.0)  # fmt: skip
    back = set_to(slice(0, 3), chip_temp_c=50.0, board_temp_c=38.0, fan_rpm=3200.0)
    found = play(peers, range(540, 570), away) + play(peers, range(570, 580), back)
    assert "fan_failure" not in {f.kind for f in found}


def test_readings_of_some_rigs_are_judged_like_those_of_all(peers):
    """Fewer than half of the rigs take another way through the arrays than more."""
    other = Peers(fleet())
    other.restore(peers.snapshot())

    def drop(slots: slice):
        bad = set_to(4, boards_alive=2, hashrate_ths=66.0, power_w=2200.0)
        return lambda turn, rows: set_to(slots, at_ms=0)(turn, bad(turn, rows))

    most = play(peers, range(540, 542), drop(slice(11, 12)))
    few = play(other, range(540, 542), drop(slice(9, 20)))
    assert kinds(most) == kinds(few) == [("board_loss", 4, True)]
    for name in ("run", "count", "calm_ms", "raw", "totals"):
        one, two = peers.snapshot()[name], other.snapshot()[name]
        np.testing.assert_array_equal(one[..., :9], two[..., :9], err_msg=name)


def test_a_pool_that_one_model_shows_sooner_is_one_event_of_the_site():
    models = ["S19"] * 20 + ["S21"] * 60
    rigs = Rigs([Rig(name=f"r{i}", model=model, site="A") for i, model in enumerate(models)])
    peers = Peers(rigs)
    assert play(peers, range(100)) == []
    gone = dict.fromkeys(("hashrate_ths", "boards_alive"), 0.0)

    def away(turn: int, rows: Table) -> Table:
        if turn >= 103:
            return set_to(slice(None), **gone)(turn, rows)
        return set_to(slice(20, 27), **gone)(turn, set_to(slice(0, 12), **gone)(turn, rows))

    found = play(peers, range(100, 130), away)
    assert [(f.kind, str(f.group)) for f in found] == [("pool_outage", "site:A")]
