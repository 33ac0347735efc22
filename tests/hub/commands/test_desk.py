"""What people may order, and what becomes of it in the database."""

import asyncio

import pytest

from lode_hub.actions import Ask
from lode_hub.commands.desk import MAX_A_MINUTE
from lode_hub.errors import (
    ConflictError,
    ForbiddenError,
    InvalidError,
    NotFoundError,
    TooManyError,
)
from lode_hub.store import Store
from lode_wire import orders
from tests.hub.commands.site import Site, site_of

POOLS = orders.ChangePools(
    pools=(orders.Pool(url="tcp://pool:3333", user="me", password="s3cret"),)
)


@pytest.fixture
async def site(store: Store) -> Site:
    return site_of(store)


async def rig_of(site: Site) -> int:
    agent = await site.mine.agent()
    return await site.rig(agent, "rig-1", controls={})


async def body_of(site: Site, command_id: str) -> orders.Order:
    rows = await site.mine.run("select body from command where id = %(id)s", id=command_id)
    return orders.decode_order(bytes(rows[0][0]))


async def test_an_order_is_written_down_with_what_tells_the_rig_from_others(site: Site) -> None:
    rig, ada = await rig_of(site), await site.person()
    terms = orders.Terms(at_end="hold")
    wish = orders.PowerLimit(power_w=2500)
    made = await site.actions.commands.order(ada, wish, device_id=rig, terms=terms)
    detail = await site.queries.commands.command(made)
    assert detail is not None
    row = detail.command
    assert (row.stage, row.actor, row.target, row.action) == (
        "queued",
        "ada",
        "rig-1",
        "power_limit",
    )
    assert row.expires_ms - row.created_ms == pytest.approx(300_000, abs=1000)
    assert row.counts == {"waiting": 1}
    order = await body_of(site, made)
    assert order.intent == wish
    assert order.terms == terms
    assert order.precondition is not None
    assert order.precondition.mac == f"02:00:00:00:00:{rig:02x}"
    assert order.precondition.model is None
    assert [d.target for d in detail.devices] == ["rig-1"]
    assert (await site.queries.commands.controls(rig)).lease == made  # type: ignore[union-attr]


async def test_what_a_device_does_not_offer_is_refused_by_name(site: Site) -> None:
    rig, ada = await rig_of(site), await site.person()
    agent = await site.mine.agent("north-2")
    silent = await site.rig(agent, "rig-2")
    blocked = await site.rig(agent, "rig-3", controls={"blocked": "write API is off", "offers": []})
    order = site.actions.commands.order
    for intent, device, error, words in (
        (orders.FanSpeed(percent=50), rig, ConflictError, "rig-1: does not offer fan_speed"),
        (orders.PowerLimit(power_w=900), rig, InvalidError, "1500 to 3600 W"),
        (orders.Preset(name="turbo"), rig, InvalidError, "no preset 'turbo'; it has eco"),
        (orders.DryRun(wish=orders.FanSpeed(percent=50)), rig, ConflictError, "fan_speed"),
        (orders.ReadRegisters(register=1), rig, ConflictError, "no registers"),
        (orders.Sleep(), silent, ConflictError, "has not said"),
        (orders.Sleep(), blocked, ConflictError, "write API is off"),
        (orders.Sleep(), 4711, NotFoundError, "device 4711"),
    ):
        with pytest.raises(error, match=words):
            await order(ada, intent, device_id=device)  # type: ignore[arg-type]
    with pytest.raises(InvalidError, match="is for a device"):
        await order(ada, orders.Sleep(), agent="north-1")
    with pytest.raises(InvalidError, match="is for the site"):
        await order(ada, orders.StopAll(), device_id=rig)
    with pytest.raises(InvalidError, match="holds nothing"):
        await order(ada, orders.Reboot(), device_id=rig, terms=orders.Terms())
    with pytest.raises(InvalidError, match="until_ms"):
        await order(ada, orders.Sleep(), device_id=rig, terms=orders.Terms(until_ms=1))
    with pytest.raises(InvalidError, match="valid_s"):
        await order(ada, orders.Sleep(), device_id=rig, valid_s=1e6)
    step = orders.Step(wish=orders.Sleep(), devices=("rig-9",))
    with pytest.raises(ConflictError, match="rig-9: the agent has no such device"):
        await order(ada, orders.Curtail(steps=(step,)), agent="north-1")
    assert await site.queries.commands.count() == 0


