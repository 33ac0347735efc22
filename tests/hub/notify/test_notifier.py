"""From an alert to the mailbox and the webhook, through trouble."""

import asyncio
import contextlib
import json
import sys
import textwrap
import time

import psycopg
import pytest
from aiosmtpd.smtp import SMTP
from psycopg.rows import dict_row

from lode_hub import alerts
from lode_hub.committed import Finding
from lode_hub.notify import Notifier, Routing, Senders, SmtpChannel
from lode_hub.notify.webhook import sign
from tests.hub.notify.conftest import QUICK, notifying
from tests.hub.sites import stage
from tests.hub.sites.stage import until

T0 = 1_700_000_000_000


def hot(rig: int, *, is_active: bool = True, **more: object) -> Finding:
    values: dict[str, object] = {
        "rule": "rig-over-temperature", "subject": f"device:{rig}", "is_active": is_active,
        "severity": "critical", "at_ms": T0,
        "title": f"rig-{rig:03} is too hot: chip 101.0 °C, limit 95 °C",
        "likely_cause": "2 of 4 fans do not turn: replace them",
        "evidence": {"temp_c": 101.0, "limit_c": 95.0, "since_ms": T0, "rule_version": 1},
    } | more  # fmt: skip
    return Finding(**values)  # type: ignore[arg-type]


@pytest.fixture
async def rigs(store):
    return await stage.add_rigs(store, await stage.add_agent(store), 40)


async def rows(store, query):
    async with store.pool.connection() as conn:
        return await (await conn.cursor(row_factory=dict_row).execute(query)).fetchall()


def body_of(mail):
    return mail.get_body(("plain",)).get_content()


async def test_an_alert_becomes_a_mail_that_says_it_all(store, rigs, smtp, mails):
    async with notifying(store, smtp):
        await alerts.take(store, [hot(rigs[0])], T0)
        await until(lambda: mails.mails)
    (mail,) = mails.mails
    assert mail["Subject"] == "[critical] north: rig-001 is too hot: chip 101.0 °C, limit 95 °C"
    assert mail["From"] == "Lode <lode@mine.example>"
    assert mails.recipients == [["ann@mine.example", "bob@mine.example"]]
    for words in (
        "since:        2023-11-14 22:13:20 UTC",
        "likely cause: 2 of 4 fans do not turn",
        "temp 101 °C, limit 95 °C",
        "http://hub.example:8420/alerts/1",
    ):
        assert words in body_of(mail)
    assert "<h3>rig-001 is too hot" in mail.get_body(("html",)).get_content()


async def test_with_the_usual_settings_a_mail_leaves_soon(store, rigs, smtp, mails):
    async with notifying(store, smtp, routing=Routing()):
        await alerts.take(store, [hot(rigs[0])], T0)
        await until(lambda: mails.mails)


async def test_a_cancellation_that_was_swallowed_ends_it_all_the_same(store, smtp):
    class Deaf(Notifier):
        """Loses a cancellation in a step, as wait_for of Python 3.11 may."""

        async def _send_due(self, _):
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.Event().wait()

    task = asyncio.create_task(Deaf(store, Senders([smtp]), QUICK).run())
    await until(lambda: rows(store, "select 1 from pg_stat_activity where query ~ '^listen'"))
    task.cancel()
    done, _ = await asyncio.wait({task}, timeout=30)
    assert done


async def test_forty_rigs_that_overheat_together_are_one_mail(store, rigs, smtp, mails):
    async with notifying(store, smtp):
        await alerts.take(store, [hot(rig) for rig in rigs[:20]], T0)
        await alerts.take(store, [hot(rig) for rig in rigs[20:]], T0)
        await until(lambda: mails.mails)
        await until(lambda: nothing_waits(store))
    (mail,) = mails.mails
    head = "[critical] north rack A1: rig over temperature, 40 new; worst: rig-001 is too hot: "
    assert mail["Subject"].startswith(head)
    assert all(f"rig-{rig:03} is too hot" in body_of(mail) for rig in rigs)


async def nothing_waits(store):
    waiting = "select 1 from delivery where state = 'waiting'"
    return not await rows(store, f"{waiting} union all select 1 from outbox")


async def test_sites_and_rules_are_not_mixed(store, rigs, smtp, mails):
    (other,) = await stage.add_rigs(store, await stage.add_agent(store, "south-1", "south"), 1)
    async with notifying(store, smtp):
        found = [hot(rigs[0]), hot(other), hot(rigs[1], rule="rig-silent")]
        await alerts.take(store, found, T0)
        await until(lambda: len(mails.mails) == 3)


async def test_the_end_of_an_alert_is_told(store, rigs, smtp, mails):
    async with notifying(store, smtp):
        await alerts.take(store, [hot(rigs[0])], T0)
        await until(lambda: mails.mails)
        cool = hot(rigs[0], is_active=False, evidence={"temp_c": 70.0})
        await alerts.take(store, [cool], T0 + 60_000)
        await until(lambda: len(mails.mails) == 2)
    assert mails.mails[1]["Subject"].startswith("[resolved] north: rig-001")
    assert "until:        2023-11-14 22:14:20 UTC" in body_of(mails.mails[1])
    assert "at the end:   temp 70 °C" in body_of(mails.mails[1])


