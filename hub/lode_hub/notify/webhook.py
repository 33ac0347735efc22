"""A message as signed JSON, and its way to an HTTP address.

The signature is that of standardwebhooks.com: `webhook-signature: v1,` and the base64 of
HMAC-SHA256(secret, "{webhook-id}.{webhook-timestamp}.{body}"). A secret that begins with `whsec_`
is base64 after that; any other is taken as it is. `Idempotency-Key` repeats the id, which is the
same at every attempt.
"""

import base64
import binascii
import hashlib
import hmac
import time

import httpx
import msgspec

from lode_hub.notify import http, text
from lode_hub.notify.channels import Receipt, WebhookChannel
from lode_hub.notify.errors import UnavailableError
from lode_hub.notify.text import Message

VERSION = 1
MAX_LISTED = 1000


async def send(
    client: httpx.AsyncClient, channel: WebhookChannel, message: Message, to: str
) -> Receipt:
    """Post a message to a person's address, or else to the channel's own.

    Raises:
        UnavailableError: the address cannot be reached, or cannot take it now.
        RefusedError: it will never take this message.
    """
    where = f"webhook {channel.name}"
    body = encode(message)
    try:
        secret = channel.secret.read()
        if not channel.url:
            secret = secret_for(to, secret)
        headers = _headers(message.key, body, secret, int(time.time()))
    except (OSError, ValueError) as error:
        raise UnavailableError(f"{where}: {error}; check its secret") from None
    post = http.Post(
        where=where,
        method="POST",
        url=to or channel.url,
        headers=headers,
        body=body,
        timeout_s=channel.timeout_s,
        secrets=(secret,),
    )
    http.judge(post, await http.ask(client, post))
    return Receipt()


def encode(message: Message) -> bytes:
    """Write the message as JSON; of very many alerts the worst."""
    alerts = [
        {**{name: getattr(item, name) for name in item.__slots__}, "link": text.link(message, item)}
        for item in message.items[:MAX_LISTED]
    ]
    seen = message.overview
    return msgspec.json.encode(
        {
            "version": VERSION,
            "id": message.key,
            "what": message.what,
            "cause": message.cause,
            "site": message.site,
            "place": text.place(message),
            "subject": text.subject(message),
            "total": seen.alerts,
            "members": seen.members,
            "by_what": seen.by_what,
            "by_cause": seen.by_cause,
            "acknowledge_url": message.ack_url or None,
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


def secret_for(address: str, master: str) -> str:
    """Give the secret that messages to a person's own address are signed with."""
    digest = hmac.new(master.encode(), b"webhook " + address.encode(), hashlib.sha256).digest()
    return "whsec_" + base64.b64encode(digest).decode()


def _headers(key: str, body: bytes, secret: str, at_s: int) -> dict[str, str]:
    headers = {
        "Content-Type": "application/json",
        "Idempotency-Key": key,
        "webhook-id": key,
        "webhook-timestamp": str(at_s),
    }
    if secret:
        headers["webhook-signature"] = sign(key, body, secret, at_s)
    return headers
