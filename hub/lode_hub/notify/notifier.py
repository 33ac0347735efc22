"""Deliver what the outbox holds, at least once: no crash loses it, and a crash may repeat it.

NOTIFY lode_alert ─┐
                   ├─► dispatch ─► deliveries ─► senders, some a channel: lease, send, mark
once a second ─────┘                             │ failed: back off, or give up and say so
"""

import asyncio
import datetime
import functools
import random
import time
import uuid
from collections.abc import Awaitable, Callable, Sequence

import structlog

from lode_hub import alerts, zones
from lode_hub.committed import Finding
from lode_hub.notify import oncall, webhook
from lode_hub.notify.channels import Receipt, Routing, WebhookChannel
from lode_hub.notify.dispatch import Dispatcher
from lode_hub.notify.errors import RefusedError, UnavailableError
from lode_hub.notify.links import PATH, Links
from lode_hub.notify.routes import reached
from lode_hub.notify.senders import Senders
from lode_hub.notify.text import MAX_LISTED, Message
from lode_hub.store import Store, outbox, outbox_sending, telling
from lode_hub.store.alerts import unresolved as open_alerts
from lode_hub.store.connection import Connection
from lode_hub.store.outbox_sending import Leased
from lode_hub.waiting import told

FAILED_RULE, FAILED_VERSION = "notify-failed", 3
GAP_RULE, GAP_VERSION = "on-call-gap", 1
GAP_AHEAD = datetime.timedelta(hours=24)
"""How long before it a gap in a schedule is told."""

PRUNE_S, GAPS_S = 3600.0, 60.0
SETTLED_S = 30.0
"""A step that ran so long before it failed had recovered from what was before."""

_log = structlog.get_logger(__name__)


