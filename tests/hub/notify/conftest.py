"""The database of these tests, and the two ends of the way: alerts in, sinks out."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator

import pytest

from lode_hub.notify import (
    Channel,
    Notifier,
    Routing,
    Secret,
    Senders,
    SmtpChannel,
    WebhookChannel,
)
from lode_hub.store import Store
from tests.hub.notify.sinks import HookSink, MailSink
from tests.hub.sites.stage import store

__all__ = ["store"]

QUICK = Routing(
    base_url="http://hub.example:8420/", group_wait_s=0.2, group_wait_max_s=0.5, poll_s=0.2,
    first_retry_s=0.02,    last_retry_s=0.05, max_attempts=4, lease_s=5.0, send_timeout_s=4.0,
)  # fmt: skip


@pytest.fixture
async def mails() -> AsyncIterator[MailSink]:
    sink = await MailSink().start()
    yield sink
    await sink.stop()


@pytest.fixture
def hooks() -> Iterator[HookSink]:
    sink = HookSink()
    yield sink
    sink.stop()


@pytest.fixture
def smtp(mails: MailSink) -> SmtpChannel:
    return SmtpChannel(
        name="ops-mail", host="127.0.0.1", port=mails.port, tls="none",
        sender="Lode <lode@mine.example>", recipients=("ann@mine.example", "bob@mine.example"),
        timeout_s=3.0,
    )  # fmt: skip


@pytest.fixture
def hook(hooks: HookSink) -> WebhookChannel:
    return WebhookChannel(
        name="ops-hook", url=hooks.url, secret=Secret(value="s3cret"), timeout_s=3.0
    )


@contextlib.asynccontextmanager
async def notifying(
    store: Store, *channels: Channel, routing: Routing = QUICK
) -> AsyncIterator[Notifier]:
    """A notifier at work for the time of a `with`."""
    notifier = Notifier(store, Senders(channels, routing.send_timeout_s), routing)
    task = asyncio.create_task(notifier.run())
    try:
        yield notifier
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
