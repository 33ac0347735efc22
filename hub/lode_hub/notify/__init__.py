"""Tell people and machines of alerts: mail and webhooks, at least once, out of a durable outbox."""

from lode_hub.notify.channels import Channel, Routing, SmtpChannel, WebhookChannel
from lode_hub.notify.notifier import Notifier

__all__ = ["Channel", "Notifier", "Routing", "SmtpChannel", "WebhookChannel"]
