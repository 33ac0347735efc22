"""The codec: size and speed of 10,000 rig readings."""

import random
import time
from collections.abc import Callable, Iterator

import msgspec
import numpy as np

from lode_wire import codec
from lode_wire.columns import Numbers
from lode_wire.records import PowerSource, RigReading, State
from tests.bench.figure import Figure

N = 10_000
LIMIT_BYTES = 40
LIMIT_DECODED = 5e6


def run() -> Iterator[Figure]:
    """Measure packing, size and decoding into numpy."""
    rows = readings(N)
    payload = codec.frame(codec.pack(rows), agent="bench", epoch="e", seq=1)
    plain = len(msgspec.json.encode(rows)) / N
    size = len(payload) / N
    yield Figure(
        name="wire: size of a rig reading",
        value=size,
        unit="bytes",
        ratio=size / LIMIT_BYTES,
        against=f"the limit of {LIMIT_BYTES} ({plain:.0f} as JSON)",
    )
    packed = N / best(lambda: codec.pack(rows))
    yield Figure(name="wire: pack", value=packed, unit="readings/s")
    decoded = N / best(lambda: to_arrays(payload))
    yield Figure(
        name="wire: decode into numpy",
        value=decoded,
        unit="readings/s",
        ratio=decoded / LIMIT_DECODED,
        against="the limit of 5 million",
    )


def to_arrays(payload: bytes) -> dict[str, np.ndarray]:
    """Decode a payload as the hub does."""
    columns = codec.decode(payload).columns
    return {
        name: np.frombuffer(column.data, dtype=f"<{column.scalar.code}")
        for name, column in columns.items()
        if isinstance(column, Numbers)
    }


def best(work: Callable[[], object], times: int = 20) -> float:
    """Give the shortest of several runs, in seconds: the one least disturbed by others."""
    took = []
    for _ in range(times):
        began = time.perf_counter()
        work()
        took.append(time.perf_counter() - began)
    return min(took)


def readings(n: int, *, at_ms: int = 1_763_690_000_000, seed: int = 1) -> list[RigReading]:
    """Make one poll of n rigs with the spread of a true fleet."""
    rng = random.Random(seed)
    return [
        RigReading(
            at_ms=at_ms + i // 10,
            rig=i,
            state=State.MINING,
            hashrate_ths=round(rng.gauss(110, 2), 5),
            power_w=float(round(rng.gauss(3250, 30))),
            power_source=PowerSource.RIG,
            board_temp_c=float(rng.randrange(60, 75)),
            chip_temp_c=float(rng.randrange(70, 85)),
            inlet_temp_c=float(rng.randrange(22, 28)),
            fan_rpm=float(rng.randrange(80, 100) * 60),
            fans_alive=4,
            boards_alive=3,
            chips_alive=342,
            accepted_shares=rng.randrange(4000, 9000),
            rejected_shares=rng.randrange(20),
            uptime_s=50_000 + rng.randrange(100_000),
        )
        for i in range(n)
    ]
