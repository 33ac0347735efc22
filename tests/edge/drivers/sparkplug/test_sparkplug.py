"""Our host on a real broker, against our own edge node and one that a test speaks for."""

import asyncio
import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.edge.conftest import Broker
from tests.edge.conftest import running as broker_running
from tests.edge.publish.site import edge_node, lost_meter, meter, now_ms, rig
from tests.edge.site_broker import listening, running, until, witness

from lode_edge.drivers import make
from lode_edge.drivers.driver import DeviceEntry
from lode_edge.drivers.sparkplug import SparkplugStream, host, session
from lode_edge.drivers.sparkplug.payload import DataType, Metric, Payload, encode, raw_of
from lode_edge.errors import EdgeError
from lode_wire.records import MeterReading, Quality

pytestmark = pytest.mark.needs("mosquitto")
FEEDER = "north/north-1/feeder A_1"


@pytest.fixture
def mosquitto(tmp_path: Path) -> Iterator[Broker]:
    with broker_running("mosquitto", tmp_path / "broker") as found:
        yield found


def stream(broker: Broker, topic: str = FEEDER, **more) -> SparkplugStream:
    given = {"name": "x", "driver": "sparkplug", "kind": "meter", "interval_s": 30.0, **more}
    return SparkplugStream(DeviceEntry(address=f"127.0.0.1:{broker.port}", topic=topic, **given), 7)


def power(found) -> list[float | None]:
    return [r.power_w for r in found.records if isinstance(r, MeterReading)]


async def test_our_host_reads_our_edge_node(mosquitto, tmp_path):
    node = edge_node(mosquitto.port, tmp_path)
    node.site.take([meter(5000.0, energy_in_kwh=12.5), rig(100.0, accepted_shares=9)])
    feeder = stream(mosquitto, profile="lode-meter")
    miner = stream(mosquitto, "north/north-1/rig-001", name="y")
    async with running(node.run()), listening(feeder) as found, listening(miner) as other:
        await until(lambda: power(found) and other.records)
        (first,) = found.records
        assert (first.meter, first.power_w, first.energy_in_kwh) == (7, 5000.0, 12.5)
        assert (first.voltage_v, first.quality) == (None, 0)
        assert other.values("hashrate_ths") == [100.0]
        assert other.values("accepted_shares") == [9.0]
        assert other.values("chip_temp_c") == [None]
        assert "state" not in {r.point for r in other.records}
        assert miner.counters.ignored == 1
        assert {r.unit for r in other.records if r.point == "hashrate_ths"} == {"TH/s"}
        assert [(f.vendor, f.model, f.firmware) for f in other.facts] == [("Bitmain", "S19", "1.2")]
        node.site.take([meter(5001.0, energy_in_kwh=12.5)])
        await until(lambda: power(found) == [5000.0, 5001.0])
        assert found.records[-1].energy_in_kwh == 12.5  # it has not changed, so it is so still
        node.site.take([lost_meter()])
        await until(lambda: power(found)[-1] is None)
        assert found.records[-1].quality == Quality.REFUSED
        node.site.take([meter(7.0)])
        await until(lambda: power(found)[-1] == 7.0)


async def test_history_has_its_own_time_and_is_never_the_value_of_now(mosquitto, tmp_path):
    node = edge_node(mosquitto.port, tmp_path)
    node.site.take([meter(5000.0, energy_in_kwh=12.5)])
    feeder = stream(mosquitto, profile="lode-meter", interval_s=0.5)
    async with running(node.run()), listening(feeder) as found:
        await until(lambda: power(found))
        at_ms = now_ms() - 60_000
        node.site.take([meter(4000.0, at_ms)])
        await until(lambda: 4000.0 in power(found))
        late = next(r for r in found.records if r.power_w == 4000.0)
        assert (late.at_ms, late.quality, late.voltage_v) == (at_ms, 0, None)
        found.records.clear()
        await until(lambda: len(found.records) >= 2)  # the value of now, once an interval
        assert set(power(found)) == {5000.0}
        assert all(now_ms() - r.at_ms < 5000 for r in found.records)


