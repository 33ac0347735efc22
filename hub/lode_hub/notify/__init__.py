"""Tell people and machines of alerts, at least once, out of a durable outbox."""

from lode_hub.notify.channels import (
    AppriseChannel,
    Channel,
    Receipt,
    Routing,
    Secret,
    SmsGatewayChannel,
    SmtpChannel,
    TelegramChannel,
    TwilioChannel,
    WebhookChannel,
)
from lode_hub.notify.notifier import Notifier
from lode_hub.notify.senders import Senders

__all__ = [
    "AppriseChannel",
    "Channel",
    "Notifier",
    "Receipt",
    "Routing",
    "Secret",
    "Senders",
    "SmsGatewayChannel",
    "SmtpChannel",
    "TelegramChannel",
    "TwilioChannel",
    "WebhookChannel",
]
