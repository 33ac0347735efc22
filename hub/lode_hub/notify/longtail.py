"""A message by Apprise, for whatever we have no sender of our own: Matrix, ntfy, Slack, ...

Apprise blocks, pauses between messages by itself and tries again by itself; so it runs in a thread
with a deadline, its pauses are set to nothing, it follows no redirect, and trying again is ours. It
knows no keys and no Retry-After: the text ends with the first six signs of our key.
"""

import asyncio
import logging
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from lode_hub.notify import http, text
from lode_hub.notify.channels import AppriseChannel, Receipt
from lode_hub.notify.errors import UnavailableError
from lode_hub.notify.text import Message

if TYPE_CHECKING:
    import apprise

_LISTED = 10


class LongTail:
    """Sends by Apprise, one message a channel at a time."""

    def __init__(self) -> None:
        self._busy: set[str] = set()

    async def send(self, channel: AppriseChannel, message: Message) -> Receipt:
        """Send a message to every URL of a channel.

        Raises:
            UnavailableError: one of them did not take it, or Apprise is not installed.
        """
        where = f"apprise {channel.name}"
        if channel.name in self._busy:
            raise UnavailableError(f"{where}: the message before has not ended; check its servers")
        try:
            urls = channel.urls.read().split()
        except OSError as error:
            raise UnavailableError(f"{where}: {error.strerror}; check its urls' file") from None
        body = f"{text.plain(message, _LISTED)}\n#{message.key[:6]}"
        try:
            # Outside of the deadline: its hundred plug-ins may take seconds to load, once.
            sender = await asyncio.to_thread(_sender, urls)
        except (ImportError, ValueError) as error:
            raise UnavailableError(f"{where}: {error}; check its urls") from None
        secrets = [part for url in urls for part in http.secrets_in(url)]
        said = await self._within(
            channel, lambda: _notify(sender, text.subject(message), body, secrets)
        )
        if said is not None:
            raise UnavailableError(f"{where}: {said}; check its urls and that they answer")
        return Receipt()

    async def _within(self, channel: AppriseChannel, work: Callable[[], str | None]) -> str | None:
        loop = asyncio.get_running_loop()
        done: asyncio.Future[str | None] = loop.create_future()

        def finish(said: str | None) -> None:
            self._busy.discard(channel.name)
            if not done.done():
                done.set_result(said)

        def run() -> None:
            try:
                said = work()
            except Exception as error:
                said = type(error).__name__  # its words may have the URL in them
            try:
                loop.call_soon_threadsafe(finish, said)
            except RuntimeError:
                return  # the hub has ended meanwhile

        # A daemon: a plug-in that never ends must not keep the hub from ending.
        self._busy.add(channel.name)
        threading.Thread(target=run, name=f"apprise {channel.name}", daemon=True).start()
        try:
            async with asyncio.timeout(channel.timeout_s):
                return await done
        except TimeoutError:
            return f"no end within {channel.timeout_s:g} s"


def _sender(urls: list[str]) -> "apprise.Apprise":
    """Make what sends to these URLs.

    Raises:
        ImportError: Apprise is not installed, or too old.
        ValueError: it does not know a URL.
    """
    try:
        import apprise  # noqa: PLC0415 -- an extra, and half a second of imports
    except ImportError:
        raise ImportError("it is not installed; pip install lode-hub[apprise]") from None
    apprise.logger.propagate = False  # its lines may have a URL's secrets in them
    if not hasattr(apprise.AppriseAsset, "http_redirects"):
        raise ImportError("it is too old not to follow redirects; pip install -U apprise")
    sender = apprise.Apprise()
    for place, url in enumerate(urls, 1):
        if not sender.add(url):
            raise ValueError(f"url {place} is none that Apprise knows")
    for server in sender:
        server.request_rate_per_sec = 0.0
        # Whatever its URL says: who answers must not make the hub call an address inside.
        server.redirects = False
    return sender


def _notify(sender: "apprise.Apprise", title: str, body: str, secrets: list[str]) -> str | None:
    """Send, and say what went wrong; None when nothing did."""
    import apprise  # noqa: PLC0415 -- an extra

    with apprise.LogCapture(level=logging.WARNING) as log:  # type: ignore[no-untyped-call]
        if len(sender) and sender.notify(body=body, title=title):
            return None
        said = log.getvalue().strip().splitlines()
    return http.masked(text.clean(said[-1]), secrets) if said else "not taken"