async def test_a_killed_node_dies_and_lives_again(mosquitto, tmp_path):
    node = edge_node(mosquitto.port, tmp_path)
    node.site.take([meter(1.0)])
    links = []
    make = node._make
    node._make = lambda: links.append(make()) or links[-1]
    async with listening(stream(mosquitto, profile="lode-meter")) as found:
        async with running(node.run()):
            await until(lambda: power(found) == [1.0])
            links[-1]._socket.shutdown(2)
            await until(lambda: power(found)[:3] == [1.0, None, 1.0])
        await until(lambda: power(found)[-1] is None)


async def test_a_brokers_restart_is_said_and_survived(mosquitto, tmp_path):
    node = edge_node(mosquitto.port, tmp_path)
    node.site.take([meter(1.0)])
    async with running(node.run()), listening(stream(mosquitto, profile="lode-meter")) as found:
        await until(lambda: power(found) == [1.0])
        mosquitto.kill()
        await until(lambda: power(found)[-1] is None)
        mosquitto.start()
        await until(lambda: power(found)[-1] == 1.0)


class Speaker:
    """An edge node that says what a test wants, in what order it wants."""

    def __init__(self, voice) -> None:
        self.voice = voice
        self.born_ms = now_ms()

    def say(self, verb: str, seq: int | None, *metrics: Metric, device: str = "") -> None:
        # Sent in the order of their numbers, whatever the order in which they come.
        at_ms = self.born_ms + (seq or 0)
        payload = encode(Payload(timestamp=at_ms, seq=seq, metrics=metrics))
        topic = f"spBv1.0/g/{verb}/n" + (f"/{device}" if device else "")
        self.voice.say(topic, payload)

    def birth(self, bdseq: int = 0) -> None:
        self.born_ms = now_ms()
        self.say("NBIRTH", 0, self.metric("bdSeq", bdseq, DataType.INT64))
        every = [
            self.metric("t", -5, DataType.INT8, alias=1),
            self.metric("flag", True, DataType.BOOLEAN, alias=2),
            self.metric("name", "x", DataType.STRING, alias=3),
            self.metric("when", 7, DataType.DATETIME, alias=4),
            self.metric("f", 0.5, DataType.FLOAT, alias=5),
            Metric(name="none", alias=6, datatype=DataType.DOUBLE),
            Metric(name="set", alias=7, datatype=16),
        ]
        self.say("DBIRTH", 1, *every, device="d")

    def metric(self, name: str | None, value, kind: DataType, **more) -> Metric:
        at_ms = more.pop("at_ms", now_ms())
        raw = raw_of(value, kind)
        return Metric(name=name, datatype=kind, raw=raw, timestamp=at_ms, **more)

    def rebirths(self) -> int:
        return len(self.voice.on("spBv1.0/g/NCMD/n"))


async def test_a_lost_message_leads_to_a_rebirth(mosquitto, monkeypatch):
    monkeypatch.setattr(session, "REORDER_S", 0.3)
    monkeypatch.setattr(session, "_REBIRTH_S", (0.3, 1.0))
    device = stream(mosquitto, "g/n/d")
    with witness(mosquitto.port, "spBv1.0/g/#") as voice:
        node = Speaker(voice)
        async with listening(device) as found:
            await until(node.rebirths)  # asked at the start
            node.birth()
            await until(lambda: found.values("t") == [-5.0])
            asked = node.rebirths()
            assert found.values("flag") == [1.0]
            assert found.values("none") == [None]
            assert found.values("when") == [7.0]
            assert not found.values("name")
            assert not found.values("set")
            node.say("DDATA", 3, node.metric(None, 3, DataType.INT8, alias=1), device="d")
            node.say("DDATA", 2, node.metric(None, 2, DataType.INT8, alias=1), device="d")
            await until(lambda: found.values("t") == [-5.0, 2.0, 3.0])
            node.say("DDATA", 5, node.metric(None, 5, DataType.INT8, alias=1), device="d")
            await until(lambda: found.records[-1].quality == Quality.REFUSED)
            await until(lambda: node.rebirths() == asked + 1)
            node.birth()
            await until(lambda: found.values("t")[-1] == -5.0)
    assert 5.0 not in found.values("t")
    assert {json.dumps(m.qos) for m in voice.on("spBv1.0/g/NCMD/n")} == {"0"}


