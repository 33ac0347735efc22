"""A site to publish: a rig, a meter and a sensor, and what is read of them."""

import time
from pathlib import Path

from lode_edge.drivers.mqtt.link import Server
from lode_edge.drivers.sparkplug.session import Place
from lode_edge.publish.edge_node import EdgeNode, Node
from lode_wire.records import (
    Device,
    DeviceKind,
    MeterReading,
    PointReading,
    Quality,
    RigReading,
    State,
)

PLACE = Place("north", "north-1")
RIG, METER, SENSOR = 1, 2, 3


def device(number: int, name: str, kind: DeviceKind, **facts) -> Device:
    return Device(at_ms=1, number=number, name=name, kind=kind, driver="x", address="a", **facts)


BORN = [
    device(RIG, "rig-001", DeviceKind.RIG, vendor="Bitmain", model="S19", firmware="1.2"),
    device(METER, "feeder A/1", DeviceKind.METER, rack="A"),
    device(SENSOR, "hall", DeviceKind.SENSOR),
]


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def rig(hashrate_ths: float | None, state: State = State.MINING, **more) -> RigReading:
    return RigReading(at_ms=now_ms(), rig=RIG, state=state, hashrate_ths=hashrate_ths, **more)


def meter(power_w: float | None, at_ms: int | None = None, **more) -> MeterReading:
    at_ms = now_ms() if at_ms is None else at_ms
    return MeterReading(at_ms=at_ms, meter=METER, power_w=power_w, **more)


def lost_meter() -> MeterReading:
    return MeterReading(at_ms=now_ms(), meter=METER, quality=int(Quality.TIMED_OUT))


def point(value: float | None, name: str = "temperature", quality: int = 0) -> PointReading:
    return PointReading(
        at_ms=now_ms(), device=SENSOR, point=name, value=value, unit="°C", quality=quality
    )


def edge_node(port: int, home: Path, **more) -> EdgeNode:
    node = Node(place=PLACE, state_file=home / "bdseq", **{"interval_s": 0.05, **more})
    return EdgeNode(node, lambda: [Server(host="127.0.0.1", port=port)], BORN)
