"""The uplink's protocol against a hub in memory, over a link that loses, repeats and reorders.

Whatever happens on the way, in the end every number is at the hub exactly once, or is in a gap.
"""

import shutil
import tempfile
from pathlib import Path

import hypothesis.strategies as st
import pytest
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from tests.edge.conftest import meter, rig
from tests.edge.hub_twin import Ledger

from lode_edge.clock import Clock
from lode_edge.spool import EPOCH_ROOM, Depth, Origin, Reader
from lode_edge.spool.file import SpoolFile
from lode_edge.spool.packing import packed
from lode_edge.spool.recover import open_file
from lode_edge.uplink import Identity, Window
from lode_edge.uplink.loopback import Loopback
from lode_edge.uplink.sender import Sender
from lode_wire import codec, messages, topics
from lode_wire.codec import Packed
from lode_wire.messages import Ack
from lode_wire.records import Birth, Device, DeviceKind, Record


class Stepped:
    """A spool without a thread: what it is told, it does at once."""

    def __init__(self, home: Path, clock: Clock) -> None:
        self.file: SpoolFile = open_file(Origin(directory=home, agent="a", clock=clock))
        self.file.begin_life(0)

    @property
    def depth(self) -> Depth:
        file = self.file
        return Depth(
            epoch=file.epoch,
            head=file.base + file.last_seq,
            base=file.base,
            batches=file.totals.batches,
            records=file.totals.records,
            size_bytes=file.totals.size_bytes,
            oldest_ms=None,
            oldest_created_ms=None,
            evicted_batches=file.evicted,
            unwritten_records=0,
            is_full=False,
        )

    def reader(self) -> Reader:
        return Reader(self.file.path)

    def acknowledge(self, ack: Ack) -> None:
        with self.file.transaction():
            self.file.acknowledge(ack.epoch, ack.mark, ack.sack)

    def set_corrupt(self, batch: int, reason: str) -> None:
        with self.file.transaction():
            self.file.set_corrupt(batch, reason)

    def set_suspect(self) -> None:
        raise AssertionError("the file is whole")

    def put(self, records: list[Record]) -> list[int]:
        with self.file.transaction():
            return self.file.append([p for p in packed(records) if isinstance(p, Packed)])


