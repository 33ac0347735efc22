"""The uplink over real brokers: everything that was spooled is at the hub once, whatever breaks."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.edge.conftest import Broker, rig, wait_for
from tests.edge.hub_twin import TinyHub

from lode_edge.spool import Origin, Spool
from lode_edge.uplink import Address, Identity, Uplink, Window
from lode_wire.records import Birth, Device, DeviceKind, RigReading

AGENT = "north-1"


def birth() -> list[Birth | Device]:
    return [
        Birth(
            at_ms=1, boot="b", site="north", version="1", config_hash="c", hostname="h", devices=1
        ),
        Device(at_ms=1, number=1, name="rig-1", kind=DeviceKind.RIG, driver="asic", address="a"),
    ]


def uplink_of(spool: Spool, *urls: str) -> Uplink:
    identity = Identity(agent=AGENT, partition=7, boot="b")
    return Uplink(identity, spool, [Address(url=url) for url in urls], Window())


@contextmanager
def uplink(spool: Spool, *urls: str, announce: bool = True) -> Iterator[Uplink]:
    made = uplink_of(spool, *urls)
    if announce:
        made.announce(spool.announce(birth()).result(10))
    made.start()
    try:
        yield made
    finally:
        made.stop(drain_s=0)


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    with Spool(Origin(directory=tmp_path / "data", agent=AGENT)) as opened:
        yield opened


@pytest.fixture
def hub(broker: Broker) -> Iterator[TinyHub]:
    made = TinyHub(broker.port, AGENT)
    yield made
    made.close()


def numbers(hub: TinyHub) -> list[int | None]:
    with hub.lock:
        found = hub.ledger.records(RigReading)
    return [r.accepted_shares for r in found if isinstance(r, RigReading)]


def test_everything_arrives_and_the_spool_empties(
    broker: Broker, hub: TinyHub, spool: Spool
) -> None:
    with uplink(spool, broker.url) as link:
        for number in range(3000):
            spool.put([rig(number)])
        wait_for(lambda: len(numbers(hub)) == 3000 and not spool.depth.batches, 20)
        assert sorted(numbers(hub)) == list(range(3000))
        wait_for(lambda: link.status.rtt_ms is not None)
        assert link.status.is_connected
        assert abs(link.status.clock_offset_ms or 9e9) < 1000
    with hub.lock:
        kinds = [type(record) for key in hub.ledger.order for record in hub.ledger.committed[key]]
        assert kinds[:2] == [Birth, Device]
        assert hub.topics == {f"lode/v1/07/{AGENT}/state", f"lode/v1/07/{AGENT}/mining_metrics"}


def test_nothing_passes_before_the_birth_is_committed(
    broker: Broker, hub: TinyHub, spool: Spool
) -> None:
    spool.put([rig(1)])
    with uplink(spool, broker.url, announce=False) as link:
        wait_for(lambda: link.status.is_connected)
        assert numbers(hub) == []
        link.announce(spool.announce(birth()).result(10))
        wait_for(lambda: numbers(hub) == [1])


def test_a_receipt_deletes_nothing(broker: Broker, hub: TinyHub, spool: Spool) -> None:
    hub.is_committing = False
    spool.put([rig(1)])
    with uplink(spool, broker.url):
        wait_for(lambda: hub.topics)  # so the broker has it and has said so
        time.sleep(0.5)
        assert spool.depth.records == 3
        hub.is_committing = True
        wait_for(lambda: numbers(hub) == [1] and not spool.depth.batches)


def test_a_killed_broker_loses_nothing(broker: Broker, hub: TinyHub, spool: Spool) -> None:
    stop = threading.Event()
    count = 0

    def read() -> None:
        nonlocal count
        while not stop.is_set():
            spool.put([rig(count)])
            count += 1
            time.sleep(0.001)

    reader = threading.Thread(target=read)
    with uplink(spool, broker.url):
        reader.start()
        for _ in range(3):
            before = len(numbers(hub))
            wait_for(lambda seen=before: len(numbers(hub)) > seen + 100, 30)  # type: ignore[misc]
            broker.kill()
            time.sleep(0.3)
            broker.start()
        stop.set()
        reader.join()
        wait_for(lambda: len(numbers(hub)) >= count and not spool.depth.batches, 40)
        assert sorted(numbers(hub), key=int) == list(range(count))  # type: ignore[arg-type]


def test_the_next_broker_is_tried(broker: Broker, hub: TinyHub, spool: Spool) -> None:
    spool.put([rig(1)])
    with uplink(spool, "mqtt://127.0.0.1:1", broker.url):
        wait_for(lambda: numbers(hub) == [1])


def test_the_wait_grows_by_rounds_of_all_brokers(
    spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits_s: list[float] = []
    made = uplink_of(spool, *(f"mqtt://127.0.0.1:{port}" for port in (1, 2, 3)))
    monkeypatch.setattr(made._stopping, "wait", waits_s.append)
    made.start()
    wait_for(lambda: len(waits_s) > 20)
    made.stop()
    assert max(waits_s[:2]) <= 0.5
    for turn in range(2, 18, 3):  # each round waits at most twice as long as the one before
        longest_s = min(15.0, 2.0 ** ((turn + 1) // 3) / 2)
        assert longest_s / 2 <= min(waits_s[turn : turn + 3])
        assert max(waits_s[turn : turn + 3]) <= longest_s


def test_presence_tells_of_coming_and_going(broker: Broker, hub: TinyHub, spool: Spool) -> None:
    with uplink(spool, broker.url):
        wait_for(lambda: hub.presences)
    wait_for(lambda: not hub.presences[-1].is_online)
    assert hub.presences[0].is_online


@pytest.mark.alone
def test_new_readings_stay_fresh_while_a_backlog_drains(
    broker: Broker, hub: TinyHub, spool: Spool
) -> None:
    batches, per_batch, live_s = 600, 200, 0.05
    for _number in range(batches):
        spool.put([rig(-1, at_ms=1) for _ in range(per_batch)])
        spool.flush().result(10)
    arrived: dict[int, float] = {}
    take = hub.ledger.take

    def timed(payload: bytes) -> str:
        epoch = take(payload)
        for record in hub.ledger.committed[hub.ledger.order[-1]]:
            if isinstance(record, RigReading) and record.accepted_shares != -1:
                arrived.setdefault(int(record.accepted_shares or 0), time.monotonic())
        time.sleep(0.005)  # so that the backlog takes a while
        return epoch

    hub.ledger.take = timed  # type: ignore[method-assign]
    made: dict[int, float] = {}
    with uplink(spool, broker.url) as link:
        wait_for(lambda: link.status.is_connected)
        begin = time.monotonic()
        while spool.depth.batches > 20 and time.monotonic() < begin + 60:
            made[len(made) + 1] = time.monotonic()
            spool.put([rig(len(made))])
            time.sleep(live_s)
        drained_s = time.monotonic() - begin
        wait_for(lambda: len(arrived) == len(made), 20)
    late = max(arrived[number] - made[number] for number in made)
    assert len(made) > 20
    assert late < max(2.0, drained_s / 2)  # they did not wait for the backlog
    # Readings of the backlog against new ones, in the same time.
    assert batches * per_batch / drained_s > 5 / live_s
