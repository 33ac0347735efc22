"""What the dashboard asks of the hub about alerts, and does about them."""

from collections.abc import Sequence
from typing import Protocol

from lode_hub.actions import Matchers, Span
from lode_hub.queries.alert_nouns import (
    AlarmFigures,
    AlertCounts,
    AlertDetail,
    AlertGroups,
    MaintenanceRow,
    ShelfRow,
    SilenceRow,
)
from lode_hub.queries.nouns import AlertState, Severity
from lode_ui.hub_telling import RuleActions, RuleQueries, Who


class AlarmQueries(RuleQueries, Protocol):
    """What the pages may ask about alerts beyond the alerts themselves."""

    async def detail(self, alert_id: int, limit: int = 200) -> AlertDetail | None:
        """Give one alert with its history."""

    async def names(self, keys: Sequence[str]) -> dict[str, str]:
        """Give what people call the subjects of these keys."""

    async def counts(self, site: str | None = None) -> AlertCounts:
        """Count the alerts that live now."""

    async def groups(  # noqa: PLR0913 -- each is one way to look at an inbox
        self,
        *,
        states: Sequence[AlertState],
        severities: Sequence[Severity] = (),
        causes: Sequence[str] = (),
        site: str | None = None,
        search: str = "",
        is_untold: bool | None = None,
        limit: int = 20,
        offset: int = 0,
    ) -> AlertGroups:
        """Give alerts by site and cause, what burns first at the top."""

    async def silences(self, *, is_over: bool = False, limit: int = 100) -> Sequence[SilenceRow]:
        """Give the silences that are or will be, or those that are over."""

    async def maintenance(
        self, *, is_over: bool = False, limit: int = 100
    ) -> Sequence[MaintenanceRow]:
        """Give the maintenance of sites and racks that is or will be, or what is over."""

    async def shelved(self, limit: int = 100) -> Sequence[ShelfRow]:
        """Give the alarms that people have put aside, the next to come back first."""

    async def figures(
        self,
        *,
        site: str | None = None,
        days: float = 7,
        operators: int = 1,
        to_ms: int | None = None,
    ) -> AlarmFigures:
        """Give EEMUA 191's figures of days that end at a moment; without it, now."""


class AlarmActions(RuleActions, Protocol):
    """What may be done about alerts; each call checks the person's role again."""

    async def shelve(self, person: Who, alert_id: int, until_ms: int, note: str = "") -> None:
        """Put an alert's alarm aside until then, at most 7 days."""

    async def unshelve(self, person: Who, alert_id: int) -> None:
        """Take an alert's alarm from the shelf."""

    async def silence(self, person: Who, matchers: Matchers, span: Span, comment: str) -> int:
        """Tell nobody of the alerts that fit; give the silence's number."""

    async def end_silence(self, person: Who, silence_id: int) -> None:
        """End a silence now."""

    async def maintain(
        self, person: Who, place: tuple[str, str | None], span: Span, note: str
    ) -> int:
        """Plan maintenance of a site, or of one rack of it; give its number."""

    async def end_maintenance(self, person: Who, maintenance_id: int) -> None:
        """End maintenance now."""
