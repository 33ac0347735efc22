"""The detector of rigs: how long a step takes, and what it finds of a fleet whose faults are known.

`python -m tests.bench.detect_bench SEED...` prints the tables of `docs/detection.md`: 10,000 rigs
for 8 hours, some minutes each.
"""

import sys
import time
from collections.abc import Iterator

import numpy as np

from lode_models.peers import Peers, samples
from lode_sim.fleet_faults import Fleet
from tests.bench import detect_score
from tests.bench.figure import Figure

RIGS, METRICS = 10_000, 6
LIMIT_MS, LIMIT_BYTES, LIMIT_FALSE = 10.0, 400.0, 0.02
HOURS, SETTLED = 1.2, 1
"""Long enough for all that is judged by the hour. The first step sets every limit at once."""

SEED, SMALL_RIGS, SMALL_HOURS = 11, 2_000, 4.0


def run() -> Iterator[Figure]:
    """Measure steps in which every rig gives a reading, and score a small fleet."""
    fleet = Fleet(
        seed=SEED, rigs=RIGS, hours=HOURS, quiet_h=HOURS / 2, per_kind=20, interval_s=(5.0,)
    )
    peers = Peers(detect_score.rigs_of(fleet))
    took = list(steps(peers, fleet))[SETTLED:]
    for name, share in (("median", 0.5), ("p99", 0.99), ("worst", 1.0)):
        value = float(np.quantile(took, share))
        yield figure(f"detect: a step of 10,000 rigs, {name}", value, "ms", LIMIT_MS)
    yield figure("detect: state a rig and metric", peers.bytes_per_rig / METRICS, "B", LIMIT_BYTES)
    score = detect_score.run(
        Fleet(seed=SEED, rigs=SMALL_RIGS, hours=SMALL_HOURS, quiet_h=1.5, per_kind=20)
    )
    yield figure("detect: false a rig and day", score.false_a_day, "", LIMIT_FALSE)
    for line in score.lines():
        yield Figure(name=f"detect: {line.kind} found in time", value=line.in_time, unit="")


def steps(peers: Peers, fleet: Fleet) -> Iterator[float]:
    """Give the milliseconds of CPU that each step takes."""
    for frame in fleet:
        rows = samples(frame.columns["at_ms"], frame.columns)
        began = time.process_time()
        peers.step(frame.now_ms, frame.slots, rows)
        yield (time.process_time() - began) * 1000


def figure(name: str, value: float, unit: str, limit: float) -> Figure:
    return Figure(name=name, value=value, unit=unit, ratio=value / limit, against=f"{limit:g}")


if __name__ == "__main__":
    for seed in map(int, sys.argv[1:]):
        print(detect_score.run(Fleet(seed=seed)).text(), flush=True)
