"""The spool: how many records a second are numbered, packed, written and committed."""

import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from lode_edge.spool import Origin, Spool
from lode_wire import records
from tests.bench.figure import Figure
from tests.bench.wire_bench import readings

LIMIT = 20_000
CHUNK = 5_000  # handed over at once, as by a poller that reads 5,000 rigs
CHUNKS = 60


def run() -> Iterator[Figure]:
    """Measure the way from a record in memory to a record on disk."""
    rate = spooled(readings(CHUNK))
    yield Figure(
        name="spool: rig readings durable",
        value=rate,
        unit="records/s",
        ratio=rate / LIMIT,
        against="the limit of 20,000",
    )
    meters = [records.MeterReading(at_ms=1, meter=i, energy_in_kwh=float(i)) for i in range(CHUNK)]
    rate = spooled(meters)
    yield Figure(
        name="spool: meter readings durable (FULL sync)",
        value=rate,
        unit="records/s",
        ratio=rate / LIMIT,
        against="the limit of 20,000",
    )


def spooled(chunk: Sequence[records.Record]) -> float:
    """Hand chunks over as fast as the spool takes them; give records a second on disk."""
    with tempfile.TemporaryDirectory() as home:
        origin = Origin(directory=Path(home), agent="bench")
        with Spool(origin, queue_records=4 * CHUNK) as spool:
            began = time.perf_counter()
            for _ in range(CHUNKS):
                spool.put(chunk)
                # Wait for room, so that nothing is turned away: the queue is bounded.
                spool.flush().result(60)
            took_s = time.perf_counter() - began
            assert spool.depth.records == CHUNKS * CHUNK
            assert spool.depth.unwritten_records == 0
    return CHUNKS * CHUNK / took_s
