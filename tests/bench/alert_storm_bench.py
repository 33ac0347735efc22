"""Ten thousand alerts at once, to a mail server and a webhook; then 200 kills of the notifier."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import numpy as np

from lode_hub import alerts
from lode_hub.notify import Routing, SmtpChannel, WebhookChannel
from lode_hub.store import Store
from tests import databases
from tests.bench.figure import Figure
from tests.bench.stage import warn_only
from tests.hub.notify.conftest import notifying
from tests.hub.notify.killing import Toll, kill_often
from tests.hub.notify.sinks import HookSink, MailSink
from tests.hub.notify.test_notifier import T0, hot
from tests.hub.sites import stage
from tests.hub.sites.stage import until

RIGS, RULES, AT_ONCE, KILLS = 2500, 4, 1000, 200


def run() -> Iterator[Figure]:
    """Measure one storm, and count what kills lose."""
    warn_only()
    with databases.server("embedded", on_disk=True) as server, databases.fresh(*server) as url:
        n, first_s, p99_s, other_s = asyncio.run(storm(url))
    yield Figure(name="storm: messages for 10,000 alerts", value=n, unit="", ratio=n / 20,
        against="the limit of 20")  # fmt: skip
    for name, value, limit_s in (
        ("first message", first_s, 5.0),
        ("p99 of alerts told", p99_s, 30.0),
        ("another site's alert told", other_s, 5.0),
    ):
        yield Figure(name=f"storm: {name}", value=value, unit="s", ratio=value / limit_s,
            against=f"the limit of {limit_s:.0f} s")  # fmt: skip
    with databases.server("embedded", on_disk=True) as server, databases.fresh(*server) as url:
        toll = asyncio.run(killed(url))
    yield Figure(name=f"kill -9 x {toll.kills}: events lost", value=toll.lost, unit="")
    yield Figure(name=f"kill -9 x {toll.kills}: repeats, same key", value=toll.repeats, unit="")
    yield Figure(name=f"kill -9 x {toll.kills}: strays", value=toll.stray, unit="")


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[Store]:
    store = await Store.open(url)
    await store.migrate()
    try:
        yield store
    finally:
        await store.close()


async def storm(url: str) -> tuple[int, float, float, float]:
    """Give the messages, and the seconds to the first, to nearly all, to another site's."""
    mails, hooks = await MailSink().start(), HookSink()
    came: list[tuple[float, int, str]] = []
    smtp = SmtpChannel(
        name="mail", host="127.0.0.1", port=mails.port, tls="none", sender="lode@mine.example",
        recipients=("ann@mine.example",),
    )  # fmt: skip
    async with opened(url) as store:
        rigs = await stage.add_rigs(store, await stage.add_agent(store), RIGS)
        (other,) = await stage.add_rigs(store, await stage.add_agent(store, "s-1", "south"), 1)
        news = [hot(rig, rule=f"rule-{rule}") for rule in range(RULES) for rig in rigs]
        async with notifying(store, smtp, WebhookChannel(name="hook", url=hooks.url),
                             routing=Routing()):  # fmt: skip
            watching = asyncio.create_task(watch(hooks, came, len(news) + 1))
            taken = []
            for first in range(0, len(news), AT_ONCE):
                await alerts.take(store, news[first : first + AT_ONCE], T0)
                taken += [time.monotonic()] * AT_ONCE
            await alerts.take(store, [hot(other)], T0)
            other_at = time.monotonic()
            await watching
            await until(lambda: len(mails.mails) >= 2, 60)
            await asyncio.sleep(1.0)  # for the last mail
    begun = taken[0]
    told = np.repeat([at for at, _, site in came if site != "south"],
                     [n for _, n, site in came if site != "south"])  # fmt: skip
    late = np.sort(told)[: len(taken)] - np.array(taken)[: len(told)]
    other_s = next(at for at, _, site in came if site == "south") - other_at
    await mails.stop()
    hooks.stop()
    n = len(mails.mails) + len(hooks.posts)
    return n, came[0][0] - begun, float(np.percentile(late, 99)), max(other_s, 0.0)


async def watch(hooks: HookSink, came: list[tuple[float, int, str]], n: int) -> None:
    """Note when each post came, of how many alerts, from which site."""
    while sum(alerts for _, alerts, _ in came) < n:
        for _, body in hooks.posts[len(came) :]:
            post = json.loads(body)
            came.append((time.monotonic(), post["total"], str(post["site"])))
        await asyncio.sleep(0.005)


async def killed(url: str) -> Toll:
    """Kill the notifier."""
    async with opened(url) as store:
        rigs = await stage.add_rigs(store, await stage.add_agent(store), 10)
        return await kill_often(store, url, rigs, kills=KILLS, within_s=600, seed=1)
