"""What the hub is told of telling: the channels, their secrets, and what goes there."""

import re
from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, Field, SecretStr, model_validator


class SmtpSettings(BaseModel, extra="forbid", frozen=True):
    """A mail server that takes alerts."""

    host: str
    port: int = Field(default=587, ge=1, le=65535)
    tls: Literal["none", "starttls", "tls"] = "starttls"
    username: str = ""
    password: SecretStr | None = None
    password_file: Path | None = None
    sender: str
    recipients: tuple[str, ...] = ()  # told of everything, beside people by their own ways
    timeout_s: float = Field(default=10.0, gt=0)


class WebhookSettings(BaseModel, extra="forbid", frozen=True):
    """An HTTP address that takes alerts as JSON, signed with HMAC-SHA256 when there is a secret."""

    url: str
    secret: SecretStr | None = None
    secret_file: Path | None = None
    timeout_s: float = Field(default=10.0, gt=0)


class TwilioSettings(BaseModel, extra="forbid", frozen=True):
    """Twilio, or whoever speaks its API, for text messages."""

    account: str
    token: SecretStr | None = None
    token_file: Path | None = None
    sender: str
    recipients: tuple[str, ...] = ()
    url: str = "https://api.twilio.com"
    timeout_s: float = Field(default=10.0, gt=0)


class SmsGatewaySettings(BaseModel, extra="forbid", frozen=True):
    """Any HTTP gateway for text messages; `{to}`, `{text}`, `{key}`, `{secret}` are filled in."""

    url: str
    method: Literal["GET", "POST", "PUT"] = "POST"
    headers: dict[str, str] = Field(default_factory=dict)
    body: str = ""
    content_type: str = "application/x-www-form-urlencoded"
    secret: SecretStr | None = None
    secret_file: Path | None = None
    recipients: tuple[str, ...] = ()
    timeout_s: float = Field(default=10.0, gt=0)


class TelegramSettings(BaseModel, extra="forbid", frozen=True):
    """A Telegram bot."""

    token: SecretStr | None = None
    token_file: Path | None = None
    recipients: tuple[str, ...] = ()  # chats
    url: str = "https://api.telegram.org"
    timeout_s: float = Field(default=10.0, gt=0)


class AppriseSettings(BaseModel, extra="forbid", frozen=True):
    """URLs for Apprise, one a line; the extra `apprise` must be installed."""

    secret: SecretStr | None = None
    secret_file: Path | None = None
    timeout_s: float = Field(default=20.0, gt=0)


class HeartbeatSettings(BaseModel, extra="forbid", frozen=True):
    """Whom the hub tells that it is well; who hears nothing of it raises an alarm."""

    url: SecretStr | None = None
    url_file: Path | None = None
    every_s: float = Field(default=60.0, ge=10, le=3600)

    @model_validator(mode="after")
    def _has_an_address(self) -> Self:
        if (self.url is None) == (self.url_file is None):
            raise ValueError("set url_file, the file with its address, or url in the environment")
        return self


class NotifySettings(BaseModel, extra="forbid", frozen=True):
    """Whom alerts are told to."""

    smtp: SmtpSettings | None = None
    webhooks: dict[str, WebhookSettings] = Field(default_factory=dict)
    twilio: TwilioSettings | None = None
    sms_gateway: SmsGatewaySettings | None = None
    telegram: TelegramSettings | None = None
    apprise: dict[str, AppriseSettings] = Field(default_factory=dict)
    heartbeat: HeartbeatSettings | None = None
    min_severity: Literal["info", "warning", "critical"] = "warning"
    is_resolved_told: bool = True
    update_s: float = Field(default=60.0, ge=1)  # between messages about one site and cause
    link_h: float = Field(default=24.0, gt=0, le=720)  # how long an acknowledge link is good

    @model_validator(mode="after")
    def _names_differ(self) -> Self:
        taken = {"mail", "sms", "telegram", "webhook"}
        for name in (*self.webhooks, *self.apprise):
            if name in taken or not re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,31}", name):
                raise ValueError(
                    f"channel {name!r}: its name is taken, or not of small letters, digits, - and _"
                )
            taken.add(name)
        return self
