"""What an acknowledge link does: look, then acknowledge, once, as the person it was sent to."""

from collections.abc import Callable
from dataclasses import dataclass

from lode_hub import alerts
from lode_hub.access import Access, Person
from lode_hub.access.limiter import Limiter
from lode_hub.errors import ConflictError, ForbiddenError, NotFoundError, TooManyError
from lode_hub.notify.links import Links
from lode_hub.store import Store, telling_links
from lode_hub.store.asking import asking
from lode_hub.store.telling_links import Linked

FAILURES, FAILURES_S = 20, 300.0
"""Wrong links from one address before it has to wait."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LinkedAlerts:
    """What a link is about."""

    person: str
    alerts: int
    open: int
    titles: tuple[str, ...]  # of the first few


class LinkDesk:
    """Answers whoever holds a link, without a login."""

    def __init__(
        self, store: Store, access: Access, links: Links, clock_ms: Callable[[], int]
    ) -> None:
        self._store = store
        self._access = access
        self._links = links
        self._clock_ms = clock_ms
        self._failures = Limiter(FAILURES, FAILURES_S)

    async def look(self, token: str, address: str) -> LinkedAlerts:
        """Say what a link would acknowledge; changes nothing, as mail scanners look too.

        Raises:
            NotFoundError: the link is none of ours, or what it is about is gone.
            ExpiredError: it was good, and is not any more.
            ConflictError: it is used.
            TooManyError: too many wrong links from this address.
        """
        found = await self._read(token, address)
        return LinkedAlerts(
            person=found.person,
            alerts=found.alerts,
            open=len(found.open_ids),
            titles=tuple(found.titles),
        )

    async def acknowledge(self, token: str, address: str) -> LinkedAlerts:
        """Acknowledge what is open of a link's alerts, and use it up.

        Raises:
            ForbiddenError: the person may not acknowledge there any more.
            NotFoundError: the link is none of ours, or what it is about is gone.
            ExpiredError: it was good, and is not any more.
            ConflictError: it is used.
            TooManyError: too many wrong links from this address.
        """
        found = await self._read(token, address)
        await self._demand(found)
        # Somebody may have been quicker with some of them; the others are still to be taken on.
        done = await alerts.acknowledge_open(
            self._store, found.open_ids, found.person, self._clock_ms()
        )
        # Only now: a crash between leaves a link that does the rest.
        async with asking(self._store) as conn:
            if not await telling_links.use(conn, found.delivery_id):
                raise _used()
        return LinkedAlerts(
            person=found.person, alerts=found.alerts, open=done, titles=tuple(found.titles)
        )

    async def _read(self, token: str, address: str) -> Linked:
        wait_s = self._failures.wait_s(address)
        if wait_s > 0:
            raise TooManyError(
                f"link: too many wrong ones; try again in {wait_s:.0f} s", retry_s=wait_s
            )
        try:
            delivery_id = self._links.read(token)
        except NotFoundError:
            self._failures.count(address)
            raise
        async with asking(self._store) as conn:
            found = await telling_links.linked(conn, delivery_id)
        if found is None:
            raise NotFoundError("link: what it was about is gone; see the alerts page")
        if found.used_ms is not None:
            raise _used()
        return found

    async def _demand(self, found: Linked) -> None:
        person = Person(name=found.person, role=found.role)
        sites: list[str | None] = [*found.sites]
        for site in sites or [None]:
            if not await self._access.may(person, "alerts.acknowledge", site):
                raise ForbiddenError(
                    f"alerts.acknowledge: {found.person} may not do that any more; ask an admin"
                )


def _used() -> ConflictError:
    return ConflictError("link: it is used already; see the alerts page")