async def test_what_is_not_wanted_is_not_told_and_does_not_pile_up(store, rigs, smtp, mails):
    routing = Routing(group_wait_s=0.1, poll_s=0.1, min_severity="critical")
    async with notifying(store, smtp, routing=routing):
        await alerts.take(store, [hot(rigs[0], severity="warning")], T0)
        await until(lambda: nothing_waits(store))
    assert mails.mails == []


async def test_a_webhook_is_signed_and_has_a_key(store, rigs, hook, hooks):
    async with notifying(store, hook):
        await alerts.take(store, [hot(rigs[0])], T0)
        await until(lambda: hooks.posts)
    ((headers, body),) = hooks.posts
    key, at_s = headers["webhook-id"], int(headers["webhook-timestamp"])
    assert headers["idempotency-key"] == key
    assert headers["webhook-signature"] == sign(key, body, "s3cret", at_s)
    sent = json.loads(body)
    assert (sent["id"], sent["what"], sent["site"]) == (key, "news", "north")
    assert sent["alerts"][0]["subject"] == "rig-001"
    assert sent["alerts"][0]["key"] == f"device:{rigs[0]}"
    assert sent["alerts"][0]["evidence"]["temp_c"] == 101.0
    first = sent["alerts"][0]
    assert first["link"] == f"http://hub.example:8420/alerts/{first['alert_id']}"


async def test_failing_then_fine_is_sent_with_the_same_key(store, rigs, hook, hooks):
    hooks.answers = [(500, {}), (502, {})]
    async with notifying(store, hook):
        await alerts.take(store, [hot(rigs[0])], T0)
        await until(lambda: len(hooks.posts) == 3)
        await until(lambda: nothing_waits(store))
    assert len({headers["idempotency-key"] for headers, _ in hooks.posts}) == 1
    (delivery,) = await rows(store, "select * from delivery")
    assert (delivery["state"], delivery["attempts"]) == ("sent", 3)


async def test_retry_after_is_honoured(store, rigs, hook, hooks):
    hooks.answers = [(429, {"Retry-After": "1"})]
    async with notifying(store, hook):
        await alerts.take(store, [hot(rigs[0])], T0)
        await until(lambda: hooks.posts)
        begin = time.monotonic()
        await until(lambda: len(hooks.posts) == 2)
    assert time.monotonic() - begin > 0.9


async def test_a_mail_server_that_is_busy_is_tried_again(store, rigs, smtp, mails):
    mails.answers = ["451 come back later"]
    async with notifying(store, smtp):
        await alerts.take(store, [hot(rigs[0])], T0)
        await until(lambda: len(mails.mails) == 2)
    assert mails.mails[0]["Message-ID"] == mails.mails[1]["Message-ID"]
    assert mails.mails[0]["Message-ID"].endswith("@mine.example>")


async def test_what_is_never_taken_is_given_up_and_told_elsewhere(
    store, rigs, smtp, mails, hook, hooks
):
    hooks.answers = [(500, {})] * 4
    async with notifying(store, smtp, hook):
        await alerts.take(store, [hot(rigs[0])], T0)
        await until(lambda: len(mails.mails) == 2)
        failed = "select * from alert where rule = 'notify-failed' and state = "
        (alert,) = await rows(store, f"{failed} 'open'")
        assert alert["subject"] == "channel:ops-hook"
        assert alert["evidence"]["attempts"] == 4
        assert "answered 500" in alert["likely_cause"]
        await alerts.take(store, [hot(rigs[1])], T0)  # and now it works again
        await until(lambda: rows(store, f"{failed} 'resolved'"))
    assert "channel ops-hook does not deliver" in mails.mails[1]["Subject"]
    told = [json.loads(body)["cause"] for _, body in hooks.posts[4:]]
    assert "notify-failed" not in told
    dead = await rows(store, "select * from delivery where state = 'dead'")
    assert [row["attempts"] for row in dead] == [4]


async def test_a_refused_message_is_given_up_at_once(store, rigs, hook, hooks):
    hooks.answers = [(400, {})]
    async with notifying(store, hook):
        await alerts.take(store, [hot(rigs[0])], T0)
        await until(lambda: rows(store, "select 1 from alert where rule = 'notify-failed'"))
    assert len(hooks.posts) == 1


async def test_a_refused_recipient_is_said_and_the_others_get_it(store, rigs, smtp, mails):
    mails.refused = {"bob@mine.example"}
    async with notifying(store, smtp):
        await alerts.take(store, [hot(rigs[0])], T0)
        await until(lambda: rows(store, "select 1 from alert where rule = 'notify-failed'"))
        await until(lambda: nothing_waits(store))
    assert mails.recipients == [["ann@mine.example"]]


