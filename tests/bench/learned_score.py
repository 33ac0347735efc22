"""What the learned opinion sees of a fleet whose faults are known, and what it adds to the peers.

`python -m tests.bench.learned_score SEED...` prints the table of `docs/detection.md`.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from lode_models.peers import Peers, Rigs, samples
from lode_models.rig import Learned, load
from lode_sim.fleet_faults import KINDS, Fleet
from tests.bench import detect_score
from tests.bench.learned_train import HOURS, fleet_of

RIGS, INTERVALS_S = 600, (5.0, 10.0, 15.0, 30.0)


@dataclass(kw_only=True)
class Score:
    """What came of some fleets: by kind of fault, in the order they were judged."""

    rig_days: float = 0.0
    alone: int = 0  # opinions on healthy rigs
    faults: dict[str, int] = field(default_factory=lambda: dict.fromkeys(KINDS, 0))
    peers: dict[str, int] = field(default_factory=lambda: dict.fromkeys(KINDS, 0))
    learned: dict[str, int] = field(default_factory=lambda: dict.fromkeys(KINDS, 0))
    added: dict[str, int] = field(default_factory=lambda: dict.fromkeys(KINDS, 0))
    first: dict[str, int] = field(default_factory=lambda: dict.fromkeys(KINDS, 0))
    delays_s: dict[str, list[float]] = field(default_factory=lambda: {kind: [] for kind in KINDS})

    def text(self) -> str:
        """Give the table and the false opinions."""
        rows = [
            f"| {kind} | {self.faults[kind]} | {self.peers[kind]} | {self.learned[kind]} "
            f"| {self.first[kind]} | {self.added[kind]} "
            f"| {np.median(self.delays_s[kind]) if self.delays_s[kind] else np.nan:.0f} s |"
            for kind in KINDS
        ]
        return "\n".join(
            [*rows, f"false: {self.alone}, {self.alone / self.rig_days:.3f} a rig and day"]
        )


def run(fleets: Sequence[Fleet]) -> Score:
    """Judge fleets by both, from their first frame to their last."""
    score = Score()
    for fleet in fleets:
        _judge(fleet, score)
    return score


def _judge(fleet: Fleet, score: Score) -> None:
    peers = Peers(detect_score.rigs_of(fleet))
    learned = Learned(load(), Rigs(peers.rigs.rows))
    began = {"peers": dict[int, int](), "learned": dict[int, int]()}
    active: set[tuple[int, str]] = set()
    for frame in fleet:
        rows = samples(frame.columns["at_ms"], frame.columns)
        for found in peers.step(frame.now_ms, frame.slots, rows):
            for slot in found.members if found.group else (found.slot,):
                (active.add if found.is_active else active.discard)((slot, found.kind))
                if found.is_active:
                    _note(began["peers"], fleet, slot, frame.now_ms)
        others = {slot for slot, _ in active}
        learned.take(frame.slots, rows)
        for opinion in learned.judge(frame.now_ms, others):
            if opinion.is_active:
                score.alone += opinion.slot not in fleet.fault_of
                _note(began["learned"], fleet, opinion.slot, frame.now_ms)
    score.rig_days += fleet.rigs * fleet.hours / 24
    _count(fleet, began, score)


def _note(began: dict[int, int], fleet: Fleet, slot: int, now_ms: int) -> None:
    fault = fleet.fault_of.get(slot)
    if fault is not None and now_ms >= fault.at_ms:
        began.setdefault(slot, now_ms)


def _count(fleet: Fleet, began: dict[str, dict[int, int]], score: Score) -> None:
    for fault in fleet.faults:
        kind, peers_ms = fault.kind, began["peers"].get(fault.slot)
        learned_ms = began["learned"].get(fault.slot)
        score.faults[kind] += 1
        score.peers[kind] += peers_ms is not None
        if learned_ms is not None:
            score.learned[kind] += 1
            score.added[kind] += peers_ms is None
            score.first[kind] += peers_ms is not None and learned_ms < peers_ms
            score.delays_s[kind].append((learned_ms - fault.at_ms) / 1000)


if __name__ == "__main__":
    seeds = [int(seed) for seed in sys.argv[1:]]
    print(HOURS, "h,", RIGS, "rigs, seeds", seeds)
    print(run([fleet_of(seed, INTERVALS_S, RIGS) for seed in seeds]).text())
