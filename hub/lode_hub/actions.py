"""Everything that may be done through pages and API: allowed, then done."""

import time
from collections.abc import Callable
from typing import Protocol

from lode_hub import alerts
from lode_hub.access import Access, Right
from lode_hub.access import Person as Member
from lode_hub.commands.choose import Ask
from lode_hub.commands.curtail import Curtailments
from lode_hub.commands.desk import Desk
from lode_hub.errors import ForbiddenError
from lode_hub.store import Store
from lode_hub.trust.enrol import Invitation, Trust


class Person(Protocol):
    """Who does it, as the guard has put it into the request."""

    @property
    def name(self) -> str:
        """The login name."""

    @property
    def role(self) -> str:
        """The role at login."""


class Actions:
    """Does what people ask for; whether their role allows it is asked anew each time.

    `commands` orders things of devices and sites, `curtailments` chooses rigs and holds them down.
    """

    def __init__(
        self,
        store: Store,
        access: Access,
        *,
        clock_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
    ) -> None:
        self._store = store
        self._access = access
        self._clock_ms = clock_ms
        self.commands = Desk(store, access, clock_ms)
        self.curtailments = Curtailments(self.commands)

    async def acknowledge(self, alert_id: int, person: Person) -> None:
        """Take an open alert on.

        Raises:
            ForbiddenError: the person's role does not allow it.
            NotFoundError: there is no such alert.
            ConflictError: it is not open.
        """
        await self._demand(person, "alerts.acknowledge")
        await alerts.acknowledge(self._store, alert_id, person.name, self._clock_ms())

    async def resolve(self, alert_id: int, person: Person) -> None:
        """Say that an alert's trouble is over; it opens again when it is not.

        Raises:
            ForbiddenError: the person's role does not allow it.
            NotFoundError: there is no such alert.
            ConflictError: it is resolved already.
        """
        await self._demand(person, "alerts.resolve")
        await alerts.resolve(self._store, alert_id, person.name, self._clock_ms())

    async def invite_agent(self, trust: Trust, agent: str, site: str, person: Person) -> Invitation:
        """Make a one-time token that lets an agent in.

        Raises:
            ForbiddenError: the person's role does not allow it, or not at this site.
            InvalidError: the names cannot be.
        """
        await self._demand(person, "agents.enrol", site)
        return await trust.invite(agent, site, person.name)

    async def revoke_agent(self, trust: Trust, agent: str, person: Person) -> None:
        """Throw an agent out.

        Raises:
            ForbiddenError: the person's role does not allow it.
            NotFoundError: it was never let in.
        """
        await self._demand(person, "agents.enrol")
        await trust.revoke(agent, person.name)

    async def _demand(self, person: Person, right: Right, site: str | None = None) -> None:
        if not await self._access.may(Member(name=person.name, role=person.role), right, site):
            raise ForbiddenError(
                f"{right}: {person.name} as {person.role} may not do that; ask an administrator"
            )


__all__ = ["Actions", "Ask", "Person"]
