"""An agent without devices: the real spool and uplink, fed with premade readings.

announce ─► (backlog ─►) "ready" ─► go ─► poll after poll (─► when the backlog was gone)
"""

import gc
import json
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from lode_edge.spool import Origin, Spool
from lode_edge.uplink import Address, Identity, Uplink, Window
from lode_wire import topics
from lode_wire.records import Birth, Device, DeviceKind, Record, RigReading
from tests.bench.stage import Feed, warn_only
from tests.bench.wire_bench import readings

DIFFERENT = 8  # polls with values of their own, in turn


def main() -> None:
    """Feed as told."""
    feed = Feed(**json.loads(sys.argv[1]))
    warn_only()
    origin = Origin(directory=Path(feed.folder), agent=feed.agent)
    names = [f"rig-{number:05}" for number in range(1, feed.rigs + 1)]
    with Spool(origin, devices=names, queue_records=max(20_000, 2 * feed.rigs)) as spool:
        uplink = _uplink(feed, spool)
        announced = spool.announce(_facts(feed, spool, names))
        announced.add_done_callback(lambda batches: uplink.announce(batches.result()))
        polls = list(_polls(feed, [spool.numbers[name] for name in names]))
        gc.freeze()
        gc.disable()
        if feed.backlog_polls:
            for poll in polls[: feed.backlog_polls]:
                spool.put(poll)
                spool.flush().result(60)
        else:
            uplink.start()
        print("ready", flush=True)
        sys.stdin.readline()
        if feed.backlog_polls:
            spool.on_commit.append(_Drain(spool))
            uplink.start()
        _feed(feed, spool, polls[feed.backlog_polls :])
        sys.stdin.readline()


class _Drain:
    """Says once when all is gone that was observed before it was made."""

    def __init__(self, spool: Spool) -> None:
        self._spool, self._before_ms, self._is_told = spool, time.time() * 1000, False

    def __call__(self) -> None:
        oldest_ms = self._spool.depth.oldest_ms
        if not self._is_told and (oldest_ms is None or oldest_ms >= self._before_ms):
            self._is_told = True
            print(time.monotonic(), flush=True)


def _uplink(feed: Feed, spool: Spool) -> Uplink:
    partition = topics.partition_of(feed.site)
    identity = Identity(agent=feed.agent, partition=partition, boot="bench")
    address = Address(url=feed.url, username=feed.agent, password_file=Path(feed.password_file))
    return Uplink(identity, spool, [address], Window())


def _facts(feed: Feed, spool: Spool, names: Sequence[str]) -> list[Record]:
    now_ms = time.time_ns() // 1_000_000
    birth = Birth(
        at_ms=now_ms, boot="bench", site=feed.site, version="0", config_hash="", hostname="bench",
        devices=feed.rigs,
    )  # fmt: skip
    devices = [
        Device(
            at_ms=now_ms, number=spool.numbers[name], name=name, kind=DeviceKind.RIG,
            driver="asic", address="10.0.0.1", rack=f"r{place // 50}", interval_s=feed.interval_s,
            rated_hashrate_ths=110.0, rated_power_w=3250.0, rated_boards=3, rated_fans=4,
            chip_temp_max_c=95.0, board_temp_max_c=80.0,
        )
        for place, name in enumerate(names)
    ]  # fmt: skip
    return [birth, *devices]


def _polls(feed: Feed, numbers: Sequence[int]) -> Iterator[list[RigReading]]:
    bases = [readings(feed.rigs, seed=seed) for seed in range(DIFFERENT)]
    step_ms = round(feed.interval_s * 1000)
    for turn in range(feed.polls):
        at_ms = feed.first_ms + turn * step_ms
        # As a poller spreads them: each rig has its place in the interval.
        yield [
            msgspec.structs.replace(reading, rig=number, at_ms=at_ms + place * step_ms // feed.rigs)
            for place, (reading, number) in enumerate(
                zip(bases[turn % DIFFERENT], numbers, strict=True)
            )
        ]


def _feed(feed: Feed, spool: Spool, polls: Sequence[list[RigReading]]) -> None:
    changed = threading.Event()
    spool.on_commit.append(changed.set)
    due_s = time.monotonic()
    for poll in polls:
        if feed.every_s:
            _live(spool, poll, due_s, feed.every_s)
            due_s += feed.every_s
            continue
        while spool.depth.batches >= feed.depth:
            changed.clear()
            changed.wait(0.2)
        spool.put(poll)
        spool.flush().result(60)


def _live(spool: Spool, poll: Sequence[RigReading], due_s: float, every_s: float) -> None:
    """Spread a poll over its time, every reading observed at the instant it is handed over."""
    for place, reading in enumerate(poll):
        wait_s = due_s + place * every_s / len(poll) - time.monotonic()
        if wait_s > 0:
            time.sleep(wait_s)
        now_ms = time.time_ns() // 1_000_000
        spool.put([msgspec.structs.replace(reading, at_ms=now_ms)])


if __name__ == "__main__":
    main()
