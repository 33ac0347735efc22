"""Everything that may be done through pages and API: allowed, then done."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from lode_hub.access import Access, Right
from lode_hub.access import Person as Member
from lode_hub.alerts.desk import AlarmDesk
from lode_hub.alerts.quiet import Matchers, Span
from lode_hub.commands.choose import Ask
from lode_hub.commands.curtail import Curtailments
from lode_hub.commands.desk import Desk
from lode_hub.energy.account.desk import EnergyDesk
from lode_hub.energy.signals.webhook import WebhookDoor
from lode_hub.errors import ForbiddenError
from lode_hub.notify.desk import TellingDesk
from lode_hub.notify.link_desk import LinkDesk
from lode_hub.notify.links import Links
from lode_hub.notify.senders import Senders
from lode_hub.sites.judgement import trials
from lode_hub.store import Store
from lode_hub.trust.enrol import Invitation, Trust
from lode_models.rig import Stage


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

    `alarms` shelves, silences, maintains and edits rules, `commands` orders things of devices and
    sites, `curtailments` chooses rigs and holds them down, `telling` changes who is told how,
    `links` answers whoever holds an acknowledge link, `webhook` who signs a call.
    """

    def __init__(
        self,
        store: Store,
        access: Access,
        *,
        senders: Senders | None = None,
        links: Links | None = None,
        energy_secrets: Path | None = None,
        clock_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
    ) -> None:
        self._store = store
        self._access = access
        self._clock_ms = clock_ms
        self.alarms = AlarmDesk(store, access, clock_ms)
        self.commands = Desk(store, access, clock_ms)
        self.curtailments = Curtailments(self.commands)
        self.telling = TellingDesk(store, access, senders or Senders(()))
        self.energy = EnergyDesk(store, access, clock_ms)
        self.webhook = WebhookDoor(store, energy_secrets, clock_ms)
        self.links = LinkDesk(store, access, links or Links.of_nobody(), clock_ms)

    async def acknowledge(self, alert_id: int, person: Person, note: str = "") -> None:
        """Take an open alert on.

        Raises:
            ForbiddenError: the person's role does not allow it, or not at the alert's site.
            NotFoundError: there is no such alert.
            ConflictError: it is not open.
            InvalidError: the note is too long.
        """
        await self.alarms.acknowledge(person, alert_id, note)

    async def resolve(self, alert_id: int, person: Person, note: str = "") -> None:
        """Say that an alert's trouble is over; it opens again when it is not.

        Raises:
            ForbiddenError: the person's role does not allow it, or not at the alert's site.
            NotFoundError: there is no such alert.
            ConflictError: it is resolved already.
            InvalidError: the note is too long.
        """
        await self.alarms.resolve(person, alert_id, note)

    async def let_model(self, site: str, stage: Stage, person: Person) -> None:
        """Let the learned opinion accompany findings at a site, or only count in shadow.

        Raises:
            ForbiddenError: the person's role does not allow it, or not at this site.
            NotFoundError: there is no such site.
            ConflictError: no model is at work, or it has not shown enough to advise.
        """
        await self._demand(person, "learned.decide", site)
        await trials.decide(self._store, site, stage, person.name, self._clock_ms())

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


__all__ = ["Actions", "Ask", "Matchers", "Person", "Span", "Stage"]
