"""How long the learned opinion on 10,000 rigs takes, on one core: to ask the model, and in all."""

import statistics
import time
from collections.abc import Iterator

import numpy as np

from lode_models.peers import Rig, Rigs, samples
from lode_models.rig import FEATURES, Learned, load
from tests.bench.figure import Figure

RIGS, CLASS, ROUNDS = 10_000, 500, 40
ASK_LIMIT_MS, TAKE_LIMIT_MS, JUDGE_LIMIT_MS = 10.0, 10.0, 60.0
STEP_MS = 15_000


def run() -> Iterator[Figure]:
    """Measure in CPU time of this process, which does one thing at a time."""
    model, random = load(), np.random.default_rng(1)
    features = random.normal(0, 0.01, (RIGS, len(FEATURES))).astype(np.float32)
    asked = []
    for _ in range(ROUNDS):
        began = time.process_time()
        model.score(features)
        asked.append((time.process_time() - began) * 1000)
    yield figure("learned: ask the model about 10,000 rigs", asked, ASK_LIMIT_MS)
    took, judged = rounds(random)
    yield figure("learned: take 10,000 readings", took, TAKE_LIMIT_MS)
    yield figure("learned: judge 10,000 rigs, once a minute", judged, JUDGE_LIMIT_MS)


def rounds(random: np.random.Generator) -> tuple[list[float], list[float]]:
    """Give the milliseconds of steps that only take readings, and of those that judge."""
    rigs = Rigs([Rig(name=str(i), model=str(i // CLASS), site="a") for i in range(RIGS)])
    learned, slots = Learned(load(), rigs), np.arange(RIGS)
    took, judged = [], []
    for step in range(120):
        now_ms = 1_700_000_000_000 + step * STEP_MS
        rows = samples(np.full(RIGS, now_ms), columns(random, step))
        began = time.process_time()
        learned.take(slots, rows)
        learned.judge(now_ms, ())
        spent = (time.process_time() - began) * 1000
        if step * STEP_MS > 720_000:  # all are warm
            (judged if step % 4 == 0 else took).append(spent)
    return took, judged


def columns(random: np.random.Generator, step: int) -> dict[str, np.ndarray]:
    """Give readings of healthy rigs."""
    normal = random.normal(0, 0.01, (4, RIGS))
    chip = 60 + 100 * normal[2]
    return {
        "state": np.ones(RIGS), "hashrate_ths": 100 * (1 + normal[0]),
        "power_w": 3000 * (1 + normal[1]), "chip_temp_c": chip, "board_temp_c": chip - 14,
        "fan_rpm": 6000 * (1 + normal[3]), "boards_alive": np.full(RIGS, 3.0),
        "chips_alive": np.full(RIGS, 300.0), "fans_alive": np.full(RIGS, 4.0),
        "accepted_shares": np.full(RIGS, 10.0 * step), "rejected_shares": np.full(RIGS, 0.1 * step),
        "uptime_s": np.full(RIGS, 90_000.0 + step),
    }  # fmt: skip


def figure(name: str, took_ms: list[float], limit_ms: float) -> Figure:
    value = statistics.median(took_ms)
    against = f"the limit of {limit_ms:.0f} ms (most {max(took_ms):.0f})"
    return Figure(name=name, value=value, unit="ms", ratio=value / limit_ms, against=against)
