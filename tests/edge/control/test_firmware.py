"""New firmware is proved by another version alone, and asked for by two people."""

from dataclasses import dataclass

import pytest
from tests.edge.control.world import Rig, limits

from lode_edge.drivers.acting import Deed
from lode_edge.errors import TimedOut
from lode_wire import orders
from lode_wire.orders import Change, Intent, UpdateFirmware
from lode_wire.records import Stage

UPDATE = UpdateFirmware(image="new.img", sha256="0" * 64)


@dataclass
class Flashed(Rig):
    """A rig that says what firmware it runs, and runs another one after a while."""

    offers: tuple[str, ...] = ("sleep", "wake", "firmware")
    firmware: str = "1.0"
    is_away: bool = False

    async def preview(self, intent: Intent) -> tuple[Change, ...]:
        await self._wait()
        if self.is_away:
            raise TimedOut(f"{self.name}: no answer")
        return (Change(key="firmware", before=self.firmware, after="new.img"),)

    async def act(self, intent: Intent) -> Deed:
        changes = await self.preview(intent)
        await super().act(intent)
        return Deed(changes=changes, said="success")


@pytest.fixture
def site(world):
    return world([Flashed("r1")])


def ordered(site) -> str:
    site.pass_s(3)
    return site.send(UPDATE, "r1", approved_by=("bela",))


def test_it_is_effective_once_another_version_runs(site):
    changed: list[str] = []
    site.control.on_change.append(changed.append)
    order, rig = ordered(site), site.rigs["r1"]
    site.until(lambda: site.hub.is_at(order, Stage.ACKNOWLEDGED))
    rig.is_away = True
    site.pass_s(60)
    rig.is_away = False
    site.pass_s(60)
    assert site.hub.is_at(order, Stage.ACKNOWLEDGED)
    assert not changed
    rig.firmware = "2.0"
    site.until(lambda: Stage.EFFECTIVE in site.hub.stages(order))
    assert changed == ["r1"]  # and is asked who it is
    proof = next(one for one in site.hub.said(order) if one.stage is Stage.EFFECTIVE)
    assert orders.decode_evidence(proof.evidence).read_back == "firmware 2.0"
    assert len(rig.orders) == 1


def test_what_ran_before_is_known_after_a_restart_of_the_agent(site):
    order, rig = ordered(site), site.rigs["r1"]
    site.until(lambda: site.hub.is_at(order, Stage.ACKNOWLEDGED))
    site.kill()
    site.start()
    site.pass_s(60)
    assert site.hub.is_at(order, Stage.ACKNOWLEDGED)
    rig.firmware = "2.0"
    site.until(lambda: Stage.EFFECTIVE in site.hub.stages(order))
    assert len(rig.orders) == 1


def test_a_yes_and_the_old_version_is_no_effect(site):
    order = ordered(site)
    site.until(lambda: Stage.FAILED in site.hub.stages(order), 1000)
    assert Stage.EFFECTIVE not in site.hub.stages(order)
    assert "nothing shows that it was done" in site.hub.said(order)[-1].reason
    assert len(site.rigs["r1"].orders) == 1


def test_one_person_is_not_enough(site):
    site.pass_s(3)
    order = site.send(UPDATE, "r1")
    site.until(lambda: Stage.REFUSED in site.hub.stages(order))
    assert not site.rigs["r1"].orders


def test_an_update_counts_as_a_start(world):
    site = world([Flashed("r1")], envelope=limits(starts_per_day=0))
    order = ordered(site)
    site.until(lambda: Stage.REFUSED in site.hub.stages(order))
    assert site.hub.said(order)[-1].reason.startswith("envelope: no start is left")
    assert not site.rigs["r1"].orders
