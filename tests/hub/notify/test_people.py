"""People are told by their own ways: what, when, and who else when nobody answers."""

import datetime
import itertools

import pytest

from lode_hub import alerts
from lode_hub.errors import ForbiddenError, InvalidError, NotFoundError
from lode_hub.notify import Notifier, Routing, Senders, SmtpChannel, TwilioChannel, proper
from lode_hub.queries.telling import TellingQueries
from lode_hub.store.telling import Habit, Layer, Step
from lode_sim.messengers import SILENCE, Reply, Twilio
from tests.hub.notify.people import ADMIN, advance, desk, now_ms
from tests.hub.notify.test_notifier import T0, hot, rows
from tests.hub.sites import stage

ANN = "ann@mine.example"
ROUTING = Routing(group_wait_s=0.0, group_wait_max_s=0.0, base_url="http://hub.example")
ALWAYS = Layer(people=("bob",), begins_on=datetime.date(2020, 1, 1))


@pytest.fixture
async def rigs(store):
    return await stage.add_rigs(store, await stage.add_agent(store), 5)


@pytest.fixture
async def post(mails):
    """A mail server for people; nobody is told always."""
    senders = Senders(
        [SmtpChannel(name="mail", host="127.0.0.1", port=mails.port, tls="none", sender="l@x.y")]
    )
    yield senders
    await senders.close()


async def work(store, senders, routing=ROUTING):
    """Do once all that a notifier does now."""
    notifier = Notifier(store, senders, routing)
    await notifier.dispatch()
    for name in senders.channels:
        while await notifier.send_one(name):
            pass


async def test_a_person_is_told_by_their_way_from_its_severity_on(store, rigs, post, mails):
    people = await desk(store, post)
    await people.put_way("ann", "mail", ANN, ADMIN, min_severity="critical")
    await alerts.take(store, [hot(rigs[0], severity="warning", rule="other")], T0)
    await work(store, post)
    assert not mails.mails
    await alerts.take(store, [hot(rigs[0])], T0)
    await work(store, post)
    assert mails.recipients == [[ANN]]
    (sent,) = await TellingQueries(store, post).deliveries()
    assert (sent.person, sent.recipient, sent.state, sent.alerts) == ("ann", ANN, "sent", 1)


async def test_a_person_of_other_sites_is_not_told(store, rigs, post, mails):
    people = await desk(store, post)
    await people.put_way("ann", "mail", ANN, ADMIN)
    async with store.pool.connection() as conn:
        await conn.execute("update person set sites = '{south}' where name = 'ann'")
    await alerts.take(store, [hot(rigs[0])], T0)
    await work(store, post)
    assert not mails.mails


async def test_what_came_in_quiet_hours_is_told_after_them_as_one(store, rigs, post, mails):
    people = await desk(store, post)
    await people.put_way("ann", "mail", ANN, ADMIN)
    now = datetime.datetime.now(datetime.UTC)
    begin, end = (now + datetime.timedelta(hours=h) for h in (-1, 1))
    await people.set_habit("ann", Habit(quiet_from=begin.time(), quiet_until=end.time()), ADMIN)
    await alerts.take(store, [hot(rig, severity="warning") for rig in rigs[:2]], T0)
    await work(store, post)
    assert not mails.mails
    await alerts.take(store, [hot(rigs[2])], T0)  # critical, which she lets through
    await work(store, post)
    assert len(mails.mails) == 1
    await advance(store, 3700)
    await work(store, post)
    assert len(mails.mails) == 2
    assert "[digest] north rack A1" in mails.mails[1]["Subject"]
    assert "2 new" in mails.mails[1]["Subject"]


async def test_a_digest_has_the_lesser_and_the_rest_is_told_at_once(store, rigs, post, mails):
    people = await desk(store, post)
    await people.put_way("ann", "mail", ANN, ADMIN, min_severity="info")
    await people.set_habit("ann", Habit(digest="hourly"), ADMIN)
    await alerts.take(
        store, [hot(rigs[0], severity="info", rule="a"), hot(rigs[1], severity="warning")], T0
    )
    await work(store, post)
    assert len(mails.mails) == 1
    await advance(store, 3600)
    await work(store, post)
    assert mails.mails[1]["Subject"].startswith("[digest]")


async def policy(people):
    await people.save_schedule("nights", "UTC", [ALWAYS], ADMIN)
    await people.put_way("bob", "mail", "bob@mine.example", ADMIN, is_on_call_only=True)
    await people.put_way("cid", "mail", "cid@mine.example", ADMIN, min_severity="critical")
    steps = [
        Step(after_s=300, tell=("schedule:nights",)),
        Step(after_s=900, tell=("person:dan",)),
        Step(after_s=1800, tell=("person:dan", "person:cid")),
    ]
    await people.save_policy("usual", steps, ADMIN)


