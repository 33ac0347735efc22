"""Every agent's health, what is missing and why, and what could not be taken."""

import asyncio

from lode_hub.queries.nouns import AgentRow, GapRow, QuarantineRow
from lode_ui.desk import GAP_LIMIT, Desk
from lode_ui.widgets.agent_card import AgentCard
from lode_ui.widgets.gaps import GapLine, QuarantineLine
from lode_ui.widgets.keyed import Keyed
from lode_ui.widgets.layout import Empty, card, columns, table
from lode_ui.widgets.text import note, title

GAP_HEADS = ("Agent", "State", "Reason", "Batches", "Records#", "Of the time", "Found#")
QUARANTINE_HEADS = ("When", "Agent", "Reason", "Topic", "Size#")


class AgentsPage:
    """Agents as cards, then gaps, then quarantine."""

    title = "Agents"

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._nothing = Empty(
            "No agent has reported yet.", "Start one with", "lode-edge run --config FILE"
        )
        self._nothing.show(False)
        title("Agents", "h1")
        self._agents = Keyed[AgentRow](columns("agents"), lambda agent: agent.agent_id, AgentCard)
        with card("Missing records"):
            note("Open gaps are asked for until they are filled; lost ones will never come.")
            self._no_gaps = Empty(
                "Nothing is missing.", "Every record that was numbered is stored."
            )
            with table(GAP_HEADS, label="Missing records") as body:
                self._gaps = Keyed[GapRow](body, lambda gap: gap.gap_id, lambda _: GapLine())
            self._more = note("")
        with card("Quarantine"):
            note("Payloads that could not be decoded or broke the schema, kept with the reason.")
            self._clean = Empty("Nothing was refused.", "Every payload so far could be taken.")
            with table(QUARANTINE_HEADS, label="Quarantine") as body:
                self._refused = Keyed[QuarantineRow](
                    body, lambda row: row.quarantine_id, lambda _: QuarantineLine()
                )

    async def refresh(self) -> None:
        """Ask for agents, gaps and quarantine."""
        answers = self._desk.answers
        sites, agents, gaps, refused = await asyncio.gather(
            answers.sites(), answers.agents(), answers.gaps(), answers.quarantine()
        )
        site = self._desk.site_name(sites)
        if site is not None:
            agents = [agent for agent in agents if agent.site == site]
            names = {agent.name for agent in agents}
            gaps = [gap for gap in gaps if gap.agent in names]
            refused = [row for row in refused if row.agent in names]
        self._nothing.show(not agents)
        self._agents.show(sorted(agents, key=lambda agent: (agent.state == "live", agent.name)))
        self._gaps.show(sorted(gaps, key=lambda gap: (gap.filled_ms is not None, -gap.found_ms)))
        self._no_gaps.show(not gaps)
        self._more.text = f"The newest {GAP_LIMIT} are shown." if len(gaps) >= GAP_LIMIT else ""
        self._refused.show(refused[:50])
        self._clean.show(not refused)