async def test_a_mail_server_that_is_away_and_comes_back(store, rigs, smtp, mails):
    await mails.stop()
    routing = Routing(group_wait_s=0.1, poll_s=0.1, first_retry_s=0.1, last_retry_s=0.1)
    async with notifying(store, smtp, routing=routing):
        await alerts.take(store, [hot(rigs[0])], T0)
        await until(lambda: rows(store, "select 1 from delivery where attempts > 1"))
        back = await asyncio.get_running_loop().create_server(
            lambda: SMTP(mails), "127.0.0.1", mails.port
        )
        await until(lambda: mails.mails)
        back.close()


async def test_a_server_that_says_nothing_is_not_waited_for_long(store, rigs, smtp):
    done = asyncio.Event()

    async def mute(reader, writer):
        await reader.read()
        writer.close()
        done.set()

    async with await asyncio.start_server(mute, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        channel = SmtpChannel(
            name="mute", host="127.0.0.1", port=port, tls="none", sender=smtp.sender,
            recipients=smtp.recipients, timeout_s=0.3,
        )  # fmt: skip
        notifier = Notifier(store, Senders([channel]), QUICK)
        await alerts.take(store, [hot(rigs[0])], T0)
        await until(lambda: dispatched(notifier, store))
        assert await notifier.send_one(channel.name)
        await asyncio.wait_for(done.wait(), 40)
        (delivery,) = await rows(store, "select * from delivery")
    assert (delivery["state"], delivery["attempts"]) == ("waiting", 1)
    assert "mail mute" in delivery["error"]


async def dispatched(notifier, store):
    await notifier.dispatch()
    return await rows(store, "select 1 from delivery")


async def test_two_notifiers_send_each_message_once(store, rigs, hook, hooks):
    async with notifying(store, hook), notifying(store, hook):
        for n, rig in enumerate(rigs[:5]):
            await alerts.take(store, [hot(rig, rule=f"rule-{n}")], T0)
        await until(lambda: len(hooks.posts) >= 5)
        await until(lambda: nothing_waits(store))
    assert len({headers["webhook-id"] for headers, _ in hooks.posts}) == len(hooks.posts) == 5


async def test_many_messages_about_the_same_are_slowed_down(store, rigs, hook, hooks):
    routing = Routing(group_wait_s=0.05, poll_s=0.05, updates_at_once=2)
    async with notifying(store, hook, routing=routing):
        for n, rig in enumerate(rigs[:2]):
            await alerts.take(store, [hot(rig)], T0)
            await until(lambda n=n: len(hooks.posts) == n + 1)
        await alerts.take(store, [hot(rigs[2])], T0)
        with pytest.raises(AssertionError, match="not within"):
            await until(lambda: len(hooks.posts) == 3, 0.5)


async def test_a_database_that_drops_everybody_is_waited_for(store, postgres, rigs, smtp, mails):
    async with notifying(store, smtp):
        await alerts.take(store, [hot(rigs[0])], T0)
        await until(lambda: mails.mails)
        async with await psycopg.AsyncConnection.connect(postgres, autocommit=True) as other:
            everybody = "select pg_terminate_backend(pid) from pg_stat_activity"
            await other.execute(
                f"{everybody} where pid <> pg_backend_pid() and datname = current_database()"
            )
            await other.execute("select pg_sleep(0.3)")
        await until(lambda: taken_at_last(store, hot(rigs[1])))
        await until(lambda: len(mails.mails) == 2)


async def taken_at_last(store, finding):
    with contextlib.suppress(psycopg.OperationalError):
        return await alerts.take(store, [finding], T0)


KILLED = """
    import asyncio, sys
    from lode_hub.notify import Notifier, Routing, Senders, SmtpChannel
    from lode_hub.store import Store

    async def main(url, port):
        store = await Store.open(url)
        channel = SmtpChannel(
            name="ops-mail", host="127.0.0.1", port=int(port), tls="none",
            sender="lode@mine.example", recipients=("ann@mine.example",),
        )
        await Notifier(store, Senders([channel]), Routing(group_wait_s=0.05, lease_s=1.0)).run()

    asyncio.run(main(*sys.argv[1:]))
"""


async def test_a_notifier_killed_between_send_and_mark_loses_nothing(
    store, postgres, rigs, smtp, mails
):
    mails.hold = asyncio.Event()  # the mail is taken, but the notifier never hears of it
    program = textwrap.dedent(KILLED)
    doomed = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, postgres, str(mails.port)
    )
    try:
        await alerts.take(store, [hot(rigs[0])], T0)
        await until(lambda: mails.mails, 30)
    finally:
        doomed.kill()
        await doomed.wait()
    mails.hold.set()
    mails.hold = None
    async with notifying(store, smtp):
        await until(lambda: len(mails.mails) == 2)
        await until(lambda: nothing_waits(store))
    first, second = mails.mails
    assert first["Message-ID"] == second["Message-ID"]
