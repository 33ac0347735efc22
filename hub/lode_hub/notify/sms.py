"""A message as a text message, by Twilio's HTTP API or by any gateway's.

Neither has a key that stops a repeat, so the text ends with the first six signs of ours: a repeat
after a crash can be known by it.
"""

import base64
import json
import re
from urllib.parse import quote, urlencode, urlsplit

import httpx

from lode_hub.notify import http, short
from lode_hub.notify.channels import Receipt, SmsGatewayChannel, TwilioChannel
from lode_hub.notify.errors import UnavailableError
from lode_hub.notify.text import Message

_PLACE = re.compile(r"\{(to|text|key|secret)\}")


async def by_twilio(
    client: httpx.AsyncClient, channel: TwilioChannel, message: Message, to: str
) -> Receipt:
    """Hand a text message for one number to Twilio, which names it.

    Raises:
        UnavailableError: it cannot be reached, or cannot take it now.
        RefusedError: it will never take this one.
    """
    where = f"sms {channel.name}"
    token = _secret(where, channel)
    login = base64.b64encode(f"{channel.account}:{token}".encode()).decode()
    form = {"To": to, "From": channel.sender, "Body": short.sms(message)}
    account = quote(channel.account, safe="")
    post = http.Post(
        where=where,
        method="POST",
        url=f"{channel.url.rstrip('/')}/2010-04-01/Accounts/{account}/Messages.json",
        headers={
            "Authorization": f"Basic {login}",
            "Content-Type": "application/x-www-form-urlencoded",
            "Idempotency-Key": message.key,
        },
        body=urlencode(form).encode(),
        timeout_s=channel.timeout_s,
        secrets=(token, login),
    )
    answer = await http.ask(client, post)
    said = answer.table()
    http.judge(post, answer, detail=str(said.get("message", "")))
    sid = said.get("sid")
    if not isinstance(sid, str) or not sid:
        # Somebody answers in its place, such as a captive portal.
        raise UnavailableError(f"{where}: its answer has no sid; check its url")
    return Receipt(reference=sid[:64])


async def by_gateway(
    client: httpx.AsyncClient, channel: SmsGatewayChannel, message: Message, to: str
) -> Receipt:
    """Hand a text message for one number to a gateway, as its template says.

    Raises:
        UnavailableError: it cannot be reached, or cannot take it now.
        RefusedError: it will never take this one.
    """
    where = f"sms {channel.name}"
    secret = _secret(where, channel)
    values = {"to": to, "text": short.sms(message), "key": message.key, "secret": secret}
    headers = {name: filled(value, values, "header") for name, value in channel.headers.items()}
    body = filled(channel.body, values, _escape_of(channel.content_type)).encode()
    if body:
        headers = {"Content-Type": channel.content_type, **headers}
    post = http.Post(
        where=where,
        method=channel.method,
        url=filled(channel.url, values, "percent"),
        headers=headers,
        body=body,
        timeout_s=channel.timeout_s,
        secrets=(secret, quote(secret, safe="")),
    )
    answer = await http.ask(client, post)
    http.judge(post, answer)
    return Receipt()


def filled(template: str, values: dict[str, str], escape: str) -> str:
    """Put values where their names stand in braces, escaped for the place; other braces stay."""
    # In one pass, so that a value with braces in it is not filled in turn.
    return _PLACE.sub(lambda place: _escaped(values[place[1]], escape), template)


def faults_of(channel: SmsGatewayChannel) -> str | None:
    """Say what is wrong with a template; None when nothing is."""
    if not {"http", "https"} & {urlsplit(channel.url).scheme}:
        return "its url is neither http nor https"
    everything = " ".join([channel.url, channel.body, *channel.headers.values()])
    missing = [name for name in ("{to}", "{text}") if name not in everything]
    return f"{' and '.join(missing)} in neither url, headers nor body" if missing else None


def _escaped(value: str, escape: str) -> str:
    if escape == "percent":
        return quote(value, safe="")
    if escape == "json":
        return json.dumps(value)[1:-1]
    if escape == "header":
        line = "".join(char if " " <= char <= "~" else "?" for char in value)
        return line.strip()
    return (
        value.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")
    )


def _escape_of(content_type: str) -> str:
    kind = content_type.partition(";")[0].strip().lower()
    if kind == "application/x-www-form-urlencoded":
        return "percent"
    return "json" if kind.endswith("json") else "xml"


def _secret(where: str, channel: TwilioChannel | SmsGatewayChannel) -> str:
    secret = channel.token if isinstance(channel, TwilioChannel) else channel.secret
    try:
        return secret.read()
    except OSError as error:
        raise UnavailableError(f"{where}: {error.strerror}; check its secret's file") from None
