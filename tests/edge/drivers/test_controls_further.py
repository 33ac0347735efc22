"""What is peculiar to the controls of WhatsMiner, Braiins OS, ePIC and BitAxe."""

import dataclasses

import pytest
from tests.edge.drivers.controls import NEW, OTHER, Bench, bench, tried
from tests.edge.drivers.controls_further import FURTHER

from lode_edge.drivers.acting import Deed
from lode_edge.drivers.asic import whatsminer_hands
from lode_edge.drivers.driver import Login
from lode_edge.errors import NotNow, Unsupported
from lode_sim.vendors import bitaxe, epic, whatsminer_orders
from lode_sim.writes import WriteFault
from lode_wire import orders

WHATSMINER, V3 = FURTHER["whatsminer"], FURTHER["whatsminer_v3"]
LIGHTS = [orders.FaultLight(is_on=n % 2 == 0) for n in range(6)]
TOO_LOW = orders.PowerLimit(power_w=899.0)


def tokens(it: Bench) -> int:
    """Count the tokens that the rig has given."""
    return len(it.rig.kept.get("tokens", []))


@pytest.mark.parametrize("family", ["whatsminer", "whatsminer_v3"])
async def test_a_write_api_that_is_not_enabled_is_said_and_blocks_all(family, tmp_path):
    async with bench(FURTHER[family], tmp_path) as it:
        it.rig.writes.faults = {WriteFault.CLOSED}
        able = await it.driver.abilities()
        assert not able.actions
        assert "write API is not enabled" in able.blocked
        assert "WhatsMinerTool" in able.blocked
        came = await tried(it, orders.Sleep())
        assert isinstance(came, Unsupported)
        assert "WhatsMinerTool" in str(came)
        assert it.rig.writes.done == 0
        assert (await it.driver.posture()).is_asleep is False


async def test_one_token_serves_many_orders(tmp_path):
    async with bench(WHATSMINER, tmp_path) as it:
        for intent in LIGHTS:
            assert isinstance(await tried(it, intent), Deed)
        assert it.rig.writes.done == len(LIGHTS)
        assert tokens(it) == 1


async def test_a_token_that_the_rig_forgot_is_asked_for_anew(tmp_path):
    async with bench(WHATSMINER, tmp_path) as it:
        await tried(it, LIGHTS[0])
        it.rig.kept["tokens"] = []  # as after a restart of its own
        assert isinstance(await tried(it, LIGHTS[1]), Deed)
        assert it.rig.writes.done == 2


async def test_a_salt_that_changed_makes_a_new_key(tmp_path):
    async with bench(WHATSMINER, tmp_path) as it:
        await tried(it, LIGHTS[0])
        it.rig.kept |= {"salt": "newsalt1", "tokens": []}
        assert isinstance(await tried(it, LIGHTS[1]), Deed)
        assert it.rig.writes.done == 2


async def test_a_token_is_not_used_to_its_last_second(tmp_path, monkeypatch):
    monkeypatch.setattr(whatsminer_hands, "TOKEN_S", 0.0)
    async with bench(WHATSMINER, tmp_path) as it:
        for intent in LIGHTS:
            await tried(it, intent)
        assert tokens(it) == len(LIGHTS)


async def test_a_rig_without_tokens_is_left_for_half_an_hour(tmp_path):
    async with bench(WHATSMINER, tmp_path) as it:
        it.rig.writes.faults = {WriteFault.TAKEN}
        came = await tried(it, orders.Sleep())
        assert isinstance(came, NotNow)
        assert "30 minutes" in str(came)


async def test_firmware_that_takes_neither_version_is_named(tmp_path):
    async with bench(WHATSMINER, tmp_path) as it:
        whatsminer_orders.settings(it.rig)["fw_ver"] = "20250214.11.REL"
        came = await tried(it, orders.Sleep())
        assert isinstance(came, Unsupported)
        assert "firmware 20250214.11.REL takes no orders of API version 2" in str(came)
        assert it.rig.writes.done == 0


async def test_a_rig_that_answers_on_4433_alone_is_read_and_told(tmp_path):
    async with bench(V3, tmp_path) as it:
        it.rig.port.refuse()
        facts = await it.driver.identify()
        assert (facts.vendor, facts.firmware) == ("MicroBT", "20251209.16.Rel2")
        assert isinstance(await it.driver.act(orders.Sleep()), Deed)
        reading, *_ = await it.driver.read(5)
        assert reading.state.name == "SLEEPING"
        assert (await it.driver.posture()).is_asleep is True


@pytest.mark.parametrize(
    ("family", "password"),
    [(family, "s3cret-pw") for family in FURTHER if family != "bitaxe"],
)
async def test_a_wrong_password_is_refused_and_told_nowhere(family, password, tmp_path):
    login = Login(username="root", password=password)
    async with bench(FURTHER[family], tmp_path, login=login) as it:
        came = await tried(it, orders.Sleep())
        assert isinstance(came, Unsupported)
        assert password not in f"{came!r} {it.driver.__dict__}"
        assert it.rig.writes.done == 0
        reading, *_ = await it.driver.read(5)
        assert reading.hashrate_ths is not None, "it can still be read"


@pytest.mark.parametrize("family", FURTHER)
async def test_pools_are_told_without_their_passwords(family, tmp_path):
    async with bench(FURTHER[family], tmp_path) as it:
        intent = orders.ChangePools(
            pools=(orders.Pool(url=NEW.url, user=NEW.user, password="p4ss"), OTHER)
        )
        came = await tried(it, intent)
        assert isinstance(came, Deed)
        assert "p4ss" not in repr(came)
        assert "new.example:3333" in repr(came)
        other = orders.Pool(url=NEW.url, user=NEW.user, password="an0ther")
        came = await tried(it, orders.ChangePools(pools=(other, OTHER)))
        assert came.changes, "a password that cannot be read is sent again"
        assert "an0ther" not in repr(came)


