"""A small quiet fleet: readings step by step, healthy but for what a test changes."""

import numpy as np

from lode_models.peers import Found, Peers, Rig, Rigs, samples
from lode_models.peers.sample import Table
from lode_wire.records import State

T0, N, EVERY_S = 1_700_000_000_000, 20, 10


def fleet(n: int = N) -> Rigs:
    return Rigs(
        [Rig(name=f"r{i}", model="S19", site="A", rack=f"k{i // 10}", rated_hashrate_ths=100.0)
         for i in range(n)]
    )  # fmt: skip


def reading(turn: int, n: int = N) -> Table:
    """Healthy rigs with a little noise, the same for every seed of time."""
    noise = np.random.default_rng(turn).normal(0, 1, (4, n))
    return samples(
        np.full(n, T0 + turn * EVERY_S * 1000),
        {
            "state": np.full(n, int(State.MINING)),
            "hashrate_ths": 100 + 1.5 * noise[0],
            "power_w": 3250 + 20 * noise[1],
            "chip_temp_c": 70 + 0.5 * noise[2],
            "board_temp_c": 56 + 0.5 * noise[3],
            "fan_rpm": 5000 + 40 * noise[1],
            "boards_alive": np.full(n, 3.0),
            "chips_alive": np.full(n, 330.0),
            "fans_alive": np.full(n, 4.0),
        },
    )


def play(peers: Peers, turns: range, change=lambda turn, rows: rows) -> list[Found]:
    found: list[Found] = []
    for turn in turns:
        rows = change(turn, reading(turn, len(peers.rigs)))
        slots = np.flatnonzero(rows["at_ms"] > 0)
        found += peers.step(T0 + turn * EVERY_S * 1000, slots, rows[slots])
    return found


def set_to(slot: int | slice, **values: float):
    def change(turn: int, rows: Table) -> Table:
        for name, value in values.items():
            rows[name][slot] = value
        return rows

    return change
