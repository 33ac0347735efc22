"""Rows of data quality: sources and agents, with what to do about them."""

from collections.abc import Sequence

from lode_hub.queries.quality import QualityAgent, QualitySource, SiteQuality, Verdict
from lode_ui import figures
from lode_ui.figures import MISSING
from lode_ui.states import Look
from lode_ui.widgets.layout import blank, cell
from lode_ui.widgets.sign import Sign
from lode_ui.widgets.text import Words, box

LOOKS: dict[Verdict, Look] = {
    "good": Look(word="Good", tone="good", shape="check", meaning="can be relied on"),
    "doubtful": Look(word="Doubtful", tone="warn", shape="diamond", meaning="look soon"),
    "bad": Look(word="Bad", tone="bad", shape="alert", meaning="do not rely on it"),
}
SOURCE_HEADS = (
    *("Source", "Data", "Fresh#", "Complete#", "Errors#", "Slowest#", "Not used#", "Twice#"),
    "What to do",
)
AGENT_HEADS = ("Agent", "Data", "Clock#", "Gaps#", "Lost#", "Refused#", "What to do")
SITE_HEADS = ("Site", "Data", "Fresh#", "Complete#", "Errors#", "Clock#")

KINDS = {"rig": "rigs", "meter": "meters", "sensor": "sensors", "pdu": "PDUs", "plc": "PLCs"}
CLOCK_MS = 2_000
CORRECT_MS = 30_000


class SourceLine:
    """What an agent reads of one kind by one driver."""

    def __init__(self) -> None:
        with box("", "tr") as self.root:
            with cell(), box("lode-cell-stack"):
                self._name = Words("", "lode-wrap", "b")
                self._about = Words("", "lode-note")
            with cell(head="Data"):
                self._sign = Sign(LOOKS["good"])
            self._figures = _figures(SOURCE_HEADS[2:-1])
            self._advice = _Advice()

    def show(self, source: QualitySource) -> None:
        """Show the source's present figures."""
        kind = KINDS.get(source.kind, "devices")
        self._name.text = f"{source.agent} · {kind}"
        self._about.text = f"by {source.driver}, {source.received:,} readings"
        self._sign.show(LOOKS[source.verdict])
        shown = (
            f"{source.fresh:,} of {source.devices:,}",
            figures.percent(source.completeness_ratio),
            figures.percent(source.error_ratio, 2),
            figures.duration(source.lag_s),
            figures.count(source.held + source.unit),
            figures.count(source.duplicate),
        )
        for words, figure in zip(self._figures, shown, strict=True):
            words.text = str(figure)
        self._advice.show(source.advice)


class AgentLine:
    """An agent's clock, and what did not come of its records."""

    def __init__(self) -> None:
        with box("", "tr") as self.root:
            with cell():
                self._name = Words("", "lode-wrap", "b")
            with cell(head="Data"):
                self._sign = Sign(LOOKS["good"])
            self._figures = _figures(AGENT_HEADS[2:-1])
            self._advice = _Advice()

    def show(self, agent: QualityAgent) -> None:
        """Show the agent's present figures."""
        self._name.text = agent.agent
        self._sign.show(LOOKS[agent.verdict])
        lost = f"{agent.lost_records:,} records" if agent.lost_records else f"{agent.lost_gaps:,}"
        shown = (
            figures.milliseconds(agent.clock_offset_ms, signed=True),
            f"{agent.open_gaps:,} open",
            lost,
            figures.plural(agent.quarantined, "payload"),
        )
        for words, figure in zip(self._figures, shown, strict=True):
            words.text = str(figure)
        self._advice.show(agent.advice)


class SiteLine:
    """A site among several, and the way to its page."""

    def __init__(self) -> None:
        with box("", "tr") as self.root:
            with cell():
                self._name = Words("", "lode-link", "a")
            with cell(head="Data"):
                self._sign = Sign(LOOKS["good"])
            self._figures = _figures(SITE_HEADS[2:])

    def show(self, row: tuple[int, SiteQuality]) -> None:
        """Show the site's present figures."""
        site_id, quality = row
        self._name.text = quality.site
        self._name.props["href"] = f"/quality?site={site_id:d}"
        self._sign.show(LOOKS[quality.verdict])
        shown = (
            f"{quality.fresh:,} of {quality.devices:,}",
            figures.percent(quality.completeness_ratio),
            figures.percent(quality.error_ratio, 2),
            figures.milliseconds(quality.worst_offset_ms, signed=True),
        )
        for words, figure in zip(self._figures, shown, strict=True):
            words.text = str(figure)


class _Advice:
    def __init__(self) -> None:
        with cell(head="What to do") as self._cell:
            self._words = Words("", "lode-wrap")

    def show(self, advice: Sequence[str]) -> None:
        self._words.text = "; ".join(advice)
        blank(self._cell, is_blank=not advice)


def _figures(heads: Sequence[str]) -> list[Words]:
    made = []
    for head in heads:
        with cell(numeric=True, head=head.rstrip("#")):
            made.append(Words(MISSING))
    return made
