"""How good a site's data is: fresh, complete, on time; by source, the worst first."""

import asyncio
from collections.abc import Sequence

from lode_hub.queries.nouns import AlertRow
from lode_hub.queries.quality import QualityAgent, QualitySource, QualitySpan, SiteQuality
from lode_ui import figures
from lode_ui.acts import alert_handlers
from lode_ui.desk import Desk
from lode_ui.widgets.alerts import AlertItem
from lode_ui.widgets.choice import Choice
from lode_ui.widgets.keyed import Keyed
from lode_ui.widgets.layout import Empty, card, columns, table
from lode_ui.widgets.quality import (
    AGENT_HEADS,
    CLOCK_MS,
    CORRECT_MS,
    SITE_HEADS,
    SOURCE_HEADS,
    AgentLine,
    SiteLine,
    SourceLine,
)
from lode_ui.widgets.text import note, title
from lode_ui.widgets.tile import Tile

SPANS: dict[QualitySpan, str] = {"hour": "1 hour", "day": "1 day"}
RULES = "quality-"
MOST_SITES = 50
TILES = ("Fresh", "Complete", "Errors", "Clock", "Not used", "Twice")


class QualityPage:
    """Tiles, findings, sources, agents; of the chosen site, or of the worst and a list of all."""

    title = "Data quality"

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._span: QualitySpan = "hour"
        self._heading = title("Data quality", "h1")
        Choice("Span of the counts", SPANS, self._span, self._choose)
        self._nothing = Empty(
            "No site has reported yet.", "Start an agent with", "lode-edge run --config FILE"
        )
        with columns("stack") as self._all:
            with columns("tiles"):
                self._tiles = {name: Tile(name) for name in TILES}
            self._build_sites()
            self._build_findings(desk)
            self._build_tables()

    def _build_sites(self) -> None:
        with card("Sites") as self._sites_card, table(SITE_HEADS, label="Sites") as body:
            self._sites = Keyed[tuple[int, SiteQuality]](
                body, lambda row: row[0], lambda _: SiteLine()
            )

    def _build_findings(self, desk: Desk) -> None:
        with card("Found", aside="what is wrong with the data, and what to do"):
            self._quiet = Empty(
                "No finding is open.",
                "Clocks, units, flat lines, counters, repeats and gaps are looked at all the time.",
            )
            handlers = alert_handlers(desk)
            self._findings = Keyed[AlertRow](
                columns("stack"),
                lambda alert: alert.alert_id,
                lambda alert: AlertItem(alert, handlers, is_full=False),
            )

    def _build_tables(self) -> None:
        with card("Sources", aside="what each agent reads, by kind and driver"):
            note(
                "Complete: readings that came, of those the intervals promise. Errors: polls "
                "without an answer, or with one that made no sense. Not used: kept in the "
                "database, not by detectors; where a clock is wrong, not in charts either."
            )
            self._no_source = Empty("No device is configured here.")
            with table(SOURCE_HEADS, label="Sources") as body:
                self._sources = Keyed[QualitySource](
                    body, lambda s: (s.agent, s.kind, s.driver), lambda _: SourceLine()
                )
        with card("Agents", aside="their clocks, and what did not come"):
            note(
                "A clock more than 2 s off marks its readings, more than 30 s is shown corrected, "
                "and more than 5 min (or 60 s ahead) is not used until it is set."
            )
            with table(AGENT_HEADS, label="Agents") as body:
                self._agents = Keyed[QualityAgent](body, lambda a: a.agent, lambda _: AgentLine())

    async def refresh(self) -> None:
        """Ask how good the chosen sites' data is, and what was found."""
        answers = self._desk.answers
        sites = list(self._desk.chosen(await answers.sites()))[:MOST_SITES]
        self._nothing.show(not sites)
        self._all.set_visibility(bool(sites))
        if not sites:
            return
        span = self._span
        alerts = await answers.active_alerts()
        found = await asyncio.gather(*(answers.quality(site.site, span) for site in sites))
        if span != self._span:  # another was chosen meanwhile
            return
        rows = sorted(
            zip([site.site_id for site in sites], found, strict=True), key=lambda row: _rank(row[1])
        )
        self._sites_card.set_visibility(len(rows) > 1)
        self._sites.show(rows)
        self._show(rows[0][1], alerts)

    def _show(self, quality: SiteQuality, alerts: Sequence[AlertRow]) -> None:
        self._heading.text = f"Data quality of {quality.site}"
        self._show_tiles(quality)
        mine = [a for a in alerts if a.rule.startswith(RULES) and a.site in (None, quality.site)]
        self._findings.show(mine)
        self._quiet.show(not mine)
        self._no_source.show(not quality.sources)
        self._sources.show(quality.sources)
        self._agents.show(quality.agents)

    def _show_tiles(self, quality: SiteQuality) -> None:
        tiles, span = self._tiles, f"of the last {SPANS[quality.span].removeprefix('1 ')}"
        share = quality.fresh / quality.devices if quality.devices else None
        tiles["Fresh"].show(
            figures.percent(share), f"{quality.fresh:,} of {quality.devices:,} devices"
        )
        waits = "known within the first ten minutes"
        is_known = quality.completeness_ratio is not None
        tiles["Complete"].show(
            figures.percent(quality.completeness_ratio),
            f"{quality.received:,} readings {span}" if is_known else waits,
        )
        tiles["Errors"].show(figures.percent(quality.error_ratio, 2), f"of the polls {span}")
        offset_ms = quality.worst_offset_ms
        tiles["Clock"].show(figures.milliseconds(offset_ms, signed=True), _about_clock(offset_ms))
        tiles["Not used"].show(
            figures.count(quality.held + quality.unit, ""), "kept, by a wrong clock or unit"
        )
        tiles["Twice"].show(figures.count(quality.duplicate, ""), f"readings {span}")

    async def _choose(self, span: QualitySpan) -> None:
        self._span = span
        await self.refresh()


def _about_clock(offset_ms: float | None) -> str:
    if offset_ms is None:
        return "no agent has told its time"
    if abs(offset_ms) <= CLOCK_MS:
        return "the worst agent's is near enough"
    if abs(offset_ms) <= CORRECT_MS:
        return "the worst agent's; its readings are marked"
    return "the worst agent's; times are shown corrected"


def _rank(quality: SiteQuality) -> tuple[int, float]:
    order = {"bad": 0, "doubtful": 1, "good": 2}
    return order[quality.verdict], quality.completeness_ratio or 0.0
