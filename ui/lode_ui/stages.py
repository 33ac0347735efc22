"""How far a command is: what each stage is called, means and looks like; and why rigs are left."""

from collections.abc import Mapping

from lode_hub.queries.command_nouns import CommandStage, SkipReason
from lode_ui.states import Look

STAGE: dict[CommandStage, Look] = {
    "proposed": Look(
        word="Needs approval", tone="warn", shape="query", meaning="waits for a second person"
    ),
    "declined": Look(
        word="Declined", tone="idle", shape="cross", meaning="another person said no, or taken back"
    ),
    "queued": Look(word="Ordered", tone="idle", shape="ring", meaning="is about to be sent"),
    "dispatched": Look(
        word="On its way", tone="idle", shape="ring", meaning="sent until the agent answers"
    ),
    "accepted": Look(
        word="Accepted", tone="info", shape="ring", meaning="the agent has checked and taken it"
    ),
    "sent": Look(word="Sent", tone="info", shape="down", meaning="the device was told"),
    "acknowledged": Look(
        word="Acknowledged",
        tone="info",
        shape="disc",
        meaning="the device said yes; that proves nothing yet",
    ),
    "effective": Look(
        word="Effective", tone="good", shape="check", meaning="proved by read-back or power"
    ),
    "released": Look(word="Released", tone="idle", shape="disc", meaning="holds nothing any more"),
    "refused": Look(
        word="Refused", tone="bad", shape="cross", meaning="was not carried out; nothing changed"
    ),
    "failed": Look(
        word="Failed", tone="bad", shape="alert", meaning="was tried and has not come to hold"
    ),
    "expired": Look(
        word="Expired", tone="warn", shape="moon", meaning="not approved, answered or sent in time"
    ),
    "drifted": Look(
        word="Drifted", tone="bad", shape="diamond", meaning="was effective and is no longer"
    ),
}

ANSWERED = Look(word="Answered", tone="good", shape="check", meaning="the answer is below")
WAITING = Look(word="Waiting", tone="idle", shape="ring", meaning="not yet heard of")

STAGE_ORDER: tuple[CommandStage, ...] = (
    "effective",
    "acknowledged",
    "sent",
    "accepted",
    "dispatched",
    "queued",
    "released",
    "drifted",
    "failed",
    "refused",
    "expired",
    "declined",
    "proposed",
)
"""From what is reached to what went wrong."""

TRACK: tuple[CommandStage, ...] = (
    "queued",
    "accepted",
    "sent",
    "acknowledged",
    "effective",
    "released",
)
"""The way of a command that goes well."""

BAD: frozenset[CommandStage] = frozenset({"declined", "refused", "failed", "expired", "drifted"})

QUESTIONS = frozenset({"probe", "registers", "dry_run"})
ENDLESS = frozenset(
    {"restart_mining", "reboot", "fault_light", "pools", "firmware", "release", "end_stop"}
)
"""Actions that are done once: nothing is released."""


def look(action: str, stage: CommandStage | None) -> Look:
    """Say how a stage appears; a question that is effective was answered."""
    if stage is None:
        return WAITING
    return ANSWERED if action in QUESTIONS and stage == "effective" else STAGE[stage]


SKIP: Mapping[SkipReason, tuple[str, str]] = {
    "not needed": ("Not needed", "enough is saved by less efficient rigs; these go on mining"),
    "already asleep": ("Already asleep", "they draw next to nothing now"),
    "held by another lease": (
        "Held by another command",
        "end that one first, or leave them to it",
    ),
    "does not offer it": ("Cannot be put to sleep", "their firmware does not offer it"),
    "controls unknown": (
        "Controls unknown",
        "their agent has not said what can be asked of them; is control switched on there?",
    ),
    "blocked": ("Blocked", "the agent or the device lets nothing be asked of them now"),
    "maintenance": ("In maintenance", "somebody works on them; a curtailment leaves them alone"),
    "excluded": ("Left out by you", "named in the form"),
    "unreachable": ("Unreachable", "they do not answer their agent, so nothing could be proved"),
    "stale reading": ("Silent", "the hub has no fresh reading of them"),
    "no starts left": ("No start left today", "they could not be woken again today"),
    "no power figure": ("No power figure", "nothing says what they draw, so nothing to count on"),
    "power figure implausible": ("Power figure implausible", "it cannot be true; see the rig"),
    "below minimum power": ("Draw too little", "they would save nothing worth a start"),
}
"""Why a rig is left alone: in a word, and what that means. What is well comes first."""
