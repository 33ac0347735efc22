"""What is counted rather than charted: parts alive, equal values in a row, shares rejected."""

from dataclasses import dataclass

import numpy as np

from lode_models.peers.memory import Memory, of, put
from lode_models.peers.rigs import LEAST_PEERS, Rigs
from lode_models.peers.sample import COUNTED, FAN, RAW, Columns, Mask, Slots, Turn

BOARDS, CHIPS, FANS = range(3)
LOST_CHIPS, LOST_CHIPS_SHARE = 2.0, 0.012
LESS_THAN_PEERS = 0.04  # of the chips, from the start

RUN = 30
RUN_OF_PEERS, RUN_OF_OWN = 8, 3
MOST_RUN = 60_000
YOUNG_S = 3600.0

SHARES_S = 900.0
LEAST_REJECTED = 10.0
REJECTED, REJECTED_OF_PEERS, REJECTED_OVER = 0.05, 3.0, 0.03


@dataclass(frozen=True, kw_only=True, slots=True)
class Seen:
    """What was counted of some samples, by (part, row) or (row)."""

    lacking: np.ndarray
    whole: np.ndarray
    stuck: Mask
    rejects: Mask
    rejects_few: Mask

    def suspicious(self) -> Mask:
        """Tell (row) where anything may be wrong."""
        with np.errstate(invalid="ignore"):
            return (self.lacking >= 1).any(axis=0) | self.stuck | self.rejects

    def some(self, rows: Slots) -> "Seen":
        """Give some rows of it."""
        return Seen(
            lacking=self.lacking[:, rows], whole=self.whole[:, rows], stuck=self.stuck[rows],
            rejects=self.rejects[rows], rejects_few=self.rejects_few[rows],
        )  # fmt: skip


def see(m: Memory, turn: Turn, usual_rejects: np.ndarray) -> Seen:
    """Count what samples show."""
    stuck = follow_runs(m, turn.at, turn.rows, turn.judged)
    lacking, whole = count(m, turn.at, turn.rows, turn.judged)
    rejects, few = rejected(m, turn.at, usual_rejects)
    return Seen(lacking=lacking, whole=whole, stuck=stuck, rejects=rejects, rejects_few=few)


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


def raise_references(m: Memory, rigs: Rigs) -> None:
    """Expect of a rig what most of its class have, for parts that lacked from the start."""
    for slots in rigs.by_class:
        seen = m.reference[:, slots]
        known = (~np.isnan(seen)).sum(axis=1)
        values = np.sort(seen, axis=1)
        middle = values[np.arange(len(seen)), known // 2]
        for part, share in ((BOARDS, 0.0), (FANS, 0.0), (CHIPS, LESS_THAN_PEERS)):
            mine = seen[part]
            with np.errstate(invalid="ignore"):
                most = np.mean(mine[~np.isnan(mine)] == middle[part]) if known[part] else 0.0
                is_less = mine < middle[part] * (1 - share)
            if known[part] >= LEAST_PEERS and (most > 0.75 or part == CHIPS):  # noqa: PLR2004
                m.reference[part, slots] = np.where(is_less, middle[part], mine)


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
    stuck: Mask = (same & (run >= of(m.run_limit, at))).any(axis=0)
    return stuck


def set_run_limits(m: Memory, rigs: Rigs) -> None:
    """Set how long a run may be, by the runs of the class and the rig's own before it."""
    limit = np.full(m.run.shape, MOST_RUN + 1, np.float64)
    for slots in rigs.by_class:
        share = 0.9 if len(slots) >= 4 * LEAST_PEERS else 0.6
        runs = np.where(np.isnan(m.raw[:, slots]), MOST_RUN, m.run[:, slots])
        usual = np.partition(runs, int(share * (len(slots) - 1)), axis=1)
        limit[:, slots] = RUN_OF_PEERS * (usual[:, [int(share * (len(slots) - 1))]] + 1)
    alone = rigs.place < 0
    limit[:, alone] = np.where(m.longest[:, alone] > 0, RUN, MOST_RUN + 1)
    is_young = m.learned_s.max(axis=0) < YOUNG_S  # its own longest run says little yet
    limit = np.maximum(limit, np.maximum(RUN, RUN_OF_OWN * m.longest.astype(np.float64)))
    limit = np.where(is_young, 2 * limit, limit)
    m.run_limit[...] = np.minimum(limit, MOST_RUN + 1).astype(np.uint16)


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


def usual_rejects(m: Memory, rigs: Rigs) -> np.ndarray:
    """Give by slot the share of rejected shares in the rig's class."""
    usual = np.zeros(len(m), np.float32)
    for slots in rigs.by_class:
        accepted, bad = m.shares.take(slots, axis=1).sum(axis=1)
        usual[slots] = bad / (accepted + bad) if accepted + bad > 0 else 0
    return usual


def rejected(m: Memory, at: Slots | slice, usual: np.ndarray) -> tuple[Mask, Mask]:
    """Tell whose share of rejected shares is far above its class's, and whose is not."""
    accepted, bad = of(m.shares, at)
    with np.errstate(invalid="ignore", divide="ignore"):
        share = bad / (accepted + bad)
        over: Mask = (bad >= LEAST_REJECTED) & (share > REJECTED + REJECTED_OF_PEERS * usual[at])
        under: Mask = ~(share > REJECTED_OVER + usual[at])
    return over, under
