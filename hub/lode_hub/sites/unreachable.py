"""rig-unreachable: the agent asks, and the rig does not answer.

Begins after some consecutive readings without an answer (3) that also span a while (15 s), so that
neither one lost packet nor a slow poll is a trouble. Ends after some consecutive good readings (2).
An answer that makes no sense is neither: the rig is there. The figures are in the book of rules.
"""

import numpy as np

from lode_hub.sites.rules import Evidence, Judged, Rule, Sight, Trouble, Words, changes, in_rack
from lode_hub.sites.tables import Mask, Table
from lode_wire.records import Quality, State

NO_ANSWER = Quality.TIMED_OUT | Quality.REFUSED
STATE = np.dtype([("is_active", "?"), ("since_ms", "i8"), ("bad", "u2"), ("good", "u2")])
_MOST = np.uint16(60_000)  # counters stop here instead of wrapping


def judge(state: Table, reading: Table, facts: Table) -> Judged:
    """Count answers and their absence; say whose trouble began or ended."""
    bad, at_ms = holds(reading, facts), reading["at_ms"]
    good = ~bad & (reading["quality"] & Quality.BAD_ANSWER == 0)
    begins = bad & (state["bad"] == 0) & ~state["is_active"]
    begins |= state["since_ms"] > at_ms  # the clock was set back: begin to count anew
    state["since_ms"] = np.where(begins, at_ms, state["since_ms"])
    state["bad"] = np.where(bad, np.minimum(state["bad"], _MOST) + 1, 0)
    state["good"] = np.where(good, np.minimum(state["good"], _MOST) + 1, 0)
    is_long = at_ms - state["since_ms"] >= 1000 * facts["bad_s"]
    fires = ~state["is_active"] & (state["bad"] >= facts["bad_readings"]) & is_long
    clears = state["is_active"] & (state["good"] >= facts["good_readings"])
    state["is_active"] ^= fires | clears
    refused = reading["quality"] & Quality.REFUSED != 0
    found = changes(
        ("refused", True, fires & refused),
        ("timed-out", True, fires & ~refused),
        ("answers-again", False, clears),
    )
    return Judged(changes=found)


def holds(reading: Table, facts: Table) -> Mask:  # noqa: ARG001 -- a rule's signature
    """Tell which readings are the absence of an answer.

    A part of an answer is an answer, although the rest of it timed out.
    """
    quality = reading["quality"]
    is_whole = (quality & NO_ANSWER != 0) & (quality & Quality.PARTIAL == 0)
    mask: Mask = (reading["state"] == State.UNREACHABLE) | is_whole
    return mask


def explain(sight: Sight) -> Words:
    """Say who does not answer, and where to look."""
    quality = int(sight.reading["quality"] or 0)
    evidence: Evidence = {"quality": [flag.name.lower() for flag in Quality(quality) if flag.name]}
    if quality & Quality.REFUSED:
        cause = "the rig is on the network but refuses: its API is off, or its firewall blocks us"
    else:
        cause = "no power, no network, or the rig hangs: look at its lights, then restart it"
    shared = in_rack(sight, "do not answer: look at its switch and its supply")
    title = f"{sight.rig.name} cannot be reached"
    return Words(title=title, likely_cause=shared or cause, evidence=evidence)


TROUBLE = Trouble(
    name="rig-unreachable", version=1, severity="warning", state=STATE, explain=explain
)
RULE = Rule(trouble=TROUBLE, judge=judge, holds=holds)
