"""Calls by a signed webhook: who holds a programme's secret may call, without a login.

address ─► not too many wrong ones? ─► signature ─► age ─► calls

Signed is as our own webhooks are (`notify.webhook`): HMAC-SHA256 over id, time and body. A message
that comes again within its time is the same calls again, and no second ones.
"""

import hmac
import secrets
from collections.abc import Callable, Mapping
from pathlib import Path

import structlog

from lode_hub.access.limiter import Limiter
from lode_hub.energy.secrets import named
from lode_hub.energy.signals.programme import described
from lode_hub.energy.signals.taking import Ours, Taken, take_message
from lode_hub.errors import HubError, InvalidError, TooManyError, UnauthorizedError
from lode_hub.notify.webhook import sign
from lode_hub.store import Store, energy, energy_documents
from lode_hub.store.asking import asking

MAX_BYTES = 64 << 10
TOLERANCE_S = 300
"""A signature older, or further ahead, counts for nothing."""

FAILURES, FAILURES_S = 20, 300.0
"""Wrong signatures from one address before it has to wait."""

_MAX_ID = 200
_MAX_SIGNATURES = 8  # several while a secret is being replaced
_MOST_DIGITS = 12
_log = structlog.get_logger(__name__)


class WebhookDoor:
    """Takes calls from whoever signs them.

    Args:
        store: where they are kept.
        secrets_dir: a file for each secret that a programme names.
        clock_ms: the time.
    """

    def __init__(self, store: Store, secrets_dir: Path | None, clock_ms: Callable[[], int]) -> None:
        self._store = store
        self._secrets_dir = secrets_dir
        self._clock_ms = clock_ms
        self._failures = Limiter(FAILURES, FAILURES_S)
        self._nobodys = secrets.token_hex(32)

    async def call(
        self, site: str, programme: str, headers: Mapping[str, str], body: bytes, address: str
    ) -> Taken:
        """Take the calls of a message.

        Raises:
            TooManyError: too many wrong signatures from this address.
            UnauthorizedError: it is not signed by the programme's secret, or too old.
            InvalidError: no call of it can be taken.
            UnavailableError: the database is away; send it again.
        """
        wait_s = self._failures.wait_s(address)
        if wait_s > 0:
            raise TooManyError(
                f"call: too many wrong signatures; try again in {wait_s:.0f} s", retry_s=wait_s
            )
        ours, secret = await self._programme(site, programme)
        if not _is_signed(headers, body, secret or self._nobodys) or ours is None or not secret:
            self._failures.count(address)
            # Nothing is said of what there is: not which sites, not which programmes.
            raise UnauthorizedError("call: not signed by a programme's secret; see docs/energy.md")
        now_ms = self._clock_ms()
        age_s = now_ms / 1000 - int(headers["webhook-timestamp"])
        if abs(age_s) > TOLERANCE_S:
            raise UnauthorizedError(
                f"call: signed {age_s:.0f} s ago, at most {TOLERANCE_S}; set the clock, sign anew"
            )
        return await self._take(ours, body, now_ms)

    async def _take(self, ours: Ours, body: bytes, now_ms: int) -> Taken:
        try:
            taken = await take_message(self._store, ours, body, "webhook", now_ms=now_ms)
            trouble, refused = taken.trouble, len(taken.refused)
        except InvalidError as error:
            taken, trouble, refused = Taken(calls=(), refused=()), str(error), 0
        async with asking(self._store) as conn:
            await energy_documents.heard(
                conn, ours.site_id, "programme", ours.name,
                ok_ms=now_ms if taken.calls else None, trouble=trouble[:500], refused=refused,
            )  # fmt: skip
        if not taken.calls:
            raise InvalidError(trouble)
        return taken

    async def _programme(self, site: str, name: str) -> tuple[Ours | None, str]:
        """Give a programme and its secret; none and an empty one where there is none."""
        if "\x00" in site + name:
            return None, ""
        async with asking(self._store) as conn:
            number = await energy.site_id(conn, site)
            rows = await energy_documents.documents(conn, "programme", number)
        row = next((row for row in rows if row["name"] == name and number is not None), None)
        if row is None or number is None:
            return None, ""
        try:
            told = described(row["body"], f"programme {name}")
            secret = named(self._secrets_dir, told.webhook_secret) if told.webhook_secret else ""
            sign("", b"", secret, 0)  # one that cannot sign lets nobody in
        except (HubError, ValueError) as error:
            _log.error("webhook closed", programme=name, reason=str(error))
            return None, ""
        return Ours(site_id=number, site=site, name=name, told=told), secret


def _is_signed(headers: Mapping[str, str], body: bytes, secret: str) -> bool:
    key, at = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    is_time = at.isascii() and at.isdecimal() and len(at) <= _MOST_DIGITS
    if not is_time or not 0 < len(key) <= _MAX_ID:
        return False
    expected = sign(key, body, secret, int(at)).encode()
    given = headers.get("webhook-signature", "").split()[:_MAX_SIGNATURES]
    return any(hmac.compare_digest(expected, one.encode()) for one in given)
