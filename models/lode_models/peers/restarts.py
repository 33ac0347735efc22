"""Rigs that restart again and again: their uptime falls back, and nobody told them to."""

import numpy as np

from lode_models.features import Floats
from lode_models.peers.hearing import GRACE_MS
from lode_models.peers.memory import Memory, of, put
from lode_models.peers.sample import Columns, Mask, Slots

LEAST, WITHIN_MS = 3, 3_600_000
QUIET_MS = 1_800_000
"""It is over when a rig that is heard has not restarted for so long."""

SLACK_S = 60.0
"""Uptimes are rounded. One that falls by less than to a fresh start is of another clock."""


def follow(m: Memory, at: Slots | slice, rows: Columns, step_s: Floats) -> None:
    """Note who started anew since its last reading, but not soon after a rest or an order."""
    uptime_s, before_s = rows["uptime_s"], of(m.uptime_s, at)
    with np.errstate(invalid="ignore"):
        starts = (uptime_s < before_s) & (uptime_s <= step_s + SLACK_S)
    starts &= rows["at_ms"] - of(m.rest_ms, at) > GRACE_MS
    np.copyto(before_s, uptime_s, where=~np.isnan(uptime_s))
    put(m.uptime_s, at, before_s)
    here = np.flatnonzero(starts)
    if len(here):
        slots = np.arange(len(m))[at][here]
        m.restart_ms[1:, slots] = m.restart_ms[:-1, slots]
        m.restart_ms[0, slots] = rows["at_ms"][here] - (1000 * uptime_s[here]).astype(np.int64)


def again_and_again(m: Memory) -> Mask:
    """Tell by slot who does."""
    last_ms, first_ms = m.restart_ms[0], m.restart_ms[LEAST - 1]
    often: Mask = (first_ms > 0) & (last_ms - first_ms <= WITHIN_MS)
    often &= m.heard_ms - last_ms < QUIET_MS
    return often
