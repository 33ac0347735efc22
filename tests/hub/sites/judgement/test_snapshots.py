"""What detectors remember: the same before and after, of a site alone, and never an error."""

import io
import json
import re

import numpy as np
import pytest

from lode_hub.sites.judgement import snapshots
from lode_hub.sites.judgement.latest import Latest
from lode_hub.sites.judgement.rigs import RigWatch
from lode_hub.sites.judgement.second import SecondOpinion
from lode_hub.sites.judgement.series import STEP_MS, Key, SeriesWatch
from lode_hub.store import judgement
from lode_hub.store.judgement import Device
from tests.hub.sites.judgement.mine import (
    BOARD_LOST,
    EVERY_MS,
    LEARNED_TURNS,
    T0,
    Mine,
    group_of,
    healthy,
    learned,
    with_,
)

N = 24


def devices(site_of=lambda number: 1) -> list[Device]:
    return [
        Device(
            device_id=number + 1, agent_id=site_of(number), site_id=site_of(number), site="n",
            name=f"rig-{number}", kind=1, model="S19", rack="A", is_configured=True,
            interval_s=10.0, rated_hashrate_ths=100.0, rated_power_w=3000.0,
        )
        for number in range(N)
    ]  # fmt: skip


def watch_of(rigs: list[Device]) -> RigWatch:
    latest = Latest()
    watch = RigWatch(latest, lambda slot: False, SecondOpinion(None))
    latest.fit(len(rigs))
    watch.fit(rigs, np.ones(len(rigs), bool))
    return watch


def play(watch: RigWatch, turns: range, change=lambda turn, columns: None):
    found = []
    for turn in turns:
        columns = healthy(turn, N)
        change(turn, columns)
        watch._latest.take(group_of(turn, np.arange(N), 1, columns), np.arange(N))
        found += watch.step(T0 + turn * EVERY_MS, np.zeros(N, np.int64))
    return found


def carried(watch: RigWatch, other: RigWatch) -> None:
    sites = sorted({rig.site for rig in watch.peers.rigs.rows})
    arrays, rigs = watch.peers.snapshot(), watch.peers.rigs
    parts = {site: snapshots.of_site(arrays, rigs.rows, rigs.groups, site) for site in sites}
    assert snapshots.together(other.peers, parts) == {}
    other.renew(0)


@pytest.mark.parametrize("at", [3, 100, 203])
def test_what_is_found_across_a_restart_is_what_is_found_without(at):
    fault, turns = with_(4, **BOARD_LOST), range(200, 230)
    whole, first, second = (watch_of(devices()) for _ in range(3))
    play(whole, range(1, 200))
    expected = play(whole, turns, fault)
    assert [(f.rule, f.is_active) for f in expected] == [("rig-board-loss", True)]
    found = play(first, range(1, min(at, 200)))
    found += play(first, range(200, at), fault)
    carried(first, second)
    found += play(second, range(at, 200))
    found += play(second, range(max(at, 200), 230), fault)
    assert found == expected
    for name, array in whole.peers.snapshot().items():
        np.testing.assert_array_equal(array, second.peers.snapshot()[name], name)


def test_a_fleet_event_lives_on_in_another_process():
    first, second = watch_of(devices()), watch_of(devices())
    dark = with_(slice(None), hashrate_ths=0.0, power_w=0.3)
    play(first, range(1, 200))
    (began,) = play(first, range(200, 215), dark)
    assert began.rule == "site-pool-outage"
    carried(first, second)
    assert play(second, range(215, 220), dark) == []
    (over,) = play(second, range(220, 280))
    assert (over.rule, over.subject, over.is_active) == (began.rule, began.subject, False)


def test_a_site_that_moves_takes_its_own_rigs_along():
    both = watch_of(devices(lambda number: 1 + number % 2))
    play(both, range(1, 60))
    arrays, rigs = both.peers.snapshot(), both.peers.rigs
    part = snapshots.of_site(arrays, rigs.rows, rigs.groups, "2")
    other = watch_of(devices(lambda number: 1 + number % 2))
    assert snapshots.together(other.peers, {"2": part}) == {}
    heard = other.peers.snapshot()["heard_ms"]
    np.testing.assert_array_equal(heard[1::2], arrays["heard_ms"][1::2])
    assert not heard[0::2].any()


def test_series_go_on_as_if_there_had_been_no_break():
    keys = [Key(1, "hashrate", "site:1", "n"), Key(1, "meter-power", "device:9", "main")]
    whole, first, second = SeriesWatch(), SeriesWatch(), SeriesWatch()

    def step(watch, turn):
        noise = np.random.default_rng(turn).normal(0, 1, 2)
        fall = 40.0 * (turn >= 300)
        values = dict(zip(keys, (100 + noise - [fall, 0]).tolist(), strict=True))
        return watch.step(T0 + turn * STEP_MS, values)

    expected = [found for turn in range(340) for found in step(whole, turn)]
    assert [(f.rule, f.subject, f.is_active) for f in expected] == [
        ("series-hashrate", "site:1", True),
        ("series-hashrate", "site:1", False),
    ]
    assert expected[0].at_ms == T0 + 302 * STEP_MS
    found = [one for turn in range(301) for one in step(first, turn)]
    second.restore(1, first.kept(1))
    assert found + [one for turn in range(301, 340) for one in step(second, turn)] == expected
    np.testing.assert_array_equal(whole.detector.state, second.detector.state)


