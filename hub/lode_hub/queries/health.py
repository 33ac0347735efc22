"""Rows of agents, made into nouns."""

from typing import Any

from lode_hub.queries.nouns import AgentRow

_SAID = (
    "spool_batches",
    "spool_records",
    "spool_bytes",
    "lag_s",
    "rtt_ms",
    "is_stuck",
    "rss_bytes",
    "polls_done",
    "polls_late",
    "polls_skipped",
    "polls_failed",
    "bad_answers",
    "disk_free_bytes",
)
"""What an agent's newest Health record gives, by the same names."""


def agent(row: dict[str, Any]) -> AgentRow:
    """Make an agent."""
    said = row.pop("health") or {}
    row.update({name: said.get(name) for name in _SAID})
    return AgentRow(**row)
