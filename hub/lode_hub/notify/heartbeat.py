"""Tell somebody else that the hub is well, again and again: it is silence that raises the alarm.

wrong? ─► nothing ─► GET the address ─► wait
   └────► something: say nothing, so that whoever listens wakes somebody

healthchecks.io, Dead Man's Snitch, Uptime Kuma and others listen for it. An alert about a hub that
has died, or whose link is down, can come from elsewhere only.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import httpx
import structlog

from lode_hub.notify import http
from lode_hub.notify.channels import Secret
from lode_hub.notify.errors import DeliveryError, UnavailableError

TIMEOUT_S = 10.0
_log = structlog.get_logger(__name__)


class Heartbeat:
    """Asks what is wrong, and calls an address when nothing is.

    Args:
        url: the address; who knows it can keep the alarm from being raised, so it is a secret.
        every_s: the pause between two calls.
        wrong: names what does not run as it should.
    """

    def __init__(
        self, url: Secret, every_s: float, wrong: Callable[[], Awaitable[Sequence[str]]]
    ) -> None:
        self._url = url
        self._every_s = every_s
        self._wrong = wrong
        self._said = ""

    async def run(self) -> None:
        """Beat for ever."""
        async with httpx.AsyncClient() as client:
            while True:
                await self._beat(client)
                await asyncio.sleep(self._every_s)

    async def _beat(self, client: httpx.AsyncClient) -> None:
        said = f"wrong: {', '.join(wrong)}" if (wrong := await self._wrong()) else ""
        if not said:
            try:
                await _call(client, self._url)
            except DeliveryError as error:
                said = str(error)
        if said and said != self._said:
            _log.warning("no heartbeat", reason=said)
        self._said = said


async def _call(client: httpx.AsyncClient, secret: Secret) -> None:
    try:
        url = secret.read()
    except OSError as error:
        raise UnavailableError(f"heartbeat: {error.strerror}; check its url_file") from None
    call = http.Post(
        where="heartbeat", method="GET", url=url, headers={}, body=b"", timeout_s=TIMEOUT_S,
        secrets=http.secrets_in(url),
    )  # fmt: skip
    http.judge(call, await http.ask(client, call))
