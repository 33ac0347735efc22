"""What each state is called, means and looks like: a shape and a word beside every colour.

A tone is one of the style sheet's: good, idle, info, warn, bad, gone. A shape is an icon.
"""

from dataclasses import dataclass

from lode_hub.queries.nouns import AgentState, AlertState, RigState, Severity


@dataclass(frozen=True, kw_only=True, slots=True)
class Look:
    """How a state appears, and what it means in a sentence."""

    word: str
    tone: str
    shape: str
    meaning: str


RIG: dict[RigState, Look] = {
    "mining": Look(word="Mining", tone="good", shape="disc", meaning="hashing"),
    "tuning": Look(word="Tuning", tone="info", shape="gear", meaning="finding its frequencies"),
    "sleeping": Look(word="Sleeping", tone="idle", shape="moon", meaning="rests, not by Lode"),
    "curtailed": Look(word="Curtailed", tone="info", shape="down", meaning="put to sleep by Lode"),
    "faulted": Look(
        word="Faulted", tone="bad", shape="alert", meaning="reports a failure of its own"
    ),
    "unreachable": Look(
        word="Unreachable", tone="warn", shape="cross", meaning="does not answer its agent"
    ),
    "silent": Look(
        word="Silent",
        tone="gone",
        shape="ring",
        meaning="the hub has no reading for three intervals",
    ),
    "unknown": Look(
        word="Unknown", tone="idle", shape="query", meaning="says nothing of its state"
    ),
}

# Worst last: so the segmented bar reads from health to trouble.
RIG_ORDER: tuple[RigState, ...] = (
    "mining",
    "tuning",
    "curtailed",
    "sleeping",
    "unknown",
    "silent",
    "unreachable",
    "faulted",
)

TROUBLED: tuple[RigState, ...] = ("faulted", "unreachable", "silent")

AGENT: dict[AgentState, Look] = {
    "live": Look(
        word="Live", tone="good", shape="disc", meaning="batches arrive and are committed"
    ),
    "stale": Look(word="Stale", tone="warn", shape="ring", meaning="no batch came for a while"),
    "stopped": Look(word="Stopped", tone="idle", shape="moon", meaning="was shut down in order"),
    "unknown": Look(word="Unknown", tone="idle", shape="query", meaning="has not reported yet"),
}

SEVERITY: dict[Severity, Look] = {
    "critical": Look(word="Critical", tone="bad", shape="alert", meaning="act now"),
    "warning": Look(word="Warning", tone="warn", shape="diamond", meaning="look soon"),
    "info": Look(word="Info", tone="info", shape="disc", meaning="good to know"),
}

SEVERITY_ORDER: tuple[Severity, ...] = ("critical", "warning", "info")

ALERT: dict[AlertState, Look] = {
    "pending": Look(word="Pending", tone="idle", shape="ring", meaning="not yet for long enough"),
    "open": Look(word="Open", tone="idle", shape="ring", meaning="nobody has taken it yet"),
    "acknowledged": Look(
        word="Acknowledged", tone="info", shape="disc", meaning="somebody is on it"
    ),
    "resolved": Look(word="Resolved", tone="good", shape="check", meaning="the trouble is over"),
}
