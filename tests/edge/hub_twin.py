"""A hub in a few lines: a ledger in memory, acknowledgements by the rules, over any transport."""

import threading
import time
from collections import defaultdict
from dataclasses import dataclass, field

from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion

from lode_wire import codec, messages, topics
from lode_wire.messages import Ack
from lode_wire.records import Gap, GapReason, Record


@dataclass
class Ledger:
    """What a hub has committed of one agent, each batch once, and which gaps it knows."""

    agent: str
    committed: dict[tuple[str, int], list[Record]] = field(default_factory=dict)
    seqs: dict[str, set[int]] = field(default_factory=lambda: defaultdict(set))
    gapped: dict[str, set[int]] = field(default_factory=lambda: defaultdict(set))
    gaps: list[Gap] = field(default_factory=list)
    doubled: int = 0  # deliveries of what was committed before
    order: list[tuple[str, int]] = field(default_factory=list)
    above: dict[str, set[int]] = field(default_factory=lambda: defaultdict(set))
    marks: dict[str, int] = field(default_factory=lambda: defaultdict(int))

    def take(self, payload: bytes) -> str:
        """Commit a batch unless it is there already; give its epoch."""
        batch = codec.decode(payload)
        header = batch.header
        assert header.agent == self.agent
        key = (header.epoch, header.seq)
        if key in self.committed:
            self.doubled += 1
            return header.epoch
        self.committed[key] = batch.records()
        self.order.append(key)
        self.seqs[header.epoch].add(header.seq)
        self.above[header.epoch].add(header.seq)
        for record in self.committed[key]:
            if isinstance(record, Gap):
                self.gaps.append(record)
                if record.from_seq is not None and record.to_seq is not None:
                    self.gapped[record.epoch].update(range(record.from_seq, record.to_seq + 1))
        return header.epoch

    def ack(self, epoch: str, *, credit: int = 256, echo_ms: int | None = None) -> Ack:
        """Say what is committed of an epoch."""
        seqs, gapped, mark = self.seqs[epoch], self.gapped[epoch], self.marks[epoch]
        while mark + 1 in seqs or mark + 1 in gapped:
            mark += 1
        self.marks[epoch] = mark
        self.above[epoch] = {seq for seq in self.above[epoch] if seq > mark}
        above = sorted(self.above[epoch])
        return Ack(
            agent=self.agent,
            epoch=epoch,
            mark=mark,
            sack=_ranges(above),
            credit=credit,
            hub_ms=time.time_ns() // 1_000_000,
            echo_ms=echo_ms,
        )

    def records(self, kind: type[Record]) -> list[Record]:
        """List the committed records of a kind, in the order they came."""
        return [r for key in self.order for r in self.committed[key] if isinstance(r, kind)]

    def missing(self, epoch: str, last: int) -> set[int]:
        """Say which numbers up to the last neither came nor are known never to come."""
        return set(range(1, last + 1)) - self.seqs[epoch] - self.gapped[epoch]

    def reasons(self) -> set[GapReason]:
        """Say why records are missing."""
        return {gap.reason for gap in self.gaps}


def _ranges(seqs: list[int]) -> tuple[tuple[int, int], ...]:
    found: list[tuple[int, int]] = []
    for seq in seqs:
        if found and seq == found[-1][1] + 1:
            found[-1] = (found[-1][0], seq)
        else:
            found.append((seq, seq))
    return (*found[:32], *found[32:][-32:])


class TinyHub:
    """A ledger behind a real broker."""

    def __init__(self, port: int, agent: str) -> None:
        self.ledger = Ledger(agent)
        self.is_committing = True
        self.is_echoing = True
        self.presences: list[messages.Presence] = []
        self.topics: set[str] = set()
        self.lock = threading.RLock()
        self._client = paho.Client(
            CallbackAPIVersion.VERSION2, client_id="tiny-hub", clean_session=False
        )
        self._ready = threading.Event()
        self._client.on_connect = self._on_connect
        self._client.on_subscribe = lambda *_: self._ready.set()
        self._client.on_message = self._on_message
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        assert self._ready.wait(10)

    def close(self) -> None:
        """Disconnect."""
        self._client.disconnect()
        self._client.loop_stop()

    def _on_connect(self, client: paho.Client, *_: object) -> None:
        client.subscribe([("lode/v1/+/+/+", 1), ("lode/v1/state/+", 1)])

    def _on_message(self, client: paho.Client, _: object, message: paho.MQTTMessage) -> None:
        with self.lock:
            if topics.parse(message.topic) is None:
                presence = messages.decode_presence(bytes(message.payload))
                self.presences.append(presence)
                if presence.is_online and self.is_echoing:
                    ack = self.ledger.ack(presence.epoch, echo_ms=presence.sent_ms)
                    client.publish(topics.ack(presence.agent), messages.encode(ack))
                return
            self.topics.add(message.topic)
            if self.is_committing:
                epoch = self.ledger.take(bytes(message.payload))
                ack = self.ledger.ack(epoch)
                client.publish(topics.ack(self.ledger.agent), messages.encode(ack))