class Notifier:
    """Tells the channels of alerts until it is cancelled. Several may run: each message has one.

    Args:
        store: the hub's database.
        senders: the channels.
        routing: what is told, and how patiently.
        links: makes acknowledge links; without it there are none.
        clock: gives the Unix time in seconds, of findings.
        chance: gives a random number in [0, 1), for the back-off.
    """

    def __init__(
        self,
        store: Store,
        senders: Senders,
        routing: Routing | None = None,
        *,
        links: Links | None = None,
        clock: Callable[[], float] = time.time,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._store = store
        self._senders = senders
        self._routing = routing or Routing()
        self._links = links
        self._clock = clock
        self._chance = chance
        self._dispatcher = Dispatcher(senders, self._routing)
        self._owner = uuid.uuid4()
        self._changed = asyncio.Event()
        self._due = {name: asyncio.Event() for name in senders.channels}
        self._well: set[str] = set()  # what has delivered, as a subject of FAILED_RULE
        self._pruned_s = 0.0
        self._dispatched_s = time.monotonic()

    async def run(self) -> None:
        """Deliver for ever; a database that is away is waited for."""
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._forever("listen", self._listen))
                tasks.create_task(self._forever("dispatch", self._dispatch))
                tasks.create_task(self._forever("gaps", self._look_for_gaps))
                for name in self._senders.channels:
                    for _ in range(self._routing.lanes):
                        send = functools.partial(self._send_due, name)
                        tasks.create_task(self._forever(name, send))
        finally:
            await self._senders.close()

    async def _forever(self, name: str, step: Callable[[], Awaitable[None]]) -> None:
        is_failing = False
        while True:
            begun = time.monotonic()
            try:
                await step()
                is_failing = False
            except Exception:
                # Said once for as long as it goes on, such as while the database is away.
                if not is_failing or time.monotonic() - begun > SETTLED_S:
                    _log.exception("notifier step failed", step=name)
                is_failing = True
                await asyncio.sleep(self._routing.poll_s)
            _end_if_cancelled()

    async def _listen(self) -> None:
        async for has_changed in outbox_sending.alert_changes(self._store, self._routing.poll_s):
            _end_if_cancelled()
            if has_changed:
                self._changed.set()

    async def _dispatch(self) -> None:
        """Turn the outbox into deliveries once, and wait until there may be more."""
        next_s = await self.dispatch()
        await told(self._changed, min(max(next_s, 0.02), self._routing.poll_s))

    async def dispatch(self) -> float:
        """Write the deliveries that are due; give the seconds until there may be more."""
        async with self._store.pool.connection() as conn, conn.transaction():
            next_s = await self._dispatcher.dispatch(conn)
            await self._keep_house(conn)
        for due in self._due.values():
            due.set()
        self._dispatched_s = time.monotonic()
        return next_s

    @property
    def late_s(self) -> float:
        """Seconds since the outbox was last gone through; a second or two while all is well."""
        return time.monotonic() - self._dispatched_s

    async def _keep_house(self, conn: Connection) -> None:
        if self._clock() - self._pruned_s < PRUNE_S:
            return
        self._pruned_s = self._clock()
        await outbox.prune(conn, self._routing.keep_days)
        buried = await outbox.bury_strangers(conn, list(self._senders.channels))
        if buried:
            _log.warning("deliveries buried", deliveries=buried, reason="channel not configured")

    async def _look_for_gaps(self) -> None:
        """Say which schedules will have nobody on call, and wait."""
        await self.look_for_gaps()
        await asyncio.sleep(GAPS_S)

    async def look_for_gaps(self) -> None:
        """Say of each schedule whether somebody can be reached at every moment to come."""
        async with self._store.pool.connection() as conn:
            now = await telling.now(conn)
            schedules = await telling.schedules(conn)
            ways = await telling.ways(conn)
            open_ = await open_alerts(conn, [GAP_RULE, FAILED_RULE])
        now_ms = int(self._clock() * 1000)
        findings = []
        for schedule in schedules:
            reachable = reached(schedule, ways, self._senders)
            gap = oncall.gap(schedule, now, now + GAP_AHEAD, reachable)
            findings.append(_gap_finding(schedule, gap, now_ms))
        there = {finding.subject for finding in findings} | self._subjects(ways)
        findings += [_gone(rule, of, now_ms) for rule, of, _ in open_ if of not in there]
        if findings:
            await alerts.take(self._store, findings, now_ms)

    def _subjects(self, ways: Sequence[telling.Way]) -> set[str]:
        """List all that may be said not to deliver."""
        found = {_whole(name) for name in self._senders.channels}
        found |= {f"{_whole(name)}{outbox.OWN}" for name in self._senders.channels}
        for way in ways:
            channel = self._senders.serving(way.kind)
            found |= {f"{_whole(channel.name)}{outbox.WAY}{way.id}"} if channel else set()
        return found

    async def _send_due(self, name: str) -> None:
        """Send all that is due on a channel, and wait until there may be more."""
        while await self.send_one(name):
            pass
        async with self._store.pool.connection() as conn:
            next_s = await outbox_sending.next_due_s(conn, name)
        poll_s = self._routing.poll_s
        wait_s = poll_s if next_s is None else min(max(next_s, 0.02), poll_s)
        await told(self._due[name], wait_s)

    async def send_one(self, name: str) -> bool:
        """Lease, send and mark the next due delivery of a channel; give whether there was one."""
        async with self._store.pool.connection() as conn:
            leased = await outbox_sending.lease(conn, name, self._owner, self._routing.lease_s)
            if leased is None:
                return False
            message = await self._message(conn, leased)
        # The connection is back in the pool: a slow channel must not hold it.
        try:
            receipt = Receipt()
            if message.items:
                receipt = await self._senders.send(name, message, leased.recipient)
        except RefusedError as error:
            await self._give_up(leased, str(error), refused_by(leased))
        except UnavailableError as error:
            await self._try_later(leased, error)
        else:
            await self._succeed(leased, receipt)
        return True

    async def _message(self, conn: Connection, leased: Leased) -> Message:
        is_machine = isinstance(self._senders.channels[leased.channel], WebhookChannel)
        limit = webhook.MAX_LISTED if is_machine else MAX_LISTED
        seen = await outbox_sending.overview(conn, leased.id)
        ack_url, base_url = "", self._routing.base_url.rstrip("/")
        if self._links and base_url and leased.person and seen.is_open:
            ack_url = f"{base_url}{PATH}{self._links.make(leased.id)}"
        return Message(
            key=str(leased.key),
            site=leased.site,
            cause=leased.cause,
            what=leased.what,
            items=await outbox_sending.items(conn, leased.id, limit),
            overview=seen,
            base_url=base_url,
            ack_url=ack_url,
        )

    async def _succeed(self, leased: Leased, receipt: Receipt) -> None:
        note, whom = receipt.complaint, refused_by(leased)
        async with self._store.pool.connection() as conn:
            await outbox_sending.mark_sent(
                conn, leased.id, self._owner, reference=receipt.reference, note=note
            )
        _log.info("notification sent", channel=leased.channel, key=str(leased.key))
        if note:
            await self._report(leased, whom, note)
        for subject in {_whole(leased.channel), *([] if note else [whom])} - self._well:
            await self._report(leased, subject, "")

    async def _try_later(self, leased: Leased, error: UnavailableError) -> None:
        if leased.attempts >= self._routing.max_attempts:
            await self._give_up(leased, str(error), _whole(leased.channel))
            return
        after_s = max(self.backoff_s(leased.attempts), error.after_s or 0.0)
        async with self._store.pool.connection() as conn:
            said = str(error)
            await outbox_sending.retry(conn, leased.id, self._owner, after_s=after_s, error=said)

    async def _give_up(self, leased: Leased, error: str, subject: str) -> None:
        # Say it before it is buried: a crash between the two repeats, and loses nothing.
        await self._report(leased, subject, error)
        async with self._store.pool.connection() as conn:
            await outbox_sending.bury(conn, leased.id, self._owner, error)
        _log.error(
            "notification given up", channel=leased.channel, key=str(leased.key), error=error
        )

    async def _report(self, leased: Leased, subject: str, error: str) -> None:
        """Say what does not deliver, and why; or, without an error, that it does."""
        self._well = self._well - {subject} if error else self._well | {subject}
        now_ms = int(self._clock() * 1000)
        whom = f" to {leased.person}" if leased.person else ""
        finding = Finding(
            rule=FAILED_RULE,
            subject=subject,
            is_active=bool(error),
            severity="critical",
            at_ms=now_ms,
            title=f"channel {leased.channel} does not deliver{whom}: {leased.cause or leased.what}",
            likely_cause=error,
            evidence={
                "rule_version": FAILED_VERSION,
                "attempts": leased.attempts,
                "delivery": leased.id,
                "error": error,
            },
        )
        await alerts.take(self._store, [finding], now_ms)

    def backoff_s(self, attempts: int) -> float:
        """Give the pause after so many attempts: doubling, bounded, and up to a quarter longer."""
        routing = self._routing
        pause_s = min(routing.first_retry_s * 2.0 ** min(attempts - 1, 30), routing.last_retry_s)
        return pause_s * (1 + self._chance() / 4)


