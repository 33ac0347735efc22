"""Kill a notifier, a real process, at random moments, and count what arrived in spite of it."""

import asyncio
import contextlib
import os
import random
import signal
import sys
import textwrap
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass

from lode_hub import alerts
from lode_hub.notify import Routing, SmtpChannel, WebhookChannel
from lode_hub.store import Store
from tests.hub.notify.conftest import notifying
from tests.hub.notify.sinks import HookSink, MailSink
from tests.hub.notify.test_notifier import T0, hot, nothing_waits, rows
from tests.hub.sites.stage import until

# Imported once, forked for each life: what is killed is a whole process.
DOOMED = """
    import asyncio, logging, os, sys
    import structlog
    from lode_hub.notify import Notifier, Routing, Senders, SmtpChannel, WebhookChannel
    from lode_hub.store import Store

    async def live(url, mail_port, hook_url):
        store = await Store.open(url)
        mail = SmtpChannel(
            name="mail", host="127.0.0.1", port=int(mail_port), tls="none",
            sender="lode@mine.example", recipients=("ann@mine.example",),
        )
        hook = WebhookChannel(name="hook", url=hook_url)
        routing = Routing(group_wait_s=0.02, poll_s=0.1, lease_s=1.0, send_timeout_s=0.9,
            site_at_once=10**6, recipient_at_once=10**6)
        await Notifier(store, Senders([mail, hook]), routing).run()

    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    for _ in sys.stdin:
        pid = os.fork()
        if not pid:
            asyncio.run(live(*sys.argv[1:]))
            os._exit(1)
        print(pid, flush=True)
        os.waitpid(pid, 0)
        print("dead", flush=True)
"""


@dataclass(frozen=True, kw_only=True)
class Toll:
    """What became of it."""

    kills: int
    told: int  # deliveries
    lost: int  # events of which a channel heard nothing
    repeats: int  # messages that came again, under the same key
    stray: int  # keys that the database does not know, or two for one event at one channel


async def kill_often(
    store: Store, url: str, rigs: list[int], *, kills: int, within_s: float, seed: int
) -> Toll:
    """Kill so often, or as often as there is time for, and let a last notifier do the rest."""
    chance = random.Random(seed)
    mails, hooks = await MailSink().start(), HookSink()
    mails.delay_s = hooks.delay_s = 0.01
    end, done = asyncio.get_running_loop().time() + within_s, 0
    async with doomed(url, str(mails.port), hooks.url) as lives:
        while done < kills and asyncio.get_running_loop().time() < end:
            pid = await lives.begin()
            news = [hot(rig, rule=f"rule-{done}") for rig in chance.sample(rigs, 2)]
            await alerts.take(store, news, T0)
            await asyncio.sleep(chance.uniform(0, 0.4))
            os.kill(pid, signal.SIGKILL)
            await lives.ended()
            done += 1
    async with notifying(store, *channels(mails.port, hooks.url), routing=LAST):
        await until(lambda: nothing_waits(store), 60)
    arrived = {
        "mail": Counter(str(one["Message-ID"])[1:].partition("@")[0] for one in mails.mails),
        "hook": Counter(headers["webhook-id"] for headers, _ in hooks.posts),
    }
    await mails.stop()
    hooks.stop()
    return await count(store, arrived, done)


class Lives:
    """Begins a notifier, and notices its end."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdin
        assert process.stdout
        self._asking, self._told = process.stdin, process.stdout

    async def begin(self) -> int:
        """Begin one; give its process."""
        self._asking.write(b"live\n")
        return int(await self._told.readline())

    async def ended(self) -> None:
        """Wait for its end."""
        assert await self._told.readline() == b"dead\n"


@contextlib.asynccontextmanager
async def doomed(*arguments: str) -> AsyncIterator[Lives]:
    """Prepare notifiers that are there to be killed."""
    program = (sys.executable, "-c", textwrap.dedent(DOOMED), *arguments)
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*program, stdin=pipe, stdout=pipe)
    try:
        yield Lives(process)
    finally:
        assert process.stdin
        process.stdin.close()
        await process.wait()


def channels(mail_port: int, hook_url: str) -> tuple[SmtpChannel, WebhookChannel]:
    """Give the channels that the doomed ones have, too."""
    mail = SmtpChannel(
        name="mail", host="127.0.0.1", port=mail_port, tls="none", sender="lode@mine.example",
        recipients=("ann@mine.example",),
    )  # fmt: skip
    return mail, WebhookChannel(name="hook", url=hook_url)


LAST = Routing(
    group_wait_s=0.02, poll_s=0.1, site_at_once=10**6, recipient_at_once=10**6, lease_s=5.0,
    send_timeout_s=4.0,
)  # fmt: skip


async def count(store: Store, arrived: dict[str, Counter[str]], kills: int) -> Toll:
    """Hold what arrived against what happened."""
    written = await rows(
        store,
        "select d.channel, d.key::text as key, de.event_id from delivery d "
        "join delivery_event de on de.delivery_id = d.id",
    )
    events = {row["id"] for row in await rows(store, "select id from alert_event")}
    lost = stray = 0
    for channel, keys in arrived.items():
        mine = [row for row in written if row["channel"] == channel]
        heard = [row["event_id"] for row in mine if row["key"] in keys]
        lost += len(events - set(heard))
        stray += len(heard) - len(set(heard)) + len(set(keys) - {row["key"] for row in mine})
    return Toll(
        kills=kills,
        told=sum(len(keys) for keys in arrived.values()),
        lost=lost,
        repeats=sum(sum(keys.values()) - len(keys) for keys in arrived.values()),
        stray=stray,
    )
