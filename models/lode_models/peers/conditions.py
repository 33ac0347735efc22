"""Which kinds of trouble one round of samples shows, and which it denies."""

from dataclasses import dataclass

import numpy as np

from lode_models.peers import parts
from lode_models.peers.charts import LEAST
from lode_models.peers.kinds import KINDS, NUMBER
from lode_models.peers.memory import Memory, of
from lode_models.peers.sample import BOARD, CHIP, EFFICIENCY, FAN, HASH, POWER, Mask, Turn

OFF, BACK_SPREADS = 0.6, 2.0 / 7.5  # of limits: nearer to zero is over
STEP_LOG = -0.10  # a fall of the hashrate at once, rather than by and by
GONE_LOG = -2.3  # a tenth: nothing worth the name
FAN_SLOW_LOG = -0.35
OWN_HASH_LOG, OWN_HEAT_C = -0.18, 8.0
HASH_READY_S, HEAT_READY_S = 600.0, 1800.0  # heat is slow
OWN_HASH, OWN_HEAT, OWN_REJECTS = range(3)
FLAT, REJECTED = NUMBER["flatline"], NUMBER["rejected_shares"]
CHARTED = np.array([NUMBER[name] for name in ("hash_loss", "hash_decay", "power_up",
                                              "overheating", "fan_failure")])  # fmt: skip
