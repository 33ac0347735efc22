"""One way to every channel: a message and a recipient in, a receipt or a reason out."""

import asyncio
from collections.abc import Sequence

import httpx

from lode_hub.errors import NotFoundError
from lode_hub.notify import sms, telegram, webhook
from lode_hub.notify.channels import (
    AppriseChannel,
    Channel,
    Receipt,
    SmsGatewayChannel,
    SmtpChannel,
    TelegramChannel,
    TwilioChannel,
    WebhookChannel,
    recipients_of,
)
from lode_hub.notify.errors import UnavailableError
from lode_hub.notify.longtail import LongTail
from lode_hub.notify.mail import Mailer
from lode_hub.notify.text import Message


class Senders:
    """The channels that there are, with the connections that they keep."""

    def __init__(self, channels: Sequence[Channel], timeout_s: float = 30.0) -> None:
        self.channels = {channel.name: channel for channel in channels}
        self._timeout_s = timeout_s  # of one message as a whole
        self._mailers = {c.name: Mailer(c) for c in channels if isinstance(c, SmtpChannel)}
        self._long_tail = LongTail()
        self._client: httpx.AsyncClient | None = None

    def serving(self, way: str) -> Channel | None:
        """Give the channel that serves people's addresses of a kind; None when none does."""
        return next((c for c in self.channels.values() if c.way == way and serves(c)), None)

    def own(self, name: str) -> tuple[str, ...]:
        """List whom a channel tells always: '' for all of them in one message."""
        return recipients_of(self.channels[name])

    def people_secret(self) -> str:
        """Give what the secrets of people's own webhooks are made of."""
        found = self.serving("webhook")
        return found.secret.read() if isinstance(found, WebhookChannel) else ""

    async def send(self, name: str, message: Message, to: str = "") -> Receipt:
        """Send a message to one recipient of a channel; '' for the channel's own.

        Raises:
            NotFoundError: there is no such channel.
            UnavailableError: it cannot be reached, or cannot take the message now.
            RefusedError: it will never take this message.
        """
        channel = self.channels.get(name)
        if channel is None:
            raise NotFoundError(f"channel {name}: there is none; see notify in the settings")
        try:
            async with asyncio.timeout(self._timeout_s):
                return await self._by(channel, message, to)
        except TimeoutError:
            said = f"{name}: no end within {self._timeout_s:g} s; check that it runs"
            raise UnavailableError(said) from None

    async def close(self) -> None:
        """End all connections."""
        for mailer in self._mailers.values():
            mailer.close()
        if self._client is not None:
            await self._client.aclose()
            self._client = None

    async def _by(self, channel: Channel, message: Message, to: str) -> Receipt:
        if isinstance(channel, SmtpChannel):
            return await self._mailers[channel.name].send(message, to)
        if isinstance(channel, AppriseChannel):
            return await self._long_tail.send(channel, message)
        if self._client is None:
            self._client = httpx.AsyncClient()
        if isinstance(channel, TwilioChannel):
            return await sms.by_twilio(self._client, channel, message, to)
        if isinstance(channel, SmsGatewayChannel):
            return await sms.by_gateway(self._client, channel, message, to)
        if isinstance(channel, TelegramChannel):
            return await telegram.send(self._client, channel, message, to)
        return await webhook.send(self._client, channel, message, to)


def serves(channel: Channel) -> bool:
    """Tell whether a channel takes messages to people's addresses."""
    is_for_one_address = isinstance(channel, WebhookChannel) and channel.url
    return bool(channel.way) and not is_for_one_address
