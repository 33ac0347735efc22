"""What is counted rather than charted: parts alive, equal values in a row, shares rejected."""

from dataclasses import dataclass

import numpy as np

from lode_models.peers.memory import Memory, of, put
from lode_models.peers.rigs import LEAST_PEERS, Rigs
from lode_models.peers.sample import COUNTED, FAN, RAW, Columns, Mask, Slots, Turn

BOARDS, CHIPS, FANS = range(3)
LOST_CHIPS, LOST_CHIPS_SHARE = 2.0, 0.012
LESS_THAN_PEERS = 0.04  # of the chips, from the start
MOST = 0.75  # of a class have as many

RUN = 30
RUN_OF_PEERS, RUN_OF_OWN = 8, 3
RUN_MS = 300_000
MOST_RUN = 60_000
YOUNG_S = 3600.0

SHARES_S = 900.0
LEAST_REJECTED = 10.0
LEAST_SHARES, REJECTS_S = 30.0, 4 * 3600.0
REJECTED, REJECTED_OF_PEERS, REJECTED_OVER = 0.05, 3.0, 0.03


@dataclass(frozen=True, kw_only=True, slots=True)
class Seen:
    """What was counted of some samples, by (part, row) or (row)."""

    lacking: np.ndarray
    whole: np.ndarray
    stuck: Mask
    rejects: "Rejects"

    def suspicious(self) -> Mask:
        """Tell (row) where anything may be wrong."""
        with np.errstate(invalid="ignore"):
            return (self.lacking >= 1).any(axis=0) | self.stuck | self.rejects.over

    def some(self, rows: Slots) -> "Seen":
        """Give some rows of it."""
        return Seen(
            lacking=self.lacking[:, rows], whole=self.whole[:, rows], stuck=self.stuck[rows],
            rejects=self.rejects.some(rows),
        )  # fmt: skip


@dataclass(frozen=True, kw_only=True, slots=True)
class Rejects:
    """Whose shares are rejected, by row: against its class, and against its own past."""

    over: Mask
    few: Mask
    own: Mask
    said: Mask  # there were shares at all

    def some(self, rows: Slots) -> "Rejects":
        """Give some rows of it."""
        return Rejects(
            over=self.over[rows], few=self.few[rows], own=self.own[rows], said=self.said[rows]
        )


def see(m: Memory, turn: Turn) -> Seen:
    """Count what samples show."""
    stuck = follow_runs(m, turn.at, turn.rows, turn.judged)
    lacking, whole = count(m, turn.at, turn.rows, turn.judged)
    return Seen(lacking=lacking, whole=whole, stuck=stuck, rejects=rejected(m, turn.at))


def count(
    m: Memory, at: Slots | slice, rows: Columns, judged: Mask
) -> tuple[np.ndarray, np.ndarray]:
    """Note the parts alive; give (part, row) how many lack, and of how many.

    What a rig should have is the most that it showed twice in a row.
    """
    now = np.stack([rows[name] for name in COUNTED])
    with np.errstate(invalid="ignore"):
        said = judged & (now >= 0)
    now[~said] = np.nan
    before, reference = of(m.count, at), of(m.reference, at)
    np.fmax(reference, np.minimum(now, before), out=reference)
    np.copyto(before, now, where=said)
    put(m.count, at, before)
    put(m.reference, at, reference)
    return reference - now, reference


def lost(m: Memory, turn: Turn, seen: Seen, hashes: Mask) -> tuple[Mask, Mask, Mask]:
    """Tell whose boards, chips and fans are fewer than they were; `hashes` is who hashes at all."""
    at, rows, lacking, whole = turn.at, turn.rows, seen.lacking, seen.whole
    with np.errstate(invalid="ignore"):
        chips = lacking[CHIPS] >= np.maximum(LOST_CHIPS, LOST_CHIPS_SHARE * whole[CHIPS])
        stands = (rows["fan_rpm"] == 0) & (m.own[FAN][at] > np.log(500.0))
        is_part = (lacking[BOARDS] >= 1) & (lacking[BOARDS] < whole[BOARDS])
        boards: Mask = is_part & hashes
        fans: Mask = (lacking[FANS] >= 1) | stands
    return boards, chips & hashes & ~boards, fans


