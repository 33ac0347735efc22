"""Through what alerts are told, and how patiently."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Literal, TypeAlias

Severity = Literal["info", "warning", "critical"]
SEVERITIES: tuple[Severity, ...] = ("info", "warning", "critical")

NEWS = frozenset({"opened", "worsened"})
"""What somebody has to take on."""

PEOPLE_ARE_TOLD = NEWS | {"resolved", "flapping"}
MACHINES_ARE_TOLD = PEOPLE_ARE_TOLD | {"acknowledged"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Secret:
    """A secret, or the file it is read from at every use, so that it may be changed there."""

    value: str = field(default="", repr=False)
    file: Path | None = None

    def read(self) -> str:
        """Give it; empty when there is none.

        Raises:
            OSError: the file cannot be read.
        """
        return self.file.read_text(encoding="utf-8").strip() if self.file else self.value


NO_SECRET = Secret()


@dataclass(frozen=True, kw_only=True, slots=True)
class SmtpChannel:
    """A mail server that takes our mails, for some recipients always and for people."""

    told: ClassVar[frozenset[str]] = PEOPLE_ARE_TOLD
    way: ClassVar[str] = "mail"  # the kind of people's addresses that it serves

    name: str
    host: str
    port: int
    tls: Literal["none", "starttls", "tls"]
    sender: str
    recipients: tuple[str, ...] = ()
    username: str = ""
    password: Secret = NO_SECRET
    timeout_s: float = 10.0  # of each step of the conversation


@dataclass(frozen=True, kw_only=True, slots=True)
class WebhookChannel:
    """An HTTP address that takes our JSON, signed when there is a secret.

    Without a `url` it serves the addresses of people.
    """

    told: ClassVar[frozenset[str]] = MACHINES_ARE_TOLD
    way: ClassVar[str] = "webhook"

    name: str
    url: str = ""
    secret: Secret = NO_SECRET
    timeout_s: float = 10.0


@dataclass(frozen=True, kw_only=True, slots=True)
class TwilioChannel:
    """Twilio, or whoever speaks its HTTP API, which takes our text messages."""

    told: ClassVar[frozenset[str]] = PEOPLE_ARE_TOLD
    way: ClassVar[str] = "sms"

    name: str
    account: str
    sender: str
    token: Secret = NO_SECRET
    url: str = "https://api.twilio.com"
    recipients: tuple[str, ...] = ()
    timeout_s: float = 10.0


@dataclass(frozen=True, kw_only=True, slots=True)
class SmsGatewayChannel:
    """Any HTTP gateway for text messages, told how by a template.

    `{to}`, `{text}`, `{key}` and `{secret}` stand in url, headers and body, each escaped for its
    place: percent-encoded in a url and a form, as a JSON string's inside in JSON.
    """

    told: ClassVar[frozenset[str]] = PEOPLE_ARE_TOLD
    way: ClassVar[str] = "sms"

    name: str
    url: str
    method: Literal["GET", "POST", "PUT"] = "POST"
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: str = ""
    content_type: str = "application/x-www-form-urlencoded"
    secret: Secret = NO_SECRET
    recipients: tuple[str, ...] = ()
    timeout_s: float = 10.0


@dataclass(frozen=True, kw_only=True, slots=True)
class TelegramChannel:
    """A Telegram bot."""

    told: ClassVar[frozenset[str]] = PEOPLE_ARE_TOLD
    way: ClassVar[str] = "telegram"

    name: str
    token: Secret = NO_SECRET
    url: str = "https://api.telegram.org"
    recipients: tuple[str, ...] = ()  # chats
    timeout_s: float = 10.0


@dataclass(frozen=True, kw_only=True, slots=True)
class AppriseChannel:
    """Whatever Apprise can reach, by its URLs, one a line, which are a secret as a whole."""

    told: ClassVar[frozenset[str]] = PEOPLE_ARE_TOLD
    way: ClassVar[str] = ""

    name: str
    urls: Secret = NO_SECRET
    timeout_s: float = 20.0


Channel: TypeAlias = (
    SmtpChannel
    | WebhookChannel
    | TwilioChannel
    | SmsGatewayChannel
    | TelegramChannel
    | AppriseChannel
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Receipt:
    """What a channel said when it took a message."""

    reference: str = ""  # what it calls the message
    complaint: str | None = None  # whom it would not tell


@dataclass(frozen=True, kw_only=True, slots=True)
class Routing:
    """What is told, when, and how long we try."""

    base_url: str = ""  # of the dashboard, for links; none when empty
    min_severity: Severity = "warning"  # of what goes to the settings' channels
    is_resolved_told: bool = True
    group_wait_s: float = 0.7  # events of one site and cause that come so close are one message
    group_wait_max_s: float = 3.0  # and however many come, it does not wait longer
    update_s: float = 60.0  # between two messages about one site and cause ...
    updates_at_once: int = 3  # ... but for the first few
    recipient_every_s: float = 10.0  # between two messages to one recipient ...
    recipient_at_once: int = 8  # ... but for the first few; the rest is a digest
    site_at_once: int = 5  # of which one site has so many
    poll_s: float = 1.0
    send_timeout_s: float = 30.0  # of one attempt as a whole
    lease_s: float = 60.0  # longer than an attempt: when it ends, its notifier is dead
    lanes: int = 3  # messages of one channel on their way at once
    max_attempts: int = 20  # about an hour with the back-off below
    first_retry_s: float = 1.0
    last_retry_s: float = 300.0
    link_h: float = 24.0  # how long an acknowledge link is good
    keep_days: int = 30  # deliveries that ended are kept as long

    def tells(self, channel: Channel, what: str, severity: str) -> bool:
        """Tell whether a happening goes to a channel's own recipients."""
        if what not in channel.told or (what == "resolved" and not self.is_resolved_told):
            return False
        return is_at_least(severity, self.min_severity)


def is_at_least(severity: str, least: str) -> bool:
    """Tell whether a severity is as grave as another, or graver."""
    order: tuple[str, ...] = SEVERITIES
    return order.index(severity) >= order.index(least)


def recipients_of(channel: Channel) -> tuple[str, ...]:
    """List whom a channel tells of its own: '' for all of them in one message."""
    if isinstance(channel, SmtpChannel):
        return ("",) if channel.recipients else ()
    if isinstance(channel, WebhookChannel):
        return ("",) if channel.url else ()
    if isinstance(channel, AppriseChannel):
        return ("",)
    return channel.recipients
