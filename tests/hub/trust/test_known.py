"""What comes in must fit the sender's enrolment."""

import asyncio
import contextlib

import pytest

from lode_hub.ingest.check import Fit, Unfit, check
from lode_hub.trust.known import Known
from lode_wire import topics
from tests.hub.app.opened import until
from tests.hub.ingest.agents import Agent, readings
from tests.hub.trust.people import new_key, request


@pytest.fixture
async def known(store, postgres):
    found = Known(store, postgres)
    task = asyncio.create_task(found.run())
    yield found
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def let_in(trust, name, site):
    token = (await trust.invite(name, site, "ada")).token
    await trust.enrol(token, request(new_key()), "a")


def hears(known, name, site):
    async def has_heard() -> bool:
        return known.site(name) == site

    return until(has_heard, 10, f"{name} to be known")


async def test_an_agent_that_fits_its_enrolment_is_taken(known, make_trust):
    agent = Agent(name="north-1", site="north")
    await let_in(make_trust(), "north-1", "north")
    await hears(known, "north-1", "north")
    assert isinstance(check(agent.incoming([agent.birth(2)]), known=known), Fit)
    assert isinstance(check(agent.incoming(readings(2)), known=known), Fit)


async def test_another_partition_or_site_is_not(known, make_trust):
    await let_in(make_trust(), "north-1", "north")
    await hears(known, "north-1", "north")
    stray = Agent(name="north-1", site="south")
    found = check(stray.incoming(readings(2)), known=known)
    assert isinstance(found, Unfit)
    assert found.header is None  # its number is not taken: the true agent may still use it
    assert "is enrolled for site 'north'" in found.reason
    home = topics.partition_of("north")
    twin = next(f"twin-{n}" for n in range(9999) if topics.partition_of(f"twin-{n}") == home)
    guest = Agent(name="north-1", site=twin)
    found = check(guest.incoming([guest.birth(1)]), known=known)
    assert isinstance(found, Unfit)
    assert "but it is enrolled for 'north'" in found.reason


async def test_one_that_was_thrown_out_is_not(known, make_trust):
    trust, agent = make_trust(), Agent(name="north-1", site="north")
    await let_in(trust, "north-1", "north")
    await trust.revoke("north-1", "ada")

    async def is_known() -> bool:
        return isinstance(check(agent.incoming(readings(1)), known=known), Unfit)

    await until(is_known, 10, "the revocation to be heard")
    found = check(agent.incoming(readings(1)), known=known)
    assert isinstance(found, Unfit)
    assert "was revoked; enrol it again" in found.reason
    await let_in(trust, "north-1", "north")

    async def is_back() -> bool:
        return isinstance(check(agent.incoming(readings(1)), known=known), Fit)

    await until(is_back, 10, "the agent to be back")


async def test_one_that_never_enrolled_is_the_brokers_to_judge(known):
    agent = Agent(name="old-1", site="old")
    assert isinstance(check(agent.incoming(readings(1)), known=known), Fit)
