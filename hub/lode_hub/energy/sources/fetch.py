"""Ask a source's address, with a deadline, a limit on size, and only for what has changed."""

import datetime as dt
import re
from dataclasses import dataclass

import httpx

from lode_hub.energy.sources.decode import MAX_BYTES
from lode_hub.energy.sources.described import Source
from lode_hub.errors import HubError

LONGEST_WAIT_S = 3600.0
_PLACES = re.compile(r"\{(from|until)(?::([^{}]*))?\}")
_ISO = "%Y-%m-%dT%H:%M:%SZ"


class FetchError(HubError):
    """A source does not answer, or answers no; `after_s` is when it wants to be asked again."""

    def __init__(self, message: str, *, after_s: float = 0.0) -> None:
        super().__init__(message)
        self.after_s = after_s


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """What a source gave; `data` None: nothing has changed."""

    data: bytes | None
    etag: str = ""
    modified: str = ""


async def fetch(
    client: httpx.AsyncClient,
    name: str,
    source: Source,
    *,
    secret: str,
    have: Answer,
    now_ms: int,
) -> Answer:
    """Ask a source.

    Raises:
        FetchError: it does not answer in time, or with an error, or too much.
    """
    where = f"source {name}"
    headers = {"User-Agent": "lode-hub"}
    headers |= {"If-None-Match": have.etag} if have.etag else {}
    headers |= {"If-Modified-Since": have.modified} if have.modified else {}
    if source.secret_header:
        headers[source.secret_header] = source.secret_prefix + secret
    try:
        url = httpx.URL(filled(source, now_ms))
        if source.secret_query:
            url = url.copy_add_param(source.secret_query, secret)
        async with client.stream(
            "GET", url, headers=headers, timeout=source.timeout_s, follow_redirects=False
        ) as answer:
            return await _read(where, answer)
    except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
        # Its words may have the address in them, and the address a secret.
        raise FetchError(
            f"{where}: {type(error).__name__}; check its url and that it runs"
        ) from None


def filled(source: Source, now_ms: int) -> str:
    """Give the address with its times: {from} and {until}, or {from:%Y%m%d%H%M}, in UTC."""
    now = dt.datetime.fromtimestamp(now_ms / 1000, dt.UTC)
    moments = {
        "from": now - dt.timedelta(hours=source.look_back_h),
        "until": now + dt.timedelta(hours=source.look_ahead_h),
    }
    return _PLACES.sub(lambda found: moments[found[1]].strftime(found[2] or _ISO), source.url)


async def _read(where: str, answer: httpx.Response) -> Answer:
    if answer.status_code == httpx.codes.NOT_MODIFIED:
        return Answer(data=None)
    if not answer.is_success:
        wait = answer.headers.get("Retry-After", "")
        raise FetchError(
            f"{where}: answered {answer.status_code}; see what it wants",
            after_s=min(float(wait), LONGEST_WAIT_S) if wait.isdecimal() else 0.0,
        )
    body = bytearray()
    async for chunk in answer.aiter_bytes():
        body += chunk
        if len(body) > MAX_BYTES:
            raise FetchError(f"{where}: more than {MAX_BYTES} bytes; ask for less")
    return Answer(
        data=bytes(body),
        etag=answer.headers.get("ETag", "")[:500],
        modified=answer.headers.get("Last-Modified", "")[:100],
    )
