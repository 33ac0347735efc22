"""The book of troubles: by kind and slot, what is suspected, found, or explained by another.

idle ─on─► pending ─2 samples─► found ─off for a while─► idle
                          └────► covered (by another trouble of the rig, or of its group)
"""

import numpy as np

from lode_models.peers.conditions import Shown
from lode_models.peers.kinds import EXPLAINS, KINDS, MATURE_SAMPLES
from lode_models.peers.memory import Memory
from lode_models.peers.sample import Mask, Slots, Times, pairs

IDLE, PENDING, FOUND, COVERED = range(4)

_HOLD_MS = np.array([1000 * kind.hold_s for kind in KINDS])
_OFF_MS = np.array([1000 * kind.off_s for kind in KINDS])


def note(m: Memory, at: Slots, at_ms: Times, shown: Shown) -> Mask:
    """Enter what one sample of each rig shows.

    Neither on nor off holds what there is. Gives (kind, row) of findings that are over.
    """
    found = np.zeros_like(shown.on)
    # Of nearly all kinds a rig neither has nor shows anything.
    kinds, rows = pairs(shown.on | (m.phase.take(at, axis=-1) > IDLE))
    here = kinds, at[rows]
    on, off, at_ms = shown.on[kinds, rows], shown.off[kinds, rows], at_ms[rows]
    phase, seen = m.phase[here], m.seen[here]
    begins = on & (phase == IDLE)
    goes_on = on & (phase == PENDING)
    drops = ~on & (phase == PENDING)
    m.seen[here] = np.where(begins, 1, np.where(goes_on, np.minimum(seen + 1, 250), seen))
    m.pending_ms[here] = np.where(begins, at_ms, m.pending_ms[here])
    m.since_ms[here] = np.where(begins, shown.since_ms[kinds, rows], m.since_ms[here])
    lasts = (phase >= FOUND) & ~off
    m.on_ms[here] = on_ms = np.where(begins | goes_on | lasts, at_ms, m.on_ms[here])
    over = (phase >= FOUND) & off & (at_ms - on_ms >= _OFF_MS[kinds])
    m.phase[here] = np.where(begins, PENDING, np.where(drops | over, IDLE, phase))
    found[kinds, rows] = over & (phase == FOUND)
    return found


def suspect(m: Memory, kind: int, on: Mask, off: Mask, since_ms: Times, now_ms: int) -> Mask:
    """Enter by slot who has a trouble that is not told sample by sample; `mature` takes it at once.

    Neither on nor off holds what there is. Gives (slot) of findings that are over.
    """
    phase = m.phase[kind]
    if not (on.any() or phase.any()):
        return np.zeros_like(on)
    begins, back = on & (phase == IDLE), off & (phase >= FOUND)
    over: Mask = off & (phase == FOUND)
    for array, value in (
        (m.since_ms, since_ms), (m.pending_ms, now_ms), (m.on_ms, now_ms), (m.seen, MATURE_SAMPLES)
    ):  # fmt: skip
        np.copyto(array[kind], value, where=begins)
    m.phase[kind] = np.where(begins, PENDING, np.where(back, IDLE, phase))
    return over


def mature(m: Memory, at_once: Mask) -> Mask:
    """Tell by (kind, slot) which suspicions have lasted; some need one sample only."""
    pending: Mask = m.phase == PENDING
    here = kinds, _ = pairs(pending)
    sure = at_once[here]
    lasts = m.on_ms[here] - m.pending_ms[here] >= np.where(sure, 0, _HOLD_MS[kinds])
    pending[here] = ((m.seen[here] >= MATURE_SAMPLES) | sure) & lasts
    return pending


def settle(m: Memory, ripe: Mask, covered: Mask) -> Mask:
    """Turn ripe suspicions into findings, but those that another explains; give the findings."""
    if not ripe.any():
        return ripe
    slots = np.flatnonzero(ripe.any(axis=0))
    here, phase = ripe[:, slots], m.phase[:, slots]
    held = (phase == FOUND) | (phase == COVERED)
    explained = np.zeros_like(here)
    for kind in range(len(KINDS)):
        # The first kinds are settled first, so that each sees those that may explain it.
        explained[kind] = (EXPLAINS[:, kind, None] & held).any(axis=0)
        held[kind] |= here[kind]
    fresh = here & ~explained & ~covered[:, slots]
    m.phase[:, slots] = np.where(fresh, FOUND, np.where(here, COVERED, phase))
    found = np.zeros_like(ripe)
    found[:, slots] = fresh
    return found