async def test_a_strange_death_and_a_bad_payload_change_nothing(mosquitto):
    device = stream(mosquitto, "g/n/d")
    the_host = host.Host.shared(device._server)
    with witness(mosquitto.port, "spBv1.0/g/#") as voice:
        node = Speaker(voice)
        async with listening(device) as found:
            await until(lambda: node.rebirths() == 1)
            node.birth(bdseq=4)
            await until(lambda: found.values("t") == [-5.0])
            node.say("NDEATH", None, node.metric("bdSeq", 3, DataType.INT64))
            voice.say("spBv1.0/g/DDATA/n/d", b"\xff\xff")
            voice.say("spBv1.0/g/DDATA/n/d/e", b"")
            old = node.metric(None, 9, DataType.INT8, alias=1, at_ms=5)
            node.say("DDATA", 2, old, device="d")
            await until(lambda: found.values("t") == [-5.0, 9.0])
            assert found.records[-1].quality == Quality.CLOCK  # 1970 is no time
            assert the_host.bad_payloads == 1
            node.say("NDEATH", None, node.metric("bdSeq", 4, DataType.INT64))
            await until(lambda: found.records[-1].quality == Quality.REFUSED)


async def test_the_hosts_state_is_retained_and_told_by_its_will(mosquitto):
    topic = f"spBv1.0/STATE/{host.host_id()}"
    began = now_ms()

    def states(voice) -> list[dict]:
        return [json.loads(message.payload) for message in voice.on(topic)]

    with witness(mosquitto.port, topic) as voice:
        device = stream(mosquitto, "g/n/d")
        async with listening(device):
            await until(lambda: states(voice))
            assert states(voice)[0]["online"] is True
            assert states(voice)[0]["timestamp"] >= began
            voice.say(topic, json.dumps({"online": False, "timestamp": 1}), retain=True)
            await until(lambda: [s["online"] for s in states(voice)] == [True, False, True])
            the_host = host.Host.shared(device._server)
            the_host._link._socket.shutdown(2)
            await until(lambda: [s["online"] for s in states(voice)][3:5] == [False, True])
        await until(lambda: states(voice)[-1]["online"] is False)
    with witness(mosquitto.port, topic) as later:
        await until(lambda: later.heard)
        assert later.heard[0].is_retained
        assert states(later) == [{"online": False, "timestamp": states(voice)[-1]["timestamp"]}]


async def test_a_node_that_is_not_there_is_said_once_an_interval(mosquitto):
    began = time.monotonic()
    async with listening(stream(mosquitto, "g/n", interval_s=0.2)) as found:
        await until(lambda: len(found.records) == 3)
        await asyncio.sleep(0)
    assert time.monotonic() - began > 0.55
    assert found.values("online") == [None, None, None]


@pytest.mark.parametrize("topic", ["", "g", "g/n/d/e", "g//d", "g/+", "g/n/#"])
def test_a_topic_that_names_no_device_is_refused(topic):
    with pytest.raises(EdgeError, match="write group/node/device"):
        SparkplugStream(
            DeviceEntry(name="x", driver="sparkplug", kind="plc", address="h", topic=topic), 1
        )


def test_a_map_of_another_protocol_is_refused():
    given = {"name": "x", "driver": "sparkplug", "kind": "meter", "address": "h", "topic": "g/n"}
    with pytest.raises(EdgeError, match="is no sparkplug map"):
        make(DeviceEntry(**given, profile="tasmota-energy"), 1)
