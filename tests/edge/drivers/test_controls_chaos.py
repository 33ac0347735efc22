"""Random orders to rigs in which random things go wrong: no setting is lost, and no lie is told."""

import random

import pytest
from tests.edge.drivers.controls import Bench, bench, holds, honest, tried
from tests.edge.drivers.controls_further import ALL as SUBJECTS

from lode_edge.drivers.acting import Deed
from lode_edge.drivers.asic import avalon_hands
from lode_sim.writes import WriteFault

TIMEOUT_S = 0.3  # what silence costs; a rig of this machine that needs longer has not answered
FEW, MANY = 15, 160
FEW_SLOW, MANY_SLOW = 5, 30  # of rigs that take seconds over an order
HEALTHY = 0.3
NO_PROOF = {WriteFault.NO_EFFECT}


@pytest.fixture(autouse=True)
def quick_avalons(monkeypatch):
    monkeypatch.setattr(avalon_hands, "LEAD_S", 1)


@pytest.mark.parametrize("family", SUBJECTS)
async def test_a_few_faulted_orders(family, tmp_path):
    await disturb(family, tmp_path, FEW_SLOW if SUBJECTS[family].slow_s else FEW)


@pytest.mark.slow
@pytest.mark.parametrize("family", SUBJECTS)
async def test_many_faulted_orders(family, tmp_path):
    await disturb(family, tmp_path, MANY_SLOW if SUBJECTS[family].slow_s else MANY)


async def disturb(family: str, folder, orders: int) -> None:
    """Give so many random orders; the seed is the family's name, so that a failure comes again."""
    chance = random.Random(family)
    async with bench(SUBJECTS[family], folder, timeout_s=TIMEOUT_S) as it:
        for _ in range(orders):
            await one(it, chance)
        it.rig.writes.faults = set()
        assert isinstance(await it.driver.read(1), list), "it cannot be read any more"


async def one(it: Bench, chance: random.Random) -> None:
    intent = chance.choice(it.subject.intents)
    faults = set() if chance.random() < HEALTHY else {chance.choice(list(WriteFault))}
    it.rig.writes.faults = faults
    came = await tried(it, intent)
    if chance.random() < 0.5:
        it.rig.writes.faults = set()
    await it.seen(intent)
    await honest(it)
    if isinstance(came, Deed) and not faults & NO_PROOF:
        said = f"{intent} was said to be done with {faults}"
        assert holds(intent, it.subject.truth(it.rig)) in (True, None), said