class UplinkModel(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.home = Path(tempfile.mkdtemp())
        self.mono, self.count = 1000.0, 0
        self.clock = Clock(now_ms=lambda: int(self.mono * 1000), mono_s=lambda: self.mono)
        self.ledger = Ledger("a")
        self.credit = 256
        self.delayed: list[bytes] = []  # batches that the broker holds back
        self.acks: list[bytes] = []
        self.boot()

    def boot(self) -> None:
        self.spool = Stepped(self.home, self.clock)
        self.sender = Sender(
            Identity(agent="a", partition=1, boot="b"),
            self.spool,
            Window(batches=8),
            clock=self.clock,
        )
        born = Birth(
            at_ms=1, boot="b", site="s", version="1", config_hash="", hostname="h", devices=1
        )
        device = Device(
            at_ms=1, number=1, name="r", kind=DeviceKind.RIG, driver="asic", address="x"
        )
        self.gate = self.spool.put([born, device])
        self.sender.announce(self.gate)
        self.connect()

    def connect(self) -> None:
        self.link = Loopback(window=7)
        self.sender.attach(self.link)
        self.pump()

    def pump(self) -> None:
        self.sender.handle(self.link.poll(0))
        self.sender.step()

    def teardown(self) -> None:
        self.settle()
        self.spool.file.close(is_clean=True)
        shutil.rmtree(self.home)

    @rule(rigs=st.integers(0, 4), meters=st.integers(0, 2))
    def read(self, rigs: int, meters: int) -> None:
        for _ in range(rigs):
            self.count += 1
            self.spool.put([rig(self.count, at_ms=1)])
        for _ in range(meters):
            self.count += 1
            self.spool.put([meter(self.count)])
        self.pump()

    @rule(data=st.data())
    def carry(self, data: st.DataObject) -> None:
        """Let the broker take some of what was published, receipt it or not, hold it or lose it."""
        for token, topic, payload in self.take(data):
            fate = data.draw(st.sampled_from(["hub", "hub", "twice", "held", "lost", "no receipt"]))
            if fate != "no receipt":
                self.link.receipt(token)
            if topics.parse(topic) is None:
                continue
            if fate in {"hub", "twice", "no receipt"}:
                self.arrive(payload)
            if fate in {"twice", "held"}:
                self.delayed.append(payload)
        self.pump()

    def take(self, data: st.DataObject) -> list[tuple[int, str, bytes]]:
        count = data.draw(st.integers(0, len(self.link.outbox)))
        taken, self.link.outbox = self.link.outbox[:count], self.link.outbox[count:]
        return taken

    @precondition(lambda self: self.delayed)
    @rule(data=st.data())
    def arrive_late(self, data: st.DataObject) -> None:
        place = data.draw(st.integers(0, len(self.delayed) - 1))
        self.arrive(self.delayed.pop(place))

    def arrive(self, payload: bytes) -> None:
        epoch = self.ledger.take(payload)
        self.acks.append(messages.encode(self.ledger.ack(epoch, credit=self.credit)))

    @precondition(lambda self: self.acks)
    @rule(data=st.data())
    def acknowledge(self, data: st.DataObject) -> None:
        """Deliver one of the acknowledgements, in any order; some never come."""
        place = data.draw(st.integers(0, len(self.acks) - 1))
        if self.link.is_open:
            self.link.deliver(topics.ack("a"), self.acks[place])
        if data.draw(st.booleans()):
            self.acks.pop(place)
        self.pump()

    @rule(credit=st.sampled_from([0, 1, 5, 256]))
    def change_credit(self, credit: int) -> None:
        self.credit = credit

    @rule(seconds=st.sampled_from([0.1, 1.0, 4.0, 11.0, 31.0]))
    def wait(self, seconds: float) -> None:
        self.mono += seconds
        self.pump()
        if self.sender.closed is not None:
            self.connect()

    @rule()
    def cut(self) -> None:
        self.link.cut()
        self.pump()
        self.connect()

    @rule()
    def crash(self) -> None:
        """Kill the agent: what it had sent may still be on the way."""
        copy = Path(tempfile.mkdtemp())
        for path in self.home.iterdir():
            shutil.copy(path, copy)
        self.spool.file.close(is_clean=True)
        shutil.rmtree(self.home)
        self.home = copy
        self.boot()

    @precondition(lambda self: self.spool.file.totals.batches > len(self.gate))
    @rule()
    def evict(self) -> None:
        self.spool.file.spared = frozenset(self.gate)
        self.spool.file.make_room(1 << 28)
        with self.spool.file.transaction():
            self.spool.file.spool_gaps()

    @rule(data=st.data())
    def flip(self, data: st.DataObject) -> None:
        """Damage a batch that has not been sent yet."""
        with self.spool.reader() as reader:
            rows = [r.id for r in reader.oldest(above=max(self.gate), below=1 << 62, limit=50)]
        rows = [id_ for id_ in rows if id_ not in self.sender.window]
        if rows and not _is_gap(self.spool, rows[-1]):
            self.spool.file._db.execute(
                "update batch set payload = zeroblob(60) where id = ?", (rows[-1],)
            )

    @invariant()
    def nothing_passes_the_gate(self) -> None:
        published = [codec.peek(p) for _, t, p in self.link.outbox if topics.parse(t)]
        gate = {id_ % EPOCH_ROOM for id_ in self.gate}
        if not gate <= self.ledger.seqs[self.spool.file.epoch]:
            assert {header.seq for header in published} <= gate

    @invariant()
    def nothing_uncommitted_was_deleted(self) -> None:
        with self.spool.reader() as reader:
            held = {r.id % EPOCH_ROOM for r in reader.oldest(above=0, below=1 << 62, limit=10_000)}
        file = self.spool.file
        told = set[int]()
        for first, last in file._db.execute(
            "select from_seq, to_seq from gap where from_seq not null"
        ):
            told.update(range(first, last + 1))
        everything = set(range(1, file.last_seq + 1))
        assert everything <= held | self.ledger.seqs[file.epoch] | told

    def settle(self) -> None:
        """Mend the link; then everything must come through."""
        self.credit = 256
        for payload in self.delayed:
            self.arrive(payload)
        self.cut()
        for turn in range(400):
            for token, topic, payload in self.link.outbox:
                self.link.receipt(token)
                if topics.parse(topic) is None:
                    presence = messages.decode_presence(payload)
                    ack = self.ledger.ack(presence.epoch, echo_ms=presence.sent_ms)
                    self.link.deliver(topics.ack("a"), messages.encode(ack))
                else:
                    epoch = self.ledger.take(payload)
                    self.link.deliver(topics.ack("a"), messages.encode(self.ledger.ack(epoch)))
            self.link.outbox.clear()
            self.pump()
            with self.spool.file.transaction():
                self.spool.file.spool_gaps()
            if not self.spool.file.totals.batches:
                break
            self.mono += 0.5 if turn < 200 else 5.0
        epoch, last = self.spool.file.epoch, self.spool.file.last_seq
        assert self.spool.file.totals.batches == 0
        assert self.ledger.missing(epoch, last) == set()
        assert len(self.ledger.order) == len(set(self.ledger.order))


def _is_gap(spool: Stepped, batch: int) -> bool:
    row = spool.file._db.execute("select kind from batch where id = ?", (batch,)).fetchone()
    return row is not None and row[0] == "gap"


TestUplinkModel = UplinkModel.TestCase
TestUplinkModel.settings = settings(max_examples=15, stateful_step_count=30, deadline=None)
TestUplinkModel.pytestmark = [pytest.mark.slow]
