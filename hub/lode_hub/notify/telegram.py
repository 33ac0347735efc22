"""A message by a Telegram bot: plain text, one chat at a time. Source: core.telegram.org/bots/api.

The Bot API has no key that stops a repeat, so the text ends with the first six signs of ours.
"""

import httpx
import msgspec

from lode_hub.notify import http, short
from lode_hub.notify.channels import Receipt, TelegramChannel
from lode_hub.notify.errors import RefusedError, UnavailableError
from lode_hub.notify.text import Message

_BLOCKED = 403  # the person has blocked the bot, or never begun to talk with it


async def send(
    client: httpx.AsyncClient, channel: TelegramChannel, message: Message, to: str
) -> Receipt:
    """Send a message to a chat.

    Raises:
        UnavailableError: Telegram cannot be reached, or cannot take it now.
        RefusedError: it will never take this one.
    """
    where = f"telegram {channel.name}"
    try:
        token = channel.token.read()
    except OSError as error:
        raise UnavailableError(f"{where}: {error.strerror}; check its token's file") from None
    table = {
        "chat_id": to,
        "text": short.telegram(message),
        "link_preview_options": {"is_disabled": True},
    }
    post = http.Post(
        where=where,
        method="POST",
        url=f"{channel.url.rstrip('/')}/bot{token}/sendMessage",
        headers={"Content-Type": "application/json", "Idempotency-Key": message.key},
        body=msgspec.json.encode(table),
        timeout_s=channel.timeout_s,
        secrets=(token,),
    )
    answer = await http.ask(client, post)
    said = answer.table()
    detail = str(said.get("description", ""))
    if answer.status == _BLOCKED:
        raise RefusedError(
            f"{where}: chat {to}: {http.masked(detail, post.secrets)}; ask the person"
        )
    http.judge(post, answer, detail=detail, after_s=_after_s(said))
    result = said.get("result")
    if said.get("ok") is not True or not isinstance(result, dict):
        raise UnavailableError(f"{where}: its answer does not say ok; check its url")
    return Receipt(reference=str(result.get("message_id", "")))


def _after_s(said: dict[str, object]) -> float | None:
    parameters = said.get("parameters")
    wait_s = parameters.get("retry_after") if isinstance(parameters, dict) else None
    if not isinstance(wait_s, int | float) or isinstance(wait_s, bool) or wait_s < 0:
        return None
    return min(float(wait_s), http.LONGEST_WAIT_S)
