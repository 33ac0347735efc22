"""What the learned opinion on 10,000 rigs costs: CPU time on one core, and memory."""

import resource
import statistics
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from lode_models.peers import Rig, Rigs, samples
from lode_models.rig import FEATURES, Learned, load
from tests.bench.figure import Figure

RIGS, CLASS, ROUNDS = 10_000, 500, 40
ASK_LIMIT_MS, TAKE_LIMIT_MS, JUDGE_LIMIT_MS = 10.0, 10.0, 60.0
MINUTE_LIMIT_MS, MEMORY_LIMIT_MB = 600.0, 100.0  # a hundredth of a core
STEP_MS = 15_000
T0_MS, INTERVAL_S, WARM_MIN, MEASURED_MIN = 1_700_000_000_000, 10, 12, 5


def run() -> Iterator[Figure]:
    """Measure in CPU time of this process, which does one thing at a time."""
    before_mb = resident_mb()
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
    name = f"learned: a minute of 10,000 rigs every {INTERVAL_S} s, a step a second"
    yield figure(name, minutes(random), MINUTE_LIMIT_MS)
    grown_mb = resident_mb() - before_mb
    yield Figure(
        name="learned: memory with 10,000 rigs, onnxruntime and all", value=grown_mb, unit="MB",
        ratio=grown_mb / MEMORY_LIMIT_MB, against=f"the limit of {MEMORY_LIMIT_MB:.0f} MB",
    )  # fmt: skip


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


def minutes(random: np.random.Generator) -> list[float]:
    """Give the milliseconds of whole minutes, when each second a part of the rigs is heard."""
    rigs = Rigs([Rig(name=str(i), model=str(i // CLASS), site="a") for i in range(RIGS)])
    learned, spent = Learned(load(), rigs), []
    for minute in range(WARM_MIN + MEASURED_MIN):
        spent.append(0.0)
        for second in range(60):
            now_ms = T0_MS + (minute * 60 + second) * 1000
            slots = np.arange(second % INTERVAL_S, RIGS, INTERVAL_S)
            made = {name: column[slots] for name, column in columns(random, now_ms).items()}
            rows = samples(np.full(len(slots), now_ms), made)
            began = time.process_time()
            learned.take(slots, rows)
            learned.judge(now_ms, ())
            spent[-1] += (time.process_time() - began) * 1000
    return spent[WARM_MIN:]


def resident_mb() -> float:
    """Give the memory of this process now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 1e6


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
