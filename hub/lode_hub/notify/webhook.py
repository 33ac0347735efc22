"""A message as signed JSON, and its way to an HTTP address.

The signature is that of standardwebhooks.com: `webhook-signature: v1,` and the base64 of
HMAC-SHA256(secret, "{webhook-id}.{webhook-timestamp}.{body}"). A secret that begins with `whsec_`
is base64 after that; any other is taken as it is. `Idempotency-Key` repeats the id, which is the
same at every attempt.
"""

import base64
import binascii
import datetime
import email.utils
import hashlib
import hmac
import time

import httpx
import msgspec

from lode_hub.notify import text
from lode_hub.notify.channels import WebhookChannel, secret_of
from lode_hub.notify.errors import RefusedError, UnavailableError
from lode_hub.notify.text import Message

VERSION = 1
REFUSALS = {400, 410, 413, 415, 422}
"""Answers that are about this very message; any other failure may pass or be mended."""

LONGEST_WAIT_S = 3600.0
"""What we believe of a Retry-After."""


async def send(channel: WebhookChannel, message: Message) -> None:
    """Post a message.

    Raises:
        UnavailableError: the address cannot be reached, or cannot take it now.
        RefusedError: it will never take this message.
    """
    where = f"webhook {channel.name}"
    try:
        body = encode(message)
        secret = secret_of(channel.secret, channel.secret_file)
        headers = {**channel.headers, **_headers(message.key, body, secret, int(time.time()))}
        async with httpx.AsyncClient(timeout=channel.timeout_s, follow_redirects=False) as client:
            answer = await client.post(channel.url, content=body, headers=headers)
    except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
        said = text.clean(str(error)) or type(error).__name__
        raise UnavailableError(f"{where}: {said}; check its url and that it runs") from error
    if answer.is_success:
        return
    said = f"{where}: answered {answer.status_code} {text.clean(answer.reason_phrase)}"
    if answer.status_code in REFUSALS:
        raise RefusedError(f"{said}; see what it says about the message")
    after_s = retry_after_s(answer.headers.get("Retry-After", ""), time.time())
    raise UnavailableError(f"{said}; check its url and that it runs", after_s=after_s)


def encode(message: Message) -> bytes:
    """Write the message as JSON."""
    alerts = [
        {**{name: getattr(item, name) for name in item.__slots__}, "link": text.link(message, item)}
        for item in message.items
    ]
    return msgspec.json.encode(
        {
            "version": VERSION,
            "id": message.key,
            "what": message.what,
            "rule": message.rule,
            "site": message.site,
            "subject": text.subject(message),
            "alerts": alerts,
        }
    )


def sign(key: str, body: bytes, secret: str, at_s: int) -> str:
    """Give the signature over a body, its id and its time (Unix seconds).

    Raises:
        ValueError: the secret begins with whsec_ and is no base64 after it.
    """
    raw = secret.encode()
    if secret.startswith("whsec_"):
        try:
            raw = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
        except binascii.Error as error:
            raise ValueError("the secret is no base64 after whsec_") from error
    digest = hmac.new(raw, f"{key}.{at_s}.".encode() + body, hashlib.sha256).digest()
    return "v1," + base64.b64encode(digest).decode()


def retry_after_s(header: str, now_s: float) -> float | None:
    """Read a Retry-After header, seconds or a date; None when it says nothing we can use."""
    if header.strip().isdecimal():
        return min(float(header), LONGEST_WAIT_S)
    try:
        moment = email.utils.parsedate_to_datetime(header)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=datetime.UTC)
    return min(max(moment.timestamp() - now_s, 0.0), LONGEST_WAIT_S)


def _headers(key: str, body: bytes, secret: str, at_s: int) -> dict[str, str]:
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "lode-hub",
        "Idempotency-Key": key,
        "webhook-id": key,
        "webhook-timestamp": str(at_s),
    }
    if secret:
        headers["webhook-signature"] = sign(key, body, secret, at_s)
    return headers
