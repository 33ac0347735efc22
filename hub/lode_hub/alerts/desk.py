"""What people do about alerts and their rules: allowed, checked, done."""

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from lode_hub import rules
from lode_hub.access import Access, Right
from lode_hub.access import Person as Member
from lode_hub.alerts import lifecycle, quiet
from lode_hub.errors import ForbiddenError, InvalidError
from lode_hub.store import Store, alerts_quiet
from lode_hub.store.alerts_quiet import Planned
from lode_hub.store.asking import asking

MAX_NOTE_CHARS = 500
MAX_MATCHER_CHARS = 200


class Person(Protocol):
    """Who does it."""

    @property
    def name(self) -> str:
        """The login name."""

    @property
    def role(self) -> str:
        """The role at login."""


class AlarmDesk:
    """Acknowledges, shelves, silences, maintains and edits rules for those who may.

    Whether they may is asked anew each time, for the site it is about; what is about all sites
    needs a person who may act at all of them. Each call raises ForbiddenError otherwise.
    """

    def __init__(self, store: Store, access: Access, clock_ms: Callable[[], int]) -> None:
        self._store = store
        self._access = access
        self._clock_ms = clock_ms

    async def acknowledge(self, person: Person, alert_id: int, note: str = "") -> None:
        """Take an open alert on.

        Raises:
            NotFoundError: there is no such alert.
            ConflictError: it is not open.
            InvalidError: the note is too long.
        """
        await self._demand_of(person, "alerts.acknowledge", "alert", alert_id)
        said = _note(note)
        now_ms = self._clock_ms()
        await lifecycle.acknowledge(self._store, alert_id, person.name, now_ms, note=said)

    async def resolve(self, person: Person, alert_id: int, note: str = "") -> None:
        """Say that an alert's trouble is over; it opens again when it is not.

        Raises:
            NotFoundError: there is no such alert.
            ConflictError: it is resolved already.
            InvalidError: the note is too long.
        """
        await self._demand_of(person, "alerts.resolve", "alert", alert_id)
        said = _note(note)
        await lifecycle.resolve(self._store, alert_id, person.name, self._clock_ms(), note=said)

    async def shelve(self, person: Person, alert_id: int, until_ms: int, note: str = "") -> None:
        """Put an alert's alarm aside until then, at most 7 days.

        Raises:
            NotFoundError: there is no such alert.
            ConflictError: it is resolved.
            InvalidError: the time cannot be, or the note is too long.
        """
        await self._demand_of(person, "alerts.silence", "alert", alert_id)
        said = _note(note)
        now_ms = self._clock_ms()
        await quiet.shelve(self._store, alert_id, until_ms, person.name, now_ms, note=said)

    async def unshelve(self, person: Person, alert_id: int) -> None:
        """Take an alert's alarm from the shelf.

        Raises:
            NotFoundError: it is on none.
        """
        await self._demand_of(person, "alerts.silence", "alert", alert_id)
        await quiet.unshelve(self._store, alert_id, person.name, self._clock_ms())

    async def silence(
        self, person: Person, matchers: quiet.Matchers, span: quiet.Span, comment: str
    ) -> int:
        """Tell nobody of the alerts that fit, from when to when; give the silence's number.

        Raises:
            InvalidError: nothing is chosen, there is no such site, the time cannot be, or there
                is no comment.
        """
        await self._demand(person, "alerts.silence", matchers.site)
        given = (matchers.rule, matchers.cause, matchers.rack, matchers.subject)
        if any(len(text or "") > MAX_MATCHER_CHARS for text in given):
            raise InvalidError(f"silence: at most {MAX_MATCHER_CHARS} characters a matcher")
        said = _said(comment, "comment")
        now_ms = self._clock_ms()
        return await quiet.silence(self._store, matchers, span, person.name, now_ms, said)

    async def end_silence(self, person: Person, silence_id: int) -> None:
        """End a silence now.

        Raises:
            NotFoundError: there is no such silence, or it is over.
        """
        await self._demand_of(person, "alerts.silence", "silence", silence_id)
        await quiet.end_silence(self._store, silence_id, self._clock_ms())

    async def maintain(
        self, person: Person, place: tuple[str, str | None], span: quiet.Span, note: str
    ) -> int:
        """Plan maintenance of a site, or of one rack of it (site, rack); give its number.

        Raises:
            InvalidError: there is no such site, the time cannot be, or there is no note.
        """
        await self._demand(person, "alerts.silence", place[0])
        if len(place[1] or "") > MAX_MATCHER_CHARS:
            raise InvalidError(f"maintenance: rack: at most {MAX_MATCHER_CHARS} characters")
        said = _said(note, "note")
        return await quiet.maintain(self._store, place, span, person.name, self._clock_ms(), said)

    async def end_maintenance(self, person: Person, maintenance_id: int) -> None:
        """End maintenance now.

        Raises:
            NotFoundError: there is none, or it is over.
        """
        await self._demand_of(person, "alerts.silence", "maintenance", maintenance_id)
        await quiet.end_maintenance(self._store, maintenance_id, self._clock_ms())

    async def edit_rule(
        self, person: Person, name: str, site: str | None, body: Mapping[str, Any]
    ) -> None:
        """Let a rule say this, beside what is shipped or in the rules file; a new version.

        `body` has the keys that shall differ, as a rule's TOML table has them; a threshold of
        one's own has all of them.

        Raises:
            InvalidError: the rule cannot be so, or there is no such site.
        """
        await self._demand(person, "rules.edit", site)
        key = (name, site)
        await rules.edit(self._store, key, body, person.name, self._clock_ms())

    async def reset_rule(self, person: Person, name: str, site: str | None) -> None:
        """Take back what a person has changed of a rule; one of somebody's own is gone.

        Raises:
            InvalidError: there is no such site.
        """
        await self._demand(person, "rules.edit", site)
        await rules.edit(self._store, (name, site), None, person.name, self._clock_ms())

    async def _demand_of(self, person: Person, right: Right, table: Planned, number: int) -> None:
        async with asking(self._store) as conn:
            site, is_there = await alerts_quiet.site_of(conn, table, number)
        # An alert about a channel is at no site, and a silence at none is at all.
        if site is None and is_there and table != "alert":
            await self._demand(person, right, None)
        else:
            await self._may(person, right, site)

    async def _demand(self, person: Person, right: Right, site: str | None) -> None:
        """Refuse a person who may not do it at this site, or, without one, everywhere."""
        member = Member(name=person.name, role=person.role)
        if site is None and not await self._access.may_everywhere(member, right):
            raise ForbiddenError(
                f"{right}: {person.name} as {person.role} may not do that for all sites; "
                "name a site, or ask an administrator"
            )
        await self._may(person, right, site)

    async def _may(self, person: Person, right: Right, site: str | None) -> None:
        if not await self._access.may(Member(name=person.name, role=person.role), right, site):
            raise ForbiddenError(
                f"{right}: {person.name} as {person.role} may not do that; ask an administrator"
            )


def _note(text: str) -> str:
    if len(text) > MAX_NOTE_CHARS:
        raise InvalidError(f"note: {len(text)} characters, expected at most {MAX_NOTE_CHARS}")
    return text.strip()


def _said(text: str, what: str) -> str:
    if not _note(text):
        raise InvalidError(f"{what}: it is empty; say why, for who comes after you")
    return _note(text)