def refused_by(leased: Leased) -> str:
    """Give the subject for a recipient that refuses: a person's way, or those of the settings."""
    way = f"{outbox.WAY}{leased.way_id}" if leased.way_id else outbox.OWN
    return f"{_whole(leased.channel)}{way}"


def _whole(channel: str) -> str:
    return f"{outbox.CHANNEL_SUBJECT}{channel}"


def _gone(rule: str, subject: str, now_ms: int) -> Finding:
    """Say that a schedule, a way or a channel that was in trouble is there no more."""
    return Finding(
        rule=rule,
        subject=subject,
        is_active=False,
        severity="warning",
        at_ms=now_ms,
        title=f"{subject.partition(':')[0]}: removed",
        evidence={"rule_version": GAP_VERSION if rule == GAP_RULE else FAILED_VERSION},
    )


def _gap_finding(schedule: telling.Schedule, gap: oncall.Shift | None, now_ms: int) -> Finding:
    title, cause = f"schedule {schedule.name}: somebody is on call", ""
    evidence: dict[str, object] = {"rule_version": GAP_VERSION}
    is_zone_known = zones.known(schedule.time_zone) is not None
    if not is_zone_known:
        title = f"schedule {schedule.name}: runs by UTC, for {schedule.time_zone} is not known here"
        cause = "the hub's machine has no table of time zones: pip install tzdata, and restart"
        evidence |= {"time_zone": schedule.time_zone}
    if gap is not None:
        begin, end = gap.from_at.strftime("%a %H:%M UTC"), gap.until_at.strftime("%a %H:%M UTC")
        who = f"{gap.person}, who has no way to be told," if gap.person else "nobody"
        title = f"schedule {schedule.name}: {who} is on call from {begin} to {end}"
        cause = "the layers leave a hole, or the person has no channel: mend it, or override it"
        evidence |= {"from": gap.from_at.isoformat(), "until": gap.until_at.isoformat()}
    return Finding(
        rule=GAP_RULE,
        subject=f"schedule:{schedule.name}",
        is_active=gap is not None or not is_zone_known,
        severity="warning",
        at_ms=now_ms,
        title=title,
        likely_cause=cause,
        evidence=evidence,
    )


def _end_if_cancelled() -> None:
    # Python 3.11's wait_for, which psycopg and aiosmtplib wait with, swallows a cancellation that
    # comes together with the answer (github.com/python/cpython/issues/86296).
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError
