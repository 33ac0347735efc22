"""An agent as the hub sees it: it numbers batches and frames them."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field

from lode_hub.ingest.inbox import Incoming
from lode_wire import codec, topics
from lode_wire.records import Birth, Device, DeviceKind, Record, RigReading, State

NOW_MS = 1_795_000_000_000
"""When the tests happen: 2026-11-18."""


@dataclass
class Agent:
    """Makes payloads as an agent would; every number is used once."""

    name: str = "north-1"
    site: str = "north"
    epoch: str = "e1"
    seqs: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))

    @property
    def partition(self) -> int:
        return topics.partition_of(self.site)

    def payload(self, records: Sequence[Record], seq: int | None = None) -> bytes:
        number = next(self.seqs) if seq is None else seq
        packed = codec.pack(records)
        return codec.frame(packed, agent=self.name, epoch=self.epoch, seq=number)

    def incoming(
        self, records: Sequence[Record], seq: int | None = None, *, acks: list[int] | None = None
    ) -> Incoming:
        payload = self.payload(records, seq)
        return self.wrap(payload, records[0].topic, acks=acks)

    def wrap(self, payload: bytes, kind: str, *, acks: list[int] | None = None) -> Incoming:
        topic = topics.batch(self.partition, self.name, kind)
        done = acks if acks is not None else []
        return Incoming(self.partition, topic, payload, NOW_MS, lambda: done.append(1))

    def birth(self, devices: int, at_ms: int = NOW_MS) -> Birth:
        return Birth(
            at_ms=at_ms,
            boot=f"boot-{at_ms}",
            site=self.site,
            version="0.1.0",
            config_hash="c0ffee",
            hostname="pi",
            devices=devices,
        )


def devices(count: int, at_ms: int = NOW_MS) -> list[Device]:
    """Describe that many rigs, numbered from 1."""
    return [
        Device(
            at_ms=at_ms,
            number=number,
            name=f"rig-{number:03d}",
            kind=DeviceKind.RIG,
            driver="asic",
            address=f"10.0.0.{number}",
            interval_s=2.0,
            rated_hashrate_ths=100.0,
        )
        for number in range(1, count + 1)
    ]


def readings(count: int, at_ms: int = NOW_MS, rig: int | None = None) -> list[RigReading]:
    """Make one reading each of that many rigs (or that many of one rig, a second apart)."""
    return [
        RigReading(
            at_ms=at_ms + (i * 1000 if rig else 0),
            rig=rig or i + 1,
            state=State.MINING,
            hashrate_ths=100.0 + i,
            power_w=3000.0 + i,
        )
        for i in range(count)
    ]
