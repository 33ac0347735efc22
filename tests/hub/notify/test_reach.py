"""Who cannot be reached is said to those who can, and somebody is always told."""

import datetime

import pytest

from lode_hub import alerts
from lode_hub.notify import Notifier, Senders, SmtpChannel
from lode_hub.queries.telling import TellingQueries
from lode_hub.store.telling import Habit, Step
from tests.hub.notify.people import ADMIN, advance, desk
from tests.hub.notify.test_notifier import T0, hot, rows
from tests.hub.notify.test_people import ALWAYS, ANN, ROUTING, post, rigs, work  # noqa: F401

BOB, OPS = "bob@mine.example", "ops@mine.example"
FAILED = "select subject, state, title from alert where rule = 'notify-failed' order by id"
GAPS = "select title from alert where rule = 'on-call-gap' and state = 'open'"


@pytest.fixture
async def both(mails):
    """A mail server for people, and for one address that is told always."""
    always = SmtpChannel(
        name="mail", host="127.0.0.1", port=mails.port, tls="none", sender="l@x.y",
        recipients=(OPS,),
    )  # fmt: skip
    senders = Senders([always])
    yield senders
    await senders.close()


def quiet_now() -> Habit:
    """Hours that are quiet now, and in which not even what is critical comes through."""
    now = datetime.datetime.now(datetime.UTC)
    begin, end = ((now + datetime.timedelta(hours=h)).time() for h in (-1, 5))
    return Habit(quiet_from=begin, quiet_until=end, is_critical_through=False)


async def test_a_refused_address_is_told_to_the_others_on_the_same_channel(
    store, rigs, post, mails  # noqa: F811
):  # fmt: skip
    people = await desk(store, post, ("ann", "bob"))
    way = await people.put_way("ann", "mail", ANN, ADMIN)
    await people.put_way("bob", "mail", BOB, ADMIN)
    mails.refused = {ANN}
    await alerts.take(store, [hot(rigs[0])], T0)
    await work(store, post)
    await work(store, post)
    assert mails.recipients == [[BOB], [BOB]]
    assert "does not deliver to ann" in mails.mails[1]["Subject"]
    (failed,) = await rows(store, FAILED)
    assert (failed["subject"], failed["state"]) == (f"channel:mail:way:{way}", "open")
    # That Bob is reached again and again says nothing of Ann.
    await alerts.take(store, [hot(rigs[1])], T0 + 1)
    await work(store, post)
    assert (await rows(store, FAILED))[0]["state"] == "open"
    mails.refused = set()
    await alerts.take(store, [hot(rigs[2])], T0 + 2)
    await work(store, post)
    assert [row["state"] for row in await rows(store, FAILED)] == ["resolved"]


async def test_a_refused_address_that_is_removed_is_no_trouble_any_more(
    store, rigs, post, mails  # noqa: F811
):  # fmt: skip
    people = await desk(store, post)
    way = await people.put_way("ann", "mail", ANN, ADMIN)
    mails.refused = {ANN}
    await alerts.take(store, [hot(rigs[0])], T0)
    await work(store, post)
    await Notifier(store, post, ROUTING).look_for_gaps()
    assert (await rows(store, FAILED))[0]["state"] == "open"
    await people.remove_way(way, ADMIN)
    await Notifier(store, post, ROUTING).look_for_gaps()
    assert (await rows(store, FAILED))[0]["state"] == "resolved"


async def test_who_is_on_call_by_a_way_that_no_channel_serves_is_a_gap(store, post):  # noqa: F811
    people = await desk(store, post, ("bob",))
    await people.put_way("bob", "sms", "+491701234567", ADMIN)
    await people.save_schedule("nights", "UTC", [ALWAYS], ADMIN)
    await Notifier(store, post, ROUTING).look_for_gaps()
    (gap,) = await rows(store, GAPS)
    assert "bob, who has no way to be told" in gap["title"]
    (shift,) = await TellingQueries(store, post).shifts("nights")
    assert (shift.person, shift.is_reachable) == ("bob", False)


async def test_who_is_on_call_for_a_site_they_may_not_know_is_a_gap(store, rigs, post):  # noqa: F811
    people = await desk(store, post, ("bob",))
    await people.put_way("bob", "mail", BOB, ADMIN)
    await people.save_schedule("nights", "UTC", [ALWAYS], ADMIN, sites=["north"])
    notifier = Notifier(store, post, ROUTING)
    await notifier.look_for_gaps()
    assert not await rows(store, GAPS)
    async with store.pool.connection() as conn:
        await conn.execute("update person set sites = '{south}' where name = 'bob'")
    await notifier.look_for_gaps()
    assert len(await rows(store, GAPS)) == 1


async def test_a_gap_of_a_schedule_that_is_removed_ends(store, post):  # noqa: F811
    people = await desk(store, post, ("bob",))
    await people.save_schedule("nights", "UTC", [ALWAYS], ADMIN)
    notifier = Notifier(store, post, ROUTING)
    await notifier.look_for_gaps()
    assert len(await rows(store, GAPS)) == 1
    await people.remove_schedule("nights", ADMIN)
    await notifier.look_for_gaps()
    assert not await rows(store, GAPS)


async def test_a_step_that_quiet_hours_hold_is_told_to_all_channels(store, rigs, both, mails):  # noqa: F811
    people = await desk(store, both, ("cid",))
    await people.put_way("cid", "mail", "cid@mine.example", ADMIN, is_on_call_only=True)
    await people.set_habit("cid", quiet_now(), ADMIN)
    await people.save_policy("usual", [Step(after_s=300, tell=("person:cid",))], ADMIN)
    await alerts.take(store, [hot(rigs[0])], T0)
    await work(store, both)
    assert mails.recipients == [[OPS]]
    await advance(store, 301)
    await work(store, both)
    assert mails.recipients == [[OPS], [OPS]]


async def test_who_a_policy_finds_on_call_is_told_also_of_a_site_of_others(
    store, rigs, post, mails  # noqa: F811
):  # fmt: skip
    people = await desk(store, post, ("bob",))
    async with store.pool.connection() as conn:
        await conn.execute("insert into site (name) values ('south') on conflict do nothing")
    await people.put_way("bob", "mail", BOB, ADMIN, is_on_call_only=True)
    await people.set_habit("bob", quiet_now(), ADMIN)
    await people.save_schedule("nights", "UTC", [ALWAYS], ADMIN, sites=["south"])
    await people.save_policy("usual", [Step(after_s=0, tell=("schedule:nights",))], ADMIN)
    await alerts.take(store, [hot(rigs[0])], T0)
    await work(store, post)
    assert mails.recipients == [[BOB]]
