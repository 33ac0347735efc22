"""Every control of every family, with everything that can go wrong with it."""

import pytest
from tests.edge.drivers.controls import NEW, bench, holds, honest, shown, tried
from tests.edge.drivers.controls_further import ALL as SUBJECTS

from lode_edge.drivers.acting import Deed
from lode_edge.drivers.asic import avalon_hands
from lode_edge.drivers.driver import Login
from lode_edge.errors import DriverError, NotNow, Unreachable, Unsupported
from lode_sim.writes import WriteFault
from lode_wire import orders

FAMILIES = pytest.mark.parametrize("family", SUBJECTS)
BRIEF = (orders.Sleep(), orders.FaultLight(is_on=True), orders.ChangePools(pools=(NEW,)))
NEVER_DONE = [
    WriteFault.REFUSED,
    WriteFault.NO_EFFECT,
    WriteFault.SILENT,
    WriteFault.BROKEN_WRITE,
]


@pytest.fixture(autouse=True)
def quick_avalons(monkeypatch):
    monkeypatch.setattr(avalon_hands, "LEAD_S", 1)


@FAMILIES
async def test_a_control_does_what_it_says_and_nothing_twice(family, tmp_path):
    async with bench(SUBJECTS[family], tmp_path) as it:
        offered = (await it.driver.abilities()).actions
        for intent in it.subject.intents:
            kept, changes = it.subject.kept(it.rig), await shown(it, intent)
            came = await tried(it, intent)
            if isinstance(changes, DriverError):
                assert isinstance(changes, (Unsupported, NotNow))
                assert type(came) is type(changes)
                assert it.subject.kept(it.rig) == kept
                continue
            assert intent.action in offered
            assert isinstance(came, Deed)
            assert came.changes == tuple(changes)
            await it.seen(intent)
            assert holds(intent, it.subject.truth(it.rig)) in (True, None)
            await honest(it)


@FAMILIES
async def test_a_wish_that_holds_already_changes_nothing(family, tmp_path):
    async with bench(SUBJECTS[family], tmp_path) as it:
        for intent in (orders.Wake(), orders.FaultLight(is_on=False)):
            deed = await tried(it, intent)
            assert isinstance(deed, Unsupported) or deed == Deed()
        assert it.rig.writes.done == 0


@FAMILIES
@pytest.mark.parametrize("fault", NEVER_DONE, ids=str)
async def test_an_order_that_is_not_carried_out_changes_nothing(family, fault, tmp_path):
    is_silent = fault is WriteFault.SILENT
    limit_s = 0.2 if is_silent else 2.0
    async with bench(SUBJECTS[family], tmp_path, timeout_s=limit_s) as it:
        kept = it.subject.kept(it.rig)
        it.rig.writes.faults = {fault}
        for intent in BRIEF if is_silent else it.subject.intents:
            came = await tried(it, intent)
            assert fault is WriteFault.NO_EFFECT or not isinstance(came, Deed) or not came.changes
        assert it.subject.kept(it.rig) == kept
        assert it.rig.writes.done == 0
        it.rig.writes.faults = set()
        await honest(it)


@FAMILIES
@pytest.mark.parametrize("fault", [WriteFault.BROKEN_READ, WriteFault.HALF_READ], ids=str)
async def test_nothing_is_written_from_settings_that_did_not_come_whole(family, fault, tmp_path):
    async with bench(SUBJECTS[family], tmp_path) as it:
        kept = it.subject.kept(it.rig)
        it.rig.writes.faults = {fault}
        for intent in it.subject.intents:
            if intent.action not in ("restart_mining", "reboot"):  # which need no settings
                assert isinstance(await tried(it, intent), DriverError)
        assert it.subject.kept(it.rig) == kept
        assert isinstance(await honest(it), DriverError)


@FAMILIES
async def test_a_connection_that_breaks_is_said_to_be_no_answer(family, tmp_path):
    async with bench(SUBJECTS[family], tmp_path) as it:
        it.rig.writes.faults = {WriteFault.CUT}
        came = await tried(it, orders.Sleep())
        assert isinstance(came, Unreachable)
        it.rig.writes.faults = set()
        await it.seen(orders.Sleep())
        assert it.subject.truth(it.rig).is_asleep is True
        await honest(it)


