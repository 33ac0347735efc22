"""Every question the pages ask about telling and rules, each shared through the feed."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

from lode_hub.queries.alert_nouns import Fired, RuleRow
from lode_hub.queries.telling import (
    ChannelRow,
    DeliveryRow,
    DeliveryState,
    Habit,
    Policy,
    ScheduleRow,
    ShiftRow,
    TimerRow,
    WayRow,
)
from lode_hub.queries.tryouts import Tried
from lode_ui.feed import Feed
from lode_ui.hub_telling import RuleQueries, TellingQueries, TryOuts

Kind = Literal["all", "waiting", "dead"]
STATES: dict[Kind, tuple[DeliveryState, ...] | None] = {
    "all": None,
    "waiting": ("waiting",),
    "dead": ("dead",),
}

DAYS = 7
SHIFTS_PERIOD_S = 30.0
FIRED_PERIOD_S = 30.0
VERSIONS = 20


class TellingAnswers:
    """Answers about channels, ways, schedules and deliveries."""

    def __init__(self, queries: TellingQueries, feed: Feed) -> None:
        self._queries = queries
        self._feed = feed

    async def channels(self) -> Sequence[ChannelRow]:
        """Give every channel of the settings."""
        return await self._feed.ask("channels", self._queries.channels)

    async def ways(self) -> Sequence[WayRow]:
        """Give everybody's ways."""
        return await self._feed.ask("ways", self._queries.ways)

    async def habit(self, person: str) -> Habit:
        """Give when a person is left alone."""
        return await self._feed.ask(("habit", person), lambda: self._queries.habit(person))

    async def webhook_secret(self, way_id: int, person: str) -> str:
        """Give what messages to one's own webhook are signed with; never kept."""
        return await self._queries.webhook_secret(way_id, person)

    async def schedules(self) -> Sequence[ScheduleRow]:
        """Give every schedule, with who is on call now."""
        return await self._feed.ask("schedules", self._queries.schedules)

    async def shifts(self, schedule: str) -> Sequence[ShiftRow]:
        """Give who is on call in the next week."""
        return await self._feed.ask(
            ("shifts", schedule),
            lambda: self._queries.shifts(schedule, DAYS),
            period_s=SHIFTS_PERIOD_S,
        )

    async def policies(self) -> Sequence[Policy]:
        """Give every escalation policy."""
        return await self._feed.ask("policies", self._queries.policies)

    async def timers(self) -> Sequence[TimerRow]:
        """Give the escalations that run, the next first."""
        return await self._feed.ask("timers", self._queries.timers)

    async def deliveries(
        self, kind: Kind, *, limit: int, before: int | None = None
    ) -> Sequence[DeliveryRow]:
        """Give deliveries of a kind, newest first; the next page is before the last one's id."""
        return await self._feed.ask(
            ("deliveries", kind, limit, before),
            lambda: self._queries.deliveries(states=STATES[kind], limit=limit, before=before),
        )


class RuleAnswers:
    """Answers about the rules of alerts."""

    def __init__(self, queries: RuleQueries, tryouts: TryOuts, feed: Feed) -> None:
        self._queries = queries
        self._tryouts = tryouts
        self._feed = feed

    async def try_out(
        self,
        name: str,
        site: str | None,
        body: Mapping[str, Any],
        *,
        days: float,
        progress: Callable[[float], None],
    ) -> Tried:
        """Replay a rule as it would be over the last days; nobody shares the answer."""
        return await self._tryouts.run(name, site, body, days=days, progress=progress)

    async def current(self) -> Sequence[RuleRow]:
        """Give the rules that are in effect."""
        return await self._feed.ask("rules", self._queries.rules)

    async def versions(self, name: str) -> Sequence[RuleRow]:
        """Give the newest versions of a rule."""
        return await self._feed.ask(
            ("versions", name), lambda: self._queries.rules(name, limit=VERSIONS)
        )

    async def fired(self) -> Sequence[Fired]:
        """Count the alerts of the last day and week by rule and site."""
        return await self._feed.ask("fired", self._queries.fired, period_s=FIRED_PERIOD_S)
