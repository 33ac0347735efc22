"""How the agent is: its own counters, the spool's depth and the uplink's state as one record."""

import contextlib
import resource
import time
from pathlib import Path

from lode_edge.clock import SYSTEM, Clock
from lode_edge.poll import Counters
from lode_edge.spool import Depth, free_bytes
from lode_edge.uplink import Status
from lode_wire.records import Health

EVERY_S = 5.0
_PAGE_BYTES = resource.getpagesize()


class Monitor:
    """Makes the agent's health records."""

    def __init__(self, boot: str, data_dir: Path, *, clock: Clock = SYSTEM) -> None:
        self._boot, self._data_dir, self._clock = boot, data_dir, clock

    def record(self, polls: Counters, depth: Depth, status: Status) -> Health:
        """Say how the agent is now."""
        now_ms = self._clock.now_ms()
        waits_since_ms = depth.oldest_created_ms
        return Health(
            at_ms=now_ms,
            boot=self._boot,
            spool_batches=depth.batches,
            spool_records=depth.records,
            spool_bytes=depth.size_bytes,
            oldest_ms=depth.oldest_ms,
            lag_s=0.0 if waits_since_ms is None else max(0, now_ms - waits_since_ms) / 1000,
            clock_offset_ms=status.clock_offset_ms,
            rtt_ms=status.rtt_ms,
            is_stuck=status.is_stuck,
            rss_bytes=rss_bytes(),
            cpu_s=time.process_time(),
            polls_done=polls.done,
            polls_late=polls.late,
            polls_skipped=polls.skipped,
            polls_failed=polls.failed,
            bad_answers=polls.bad_answers,
            batches_evicted=depth.evicted_batches,
            disk_free_bytes=self._disk_free_bytes(),
        )

    def _disk_free_bytes(self) -> int | None:
        with contextlib.suppress(OSError):
            return free_bytes(self._data_dir)
        return None


def rss_bytes() -> int | None:
    """Give the memory that is ours in RAM; None where the system does not say."""
    with contextlib.suppress(OSError):
        return int(Path("/proc/self/statm").read_text("ascii").split()[1]) * _PAGE_BYTES
    return None