"""Kinds that charts show, a lost fan among them."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Shown:
    """What samples show, by (kind, row); `since_ms` is when each seems to have begun."""

    on: Mask
    off: Mask
    strong: Mask  # two witnesses at once
    since_ms: np.ndarray


def shown(m: Memory, turn: Turn, e: np.ndarray, parts_seen: parts.Seen, is_far: Mask) -> Shown:
    """Judge samples; of rigs that are not judged, nothing is on and nothing off.

    `is_far` is where a chart is beyond its limit. Elsewhere none is looked at, but of who has
    such a trouble: in an outage most of those who come here have another.
    """
    at, rows, judged = turn.at, turn.rows, turn.judged
    n = len(judged)
    on, off = np.zeros((len(KINDS), n), bool), np.zeros((len(KINDS), n), bool)
    strong = np.zeros((len(KINDS), n), bool)
    since = np.broadcast_to(rows["at_ms"], (len(KINDS), n)).copy()
    own_hash = m.latest[HASH][at] - m.own[HASH][at]
    hashes = ~(own_hash < GONE_LOG)
    boards, chips, fans = parts.lost(m, turn, parts_seen, hashes)
    here = np.flatnonzero(is_far | fans | of(m.phase[CHARTED], at).any(axis=0))
    place = np.ix_(CHARTED, here)
    on[place], off[place], since[place] = _charted(m, turn.some(here), e[:, here])
    for name, is_lost, part in (
        ("board_loss", boards, parts.BOARDS),
        ("chip_loss", chips, parts.CHIPS),
        ("fan_failure", fans, parts.FANS),
    ):
        number = NUMBER[name]
        known = ~np.isnan(parts_seen.lacking[part])
        off[number] = np.where(known, ~is_lost & hashes, off[number])
        on[number] |= is_lost
    off[NUMBER["fan_failure"]] &= ~on[NUMBER["fan_failure"]]
    with np.errstate(invalid="ignore"):
        strong[NUMBER["board_loss"]] = boards & (own_hash < STEP_LOG)
        strong[NUMBER["fan_failure"]] = fans & (rows["fan_rpm"] < 500)  # noqa: PLR2004
    on[REJECTED], off[REJECTED] = parts_seen.rejects.over, parts_seen.rejects.few
    on[FLAT], here = parts_seen.stuck, np.flatnonzero(parts_seen.stuck | (m.phase[FLAT][at] > 0))
    if len(here):
        off[FLAT, here], since[FLAT, here] = _flat(m, turn.some(here))
    return Shown(on=on & judged, off=off & judged, strong=strong & judged, since_ms=since)


def _charted(m: Memory, turn: Turn, e: np.ndarray) -> tuple[Mask, Mask, np.ndarray]:
    """Give what is on, what is off, and since when, by (place in `CHARTED`, row)."""
    at, at_ms = turn.at, turn.rows["at_ms"]
    chart, limit, calm_ms = of(m.chart, at), of(m.limit, at), of(m.calm_ms, at)
    half = LEAST[2][:, None] / 2
    with np.errstate(invalid="ignore"):
        high = ((chart > limit) & (e > half)).any(axis=0)
        # One strange reading lifts a chart for several; a step is in each reading by itself.
        lasts: Mask = np.logical_or.reduce((chart > limit) & (e > limit / 2))
        low = ((chart < -limit) & (e < -half)).any(axis=0)
        step = (chart[:2, HASH] < -limit[:2, HASH]).any(axis=0) & (e[HASH] < -half[HASH])
    # The slow chart would take an hour to forget; the middle one within its limit tells as much.
    near = np.maximum(OFF * limit[2], BACK_SPREADS * limit[1])
    over_high = (chart[1] < near) & (chart[0] < limit[0])
    over_low = (chart[1] > -near) & (chart[0] > -limit[0])
    fast = chart[0]
    # Fans rightly slow down of a rig that does not hash, or did not and is still cold.
    is_cold = np.fmin(chart[1, CHIP], chart[1, BOARD]) < -LEAST[1, CHIP]
    slow_fan = low[FAN] & (fast[FAN] < FAN_SLOW_LOG) & (m.own_ms[OWN_HASH][at] == 0) & ~is_cold
    falls = step & (fast[HASH] < STEP_LOG)
    dearer = (fast[EFFICIENCY] > 0.3 * fast[POWER]) & (fast[HASH] > -0.5 * fast[POWER])
    power = (lasts[POWER] | (lasts[EFFICIENCY] & (fast[POWER] > 0.6 * fast[EFFICIENCY]))) & dearer
    on = np.stack([falls, low[HASH], power, high[CHIP] | high[BOARD], slow_fan])
    off = np.stack([
        over_low[HASH], over_low[HASH], over_high[POWER] & over_high[EFFICIENCY],
        over_high[CHIP] & over_high[BOARD], over_low[FAN],
    ])  # fmt: skip
    hash_ms, power_ms, fan_ms = calm_ms[HASH], calm_ms[POWER], calm_ms[FAN]
    heat_ms = np.maximum(calm_ms[CHIP], calm_ms[BOARD])
    calm_ms = np.stack([hash_ms, hash_ms, power_ms, heat_ms, fan_ms])
    return on, off, np.where(calm_ms > 0, np.minimum(calm_ms, at_ms), at_ms)


def _flat(m: Memory, turn: Turn) -> tuple[Mask, np.ndarray]:
    """Give by row where no run goes on, and when the first of those began that are too long."""
    run, run_ms = of(m.run, turn.at), of(m.run_ms, turn.at)
    is_long = run >= of(m.run_limit, turn.at)
    over: Mask = np.logical_and.reduce(run < 2)  # noqa: PLR2004
    return over, np.where(is_long, run_ms, turn.rows["at_ms"]).min(axis=0)


def follow_own(m: Memory, turn: Turn, rejects: parts.Rejects) -> None:
    """Note who lost its hashrate, became hot or is refused shares, whatever its peers do."""
    at, x, at_ms, judged = turn.at, turn.x, turn.rows["at_ms"], turn.judged
    hash_log, chip_c, board_c = (x[i] - of(m.own[i], at) for i in (HASH, CHIP, BOARD))
    heat_c = np.fmax(chip_c, board_c)
    limit = of(m.limit[0, HASH], at)
    with np.errstate(invalid="ignore"):
        noise = 1.2 * np.where(np.isinf(limit), 0, limit)
        falls = hash_log < np.minimum(OWN_HASH_LOG, -noise)
        heats = heat_c > OWN_HEAT_C
    is_any = (falls | heats | rejects.own) & judged
    here = np.flatnonzero(is_any | of(m.own_ms, at).any(axis=0))
    if not len(here):
        return
    slots = np.arange(len(m))[at][here]
    has_level = m.learned_s[HASH][slots] >= HASH_READY_S
    heat_s = np.maximum(m.learned_s[CHIP][slots], m.learned_s[BOARD][slots])
    is_hot = heats[here] & (heat_s >= HEAT_READY_S)
    has = np.stack([falls[here] & has_level, is_hot, rejects.own[here]]) & judged[here]
    knows_shares = rejects.said[here] & turn.heard[here]
    said = np.stack([~np.isnan(hash_log[here]), ~np.isnan(heat_c[here]), knows_shares])
    begun = m.own_ms.take(slots, axis=-1)
    now = np.where(has & (begun == 0), at_ms[here], begun)
    m.own_ms[:, slots] = np.where(said & ~has, 0, now)
    count = np.minimum(m.own_n[:, slots] + has, 250)
    m.own_n[:, slots] = np.where(said & ~has, 0, count)