@FAMILIES
async def test_an_action_that_is_not_offered_is_refused_by_its_name(family, tmp_path):
    async with bench(SUBJECTS[family], tmp_path) as it:
        offered = (await it.driver.abilities()).actions
        missing = [intent for intent in it.subject.intents if intent.action not in offered]
        switch = orders.SwitchOutlet(outlet=1, is_on=False)
        for intent in (*missing, switch):
            came = await tried(it, intent)
            assert isinstance(came, Unsupported)
            assert intent.action in str(came)
        assert it.rig.writes.done == 0


async def test_another_holds_the_session(tmp_path):
    async with bench(SUBJECTS["luxos"], tmp_path) as it:
        it.rig.writes.faults = {WriteFault.TAKEN}
        came = await tried(it, orders.Sleep())
        assert "another holds its session" in str(came)
        assert it.rig.writes.done == 0


@pytest.mark.parametrize("family", ["luxos", "vnish"])
async def test_a_session_that_is_always_lost_ends_in_an_error(family, tmp_path):
    async with bench(SUBJECTS[family], tmp_path) as it:
        it.rig.writes.faults = {WriteFault.LOST}
        assert isinstance(await tried(it, orders.Sleep()), DriverError)
        assert it.rig.writes.done == 0


async def test_a_session_lost_in_the_middle_is_begun_anew(tmp_path):
    async with bench(SUBJECTS["vnish"], tmp_path) as it:
        await tried(it, orders.Sleep())
        it.rig.kept["tokens"] = []
        assert isinstance(await tried(it, orders.Wake()), Deed)
        assert it.rig.writes.done == 2


async def test_while_atm_runs_no_profile_is_chosen(tmp_path):
    async with bench(SUBJECTS["luxos"], tmp_path) as it:
        it.rig.kept["settings"] = {"Profile": "default", "IsAtmEnabled": True}
        able = await it.driver.abilities()
        assert "ATM" in able.blocked
        assert "preset" not in able.actions
        assert "ATM" in str(await tried(it, orders.Preset(name="290MHz")))


async def test_a_power_target_is_taken_where_there_is_one(tmp_path):
    async with bench(SUBJECTS["luxos"], tmp_path) as it:
        settings = {"Profile": "default", "IsAtmEnabled": True, "IsPowerTargetSupported": True}
        it.rig.kept["settings"] = settings
        await it.driver.act(orders.PowerLimit(power_w=1800.4))
        assert (await it.driver.posture()).power_limit_w == 1800
        assert it.rig.kept["settings"]["ActualPowerTarget"] == 1800


async def test_an_antminer_wakes_in_the_mode_it_slept_from(tmp_path):
    async with bench(SUBJECTS["antminer"], tmp_path) as it:
        for intent in (orders.PowerMode(mode="low"), orders.Sleep()):
            await tried(it, intent)
        assert "wake it first" in str(await tried(it, orders.PowerMode(mode="normal")))
        await tried(it, orders.Wake())
        assert it.subject.truth(it.rig).mode == "low"


async def test_while_mining_restarts_sleep_is_not_known(tmp_path):
    async with bench(SUBJECTS["antminer"], tmp_path) as it:
        it.rig.writes.restart_s = 0.5
        await it.driver.act(orders.Sleep())
        await it.left()
        posture = await it.driver.posture()
        assert (posture.is_asleep, posture.mode) == (None, None)
        await it.back()
        assert (await it.driver.posture()).is_asleep is True


async def test_a_wrong_password_is_an_error_that_does_not_tell_it(tmp_path):
    login = Login(username="root", password="s3cret-pw")
    for family in ("antminer", "vnish"):
        async with bench(SUBJECTS[family], tmp_path, login=login) as it:
            came = await tried(it, orders.Sleep())
            assert isinstance(came, Unsupported)
            assert "login refused" in str(came)
            assert "s3cret-pw" not in f"{came!r} {it.driver.__dict__} {login!r}"
            assert it.rig.writes.done == 0
