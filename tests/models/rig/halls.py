"""Readings of a small hall of like rigs, healthy but for what a test does to them."""

import numpy as np

from lode_models.peers import Rig, Rigs, samples
from lode_wire.records import State

T0_MS, STEP_MS = 1_700_000_000_000, 30_000


def rigs_of(n: int, model: str = "S19", rated_ths: float = 100.0) -> Rigs:
    return Rigs(
        [
            Rig(name=f"r{i}", model=model, site="a", rated_hashrate_ths=rated_ths,
                rated_power_w=3000.0)
            for i in range(n)
        ]
    )  # fmt: skip


def columns_of(n: int, step: int, seed: int = 1) -> dict[str, np.ndarray]:
    own = np.random.default_rng(seed).normal(0, 1, (4, n))
    now = np.random.default_rng((seed, step)).normal(0, 1, (5, n))
    chip = 65 + 2 * own[2] + 0.7 * now[2]
    return {
        "state": np.full(n, State.MINING), "mode": np.zeros(n),
        "hashrate_ths": 100 * (1 + 0.01 * own[0] + 0.01 * now[0]),
        "power_w": 3000 * (1 + 0.01 * own[1] + 0.005 * now[1]),
        "chip_temp_c": chip, "board_temp_c": chip - 14 + 0.3 * now[3],
        "fan_rpm": 6000 * (1 + 0.02 * own[3] + 0.01 * now[4]),
        "boards_alive": np.full(n, 3.0), "chips_alive": np.full(n, 342.0),
        "fans_alive": np.full(n, 4.0), "accepted_shares": np.full(n, 1000 + 6.0 * step),
        "rejected_shares": np.full(n, 10.0), "uptime_s": np.full(n, 90_000.0 + 30 * step),
    }  # fmt: skip


def frames(n: int, steps: int, change=None, first: int = 0):
    """Give (now_ms, slots, rows); `change(step, columns)` does to them what the test is about."""
    for step in range(first, first + steps):
        columns = columns_of(n, step)
        if change:
            change(step, columns)
        at_ms = np.full(n, T0_MS + step * STEP_MS)
        yield int(at_ms[0]), np.arange(n), samples(at_ms, columns)