def raise_reference(m: Memory, rigs: Rigs, part: int) -> None:
    """Expect of a rig what most of its class have, for parts that lacked from the start."""
    classed, mine = rigs.classed, m.reference[part]
    known = classed.sums(~np.isnan(mine))
    middle = classed.ranked(mine)[classed.starts + known.astype(np.intp) // 2]
    usual = classed.to_slots(middle, np.nan)
    most = classed.sums(mine == usual) > MOST * known
    enough = classed.to_slots((known >= LEAST_PEERS) & (most | (part == CHIPS)), 0)
    share = LESS_THAN_PEERS if part == CHIPS else 0.0
    np.copyto(mine, usual, where=enough & (mine < usual * (1 - share)))


def follow_runs(m: Memory, at: Slots | slice, rows: Columns, judged: Mask) -> Mask:
    """Follow runs of equal values; tell (row) who repeats one for too long."""
    now = np.stack([rows[name] for name in RAW])
    before, run, run_ms = of(m.raw, at), of(m.run, at), of(m.run_ms, at)
    has = ~np.isnan(now)
    has &= judged
    same = now == before
    same &= has
    ends = has & ~same
    longest = of(m.longest, at)
    is_longest = ends & (run > longest)
    longest[is_longest] = run[is_longest]
    np.copyto(run_ms, rows["at_ms"], where=ends)
    np.copyto(before, now, where=has)
    run += same & (run < MOST_RUN)
    run *= ~ends
    for array, part in ((m.longest, longest), (m.run_ms, run_ms), (m.run, run), (m.raw, before)):
        put(array, at, part)
    is_long = same & (run >= of(m.run_limit, at))
    if is_long.any():
        is_long &= rows["at_ms"] - run_ms >= RUN_MS
    stuck: Mask = is_long.any(axis=0)
    return stuck


def set_run_limit(m: Memory, rigs: Rigs, row: int) -> None:
    """Set how long a run of one figure may be, by the class's runs and the rig's own before it.

    Without a class nobody shows that the figure is a noisy one, and a run may be of any length.
    """
    classed, longest = rigs.classed, m.longest[row].astype(np.float64)
    ranked = classed.ranked(np.where(np.isnan(m.raw[row]), MOST_RUN, m.run[row]))
    share = np.where(classed.sizes >= 4 * LEAST_PEERS, 0.9, 0.6)
    usual = ranked[classed.starts + (share * (classed.sizes - 1)).astype(np.intp)]
    limit = classed.to_slots(RUN_OF_PEERS * (usual + 1.0), MOST_RUN + 1)
    limit = np.maximum(limit, np.maximum(RUN, RUN_OF_OWN * longest))
    is_young = m.learned_s.max(axis=0) < YOUNG_S  # its own longest run says little yet
    limit[is_young] *= 2
    m.run_limit[row] = np.minimum(limit, MOST_RUN + 1)


def follow_shares(m: Memory, at: Slots | slice, rows: Columns, step_s: np.ndarray) -> None:
    """Keep the shares of the last quarter of an hour, old ones fading; a reset counts nothing."""
    now = np.stack([rows["accepted_shares"], rows["rejected_shares"]])
    totals, shares = of(m.totals, at), of(m.shares, at)
    with np.errstate(invalid="ignore"):
        more = (now - totals).astype(np.float32)
        np.copyto(more, 0, where=~(more >= 0).all(axis=0))
    shares *= np.exp(-step_s / np.float32(SHARES_S))
    shares += more
    np.copyto(totals, now, where=~np.isnan(now))
    put(m.totals, at, totals)
    put(m.shares, at, shares)


def set_usual_rejects(m: Memory, rigs: Rigs) -> None:
    """Set by slot the share of rejected shares in the rig's class."""
    accepted, bad = rigs.classed.sums(m.shares)
    share = np.divide(bad, accepted + bad, out=np.zeros_like(bad), where=accepted + bad > 0)
    m.usual_rejects[:] = rigs.classed.to_slots(share, 0)


def rejected(m: Memory, at: Slots | slice) -> Rejects:
    """Tell whose share of rejected shares is far above its class's or its own of before."""
    (accepted, bad), usual, own = of(m.shares, at), of(m.usual_rejects, at), of(m.own_rejects, at)
    with np.errstate(invalid="ignore", divide="ignore"):
        share = bad / (accepted + bad)
        enough = bad >= LEAST_REJECTED
        return Rejects(
            over=enough & (share > REJECTED + REJECTED_OF_PEERS * usual),
            few=~(share > REJECTED_OVER + usual),
            own=enough & (share > REJECTED + REJECTED_OF_PEERS * own),
            said=~np.isnan(share),
        )


def learn_rejects(m: Memory, at: Slots | slice, step_s: np.ndarray) -> None:
    """Learn the rigs' own share of rejected shares over `step_s`."""
    (accepted, bad), own = of(m.shares, at), of(m.own_rejects, at)
    both = accepted + bad
    knows = (both >= LEAST_SHARES) & (step_s > 0)
    share = np.divide(bad, both, out=np.zeros_like(bad), where=knows)
    moved = np.where(np.isnan(own), share, own + (share - own) * step_s / REJECTS_S)
    np.copyto(own, moved, where=knows)
    put(m.own_rejects, at, own)
