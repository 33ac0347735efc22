"""Deliver what the outbox holds, at least once: no crash loses it, and a crash may repeat it.

NOTIFY lode_alert ─┐
                   ├─► dispatch: groups ─► deliveries ─► one sender a channel: lease, send, mark
once a second ─────┘                                     │ failed: back off, or give up and say so
"""

import asyncio
import contextlib
import functools
import random
import time
import uuid
from collections.abc import Awaitable, Callable, Sequence

import structlog

from lode_hub import alerts
from lode_hub.committed import Finding
from lode_hub.notify import mail, webhook
from lode_hub.notify.channels import Channel, Routing, SmtpChannel
from lode_hub.notify.errors import RefusedError, UnavailableError
from lode_hub.notify.text import Message
from lode_hub.store import Store, outbox
from lode_hub.store.connection import Connection

FAILED_RULE = "notify-failed"
FAILED_VERSION = 1
PRUNE_S = 3600.0
SETTLED_S = 30.0
"""A step that ran so long before it failed had recovered from what was before."""

_log = structlog.get_logger(__name__)


class Notifier:
    """Tells the channels of alerts until it is cancelled. Several may run: each message has one."""

    def __init__(
        self,
        store: Store,
        channels: Sequence[Channel],
        routing: Routing | None = None,
        *,
        clock: Callable[[], float] = time.time,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._store = store
        self._channels = channels
        self._routing = routing or Routing()
        self._clock = clock
        self._chance = chance
        self._owner = uuid.uuid4()
        self._changed = asyncio.Event()
        self._due = {channel.name: asyncio.Event() for channel in channels}
        self._may_be_failed = {channel.name for channel in channels}  # before the first success
        self._pruned_s = 0.0

    async def run(self) -> None:
        """Deliver for ever; a database that is away is waited for."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._forever("listen", self._listen))
            tasks.create_task(self._forever("dispatch", self._dispatch))
            for channel in self._channels:
                send = functools.partial(self._send_due, channel)
                tasks.create_task(self._forever(channel.name, send))

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
        async for has_changed in outbox.alert_changes(self._store, self._routing.poll_s):
            _end_if_cancelled()
            if has_changed:
                self._changed.set()

    async def _dispatch(self) -> None:
        """Turn the outbox into deliveries once, and wait until there may be more."""
        next_s = await self.dispatch()
        await _first(self._changed, min(next_s, self._routing.poll_s))

    async def dispatch(self) -> float:
        """Write deliveries for each group that has waited long enough; give the seconds to wait."""
        next_s = self._routing.poll_s
        async with self._store.pool.connection() as conn, conn.transaction():
            await outbox.serialise(conn)
            for group in await outbox.groups(conn):
                wait_s = self._wait_s(group) - group.age_s
                if wait_s > 0:
                    next_s = min(next_s, wait_s)
                    continue
                for channel in self._channels:
                    if events := self._for(channel, group):
                        await outbox.deliver(conn, channel.name, group, events)
                await outbox.dispatched(conn, group.event_ids)
            await self._keep_house(conn)
        for due in self._due.values():
            due.set()
        return next_s

    def _wait_s(self, group: outbox.Group) -> float:
        is_busy = group.recent >= self._routing.busy_after
        return self._routing.busy_wait_s if is_busy else self._routing.group_wait_s

    def _for(self, channel: Channel, group: outbox.Group) -> list[int]:
        """List the events of a group that a channel is told of; none about itself."""
        if not self._routing.tells(channel, group.what, group.severity):
            return []
        itself = f"{outbox.CHANNEL_SUBJECT}{channel.name}"
        pairs = zip(group.subjects, group.event_ids, strict=True)
        return [event_id for subject, event_id in pairs if subject != itself]

    async def _keep_house(self, conn: Connection) -> None:
        if self._clock() - self._pruned_s < PRUNE_S:
            return
        self._pruned_s = self._clock()
        await outbox.prune(conn, self._routing.keep_days)
        buried = await outbox.bury_strangers(conn, [channel.name for channel in self._channels])
        if buried:
            _log.warning("deliveries buried", deliveries=buried, reason="channel not configured")

    async def _send_due(self, channel: Channel) -> None:
        """Send all that is due on a channel, and wait until there may be more."""
        while await self.send_one(channel):
            pass
        async with self._store.pool.connection() as conn:
            next_s = await outbox.next_due_s(conn, channel.name)
        poll_s = self._routing.poll_s
        wait_s = poll_s if next_s is None else min(max(next_s, 0.02), poll_s)
        await _first(self._due[channel.name], wait_s)

    async def send_one(self, channel: Channel) -> bool:
        """Lease, send and mark the next due delivery of a channel; give whether there was one."""
        async with self._store.pool.connection() as conn:
            lease_s = self._routing.lease_s
            leased = await outbox.lease(conn, channel.name, self._owner, lease_s)
            if leased is None:
                return False
            items = await outbox.items(conn, leased.id)
        message = Message(
            key=str(leased.key),
            site=leased.site,
            rule=leased.rule,
            what=leased.what,
            items=items,
            base_url=self._routing.base_url,
        )
        # The connection is back in the pool: a slow channel must not hold it.
        try:
            note = await self._send(channel, message) if items else None
        except RefusedError as error:
            await self._give_up(leased, str(error))
        except UnavailableError as error:
            await self._try_later(leased, error)
        else:
            await self._succeed(leased, note)
        return True

    async def _send(self, channel: Channel, message: Message) -> str | None:
        try:
            async with asyncio.timeout(self._routing.send_timeout_s):
                if isinstance(channel, SmtpChannel):
                    return await mail.send(channel, message)
                await webhook.send(channel, message)
                return None
        except TimeoutError:
            limit_s = self._routing.send_timeout_s
            said = f"{channel.name}: no end within {limit_s:g} s; check that it runs"
            raise UnavailableError(said) from None

    async def _succeed(self, leased: outbox.Leased, note: str | None) -> None:
        async with self._store.pool.connection() as conn:
            await outbox.mark_sent(conn, leased.id, self._owner, note)
        _log.info(
            "notification sent", channel=leased.channel, rule=leased.rule, key=str(leased.key)
        )
        if note:
            await self._report(leased, note, is_active=True)
        elif leased.channel in self._may_be_failed:
            await self._report(leased, "", is_active=False)
            self._may_be_failed.discard(leased.channel)

    async def _try_later(self, leased: outbox.Leased, error: UnavailableError) -> None:
        if leased.attempts >= self._routing.max_attempts:
            await self._give_up(leased, str(error))
            return
        after_s = max(self.backoff_s(leased.attempts), error.after_s or 0.0)
        async with self._store.pool.connection() as conn:
            said = str(error)
            await outbox.retry(conn, leased.id, self._owner, after_s=after_s, error=said)

    async def _give_up(self, leased: outbox.Leased, error: str) -> None:
        # Say it before it is buried: a crash between the two repeats, and loses nothing.
        await self._report(leased, error, is_active=True)
        async with self._store.pool.connection() as conn:
            await outbox.bury(conn, leased.id, self._owner, error)
        _log.error(
            "notification given up", channel=leased.channel, key=str(leased.key), error=error
        )

    async def _report(self, leased: outbox.Leased, error: str, *, is_active: bool) -> None:
        if is_active:
            self._may_be_failed.add(leased.channel)
        now_ms = int(self._clock() * 1000)
        finding = Finding(
            rule=FAILED_RULE,
            subject=f"{outbox.CHANNEL_SUBJECT}{leased.channel}",
            is_active=is_active,
            severity="critical",
            at_ms=now_ms,
            title=f"channel {leased.channel} does not deliver: {leased.rule} was not told",
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


def _end_if_cancelled() -> None:
    # Python 3.11's wait_for, which psycopg and aiosmtplib wait with, swallows a cancellation that
    # comes together with the answer (github.com/python/cpython/issues/86296).
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


async def _first(event: asyncio.Event, wait_s: float) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(wait_s):
            await event.wait()
    event.clear()