def test_one_strange_value_wakes_nobody():
    watch, key = SeriesWatch(), Key(1, "power", "site:1", "n")
    for turn in range(400):
        value = np.random.default_rng(turn).normal(100, 1) + 50 * (turn == 300)
        assert watch.step(T0 + turn * STEP_MS, {key: value}) == []


def test_a_commanded_change_is_no_anomaly():
    watch, key = SeriesWatch(), Key(1, "power", "site:1", "n")
    for turn in range(500):
        if 300 <= turn < 400:
            watch.excuse(1, T0 + (turn + 10) * STEP_MS)
        value = np.random.default_rng(turn).normal(100, 1) - 90 * (300 <= turn < 405)
        assert watch.step(T0 + turn * STEP_MS, {key: value}) == []


def test_series_beyond_the_limit_are_counted_and_the_rest_goes_on(monkeypatch):
    monkeypatch.setattr("lode_hub.sites.judgement.series.MOST_SERIES", 3)
    watch = SeriesWatch()
    watch.step(T0, {Key(1, "point", f"device:{n}", "p"): 1.0 for n in range(5)})
    assert (len(watch.numbers), watch.unwatched) == (3, 2)


def spoilt(part: bytes, **values: object) -> bytes:
    """Give a site's part with something else in its head."""
    with np.load(io.BytesIO(part)) as found:
        arrays = dict(found)
    head = json.loads(bytes(arrays["head"])) | values
    arrays["head"] = np.frombuffer(json.dumps(head).encode(), np.uint8)
    out = io.BytesIO()
    np.savez(out, allow_pickle=False, **arrays)
    return out.getvalue()


@pytest.mark.parametrize(
    "spoil",
    [
        lambda part: b"",
        lambda part: b"nonsense",
        lambda part: part[: len(part) // 2],
        lambda part: spoilt(part, rigs=["who"]),
        lambda part: spoilt(part, rigs=None),
        lambda part: spoilt(part, gaps={"due": 10**9, "strange": 1}),
        lambda part: spoilt(part, gaps=7),
        lambda part: spoilt(part, events=[{"level": 9, "members": [0], "name": ""}]),
        lambda part: spoilt(part, events=[7]),
    ],
)
def test_a_damaged_part_costs_its_own_site_alone(spoil):
    both = watch_of(devices(lambda number: 1 + number % 2))
    play(both, range(1, 60))
    arrays, rigs = both.peers.snapshot(), both.peers.rigs
    parts = {site: snapshots.of_site(arrays, rigs.rows, rigs.groups, site) for site in ("1", "2")}
    alone = watch_of(devices(lambda number: 1 + number % 2))
    snapshots.together(alone.peers, {"2": parts["2"]})
    spoiled = {"1": spoil(parts["1"]), "2": parts["2"]}
    for order in ("12", "21"):
        other = watch_of(devices(lambda number: 1 + number % 2))
        dropped = snapshots.together(other.peers, {site: spoiled[site] for site in order})
        assert list(dropped) == ["1"]
        for name, array in alone.peers.snapshot().items():
            np.testing.assert_array_equal(array, other.peers.snapshot()[name], name)
        assert other.peers.snapshot()["heard_ms"][1::2].all()
        play(other, range(60, 62))  # and it goes on


async def test_another_version_or_damage_is_dropped_and_told_in_the_log(store, capsys):
    mine = await Mine.open(store)
    assert len(mine.sites._judgement.series.numbers) == 4
    async with store.pool.connection() as conn:
        await conn.execute("update judgement_state set version = 1 where detector = 'peers'")
        await conn.execute("update judgement_state set state = 'x' where detector = 'series'")
    mine.sites = mine._domain()
    await mine.sites.restore()
    said = capsys.readouterr().out
    assert said.count("snapshot dropped") == 2
    assert not mine.sites._judgement.rigs.peers.snapshot()["heard_ms"].any()
    await mine.play(1)
    assert mine.found == []


async def test_an_older_snapshot_does_not_overwrite_a_newer(store):
    await Mine.open(store)
    async with store.pool.connection() as conn:
        (newer, _) = await judgement.saved(conn, [1])
        older = judgement.Snapshot(
            site_id=1, detector="peers", version=newer.version, at_ms=newer.at_ms - 1, state=b"old"
        )
        await judgement.save(conn, [older])
        assert (await judgement.saved(conn, [1]))[0] == newer


def test_a_snapshot_is_small():
    rigs = devices()
    peers = next(one for one in learned(rigs) if one.detector == "peers")
    assert LEARNED_TURNS > 200
    assert len(peers.state) / N < 1_000


async def test_what_is_damaged_within_is_told_with_its_site(store, capsys):
    mine = await Mine.open(store)
    async with store.pool.connection() as conn:
        await conn.execute(
            "update judgement_state set state = %s where detector = 'peers'",
            (snapshots.packed(b"nonsense"),),
        )
    capsys.readouterr()
    mine.sites = mine._domain()
    await mine.sites.restore()
    (told,) = [line for line in capsys.readouterr().out.splitlines() if "dropped" in line]
    assert "peers" in told
    assert f"site={await mine.site()}" in re.sub(r"\x1b\[[0-9;]*m", "", told)
    assert len(mine.sites._judgement.series.numbers) == 4  # these are remembered
