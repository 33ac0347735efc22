"""Every question the pages ask about alerts, each shared through the feed."""

from collections.abc import Sequence
from dataclasses import dataclass

from lode_hub.queries.alert_nouns import (
    AlarmFigures,
    AlertCounts,
    AlertDetail,
    AlertGroups,
    MaintenanceRow,
    ShelfRow,
    SilenceRow,
)
from lode_hub.queries.nouns import AlertRow, AlertState, Severity
from lode_hub.queries.telling import DeliveryRow
from lode_ui.feed import PERIOD_S, Feed
from lode_ui.hub import Queries

MANY = 2000
MANY_PERIOD_S = 4.0
"""An inbox of very many alerts is read again this often: each reading looks at all of them."""

FIGURES_PERIOD_S = 60.0
NAME_PERIOD_S = 60.0
DELIVERIES = 50
PLANNED = 200
OVER = 20


@dataclass(frozen=True, kw_only=True, slots=True)
class Filter:
    """Which alerts a person looks at; what is empty or None leaves all in."""

    states: tuple[AlertState, ...] = ("open",)
    severities: tuple[Severity, ...] = ()
    causes: tuple[str, ...] = ()
    site: str | None = None  # empty: at no site
    search: str = ""
    is_untold: bool | None = None


class AlarmAnswers:
    """Answers about alerts, silences, maintenance and figures."""

    def __init__(self, queries: Queries, feed: Feed) -> None:
        self._queries = queries
        self._feed = feed
        self._period_s = PERIOD_S

    async def counts(self, site: str | None) -> AlertCounts:
        """Count the alerts that live now."""
        counts = await self._feed.ask(
            ("alerts counted", site),
            lambda: self._queries.alarms.counts(site),
            period_s=self._period_s,
        )
        if site is None:
            is_many = sum(counts.by_state.values()) > MANY
            self._period_s = MANY_PERIOD_S if is_many else PERIOD_S
        return counts

    async def groups(self, chosen: Filter, *, limit: int, offset: int) -> AlertGroups:
        """Give the alerts by site and cause, what burns first at the top."""
        return await self._feed.ask(
            ("alert groups", chosen, limit, offset),
            lambda: self._queries.alarms.groups(
                states=chosen.states,
                severities=chosen.severities,
                causes=chosen.causes,
                site=chosen.site,
                search=chosen.search,
                is_untold=chosen.is_untold,
                limit=limit,
                offset=offset,
            ),
            period_s=self._period_s,
        )

    async def page(
        self, chosen: Filter, *, is_gravest_first: bool, limit: int, offset: int
    ) -> Sequence[AlertRow]:
        """Give one page of alerts."""
        return await self._feed.ask(
            ("alerts paged", chosen, is_gravest_first, limit, offset),
            lambda: self._queries.alerts(
                states=chosen.states,
                severities=chosen.severities,
                causes=chosen.causes,
                site=chosen.site,
                search=chosen.search,
                is_untold=chosen.is_untold,
                is_gravest_first=is_gravest_first,
                limit=limit,
                offset=offset,
            ),
            period_s=self._period_s,
        )

    async def detail(self, alert_id: int) -> AlertDetail | None:
        """Give one alert with its history, None when there is none of that id."""
        return await self._feed.ask(
            ("alert", alert_id), lambda: self._queries.alarms.detail(alert_id)
        )

    async def deliveries(self, alert_id: int) -> Sequence[DeliveryRow]:
        """Give who was told of an alert, newest first."""
        return await self._feed.ask(
            ("alert told", alert_id),
            lambda: self._queries.telling.deliveries(alert_id=alert_id, limit=DELIVERIES),
        )

    async def silences(self, *, is_over: bool = False) -> Sequence[SilenceRow]:
        """Give the silences that are or will be, or the last that are over."""
        limit = OVER if is_over else PLANNED
        return await self._feed.ask(
            ("silences", is_over),
            lambda: self._queries.alarms.silences(is_over=is_over, limit=limit),
        )

    async def maintenance(self, *, is_over: bool = False) -> Sequence[MaintenanceRow]:
        """Give the maintenance that is or will be, or the last that is over."""
        limit = OVER if is_over else PLANNED
        return await self._feed.ask(
            ("maintenance", is_over),
            lambda: self._queries.alarms.maintenance(is_over=is_over, limit=limit),
        )

    async def shelved(self) -> Sequence[ShelfRow]:
        """Give the alarms that people have put aside, the next to come back first."""
        return await self._feed.ask("shelf", lambda: self._queries.alarms.shelved(limit=PLANNED))

    async def figures(
        self, site: str | None, days: float, operators: int, to_ms: int | None = None
    ) -> AlarmFigures:
        """Give EEMUA 191's figures of days that end at a moment; without it, now."""
        return await self._feed.ask(
            ("alarm figures", site, days, operators, to_ms),
            lambda: self._queries.alarms.figures(
                site=site, days=days, operators=operators, to_ms=to_ms
            ),
            period_s=FIGURES_PERIOD_S,
        )

    async def names(self, keys: Sequence[str]) -> dict[str, str]:
        """Give what people call the subjects of keys such as `device:17`."""
        return await self._feed.ask(
            ("names", *keys), lambda: self._queries.alarms.names(keys), period_s=NAME_PERIOD_S
        )