@pytest.mark.parametrize("family", ["whatsminer", "whatsminer_v3", "epic"])
async def test_more_pools_than_there_are_places_are_refused(family, tmp_path):
    async with bench(FURTHER[family], tmp_path) as it:
        came = await tried(it, orders.ChangePools(pools=(NEW, OTHER, NEW, OTHER)))
        assert isinstance(came, Unsupported)
        assert "3 pools, not 4" in str(came)


@pytest.mark.parametrize("family", ["braiins_rest", "braiins_graphql"])
async def test_a_power_target_stays_within_what_the_rig_allows(family, tmp_path):
    async with bench(FURTHER[family], tmp_path) as it:
        able = await it.driver.abilities()
        assert (able.power_min_w, able.power_max_w) == (900.0, 4000.0)
        came = await tried(it, TOO_LOW)
        assert isinstance(came, Unsupported)
        assert "900.0 to 4000.0 W, not 899" in str(came)


async def test_a_power_target_restarts_nothing(tmp_path):
    async with bench(FURTHER["braiins_rest"], tmp_path) as it:
        before, *_ = await it.driver.read(5)
        await it.driver.act(orders.PowerLimit(power_w=1500.0))
        assert not it.rig.is_away
        after, *_ = await it.driver.read(6)
        assert after.uptime_s >= before.uptime_s
        assert it.rig.power_w() < 1600.0


async def test_braiins_falls_back_to_its_old_api_where_it_is_not_let_in(tmp_path):
    login = Login(username="root", password="wrong")
    async with bench(FURTHER["braiins_rest"], tmp_path, login=login) as it:
        reading, *_ = await it.driver.read(5)
        assert reading.power_w is not None
        able = await it.driver.abilities()
        assert not able.actions
        assert "login refused" in able.blocked


async def test_a_token_of_braiins_that_ended_is_renewed(tmp_path):
    async with bench(FURTHER["braiins_rest"], tmp_path) as it:
        await it.driver.read(5)
        it.rig.kept["token"] = "another"
        reading, *_ = await it.driver.read(6)
        assert (reading.quality, reading.hashrate_ths is None) == (0, False)


async def test_a_stopped_braiins_is_woken_by_a_start(tmp_path):
    async with bench(FURTHER["braiins_graphql"], tmp_path) as it:
        await it.driver.act(orders.Sleep())
        reading, *_ = await it.driver.read(5)
        assert reading.state.name == "SLEEPING"
        assert (await it.driver.act(orders.Wake())).changes[0].after == "false"
        assert it.subject.truth(it.rig).is_asleep is False


async def test_epic_keeps_what_its_tuning_was_told(tmp_path):
    async with bench(FURTHER["epic"], tmp_path) as it:
        presets = (await it.driver.abilities()).presets
        assert tuple(presets) == ("80", "100", "120", "142", "154", "169")
        assert (presets["80"], presets["142"]) == (1700, 3350)
        await it.driver.act(orders.Preset(name="120"))
        (tuning,) = epic.settings(it.rig)["Algorithm"].values()
        assert (tuning["Min Throttle Target"], tuning["Throttle Step"]) == (50, 5)
        assert (await it.driver.posture()).preset == "120"


async def test_epic_gives_its_fans_back_only_when_it_knows_how(tmp_path):
    async with bench(FURTHER["epic"], tmp_path) as it:
        epic.settings(it.rig)["Fan Mode"] = {"Manual": 70}
        came = await tried(it, orders.FanSpeed(percent=None))
        assert isinstance(came, Unsupported)
        assert "target temperature" in str(came)
        assert isinstance(await tried(it, orders.FanSpeed(percent=0)), Unsupported)


async def test_older_bitaxes_cannot_pause(tmp_path):
    subject = dataclasses.replace(FURTHER["bitaxe"], model="bitaxe-supra")
    async with bench(subject, tmp_path) as it:
        able = await it.driver.abilities()
        assert able.blocked == "its firmware has no pause"
        assert able.actions == {"fan_speed", "reboot", "pools"}
        came = await tried(it, orders.Sleep())
        assert isinstance(came, Unsupported)
        assert (await it.driver.posture()).is_asleep is None


async def test_a_bitaxe_is_told_one_key_at_a_time(tmp_path):
    async with bench(FURTHER["bitaxe"], tmp_path) as it:
        before = dict(bitaxe.settings(it.rig))
        deed = await it.driver.act(orders.FanSpeed(percent=60))
        assert [change.key for change in deed.changes] == ["fanspeed", "autofanspeed"]
        assert bitaxe.settings(it.rig) == before | {"fanspeed": 60, "autofanspeed": 0}
        came = await tried(it, orders.ChangePools(pools=(orders.Pool(url="no-port.example"),)))
        assert isinstance(came, Unsupported)


@pytest.mark.parametrize("family", ["whatsminer", "whatsminer_v3", "braiins_rest", "epic"])
async def test_what_would_wake_a_rig_waits_until_it_is_awake(family, tmp_path):
    async with bench(FURTHER[family], tmp_path) as it:
        await tried(it, orders.Sleep())
        came = await tried(it, orders.RestartMining())
        assert isinstance(came, NotNow)
        assert "wake it first" in str(came)
        assert it.subject.truth(it.rig).is_asleep is True
