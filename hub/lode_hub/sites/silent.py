"""rig-silent: the agent goes on sending, but nothing of one of its rigs.

Begins when the agent has committed batches for some of the rig's intervals (3), and at least for a
while (15 s), beyond the rig's last reading. So a dead agent, which sends nothing at all, makes none
of its rigs silent. Ends with the next reading. The figures are in the book of rules.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from lode_hub.sites.rules import Change, Sight, Trouble, Words, changes
from lode_hub.sites.tables import Mask, Table, Times

USUAL_INTERVAL_S = 10.0
"""Of a rig whose agent did not say how often it is polled."""

STATE = np.dtype([("is_active", "?"), ("since_ms", "i8")])


def judge(
    state: Table, heard_ms: Times, agent_ms: Times, limit_ms: Times, *, is_watched: Mask
) -> Sequence[Change]:
    """Say whose silence began or ended.

    `heard_ms` is when the rig was last heard, not before its agent was back; `agent_ms` when its
    agent was. A rig that is not watched begins no silence.
    """
    quiet = agent_ms - heard_ms > limit_ms
    fires = quiet & is_watched & ~state["is_active"]
    clears = state["is_active"] & ~quiet & (heard_ms > state["since_ms"])
    state["since_ms"] = np.where(fires, heard_ms, state["since_ms"])
    state["is_active"] ^= fires | clears
    return changes(("no-reading", True, fires), ("heard-again", False, clears))


def limits_ms(facts: Table | Mapping[str, np.ndarray]) -> Times:
    """Give how long each rig may be silent, by its interval and its rule."""
    interval_s = np.where(np.isnan(facts["interval_s"]), USUAL_INTERVAL_S, facts["interval_s"])
    limits_s = np.maximum(facts["silent_intervals"] * interval_s, facts["silent_s"])
    limits: Times = (1000 * limits_s).astype(np.int64)
    return limits


def explain(sight: Sight) -> Words:
    """Say since when nothing came, and where to look."""
    silent_s = round((sight.at_ms - sight.since_ms) / 1000, 1)
    facts = {name: np.array(value, np.float64) for name, value in sight.facts.items()}
    limit_s = int(limits_ms(facts)) / 1000
    return Words(
        title=f"{sight.rig.name} is silent: no reading for {silent_s:.0f} s",
        likely_cause=(
            f"agent {sight.agent} works but does not read this rig: was the rig taken out of its "
            "configuration, or does its reading hang"
        ),
        evidence={"silent_s": silent_s, "limit_s": limit_s},
    )


TROUBLE = Trouble(name="rig-silent", version=1, severity="warning", state=STATE, explain=explain)
