"""Where each enrolled agent belongs, at hand for every batch that comes in."""

import asyncio
from collections.abc import AsyncIterator

import structlog

from lode_hub.errors import UnavailableError
from lode_hub.store import Store
from lode_hub.store import trust as table
from lode_hub.store.asking import asking
from lode_hub.store.listen import listen
from lode_wire import topics

_PAUSE_S = 1.0

_log = structlog.get_logger(__name__)


class Known:
    """A copy of who is enrolled, renewed at each change.

    An agent that never enrolled is the broker's to judge: one of the operator's own may let it in.
    """

    def __init__(self, store: Store, url: str) -> None:
        self._store, self._url = store, url
        self._sites: dict[str, str] = {}
        self._revoked: frozenset[str] = frozenset()

    async def run(self) -> None:
        """Stay up to date until cancelled."""
        async for _ in changes(self._url):
            async with asking(self._store) as conn:
                listed = await table.enrolments(conn)
            self._sites = {one.agent: one.site for one in listed}
            self._revoked = frozenset(one.agent for one in listed if one.revoked_at is not None)

    def site(self, agent: str) -> str | None:
        """Give the site that an agent is enrolled for; None when it is not enrolled."""
        return self._sites.get(agent)

    def objection(self, upward: topics.Upward) -> str | None:
        """Say why nothing may be taken under this topic; None when something may."""
        site = self._sites.get(upward.agent)
        if upward.agent in self._revoked:
            return f"agent {upward.agent!r}: was revoked; enrol it again with a new token"
        if site is not None and topics.partition_of(site) != upward.partition:
            return (
                f"topic: partition {upward.partition}, but {upward.agent!r} is enrolled for site "
                f"{site!r}, at home in {topics.partition_of(site)}"
            )
        return None


async def changes(url: str) -> AsyncIterator[None]:
    """Tell of every change in who belongs here; first at once. Never ends."""
    while True:
        try:
            async for _ in listen(url, (table.CHANGED,)):
                yield
        except UnavailableError as error:
            _log.info("changes of trust not heard", reason=str(error))
        await asyncio.sleep(_PAUSE_S)
