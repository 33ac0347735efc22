"""Ten thousand alerts at once: few messages, soon; another site is not delayed."""

import json

import pytest

from lode_hub import alerts
from lode_hub.notify import Routing
from tests.hub.notify.conftest import notifying
from tests.hub.notify.test_notifier import T0, hot, nothing_waits, rows
from tests.hub.sites import stage
from tests.hub.sites.stage import until

RIGS, CAUSES = 2000, 4


def storm(rigs):
    rules = ("rig-over-temperature", "rig-low-hashrate", "rig-unreachable", "rig-fan")[:CAUSES]
    return [hot(rig, rule=rule) for rule in rules for rig in rigs]


@pytest.mark.slow
async def test_a_storm_is_few_messages_and_another_site_is_heard(store, smtp, mails, hook, hooks):
    rigs = await stage.add_rigs(store, await stage.add_agent(store), RIGS)
    (other,) = await stage.add_rigs(store, await stage.add_agent(store, "south-1", "south"), 1)
    async with notifying(store, smtp, hook, routing=Routing()):
        found = storm(rigs)
        for first in range(0, len(found), 1000):  # as ingest hands them over
            await alerts.take(store, found[first : first + 1000], T0)
        await alerts.take(store, [hot(other)], T0)
        await until(lambda: any("south" in str(mail["Subject"]) for mail in mails.mails), 60)
        await until(lambda: told_all(hooks, len(found) + 1), 60)
        await until(lambda: nothing_waits(store), 90)
    assert len(mails.mails) + len(hooks.posts) <= 20
    # Every alert is in a message of each channel, and in one only.
    per_channel = await rows(
        store,
        """
        select count(*) as told, count(distinct event_id) as alerts
        from delivery_event join delivery on delivery_id = delivery.id group by channel
        """,
    )
    assert per_channel == [{"told": len(found) + 1, "alerts": len(found) + 1}] * 2


def told_all(hooks, n):
    return sum(json.loads(body)["total"] for _, body in hooks.posts) >= n


async def test_too_much_for_one_recipient_becomes_a_digest(store, hook, hooks):
    rigs = await stage.add_rigs(store, await stage.add_agent(store), 30)
    routing = Routing(group_wait_s=0.1, poll_s=0.1, group_wait_max_s=0.2)
    async with notifying(store, hook, routing=routing):
        many = [hot(rig, rule=f"rule-{n}") for n, rig in enumerate(rigs)]
        await alerts.take(store, many, T0)
        await until(lambda: told_all(hooks, 30), 30)
    what = [json.loads(body)["what"] for _, body in hooks.posts]
    assert what == ["news"] * routing.site_at_once + ["digest"]


async def test_what_is_critical_does_not_wait_for_what_was_not(store, hook, hooks):
    rigs = await stage.add_rigs(store, await stage.add_agent(store), 5)
    routing = Routing(group_wait_s=0.05, poll_s=0.05)
    async with notifying(store, hook, routing=routing):
        for n, rig in enumerate(rigs[:3]):
            await alerts.take(store, [hot(rig, severity="warning")], T0)
            await until(lambda n=n: len(hooks.posts) == n + 1)
        await alerts.take(store, [hot(rigs[3], severity="warning")], T0)
        await alerts.take(store, [hot(rigs[4])], T0)
        await until(lambda: len(hooks.posts) == 4)
    last = json.loads(hooks.posts[3][1])
    assert last["total"] == 2  # the one that waited comes with it
    assert last["alerts"][0]["severity"] == "critical"
