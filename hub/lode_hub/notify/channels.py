"""Whom alerts are told to, and how patiently."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Literal, TypeAlias

Severity = Literal["info", "warning", "critical"]
SEVERITIES: tuple[Severity, ...] = ("info", "warning", "critical")


@dataclass(frozen=True, kw_only=True, slots=True)
class SmtpChannel:
    """A mail server that takes our mails for some recipients.

    The password is read from its file at every connection, so that it may be changed there.
    """

    told: ClassVar[frozenset[str]] = frozenset({"opened", "resolved", "flapping"})

    name: str
    host: str
    port: int
    tls: Literal["none", "starttls", "tls"]
    sender: str
    recipients: tuple[str, ...]
    username: str = ""
    password: str = field(default="", repr=False)
    password_file: Path | None = None
    timeout_s: float = 10.0  # of each step of the conversation


@dataclass(frozen=True, kw_only=True, slots=True)
class WebhookChannel:
    """An HTTP address that takes our JSON, signed when there is a secret."""

    told: ClassVar[frozenset[str]] = frozenset({"opened", "acknowledged", "resolved", "flapping"})

    name: str
    url: str
    secret: str = field(default="", repr=False)
    secret_file: Path | None = None
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    timeout_s: float = 10.0


Channel: TypeAlias = SmtpChannel | WebhookChannel


@dataclass(frozen=True, kw_only=True, slots=True)
class Routing:
    """What is told, when, and how long we try."""

    base_url: str = ""  # of the dashboard, for links; none when empty
    min_severity: Severity = "warning"
    is_resolved_told: bool = True
    group_wait_s: float = 0.7  # alerts of one site and rule that open within it are one message
    busy_after: int = 5  # messages about the same in a minute, after which the next waits longer
    busy_wait_s: float = 30.0
    poll_s: float = 1.0
    send_timeout_s: float = 30.0  # of one attempt as a whole
    lease_s: float = 60.0  # longer than an attempt: when it ends, its notifier is dead
    max_attempts: int = 20  # about an hour with the back-off below
    first_retry_s: float = 1.0
    last_retry_s: float = 300.0
    keep_days: int = 30  # deliveries that ended are kept as long

    def tells(self, channel: Channel, what: str, severity: str) -> bool:
        """Tell whether a happening goes to a channel."""
        if what not in channel.told or (what == "resolved" and not self.is_resolved_told):
            return False
        order: tuple[str, ...] = SEVERITIES
        return order.index(severity) >= order.index(self.min_severity)


def secret_of(value: str, file: Path | None) -> str:
    """Give a secret from its file, or else the value itself.

    Raises:
        OSError: the file cannot be read.
    """
    return file.read_text(encoding="utf-8").strip() if file else value
