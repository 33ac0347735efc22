"""Who was heard when: intervals learned, grace after commands, and who has fallen silent."""

from dataclasses import dataclass

import numpy as np

from lode_models.features import Floats
from lode_models.peers.memory import Memory, of, put
from lode_models.peers.sample import HASH, Columns, Mask, Slots, Times, rests

GRACE_MS = 300_000
"""After a commanded change, a rest or a long silence a rig is not judged for so long..."""

WARM_UP_MS = 600_000
"""...and while it does not hash as before, or its uptime says that it just started, so long."""

WARM_LOG = -0.08
LONG_GAP = 3.0  # intervals
MISSED_FEW, MISSED = 2, 3
SLOW_S = 18.0
LEAST_SILENCE_S = 25.0
"""Rigs that are polled every second or two may miss a few more: restarts of an interface."""

MAX_FALSE_A_DAY = 0.008
LEAST_GAPS_SEEN = 5_000
SAME_STEP = 0.15


@dataclass(kw_only=True, slots=True)
class Gaps:
    """How often one reading, and how often two in a row, did not come, of all that were due."""

    due: float = 0.0
    one: float = 0.0
    two: float = 0.0

    def take(self, ratio: np.ndarray) -> None:
        """Count gaps, given as multiples of their rigs' intervals; old counts fade."""
        if self.due > 1e7:  # noqa: PLR2004 -- enough to know; then follow what changes
            self.due, self.one, self.two = self.due / 2, self.one / 2, self.two / 2
        self.due += float(np.minimum(ratio, LONG_GAP).sum())
        self.one += float(((ratio > 1.5) & (ratio <= LONG_GAP)).sum())  # noqa: PLR2004
        self.two += float(((ratio > 2.5) & (ratio <= LONG_GAP + 0.5)).sum())  # noqa: PLR2004

    def missed(self, interval_s: np.ndarray) -> np.ndarray:
        """Give by rig how many readings may be missed.

        Three; two of a rig that is polled so rarely that three take long, where readings are so
        seldom lost that two in a row by chance are rarer than one in a hundred days.
        """
        if self.due < LEAST_GAPS_SEEN:
            return np.full(len(interval_s), MISSED, np.float32)
        chance = max((self.one / self.due) ** 2, self.two / self.due, 1 / self.due**2)
        with np.errstate(invalid="ignore", divide="ignore"):
            is_rare = chance * 86_400 / interval_s < MAX_FALSE_A_DAY
        return np.where(is_rare & (interval_s >= SLOW_S), MISSED_FEW, MISSED).astype(np.float32)


def hear(m: Memory, at: Slots | slice, rows: Columns, gaps: Gaps) -> Floats:
    """Note that rigs were heard; give the seconds since each one's reading before.

    That is 0 of a rig's first, and of a rig that is not heard now: its time is that of its last.
    """
    before, interval, last = of(m.heard_ms, at), of(m.interval_s, at), of(m.step_s, at)
    step = np.where(before > 0, (rows["at_ms"] - before) / 1000, 0).astype(np.float32)
    is_next, known = step > 0, interval > 0
    with np.errstate(invalid="ignore", divide="ignore"):
        gaps.take((step / interval)[known & is_next])
        is_steady = np.abs(step - last) <= SAME_STEP * last
        first = np.where(known, interval, np.fmin(step, last))
        drift = first + 0.05 * np.clip(step - first, -0.2 * first, 0.2 * first)
        follows = np.where(is_steady, (step + last) / 2, np.where(known, drift, first))
        late = np.abs(step - interval)
        is_on_time = is_next & (step < 1.5 * interval)
    jitter = of(m.jitter_s, at)
    jitter += np.where(is_on_time, np.float32(0.1) * (late - jitter), 0)
    np.copyto(interval, follows, where=is_next)
    np.copyto(last, step, where=is_next)
    for array, part in ((m.jitter_s, jitter), (m.interval_s, interval), (m.step_s, last)):
        put(array, at, part)
    _give_grace(m, at, rows, step)
    m.heard_ms[at] = rows["at_ms"]
    return step


def _give_grace(m: Memory, at: Slots | slice, rows: Columns, step: np.ndarray) -> None:
    at_ms, uptime_s = rows["at_ms"], rows["uptime_s"]
    commanded = rests(rows["state"])
    is_other = (rows["mode"] != of(m.mode, at)) & (step > 0)
    if is_other.any():
        # Another mode has other levels, and other peers.
        slots = np.arange(len(m))[at][is_other]
        m.own[:, slots], m.learned_s[:, slots] = np.nan, 0
        commanded |= is_other
    no_uptime = np.isnan(uptime_s)
    with np.errstate(invalid="ignore"):
        begins = commanded | (no_uptime & (step > LONG_GAP * of(m.interval_s, at)))
        is_reset = no_uptime & (rows["accepted_shares"] < of(m.totals[0], at))
        starts = uptime_s < WARM_UP_MS / 1000
    m.state[at], m.mode[at] = rows["state"], rows["mode"]
    told = np.flatnonzero(begins | is_reset | starts)
    if not len(told):
        return
    slots, at_ms, begins = np.arange(len(m))[at][told], at_ms[told], begins[told]
    warm_ms = WARM_UP_MS - np.nan_to_num(1000 * uptime_s[told]).astype(np.int64)
    until = at_ms + np.where(begins, GRACE_MS, warm_ms)
    m.rest_ms[slots] = np.where(begins, at_ms, m.rest_ms[slots])
    m.grace_ms[slots] = np.maximum(m.grace_ms[slots], until)


def may_judge(m: Memory, at: Slots | slice, rows: Columns, x: np.ndarray) -> Mask:
    """Tell which rigs mine and are past their grace."""
    at_ms, rest_ms = rows["at_ms"], of(m.rest_ms, at)
    with np.errstate(invalid="ignore"):
        is_cold = x[HASH] - of(m.own[HASH], at) < WARM_LOG
    warms_up = is_cold & (rest_ms > 0) & (at_ms < rest_ms + WARM_UP_MS)
    mask: Mask = ~rests(rows["state"]) & (at_ms >= of(m.grace_ms, at)) & ~warms_up
    return mask


def silence(
    m: Memory, now_ms: int, gaps: Gaps, watched: Mask, back_ms: Times | int = 0
) -> tuple[Mask, Mask, Times]:
    """Tell by slot who is late, who is offline, and when those should have been heard.

    Silence counts from `back_ms` at the earliest, since when a rig's source was heard.
    A rig that rests is not judged: it may have been switched off.
    """
    late, offline = np.zeros((2, len(m)), bool)
    due_ms = np.maximum(m.heard_ms, back_ms)
    quiet_s = (now_ms - due_ms).astype(np.float32) / 1000
    with np.errstate(invalid="ignore"):
        is_quiet = (m.interval_s > 0) & (quiet_s > 1.5 * m.interval_s)
    here = np.flatnonzero(is_quiet & watched & (m.heard_ms > 0) & ~rests(m.state))
    interval, jitter, quiet_s = m.interval_s[here], m.jitter_s[here], quiet_s[here]
    slack_s = np.minimum(4 * jitter, 0.5 * interval) + np.where(jitter > 0.01, 0.1, 0)  # noqa: PLR2004
    late[here] = quiet_s > 1.5 * interval + slack_s
    limit_s = np.maximum(gaps.missed(interval) * interval + slack_s, LEAST_SILENCE_S)
    offline[here] = quiet_s >= limit_s - 0.002
    due_ms[here] += (interval * 1000).astype(np.int64)
    return late, offline, due_ms
