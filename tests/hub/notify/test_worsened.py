"""What becomes graver after it was told, up to the mailbox: whom, how often, and who is next."""

import pytest

from lode_hub import alerts
from lode_hub.notify import Senders, SmtpChannel
from lode_hub.queries.telling import TellingQueries
from lode_hub.store.telling import Step
from tests.hub.notify.conftest import notifying
from tests.hub.notify.people import ADMIN, advance, desk
from tests.hub.notify.test_notifier import T0, body_of, hot, nothing_waits
from tests.hub.notify.test_people import work
from tests.hub.sites import stage
from tests.hub.sites.stage import until


@pytest.fixture
async def rigs(store):
    return await stage.add_rigs(store, await stage.add_agent(store), 40)


async def test_forty_that_rise_together_are_one_more_mail_and_a_fall_is_none(
    store, rigs, smtp, mails
):
    async with notifying(store, smtp):
        await alerts.take(store, [hot(rig, severity="warning") for rig in rigs], T0)
        await until(lambda: mails.mails)
        await alerts.take(store, [hot(rig) for rig in rigs], T0 + 1)
        await until(lambda: len(mails.mails) == 2)
        for severity in ("warning", "critical"):
            again = [hot(rig, severity=severity) for rig in rigs]
            await alerts.take(store, again, T0 + 2)
        await alerts.take(store, [hot(rigs[0], is_active=False)], T0 + 60_000)
        await until(lambda: len(mails.mails) == 3)
        await until(lambda: nothing_waits(store))
    first, second, third = (mail["Subject"] for mail in mails.mails)
    assert first.startswith("[warning] north rack A1: rig over temperature, 40 new;")
    assert second.startswith("[critical, worse] north rack A1: rig over temperature, 40 worse;")
    assert "now:          worse" in body_of(mails.mails[1])
    assert third.startswith("[resolved] north: rig-001")


async def test_it_goes_where_what_is_critical_goes_and_on_until_somebody_answers(
    store, rigs, mails
):
    ann, bob, cid = (f"{name}@mine.example" for name in ("ann", "bob", "cid"))
    post = Senders(
        [SmtpChannel(name="mail", host="127.0.0.1", port=mails.port, tls="none", sender="l@x.y")]
    )
    people = await desk(store, post, ("ann", "bob", "cid"))
    await people.put_way("ann", "mail", ann, ADMIN, min_severity="warning")
    await people.put_way("bob", "mail", bob, ADMIN, min_severity="critical")
    await people.put_way("cid", "mail", cid, ADMIN, is_on_call_only=True)
    await people.save_policy("usual", [Step(after_s=300, tell=("person:cid",))], ADMIN)

    async def told() -> list[str]:
        await work(store, post)
        found = sorted(to for one in mails.recipients for to in one)
        mails.recipients.clear()
        return found

    (alert_id,) = (await alerts.take(store, [hot(rigs[0], severity="warning")], T0)).opened
    assert await told() == [ann]
    await alerts.acknowledge(store, alert_id, "ann", T0)
    assert await told() == []
    await alerts.take(store, [hot(rigs[0])], T0 + 1)
    assert await told() == [ann, bob]
    (timer,) = await TellingQueries(store, post).timers()
    assert timer.alert_id == alert_id
    await advance(store, 301)
    assert await told() == [cid]
    assert mails.mails[-1]["Subject"].startswith("[critical, not acknowledged] north")
    # The end goes to who was told of it as critical, though it is less grave by then.
    await alerts.take(store, [hot(rigs[0], severity="warning")], T0 + 2)
    await alerts.take(store, [hot(rigs[0], is_active=False)], T0 + 60_000)
    assert await told() == [ann, bob]
    await post.close()


async def test_a_timer_of_before_somebody_took_it_on_does_not_go_on(store, rigs, mails):
    post = Senders(
        [SmtpChannel(name="mail", host="127.0.0.1", port=mails.port, tls="none", sender="l@x.y")]
    )
    people = await desk(store, post, ("ann",))
    await people.put_way("ann", "mail", "ann@mine.example", ADMIN)
    await people.save_policy("usual", [Step(after_s=300, tell=("person:ann",))], ADMIN)
    (alert_id,) = (await alerts.take(store, [hot(rigs[0])], T0)).opened
    await work(store, post)
    await alerts.take(store, [hot(rigs[0], severity="warning")], T0)
    await alerts.acknowledge(store, alert_id, "ann", T0)
    await advance(store, 200)
    await alerts.take(store, [hot(rigs[0])], T0)
    await work(store, post)
    before = len(mails.mails)
    await advance(store, 200)
    await work(store, post)
    assert len(mails.mails) == before
    await advance(store, 101)
    await work(store, post)
    assert len(mails.mails) == before + 1
    await post.close()
