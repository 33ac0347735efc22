"""What a page works with: shared answers, the actions of the person before it, and its site."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from lode_hub.queries.nouns import (
    AgentRow,
    AlertRow,
    AlertState,
    GapRow,
    MeterRow,
    PointRow,
    QuarantineRow,
    RigRow,
    Series,
    SiteTotals,
    Span,
)
from lode_hub.queries.quality import QualitySpan, SiteQuality
from lode_ui.alarm_answers import AlarmAnswers
from lode_ui.command_answers import CommandAnswers
from lode_ui.energy_answers import EnergyAnswers
from lode_ui.feed import Feed
from lode_ui.hub import Actions, Person, Queries
from lode_ui.learned_answers import LearnedAnswers
from lode_ui.telling_answers import RuleAnswers, TellingAnswers

ACTIVE: tuple[AlertState, ...] = ("open", "acknowledged")
ALERT_LIMIT = 200
GAP_LIMIT = 200
QUARANTINE_LIMIT = 100
FOUND_LIMIT = 20

SERIES_PERIOD_S: dict[Span, float] = {"hour": 5.0, "day": 30.0, "week": 120.0}
"""A chart is asked for again this often; its buckets are 1 min and longer."""

QUALITY_PERIOD_S = 5.0


class Answers:
    """Every question the pages ask, each shared through the feed."""

    def __init__(self, queries: Queries, feed: Feed) -> None:
        self._queries = queries
        self._feed = feed
        self.commands = CommandAnswers(queries.commands, feed)

    @cached_property
    def alarms(self) -> AlarmAnswers:
        """Answers about alerts, silences, maintenance and figures."""
        return AlarmAnswers(self._queries, self._feed)

    @cached_property
    def telling(self) -> TellingAnswers:
        """Answers about channels, people's ways, who is on call and what was delivered."""
        return TellingAnswers(self._queries.telling, self._feed)

    @cached_property
    def energy(self) -> EnergyAnswers:
        """Answers about prices, calls, money and accounts."""
        return EnergyAnswers(self._queries.energy, self._feed)

    @cached_property
    def learned(self) -> LearnedAnswers:
        """Answers about the learned opinion."""
        return LearnedAnswers(self._queries.learned, self._feed)

    @cached_property
    def rules(self) -> RuleAnswers:
        """Answers about the rules of alerts."""
        return RuleAnswers(self._queries.alarms, self._queries.tryouts, self._feed)

    async def next_beat(self, seen: int) -> int:
        """Wait for changed data, 5 s at the longest."""
        return await self._feed.next_beat(seen)

    async def stir(self) -> None:
        """Let every page ask again at once."""
        await self._feed.stir()

    async def sites(self) -> Sequence[SiteTotals]:
        """Give the totals of every site."""
        return await self._feed.ask("sites", self._queries.sites)

    async def rig(self, device_id: int) -> RigRow | None:
        """Give one rig, None when there is none of that id."""
        return await self._feed.ask(("rig", device_id), lambda: self._queries.rig(device_id))

    async def rigs_like(self, site: str | None, words: str) -> Sequence[RigRow]:
        """Give the first rigs whose name, model, serial or address contains the words."""
        return await self._feed.ask(
            ("rigs like", site, words),
            lambda: self._queries.rigs(site=site, search=words, limit=FOUND_LIMIT),
        )

    async def meters(self) -> Sequence[MeterRow]:
        """Give all meters with their last reading."""
        return await self._feed.ask("meters", self._queries.meters)

    async def points(self, device_id: int) -> Sequence[PointRow]:
        """Give the last values of a device's further points."""
        return await self._feed.ask(("points", device_id), lambda: self._queries.points(device_id))

    async def series(self, device_id: int, metric: str, span: Span) -> Series:
        """Give one metric of one device over a span."""
        return await self._feed.ask(
            ("series", device_id, metric, span),
            lambda: self._queries.series(device_id, metric, span),
            period_s=SERIES_PERIOD_S[span],
        )

    async def site_series(self, site: str, metric: str, span: Span) -> Series:
        """Give one metric summed over a site."""
        return await self._feed.ask(
            ("site series", site, metric, span),
            lambda: self._queries.site_series(site, metric, span),
            period_s=SERIES_PERIOD_S[span],
        )

    async def agents(self) -> Sequence[AgentRow]:
        """Give every agent's health."""
        return await self._feed.ask("agents", self._queries.agents)

    async def gaps(self) -> Sequence[GapRow]:
        """Give the newest gaps of all agents."""
        return await self._feed.ask("gaps", lambda: self._queries.gaps(limit=GAP_LIMIT))

    async def quarantine(self) -> Sequence[QuarantineRow]:
        """Give the newest payloads that could not be taken."""
        return await self._feed.ask(
            "quarantine", lambda: self._queries.quarantine(limit=QUARANTINE_LIMIT)
        )

    async def quality(self, site: str, span: QualitySpan) -> SiteQuality:
        """Say how good a site's data was over a span."""
        return await self._feed.ask(
            ("quality", site, span),
            lambda: self._queries.quality.of_site(site, span),
            period_s=QUALITY_PERIOD_S,
        )

    async def active_alerts(self) -> Sequence[AlertRow]:
        """Give the alerts that are open or acknowledged."""
        return await self._alerts(ACTIVE, None)

    async def alerts_of(self, device_id: int) -> Sequence[AlertRow]:
        """Give all alerts of one device."""
        return await self._alerts((*ACTIVE, "resolved"), device_id)

    async def _alerts(
        self, states: tuple[AlertState, ...], device_id: int | None
    ) -> Sequence[AlertRow]:
        return await self._feed.ask(
            ("alerts", states, device_id),
            lambda: self._queries.alerts(states=states, device_id=device_id, limit=ALERT_LIMIT),
        )


ACTORS = frozenset({"operator", "admin"})
"""Roles that are shown buttons. The hub checks the role again; this only keeps the page honest."""

EnergyAct = Literal["manage", "call", "account"]
ENERGY_ACTORS: dict[EnergyAct, frozenset[str]] = {
    "manage": frozenset({"trader", "admin"}),
    "call": frozenset({"operator", "trader", "admin"}),
    "account": frozenset({"operator", "trader", "auditor", "admin"}),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Desk:
    """One opened page's surroundings."""

    answers: Answers
    actions: Actions
    person: Person
    site_id: int | None = None  # None: all sites

    @property
    def may_act(self) -> bool:
        """Tell whether the person is shown buttons."""
        return self.person.role in ACTORS

    def may_energy(self, act: EnergyAct) -> bool:
        """Tell whether the person is shown what does this about energy."""
        return self.person.role in ENERGY_ACTORS[act]

    @property
    def is_admin(self) -> bool:
        """Tell whether the person is shown what administrators alone may do."""
        return self.person.role == "admin"

    def chosen(self, sites: Sequence[SiteTotals]) -> Sequence[SiteTotals]:
        """Keep the chosen site, or all of them when none is chosen or it is gone."""
        kept = [site for site in sites if site.site_id == self.site_id]
        return kept or sites

    def site_name(self, sites: Sequence[SiteTotals]) -> str | None:
        """Name the chosen site, None for all."""
        return next((site.site for site in sites if site.site_id == self.site_id), None)
