"""How long a tick of 100,000 series takes, and how long rows of one series, on one core.

values in memory ─► SeriesDetector.tick      values in memory ─► replay
"""

import statistics
import time
from collections.abc import Iterator

import numpy as np

from lode_models.series import SeriesDetector, replay
from tests.bench.figure import Figure

SERIES, WARM, TICKS = 100_000, 20, 40
TICK_LIMIT_MS, STATE_LIMIT_B = 60.0, 400.0
ROWS, ROWS_LIMIT_S = 100_000, 3.0


def run() -> Iterator[Figure]:
    """Measure in CPU time of this process, which does one thing at a time."""
    detector = SeriesDetector(SERIES)
    for name, missing in (("", 0.0), (", 1 % missing", 0.01)):
        took_ms = ticks(detector, missing)
        yield Figure(
            name=f"series_detect: a tick of 100,000{name}",
            value=statistics.median(took_ms),
            unit="ms",
            ratio=statistics.median(took_ms) / TICK_LIMIT_MS,
            against=f"the limit of {TICK_LIMIT_MS:.0f} ms (most {max(took_ms):.0f})",
        )
    size = detector.state.nbytes / SERIES
    yield Figure(
        name="series_detect: state of a series",
        value=size,
        unit="B",
        ratio=size / STATE_LIMIT_B,
        against=f"the limit of {STATE_LIMIT_B:.0f} B",
    )
    took_s = alone()
    yield Figure(
        name="series_detect: 100,000 rows of one series",
        value=took_s,
        unit="s",
        ratio=took_s / ROWS_LIMIT_S,
        against=f"the limit of {ROWS_LIMIT_S:.0f} s",
    )


def ticks(detector: SeriesDetector, missing: float) -> list[float]:
    """Give the CPU time of ticks over noise, in ms, once the detector has learnt."""
    random = np.random.default_rng(1)
    rows = random.normal(100, 3, (10, SERIES))
    rows[random.random(rows.shape) < missing] = np.nan
    took = []
    for number in range(WARM + TICKS):
        began = time.process_time()
        detector.tick(number * 10_000, rows[number % len(rows)])
        took.append((time.process_time() - began) * 1000)
    return took[WARM:]


def alone() -> float:
    """Give the CPU time of scoring one series at once, in s."""
    values = np.random.default_rng(2).normal(100, 3, ROWS)
    began = time.process_time()
    replay(np.arange(ROWS, dtype=np.int64) * 10_000, values)
    return time.process_time() - began