async def test_only_who_may_there_may_order(site: Site) -> None:
    rig = await rig_of(site)
    viewer = await site.person("vera", "viewer")
    elsewhere = await site.person("eve", "operator", ["south"])
    here = await site.person("nora", "operator", ["north"])
    commands, curtailments = site.actions.commands, site.actions.curtailments
    for person in (viewer, elsewhere):
        with pytest.raises(ForbiddenError):
            await commands.order(person, orders.Sleep(), device_id=rig)
        with pytest.raises(ForbiddenError):
            await commands.stop_all(person, "north")
        with pytest.raises(ForbiddenError):
            await commands.maintain(person, rig, is_on=True)
        with pytest.raises(ForbiddenError):
            await curtailments.preview(person, Ask(site="north"))
    assert await commands.order(here, orders.Sleep(), device_id=rig)
    await site.mine.run("update person set is_disabled = true where name = 'nora'")
    with pytest.raises(ForbiddenError):
        await commands.order(here, orders.Wake(), device_id=rig)


async def test_pools_need_two_people(site: Site) -> None:
    rig, ada, bob = await rig_of(site), await site.person(), await site.person("bob", "admin")
    viewer = await site.person("vera", "viewer")
    commands = site.actions.commands
    made = await commands.order(ada, POOLS, device_id=rig)
    assert [row.command_id for row in await site.queries.commands.pending()] == [made]
    with pytest.raises(ForbiddenError):
        await commands.approve(viewer, made)
    with pytest.raises(ConflictError, match="ada has had their say"):
        await commands.approve(ada, made)
    await commands.approve(bob, made)
    detail = await site.queries.commands.command(made)
    assert detail is not None
    assert detail.command.stage == "queued"
    assert detail.command.approved_by == ("ada", "bob")
    assert "s3cret" not in str(detail)
    assert (await body_of(site, made)).approved_by == ("ada", "bob")
    assert (await body_of(site, made)).intent == POOLS
    with pytest.raises(ConflictError, match="waits for no approval"):
        await commands.approve(bob, made)


async def test_a_proposal_of_somebody_who_may_no_longer_is_not_approved(site: Site) -> None:
    rig, ada, bob = await rig_of(site), await site.person(), await site.person("bob")
    made = await site.actions.commands.order(ada, POOLS, device_id=rig)
    await site.mine.run("update person set role = 'viewer' where name = 'ada'")
    with pytest.raises(ConflictError, match="ada may no longer"):
        await site.actions.commands.approve(bob, made)
    await site.actions.commands.decline(bob, made)
    assert [r.stage for r in await site.queries.commands.commands()] == ["declined"]
    assert await site.mine.run("select id from command where body is not null") == []


async def test_two_who_approve_at_once_are_one(site: Site) -> None:
    rig, ada = await rig_of(site), await site.person()
    others = [await site.person("bob"), await site.person("cid")]
    made = await site.actions.commands.order(ada, POOLS, device_id=rig)
    both = [site.actions.commands.approve(person, made) for person in others]
    done = await asyncio.gather(*both, return_exceptions=True)
    assert sorted(type(one) for one in done if one) == [ConflictError]
    assert len((await body_of(site, made)).approved_by) == 2


async def test_the_same_request_is_done_once(site: Site) -> None:
    rig, ada = await rig_of(site), await site.person()
    commands = site.actions.commands
    same = [commands.order(ada, orders.Sleep(), device_id=rig, request="r1") for _ in range(5)]
    assert len(set(await asyncio.gather(*same))) == 1
    with pytest.raises(ConflictError, match="something else"):
        await commands.order(ada, orders.Wake(), device_id=rig, request="r1")
    bob = await site.person("bob")
    assert await commands.order(bob, orders.Wake(), device_id=rig, request="r1")
    assert await site.queries.commands.count() == 2


async def test_too_many_orders_wait_but_never_a_stop(site: Site) -> None:
    rig, ada = await rig_of(site), await site.person()
    await site.actions.commands.order(ada, orders.Sleep(), device_id=rig)
    await site.mine.run(
        "insert into command (id, agent_id, site_id, target, actor, action, asked, valid_s, stage, "
        "expires_at) select 'x' || n, agent_id, site_id, '', actor, action, asked, 60, 'queued', "
        "now() from command, generate_series(2, %(n)s) n",
        n=MAX_A_MINUTE,
    )
    with pytest.raises(TooManyError):
        await site.actions.commands.order(ada, orders.Wake(), device_id=rig)
    assert len(await site.actions.commands.stop_all(ada, "north", reason="smoke")) == 1


async def test_a_lease_is_released_and_a_deed_is_not(site: Site) -> None:
    rig, ada = await rig_of(site), await site.person()
    commands = site.actions.commands
    sleep = await commands.order(ada, orders.Sleep(), device_id=rig)
    reboot = await commands.order(ada, orders.Reboot(), device_id=rig)
    release = await commands.release(ada, sleep)
    assert (await body_of(site, release)).intent == orders.Release(lease=sleep)
    with pytest.raises(ConflictError, match="holds nothing to release"):
        await commands.release(ada, reboot)
    await site.stage(sleep, "released")
    with pytest.raises(ConflictError, match="it is released"):
        await commands.release(ada, sleep)
    with pytest.raises(NotFoundError):
        await commands.release(ada, "nothing")
