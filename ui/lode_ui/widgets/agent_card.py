"""One agent in full: link, spool, clock, polls, memory, and what it lost."""

from collections.abc import Callable

from lode_hub.queries.nouns import AgentRow
from lode_ui import figures
from lode_ui.figures import MISSING
from lode_ui.states import AGENT
from lode_ui.widgets.sign import Sign
from lode_ui.widgets.text import Words, box

CLOCK_OFF_MS = 2000
"""Readings from a clock further off than this are flagged by the hub."""

LAG_S = 10.0

Shown = tuple[str, str]  # text and tone


class AgentCard:
    """Everything an agent says of itself and the hub knows of it."""

    def __init__(self, agent: AgentRow) -> None:
        with box("lode-card lode-agent", "section") as self.root:
            with box("lode-card-head"):
                Words(agent.name, "lode-title", "h2")
                self._sign = Sign(AGENT[agent.state], is_pill=True)
            self._about = Words("", "lode-note")
            self._values: list[_Fact] = []
            with box("lode-agent-facts", "dl"):
                self._values = [_Fact(name) for name in FACTS]
            self._mark = Words("", "lode-note lode-agent-mark")

    def show(self, agent: AgentRow) -> None:
        """Show the agent's present state."""
        self._sign.show(AGENT[agent.state])
        host = agent.hostname or "host unknown"
        site = agent.site or "no site yet"
        self._about.text = f"{site} · {host} · version {agent.version or 'unknown'}"
        for fact, describe in zip(self._values, FACTS.values(), strict=True):
            fact.show(*describe(agent))
        ahead = f", {agent.ahead:,} ahead of it" if agent.ahead else ""
        mark = MISSING if agent.mark is None else f"{agent.mark:,}"
        self._mark.text = f"epoch {agent.epoch or MISSING} · committed up to batch {mark}{ahead}"


class _Fact:
    def __init__(self, name: str) -> None:
        with box("lode-fact") as self._box:
            Words(name, "", "dt")
            self._value = Words(MISSING, "", "dd")
        self._tone = ""

    def show(self, text: str, tone: str) -> None:
        self._value.text = text
        if tone != self._tone:
            self._tone = tone
            self._box.classes(
                replace=f"lode-fact lode-{tone} lode-fact-marked" if tone else "lode-fact"
            )


def _committed(agent: AgentRow) -> Shown:
    return figures.age(agent.committed_age_s), "warn" if agent.state == "stale" else ""


def _lag(agent: AgentRow) -> Shown:
    return figures.duration(agent.lag_s), "warn" if (agent.lag_s or 0) > LAG_S else ""


def _spool(agent: AgentRow) -> Shown:
    if agent.spool_batches is None:
        return MISSING, ""
    batches = figures.plural(agent.spool_batches, "batch", "batches")
    records = figures.plural(agent.spool_records or 0, "record")
    stuck = " (no progress)" if agent.is_stuck else ""
    return f"{batches}, {records}, {figures.size(agent.spool_bytes)}{stuck}", (
        "bad" if agent.is_stuck else ""
    )


def _clock(agent: AgentRow) -> Shown:
    is_off = abs(agent.clock_offset_ms or 0) > CLOCK_OFF_MS
    return str(figures.milliseconds(agent.clock_offset_ms, signed=True)), "warn" if is_off else ""


def _link(agent: AgentRow) -> Shown:
    online = "online" if agent.is_online else "offline"
    return f"{online}, round trip {figures.milliseconds(agent.rtt_ms)}", ""


def _polls(agent: AgentRow) -> Shown:
    if agent.polls_done is None:
        return MISSING, ""
    parts = (
        (agent.polls_late, "late"),
        (agent.polls_skipped, "skipped"),
        (agent.polls_failed, "failed"),
        (agent.bad_answers, "bad answers"),
    )
    told = [f"{count:,} {word}" for count, word in parts if count]
    return ", ".join([f"{agent.polls_done:,} done", *told]), ""


def _gaps(agent: AgentRow) -> Shown:
    told = f"{agent.open_gaps:,} open, {figures.plural(agent.lost_records, 'record')} lost"
    return told, "bad" if agent.lost_records else "warn" if agent.open_gaps else ""


def _quarantine(agent: AgentRow) -> Shown:
    return figures.plural(agent.quarantined, "payload"), "warn" if agent.quarantined else ""


def _memory(agent: AgentRow) -> Shown:
    free = f", {figures.size(agent.disk_free_bytes)} disk free" if agent.disk_free_bytes else ""
    return f"{figures.size(agent.rss_bytes)}{free}", ""


FACTS: dict[str, Callable[[AgentRow], Shown]] = {
    "Last commit": _committed,
    "Lag": _lag,
    "Spool": _spool,
    "Clock": _clock,
    "Link": _link,
    "Polls": _polls,
    "Missing": _gaps,
    "Quarantine": _quarantine,
    "Memory": _memory,
}
