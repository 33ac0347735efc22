"""The uplink's rules one by one, with clocks set by hand."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.edge.conftest import rig

from lode_edge.clock import Clock
from lode_edge.spool import Origin, Spool
from lode_edge.uplink import Identity, Window
from lode_edge.uplink.lanes import Lanes
from lode_edge.uplink.loopback import Loopback
from lode_edge.uplink.sender import Sender
from lode_edge.uplink.window import Committed, Sent
from lode_wire import codec, messages, topics
from lode_wire.messages import Ack


def ack(mark: int, *sack: tuple[int, int], credit: int = 256, echo_ms: int | None = None) -> Ack:
    return Ack(agent="a", epoch="e", mark=mark, sack=sack, credit=credit, hub_ms=0, echo_ms=echo_ms)


def opened(batches: int = 96) -> Window:
    window = Window(batches=batches)
    window.begin(0.0, batches=1000)
    return window


def send(window: Window, *seqs: int, at_s: float = 0.0, size: int = 100) -> None:
    for seq in seqs:
        window.sent(seq, Sent("e", seq, size, 1000 + seq, at_s))


def room(window: Window, *, is_backlog: bool = False) -> bool:
    return window.has_room(is_backlog=is_backlog)


def test_a_receipt_frees_a_place_and_a_commit_ends_the_way() -> None:
    window = opened(4)
    send(window, 1, 2, 3, 4)
    assert not room(window)
    window.receipt(1001, 0.1, is_refused=False)
    assert room(window)
    assert len(window) == 4
    window.acknowledged(ack(2, (4, 4)), 0.2)
    assert [seq for seq in (1, 2, 3, 4) if seq in window] == [3]
    assert window.is_committed("e", 4)
    assert not window.is_committed("e", 3)
    assert not window.is_committed("another", 1)


def test_the_backlog_leaves_room_for_what_is_new() -> None:
    window = opened(8)
    send(window, *range(1, 7))
    assert not room(window, is_backlog=True)
    assert room(window)


def test_the_hub_credit_limits_what_is_not_committed() -> None:
    window = opened()
    window.acknowledged(ack(0, credit=2), 0.0)
    send(window, 1, 2)
    window.receipt(1001, 0.1, is_refused=False)
    window.receipt(1002, 0.1, is_refused=False)
    assert not room(window)
    window.acknowledged(ack(2, credit=0), 0.2)
    assert room(window)  # one, so that the hub has something to answer
    send(window, 3)
    assert not room(window)


def test_without_commits_all_is_sent_again_ever_later() -> None:
    window, now_s, times = opened(), 0.0, []
    send(window, 1, 2)
    while now_s < 150:
        now_s = round(now_s + 0.5, 1)
        if window.stalled(now_s):
            times.append(now_s)
            send(window, 1, 2, at_s=now_s)
    assert times == [3.0, 9.0, 21.0, 45.0, 75.0, 105.0, 135.0]
    window.acknowledged(ack(1), 150.0)
    assert not window.stalled(152.9)
    assert window.stalled(153.0)


def test_one_that_was_overtaken_is_sent_again_alone() -> None:
    window = opened()
    send(window, 1, 2, 3)
    window.acknowledged(ack(1, (3, 3)), 1.0)
    assert window.lost(2.9) == []
    assert window.lost(3.2) == [2]
    assert 2 not in window
    send(window, 2, at_s=3.2)
    send(window, 4, at_s=3.2)
    window.acknowledged(ack(1, (3, 4)), 3.3)
    assert window.lost(7.0) == []  # the second time it may take twice as long
    assert window.lost(9.3) == [2]


def test_receipts_without_commits_are_an_alarm() -> None:
    window = opened()
    send(window, 1)
    assert not window.is_stuck(1000.0)  # nobody took it
    window.receipt(1001, 1.0, is_refused=False)
    assert not window.is_stuck(30.9)
    assert window.is_stuck(31.0)
    window.begin(40.0, batches=10)
    assert window.is_stuck(41.0)  # a new connection proves nothing
    send(window, 1, at_s=41.0)
    window.acknowledged(ack(1), 42.0)
    assert not window.is_stuck(1000.0)


def test_time_without_a_connection_is_not_stuck() -> None:
    window = opened()
    send(window, 1)
    window.receipt(1001, 1.0, is_refused=False)
    window.begin(20.0, batches=10)
    assert not window.is_stuck(60.0)


def test_refusals_are_counted() -> None:
    window = opened()
    send(window, 1)
    window.receipt(1001, 1.0, is_refused=True)
    assert window.refused == 1


def test_late_receipts_narrow_the_pipe_and_prompt_ones_widen_it() -> None:
    window = opened(1000)
    window.acknowledged(ack(0, credit=1000), 0.0)
    for seq in range(1, 40):
        send(window, seq, at_s=float(seq), size=100_000)
        window.receipt(1000 + seq, seq + 2.0, is_refused=False)
        window.acknowledged(ack(seq, credit=1000), seq + 2.0)
    narrow = window._bytes_limit
    assert narrow < 1 << 20
    for seq in range(40, 400):
        send(window, seq, at_s=100.0, size=100_000)
        window.receipt(1000 + seq, 100.01, is_refused=False)
        window.acknowledged(ack(seq, credit=1000), 100.01)
    assert window._bytes_limit > 2 * narrow


def test_late_commits_shorten_the_queue_before_the_hub_and_prompt_ones_lengthen_it() -> None:
    window = opened(1000)
    window.acknowledged(ack(0, credit=1000), 0.0)

    def round_of(first: int, begun_s: float, takes_s: float) -> int:
        """Send all there is room for, and have it committed so much later; give how many."""
        seq = first
        while room(window):
            send(window, seq, at_s=begun_s)
            window.receipt(1000 + seq, begun_s, is_refused=False)
            seq += 1
        window.acknowledged(ack(seq - 1, credit=1000), begun_s + takes_s)
        return seq - first

    sent, sizes = 1, []
    for turn in range(12):
        sizes.append(round_of(sent, 10.0 * turn, 0.1 if turn < 4 else 3.0))
        sent += sizes[-1]
    assert sizes[:4] == [32, 64, 128, 256]  # doubling while commits are prompt
    assert sizes[4:] == sorted(sizes[4:], reverse=True)
    assert sizes[-1] == 16  # never so few that a slow hub has nothing to group
    grown = [round_of(sent := sent + 1000, 200.0 + turn, 0.1) for turn in range(4)]
    assert grown == sorted(grown)
    assert 16 < grown[-1] < 64  # carefully, once commits have been late


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
def test_what_is_committed_is_known_in_any_order_of_acks(order: tuple[int, ...]) -> None:
    acks = [ack(0, (5, 6)), ack(2, (5, 7), (10, 10)), ack(6, (7, 8))]
    known = Committed()
    for place in order:
        known.take(acks[place])
    assert [seq for seq in range(1, 12) if seq in known] == [1, 2, 3, 4, 5, 6, 7, 8, 10]


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    with Spool(Origin(directory=tmp_path, agent="a")) as made:
        yield made


def put(spool: Spool, *numbers: int) -> None:
    for number in numbers:
        spool.put([rig(number)])
        spool.flush().result(5)


def taken(lanes: Lanes, count: int) -> list[int]:
    found = (lanes.next(lambda _: True) for _ in range(count))
    return [batch.id % (1 << 40) for batch in found if batch is not None]


def test_without_a_backlog_all_goes_in_order(spool: Spool) -> None:
    with spool.reader() as reader:
        lanes = Lanes(reader)
        lanes.open_gate()
        lanes.advance(spool.depth.head, 0.0)
        put(spool, 1, 2, 3)
        lanes.advance(spool.depth.head, 10.0)
        assert taken(lanes, 9) == [1, 2, 3]


def test_beside_a_backlog_the_newest_goes_first_and_neither_starves(spool: Spool) -> None:
    put(spool, *range(1, 9))
    with spool.reader() as reader:
        lanes = Lanes(reader)
        lanes.open_gate()
        lanes.advance(spool.depth.head, 0.0)
        assert taken(lanes, 2) == [1, 2]
        put(spool, *range(9, 15))
        lanes.advance(spool.depth.head, 10.0)
        assert taken(lanes, 10) == [14, 13, 12, 3, 11, 10, 9, 4, 5, 6]


def test_new_ones_fall_to_the_backlog_when_they_are_old(spool: Spool) -> None:
    put(spool, 1, 2)
    with spool.reader() as reader:
        lanes = Lanes(reader)
        lanes.open_gate()
        lanes.advance(spool.depth.head, 0.0)
        put(spool, 3, 4)
        lanes.advance(spool.depth.head, 10.0)
        lanes.advance(spool.depth.head, 12.5)
        assert taken(lanes, 9) == [1, 2, 3, 4]


def test_the_gate_lets_only_its_own_through(spool: Spool) -> None:
    put(spool, 1, 2, 3)
    with spool.reader() as reader:
        lanes = Lanes(reader)
        lanes.advance(spool.depth.head, 0.0)
        assert taken(lanes, 3) == []
        lanes.close_gate([spool.depth.base + 2])
        assert taken(lanes, 3) == [2]
        lanes.rewind()
        assert taken(lanes, 3) == [2]
        lanes.open_gate()
        assert taken(lanes, 3) == [1, 2, 3]


class Talk:
    """A sender on a loopback, with the clock in hand."""

    def __init__(self, spool: Spool) -> None:
        self.mono = 0.0
        clock = Clock(now_ms=lambda: int(self.mono * 1000) + 5_000_000, mono_s=lambda: self.mono)
        self.link = Loopback()
        self.sender = Sender(
            Identity(agent="a", partition=3, boot="b"), spool, Window(), clock=clock
        )
        self.sender.attach(self.link)
        self.turn()

    def turn(self, to_s: float | None = None) -> None:
        self.mono = self.mono if to_s is None else to_s
        self.sender.handle(self.link.poll(0))
        self.sender.step()

    def presences(self) -> list[messages.Presence]:
        return [
            messages.decode_presence(payload)
            for _, topic, payload in self.link.outbox
            if topic == topics.presence("a")
        ]

    def answer(self, echo_ms: int | None, hub_ms: int) -> None:
        answer = Ack(agent="a", epoch="e", mark=0, credit=9, hub_ms=hub_ms, echo_ms=echo_ms)
        self.link.deliver(topics.ack("a"), messages.encode(answer))


def test_a_silent_link_is_dropped_within_45_s(spool: Spool) -> None:
    talk = Talk(spool)
    for second in range(1, 25):
        talk.turn(float(second))
        assert talk.sender.closed is None
    talk.turn(25.0)
    assert talk.sender.closed == "nothing heard for 25 s"
    assert len(talk.presences()) == 3


def test_a_link_without_the_hub_echo_is_dropped_within_45_s(spool: Spool) -> None:
    talk = Talk(spool)
    for second in range(1, 40):
        talk.link.receipt(10_000 + second)  # the broker is well
        talk.turn(float(second))
        assert talk.sender.closed is None
    talk.link.receipt(10_100)
    talk.turn(40.0)
    assert talk.sender.closed == "no echo from the hub for 40 s"


def test_echoes_keep_the_link_and_tell_the_hub_clock(spool: Spool) -> None:
    talk = Talk(spool)
    for second in range(10, 200, 10):
        talk.turn(float(second))
        ping = talk.presences()[-1].sent_ms or 0
        talk.mono += 0.2
        talk.answer(ping, hub_ms=ping + 100 + 7000)
        talk.turn()
        talk.answer(ping, hub_ms=0)  # the same echo again, in a later ack, says nothing
        talk.turn(second + 5.0)
    assert talk.sender.closed is None
    assert talk.sender.echo.rtt_ms == pytest.approx(200, abs=1)
    assert talk.sender.echo.offset_ms == pytest.approx(7000, abs=1)


def test_garbage_on_the_ack_topic_is_passed_over(spool: Spool) -> None:
    talk = Talk(spool)
    talk.link.deliver(topics.ack("a"), b"\xff\x00garbage")
    talk.link.deliver("lode/v1/ack/another", b"")
    talk.turn(1.0)
    assert talk.sender.closed is None


def test_a_batch_larger_than_the_broker_takes_stops_no_other(spool: Spool) -> None:
    put(spool, 1)
    spool.put([rig(n) for n in range(500)])
    spool.flush().result(5)
    put(spool, 2)
    talk = Talk(spool)
    talk.sender.announce([spool.depth.base + 1])
    talk.sender._max_payload_bytes = 400
    talk.turn(1.0)
    ack_1 = Ack(agent="a", epoch=spool.depth.epoch, mark=1, credit=9, hub_ms=0)
    talk.link.deliver(topics.ack("a"), messages.encode(ack_1))
    talk.turn(2.0)
    sent = [codec.peek(p).seq for _, topic, p in talk.link.outbox if topics.parse(topic)]
    assert sent == [1, 3]
