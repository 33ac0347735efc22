"""One HTTP request to somebody else's server, whatever it answers.

No redirect is followed: a message goes to the address it was meant for, or nowhere.
What is said of a failure has no secret in it.
"""

import datetime
import email.utils
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass

import httpx
import msgspec

from lode_hub.notify import text
from lode_hub.notify.errors import RefusedError, UnavailableError

REFUSALS = frozenset({400, 410, 413, 415, 422})
"""Answers that are about this very message; any other failure may pass or be mended."""

LONGEST_WAIT_S = 3600.0
"""What we believe of a Retry-After."""

MAX_ANSWER_BYTES = 64 * 1024
_SHORTEST_SECRET = 4


@dataclass(frozen=True, kw_only=True, slots=True)
class Post:
    """A request: where to, with what."""

    where: str  # as people call the channel
    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes
    timeout_s: float
    secrets: Collection[str] = ()  # never to be said


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """What came back."""

    status: int
    said: str  # its reason phrase
    retry_after: str
    body: bytes

    def table(self) -> dict[str, object]:
        """Give the body's JSON object; empty when it is none."""
        try:
            return msgspec.json.decode(self.body, type=dict[str, object])
        except (msgspec.DecodeError, RecursionError):
            return {}


def secrets_in(url: str) -> tuple[str, ...]:
    """List what of an address with a secret in it must not be said: all of it, and each part."""
    return url, *url.partition("://")[2].split("/")


async def ask(client: httpx.AsyncClient, post: Post) -> Answer:
    """Send a request and read its answer.

    Raises:
        UnavailableError: there is no answer, or a senseless one.
    """
    try:
        async with client.stream(
            post.method,
            post.url,
            content=post.body or None,
            headers={"User-Agent": "lode-hub", **post.headers},
            timeout=post.timeout_s,
            follow_redirects=False,
        ) as answer:
            return Answer(
                status=answer.status_code,
                said=text.clean(answer.reason_phrase),
                retry_after=answer.headers.get("Retry-After", ""),
                body=await _body(answer),
            )
    except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError, UnicodeError) as error:
        said = masked(text.clean(str(error)) or type(error).__name__, post.secrets)
        # From None: the cause may have the whole request in it.
        raise UnavailableError(f"{post.where}: {said}; check its url and that it runs") from None


def judge(post: Post, answer: Answer, *, detail: str = "", after_s: float | None = None) -> None:
    """Let an answer of success pass; `detail` and `after_s` are what its body says.

    Raises:
        UnavailableError: it was not taken now.
        RefusedError: it will never be taken.
    """
    if 200 <= answer.status < 300:  # noqa: PLR2004 -- success, as HTTP has it
        return
    words = masked(text.clean(f"{answer.said} {detail}"), post.secrets)
    said = f"{post.where}: answered {answer.status} {words}".rstrip()
    if answer.status in REFUSALS:
        raise RefusedError(f"{said}; see what it says about the message")
    if 300 <= answer.status < 400:  # noqa: PLR2004 -- a redirection
        raise UnavailableError(f"{said}; it has moved, and we do not follow: set its new url")
    wait_s = retry_after_s(answer.retry_after, time.time())
    raise UnavailableError(
        f"{said}; check its url and that it runs", after_s=wait_s if after_s is None else after_s
    )


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


def masked(words: str, secrets: Collection[str]) -> str:
    """Put *** where a secret is."""
    for secret in sorted(filter(None, secrets), key=len, reverse=True):
        if len(secret) >= _SHORTEST_SECRET:
            words = words.replace(secret, "***")
    return words


async def _body(answer: httpx.Response) -> bytes:
    body = b""
    async for chunk in answer.aiter_bytes():
        body += chunk
        if len(body) > MAX_ANSWER_BYTES:
            break
    return body[:MAX_ANSWER_BYTES]