async def test_nobody_answers_and_ever_more_are_told(store, rigs, post, mails):
    people = await desk(store, post, ("bob", "cid", "dan"))
    await policy(people)
    await people.put_way("dan", "mail", "dan@mine.example", ADMIN, is_on_call_only=True)
    await alerts.take(store, [hot(rig) for rig in rigs], T0)
    told = []
    for pause_s in (0, 299, 2, 598, 2, 898, 2, 3590, 20, 5380, 40):
        await advance(store, pause_s)
        await work(store, post)
        told.append(sorted(to for one in mails.recipients for to in one))
        mails.recipients.clear()
    # Bob is on call, so he hears of it at once, too.
    bob, cid, dan = (f"{name}@mine.example" for name in ("bob", "cid", "dan"))
    assert told == [
        [bob, cid],
        [],
        [bob],
        [],
        [dan],
        [],
        [cid, dan],
        [],
        [cid, dan],
        [],
        [cid, dan],
    ]
    assert mails.mails[2]["Subject"].startswith("[critical, not acknowledged] north")
    # Nobody answers, so it goes on: after an hour, then twice as long, and once a day at last.
    await advance(store, 30 * 86_400)
    await work(store, post)
    left = "select extract(epoch from due_at - clock_timestamp()) as left_s from escalation"
    assert {round(row["left_s"], -1) for row in await rows(store, left)} == {86_400}
    (first,) = {row["id"] for row in await rows(store, "select min(id) as id from alert")}
    await alerts.acknowledge(store, first, "eve", T0 + 1)
    await advance(store, 86_401)
    await work(store, post)
    assert first not in {row["alert_id"] for row in await rows(store, "select * from escalation")}


@pytest.mark.parametrize("end", ["acknowledge", "resolve", "untold"])
async def test_an_escalation_ends_with_its_reason(store, rigs, post, mails, end):
    people = await desk(store, post, ("bob", "cid", "dan"))
    await policy(people)
    await alerts.take(store, [hot(rigs[0])], T0)
    await work(store, post)
    before = len(mails.mails)
    (timer,) = await TellingQueries(store, post).timers()
    if end == "untold":
        async with store.pool.connection() as conn:
            await conn.execute("update alert set untold = 'shelved'")
    else:
        await getattr(alerts, end)(store, timer.alert_id, "eve", T0 + 1)
        async with store.pool.connection() as conn:
            await conn.execute("delete from outbox")
    await advance(store, 301)
    await work(store, post)
    assert len(mails.mails) == before
    assert not await rows(store, "select 1 from escalation")


async def test_an_escalation_that_reaches_nobody_is_told_to_all_channels(store, rigs, mails):
    always = SmtpChannel(
        name="mail", host="127.0.0.1", port=mails.port, tls="none", sender="l@x.y",
        recipients=("ops@mine.example",),
    )  # fmt: skip
    senders = Senders([always])
    people = await desk(store, senders)
    await people.save_policy("usual", [Step(after_s=300, tell=("schedule:gone",))], ADMIN)
    await alerts.take(store, [hot(rigs[0])], T0)
    await work(store, senders)
    await advance(store, 301)
    await work(store, senders)
    assert mails.recipients == [["ops@mine.example"]] * 2
    await senders.close()


async def test_a_gap_in_a_schedule_is_an_alert_and_ends_when_mended(store, rigs, post, mails):
    people = await desk(store, post, ("bob",))
    await people.save_schedule("nights", "UTC", [ALWAYS], ADMIN)
    notifier = Notifier(store, post, ROUTING)
    await notifier.look_for_gaps()
    open_gaps = "select title from alert where rule = 'on-call-gap' and state = 'open'"
    (gap,) = await rows(store, open_gaps)
    assert "bob, who has no way to be told" in gap["title"]
    await people.put_way("bob", "mail", "bob@mine.example", ADMIN)
    await notifier.look_for_gaps()
    assert not await rows(store, open_gaps)
    (shift,) = await TellingQueries(store, post).shifts("nights")
    assert (shift.person, shift.is_reachable) == ("bob", True)
    begin = now_ms() - 1000
    number = await people.add_override("nights", "root", begin, begin + 3_600_000, ADMIN)
    (now,) = await TellingQueries(store, post).schedules()
    assert now.on_call == "root"
    await people.remove_override(number, ADMIN)


