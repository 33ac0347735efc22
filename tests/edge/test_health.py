"""What the agent says of itself: the lag of what waits, and nothing it does not know."""

import dataclasses
from pathlib import Path

import pytest

from lode_edge import health
from lode_edge.clock import Clock
from lode_edge.health import Monitor, rss_bytes
from lode_edge.poll import Counters
from lode_edge.spool import Depth
from lode_edge.uplink import Status

NOW_MS = 1_800_000_000_000
EMPTY = Depth(
    epoch="e",
    head=0,
    base=0,
    batches=0,
    records=0,
    size_bytes=4096,
    oldest_ms=None,
    oldest_created_ms=None,
    evicted_batches=0,
    unwritten_records=0,
    is_full=False,
)
AWAY = Status(
    is_connected=False,
    broker="",
    is_stuck=False,
    refused_batches=0,
    clock_offset_ms=None,
    rtt_ms=None,
)


def monitor(home: Path) -> Monitor:
    return Monitor("boot-1", home, clock=Clock(now_ms=lambda: NOW_MS))


@pytest.mark.parametrize(
    ("created_ms", "lag_s"),
    [
        (None, 0.0),  # nothing waits
        (NOW_MS - 90_500, 90.5),
        (NOW_MS, 0.0),
        (NOW_MS + 60_000, 0.0),  # the wall clock was set back: no lag below nothing
    ],
)
def test_the_lag_is_that_of_the_oldest_batch(
    tmp_path: Path, created_ms: int | None, lag_s: float
) -> None:
    # What it was observed at does not count: the readings of an hour ago may have come just now.
    depth = dataclasses.replace(EMPTY, oldest_created_ms=created_ms, oldest_ms=NOW_MS - 10**7)
    assert monitor(tmp_path).record(Counters(), depth, AWAY).lag_s == lag_s


def test_it_says_what_its_parts_say_each_in_its_place(tmp_path: Path) -> None:
    polls = Counters(done=1, late=2, skipped=3, failed=4, bad_answers=5, held=6)
    depth = dataclasses.replace(EMPTY, batches=7, records=8, oldest_ms=9, evicted_batches=10)
    status = dataclasses.replace(AWAY, is_stuck=True, clock_offset_ms=-11.5, rtt_ms=12.5)
    said = monitor(tmp_path).record(polls, depth, status)
    assert (said.at_ms, said.boot) == (NOW_MS, "boot-1")
    assert (said.polls_done, said.polls_late, said.polls_skipped) == (1, 2, 3)
    assert (said.polls_failed, said.bad_answers) == (4, 5)
    assert (said.spool_batches, said.spool_records, said.spool_bytes) == (7, 8, 4096)
    assert (said.oldest_ms, said.batches_evicted, said.is_stuck) == (9, 10, True)
    assert (said.clock_offset_ms, said.rtt_ms) == (-11.5, 12.5)
    assert said.disk_free_bytes is not None
    assert said.disk_free_bytes > 0


def test_what_the_system_does_not_say_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = monitor(tmp_path / "gone").record(Counters(), EMPTY, AWAY)
    assert said.disk_free_bytes is None
    assert (said.clock_offset_ms, said.rtt_ms, said.oldest_ms) == (None, None, None)
    assert (rss_bytes() or 0) > 1 << 20
    monkeypatch.setattr(health, "Path", lambda _: tmp_path / "no-proc")
    assert rss_bytes() is None
