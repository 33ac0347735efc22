"""What learned detectors tell on a real database: one fault, one alert, also across a restart."""

import pytest

from lode_models.peers import VERSION
from tests.hub.alerts.test_untold import order
from tests.hub.sites.judgement.mine import ASLEEP, BOARD_LOST, Mine, with_


@pytest.fixture
async def mine(store):
    made = await Mine.open(store)
    await made.play(2)
    assert made.found == []
    return made


async def test_a_lost_board_is_one_alert_with_its_evidence_and_ends(mine):
    rig = f"device:{mine.rigs[4]}"
    await mine.play(12, with_(4, **BOARD_LOST))
    assert await mine.told() == [("rig-board-loss", rig)]
    alert = next(one for one in await mine.alerts() if one["is_told"])
    assert alert["title"] == "A1-005 hashes with 2 of 3 boards"
    assert alert["evidence"]["peers"] == 40
    assert alert["evidence"]["boards_alive"] == 2
    assert alert["evidence"]["boards_expected"] == 3
    assert 60 < alert["evidence"]["hashrate_ths"]["value"] < 70
    assert 99 < alert["evidence"]["hashrate_ths"]["own_level"] < 101
    assert alert["evidence"]["rule_version"] == VERSION
    assert 30 < alert["evidence"]["lost_ths"] < 36
    assert alert["likely_cause"]
    low = [one for one in await mine.alerts() if one["rule"] == "rig-low-hashrate"]
    assert [one["untold"] for one in low] == [f"inhibited by alert {alert['id']}"]
    await mine.play(10)
    assert {one["state"] for one in await mine.alerts()} == {"resolved"}


async def test_a_pool_that_is_away_is_one_alert_with_its_members(mine):
    site = f"site:{(await mine.site())}"
    await mine.play(8, with_(slice(None), hashrate_ths=0.0, power_w=0.27, chip_temp_c=0.7))
    assert await mine.told() == [("site-pool-outage", site)]
    (alert,) = [one for one in await mine.alerts() if one["is_told"]]
    assert len(alert["members"]) == 40
    assert set(alert["members"]) == {f"device:{rig}" for rig in mine.rigs}
    await mine.play(20)
    assert await mine.told() == [("site-pool-outage", site)]
    assert {one["state"] for one in await mine.alerts()} == {"resolved"}


async def test_a_curtailment_of_all_tells_nobody(mine):
    await mine.play(15, with_(slice(None), **ASLEEP))
    await mine.play(2.5, with_(slice(None), hashrate_ths=0.5, power_w=0.55, chip_temp_c=0.8))
    await mine.play(20)
    assert await mine.alerts() == []


async def test_a_rack_without_its_feeder_is_one_alert(mine):
    mine.silent = set(mine.rigs[:20])
    await mine.play(5)
    site = await mine.site()
    assert await mine.told() == [("site-common-offline", f"site:{site}:rack:A1")]


@pytest.mark.parametrize(("action", "is_told"), [("reboot", False), ("fault_light", True)])
async def test_restarts_are_told_if_nobody_ordered_them(mine, action, is_told):
    rig, begin = mine.rigs[4], mine.turn
    await order(mine.store, mine.agent, rig, action)

    def restarts(turn, columns):
        columns["uptime_s"][4] = 10 * ((turn - begin) % 12)

    await mine.play(8, restarts)
    assert await mine.told() == [("rig-restarting", f"device:{rig}")] * is_told


async def test_a_restart_in_the_middle_loses_and_doubles_nothing(mine):
    fault = with_(4, **BOARD_LOST)
    rig = f"device:{mine.rigs[4]}"
    await mine.play(0.2, fault)
    await mine.restart()
    await mine.play(6, fault)
    await mine.restart(in_order=False)
    await mine.play(6, fault)
    assert await mine.told() == [("rig-board-loss", rig)]
    await mine.restart()
    await mine.play(30)
    told = [one for one in await mine.alerts() if one["is_told"]]
    assert [(one["rule"], one["state"]) for one in told] == [("rig-board-loss", "resolved")]