async def test_a_receiver_that_refuses_for_ten_minutes_is_not_pressed_and_harms_nobody(
    store, rigs, mails
):
    async with Twilio("AC1", "t0ken") as twilio:
        senders = Senders(
            [
                SmtpChannel(
                    name="mail", host="127.0.0.1", port=mails.port, tls="none", sender="l@x.y"
                ),
                TwilioChannel(name="sms", account="AC1", sender="+1", url=twilio.url),
            ]
        )
        people = await desk(store, senders)
        await people.put_way("ann", "mail", ANN, ADMIN)
        await people.put_way("ann", "sms", "+49 170 1234567", ADMIN)
        twilio.answers.extend(
            [Reply(status=429, headers={"Retry-After": "120"}), Reply(status=500)] * 20
        )
        await alerts.take(store, [hot(rigs[0])], T0)
        asked_at = []
        for second in range(0, 660, 10):
            before = len(twilio.requests)
            await work(store, senders)
            asked_at += [second] * (len(twilio.requests) - before)
            await advance(store, 10)
        assert len(mails.mails) == 1  # at once, and not again
        # After each 429 its two minutes, and after each 500 the back-off, are kept.
        pauses = [after - before for before, after in itertools.pairwise(asked_at)]
        assert all(pause >= 120 for pause in pauses[::2])
        assert len({one.headers["idempotency-key"] for one in twilio.requests}) == 1
        (waiting,) = await TellingQueries(store, senders).deliveries(states=["waiting"])
        assert waiting.attempts == len(twilio.requests)
        assert "t0ken" not in str(waiting.error)
        await senders.close()


async def test_the_test_button_says_the_true_error(store, mails):
    async with Twilio("AC1", "right") as twilio:
        senders = Senders(
            [
                SmtpChannel(
                    name="mail", host="127.0.0.1", port=mails.port, tls="none", sender="l@x.y"
                ),
                TwilioChannel(
                    name="sms", account="AC1", sender="+1", url=twilio.url, timeout_s=0.3
                ),
            ]
        )
        people = await desk(store, senders)
        tested = await people.test_channel("mail", ADMIN, ANN)
        assert tested.is_taken
        assert mails.mails[0]["Subject"] == "[test] Lode can tell you here"
        tested = await people.test_channel("sms", ADMIN, "+491701234567")
        assert not tested.is_taken
        assert "answered 401" in tested.said
        assert "Authenticate" in tested.said
        twilio.answers.append(SILENCE)
        assert "sms" in (await people.test_channel("sms", ADMIN, "+491701234567")).said
        with pytest.raises(InvalidError, match="nobody is told by it always"):
            await people.test_channel("sms", ADMIN)
        await senders.close()


class Viewer:
    name, role = "ann", "viewer"


async def test_who_may_what(store, post):
    people = await desk(store, post, ("ann", "bob"))
    async with store.pool.connection() as conn:
        await conn.execute("update person set role = 'viewer' where name = 'ann'")
    number = await people.put_way("ann", "mail", ANN, Viewer())  # her own
    for act in (
        people.put_way("bob", "mail", "b@x.y", Viewer()),
        people.put_way("ann", "webhook", "https://h.example/x", Viewer()),
        people.set_habit("bob", Habit(), Viewer()),
        people.save_schedule("s", "UTC", [ALWAYS], Viewer()),
        people.save_policy("p", [Step(after_s=0, tell=("person:ann",))], Viewer()),
        people.test_channel("mail", Viewer()),
    ):
        with pytest.raises(ForbiddenError):
            await act
    await people.remove_way(number, Viewer())


@pytest.mark.parametrize(
    ("kind", "address"),
    [
        ("mail", "ann"), ("mail", "a@b\r\nBcc: c@d"), ("mail", "Ann <a@b>"), ("mail", "a@b,c@d"),
        ("sms", "0170 1234567"), ("sms", "+49"), ("telegram", "ann"), ("webhook", "file:///etc"),
        ("webhook", "https://"), ("pigeon", "x"), ("mail", f"{'x' * 300}@y.z"),
    ],
)  # fmt: skip
def test_an_address_that_cannot_be_is_refused(kind, address):
    with pytest.raises(InvalidError):
        proper.address(kind, address)


async def test_what_cannot_be_is_refused(store, post):
    people = await desk(store, post)
    with pytest.raises(InvalidError, match="time zone"):
        await people.set_habit("ann", Habit(time_zone="../../etc/passwd"), ADMIN)
    steps = [Step(after_s=5, tell=("person:ann",))] * 2
    with pytest.raises(InvalidError, match="each step must come later"):
        await people.save_policy("p", steps, ADMIN)
    with pytest.raises(NotFoundError, match="person bob"):
        await people.save_schedule("s", "UTC", [ALWAYS], ADMIN)
