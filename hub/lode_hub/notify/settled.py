"""The channels that the settings name."""

from collections.abc import Awaitable, Callable, Iterator, Sequence
from pathlib import Path

from pydantic import SecretStr

from lode_hub.errors import SettingsError
from lode_hub.notify.channels import (
    AppriseChannel,
    Channel,
    Routing,
    Secret,
    SmsGatewayChannel,
    SmtpChannel,
    TelegramChannel,
    TwilioChannel,
    WebhookChannel,
)
from lode_hub.notify.heartbeat import Heartbeat
from lode_hub.notify.sms import faults_of
from lode_hub.settings import HubSettings
from lode_hub.settings_notify import HeartbeatSettings, NotifySettings


def routing_of(settings: HubSettings) -> Routing:
    """Give what is told when."""
    told = settings.notify
    return Routing(
        base_url=settings.public_url,
        min_severity=told.min_severity,
        is_resolved_told=told.is_resolved_told,
        update_s=told.update_s,
        link_h=told.link_h,
    )


def channels_of(settings: NotifySettings, key: bytes) -> Iterator[Channel]:
    """Give the channels; with `key` the messages to people's own webhooks are signed.

    Raises:
        SettingsError: a gateway's template cannot be.
    """
    if settings.smtp is not None:
        smtp = settings.smtp
        yield SmtpChannel(
            name="mail",
            host=smtp.host,
            port=smtp.port,
            tls=smtp.tls,
            sender=smtp.sender,
            recipients=smtp.recipients,
            username=smtp.username,
            password=_secret(smtp.password, smtp.password_file),
            timeout_s=smtp.timeout_s,
        )
    for name, hook in settings.webhooks.items():
        secret = _secret(hook.secret, hook.secret_file)
        yield WebhookChannel(name=name, url=hook.url, secret=secret, timeout_s=hook.timeout_s)
    yield from _short(settings)
    for name, tail in settings.apprise.items():
        urls = _secret(tail.secret, tail.secret_file)
        yield AppriseChannel(name=name, urls=urls, timeout_s=tail.timeout_s)
    yield WebhookChannel(name="webhook", secret=Secret(value=key.hex()))


def heartbeat_of(
    settings: HeartbeatSettings, wrong: Callable[[], Awaitable[Sequence[str]]]
) -> Heartbeat:
    """Give the heartbeat; `wrong` names what does not run as it should."""
    return Heartbeat(_secret(settings.url, settings.url_file), settings.every_s, wrong)


def _short(settings: NotifySettings) -> Iterator[Channel]:
    if settings.twilio is not None and settings.sms_gateway is not None:
        raise SettingsError(
            "settings: notify.twilio and notify.sms_gateway: both take text messages; remove one"
        )
    if settings.twilio is not None:
        twilio = settings.twilio
        yield TwilioChannel(
            name="sms",
            account=twilio.account,
            sender=twilio.sender,
            token=_secret(twilio.token, twilio.token_file),
            url=twilio.url,
            recipients=twilio.recipients,
            timeout_s=twilio.timeout_s,
        )
    if settings.sms_gateway is not None:
        gateway = settings.sms_gateway
        channel = SmsGatewayChannel(
            name="sms",
            url=gateway.url,
            method=gateway.method,
            headers=gateway.headers,
            body=gateway.body,
            content_type=gateway.content_type,
            secret=_secret(gateway.secret, gateway.secret_file),
            recipients=gateway.recipients,
            timeout_s=gateway.timeout_s,
        )
        if fault := faults_of(channel):
            raise SettingsError(f"settings: notify.sms_gateway: {fault}; mend its template")
        yield channel
    yield from _telegram(settings)


def _telegram(settings: NotifySettings) -> Iterator[Channel]:
    if settings.telegram is not None:
        bot = settings.telegram
        yield TelegramChannel(
            name="telegram",
            token=_secret(bot.token, bot.token_file),
            url=bot.url,
            recipients=bot.recipients,
            timeout_s=bot.timeout_s,
        )


def _secret(value: SecretStr | None, file: Path | None) -> Secret:
    return Secret(value=value.get_secret_value() if value else "", file=file)
