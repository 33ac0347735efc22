"""The last word counts: what a later order has taken the place of is never sent after it."""

from collections.abc import Sequence
from functools import partial

import pytest

from lode_hub.access import Person
from lode_hub.store import Store, commands_queue
from lode_hub.store.asking import asking
from lode_wire import orders
from lode_wire.orders import (
    Curtail,
    EndStop,
    FaultLight,
    Intent,
    Period,
    PowerLimit,
    Preset,
    Probe,
    Release,
    Sleep,
    StandingPlan,
    Step,
    StopAll,
    Wake,
)
from lode_wire.records import Command, CommandState, Stage
from tests.hub.app.opened import until
from tests.hub.commands.answers import state
from tests.hub.commands.site import Site, site_of
from tests.hub.commands.site_agent import works
from tests.hub.commands.test_desk import POOLS
from tests.hub.commands.test_dispatch import Hub, hub

__all__ = ["hub"]

LEASE = Curtail(steps=(Step(wish=Sleep(), devices=("rig-001", "rig-002")),))
PLAN = StandingPlan(periods=(Period(from_ms=1, to_ms=2),))


async def ordered(site: Site, ada: Person, intent: Intent, rig: int) -> str:
    whom = {"agent": "north-1"} if isinstance(intent, orders.OF_THE_SITE) else {"device_id": rig}
    return await site.actions.commands.order(ada, intent, **whom)  # type: ignore[arg-type]


PAIRS: list[tuple[Intent, Intent, bool]] = [
    (Sleep(), Wake(), True),
    (PowerLimit(power_w=2000), Preset(name="eco"), True),
    (FaultLight(is_on=True), FaultLight(is_on=False), True),
    (StopAll(), EndStop(), True),
    (EndStop(), StopAll(), True),
    (PLAN, StandingPlan(), True),
    (StopAll(), StopAll(), False),  # twice does no harm, and once is needed
    (Sleep(), PowerLimit(power_w=2000), False),
    (Sleep(), FaultLight(is_on=True), False),
    (LEASE, LEASE, False),
    (LEASE, Wake(), False),
    (Probe(address="10.0.0.1"), Probe(address="10.0.0.2"), False),
]


async def test_what_is_overtaken_by_what(store: Store) -> None:
    site = site_of(store)
    agent, ada = await site.mine.agent(), await site.person()
    rig, other = [await site.rig(agent, f"rig-00{number}", controls={}) for number in (1, 2)]
    for earlier, later, is_overtaken in PAIRS:
        first = await ordered(site, ada, earlier, rig)
        if not isinstance(later, orders.OF_THE_SITE):
            await sealed(site, await ordered(site, ada, later, other))
        second = await ordered(site, ada, later, rig)
        assert await overtaken_by(site, first) is None
        await sealed(site, second)
        assert await overtaken_by(site, first) == (second if is_overtaken else None), earlier
        assert await overtaken_by(site, second) is None


async def sealed(site: Site, command_id: str) -> None:
    await site.mine.run("update command set sequence = 5 where id = %(id)s", id=command_id)


async def overtaken_by(site: Site, command_id: str) -> str | None:
    async with asking(site.store) as conn:
        return await commands_queue.overtaken_by(conn, command_id)


async def test_a_lease_is_overtaken_by_its_release_even_before_that_is_sealed(store: Store) -> None:
    site = site_of(store)
    agent, ada = await site.mine.agent(), await site.person()
    rigs = [await site.rig(agent, f"rig-00{number}", controls={}) for number in (1, 2)]
    leases = [await ordered(site, ada, intent, rigs[0]) for intent in (LEASE, Sleep(), LEASE)]
    for lease in leases[:2]:
        released = await site.actions.commands.release(ada, lease)
        assert await overtaken_by(site, lease) == released
    assert await overtaken_by(site, leases[2]) is None


async def test_of_two_proposals_the_one_approved_last_is_the_last_word(store: Store) -> None:
    site = site_of(store)
    rig = await site.rig(await site.mine.agent(), "rig-001", controls={})
    ada, bob = await site.person(), await site.person("bob")
    first, second = [await ordered(site, ada, POOLS, rig) for _ in range(2)]
    for proposal in (second, first):
        await site.actions.commands.approve(bob, proposal)
    await sealed(site, second)
    assert await overtaken_by(site, first) is None
    await sealed(site, first)
    assert await overtaken_by(site, second) == first


def holding(command: Command, order: orders.Order) -> Sequence[CommandState]:
    """Hold no lease, so that nothing can be released."""
    if isinstance(order.intent, Release):
        reason = f"unknown-target: no lease {order.intent.lease!r} is held"
        return [state(command.id, Stage.REFUSED, reason, sequence=command.sequence)]
    return works(command, order)


@pytest.mark.parametrize("before", [Sleep(), StopAll(), LEASE])
async def test_what_the_agent_did_not_take_is_not_sent_after_what_took_its_place(
    hub: Hub, before: Intent
) -> None:
    hub.agent.loses, hub.agent.answer = 1, holding
    rig = await hub.rig()
    async with hub.dispatching():
        first = await ordered(hub.site, hub.ada, before, rig)

        async def is_lost() -> bool:
            return len(hub.agent.heard) == 1

        await until(is_lost, 10, "the first copy")
        if isinstance(before, Curtail):
            last = await hub.site.actions.commands.release(hub.ada, first)
            await hub.comes_to(last, "refused")
        else:
            after = EndStop() if isinstance(before, StopAll) else Wake()
            last = await ordered(hub.site, hub.ada, after, rig)
            await hub.comes_to(last, "effective")
        await hub.comes_to(first, "refused")
        found = await hub.site.queries.commands.command(first)
    assert found is not None
    assert found.command.reason == f"superseded: by {last}"
    assert not found.command.is_held
    assert hub.agent.acted == [last]
    assert await hub.site.mine.run("select rule, title from command_finding") == []
    assert await hub.site.queries.alerts() == []


async def test_a_stop_that_goes_first_ends_the_end_of_the_one_before(hub: Hub) -> None:
    begun = partial(hub.site.actions.commands.stop_all, hub.ada, "north")
    (one,), (end,) = await begun(), await hub.site.actions.commands.end_stop(hub.ada, "north")
    (two,) = await begun()
    async with hub.dispatching():
        for command_id in (one, two):
            await hub.comes_to(command_id, "effective")
        await hub.comes_to(end, "refused")
    assert hub.agent.acted == [one, two]
