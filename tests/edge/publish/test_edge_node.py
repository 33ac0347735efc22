"""The site as an edge node, on a real broker, message for message as the specification has it."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.edge.conftest import Broker
from tests.edge.conftest import running as broker_running
from tests.edge.publish.site import BORN, PLACE, edge_node, lost_meter, meter, now_ms, point, rig
from tests.edge.site_broker import Witness, running, until, witness

from lode_edge.drivers.mqtt.link import Link
from lode_edge.drivers.sparkplug.payload import DataType, Metric, Payload, decode, encode, value_of
from lode_edge.drivers.sparkplug.session import REBIRTH
from lode_edge.publish import site as publish_site
from lode_edge.publish.edge_node import EdgeNode
from lode_wire.records import Quality, State

pytestmark = pytest.mark.needs("mosquitto")


@pytest.fixture
def mosquitto(tmp_path: Path) -> Iterator[Broker]:
    with broker_running("mosquitto", tmp_path / "broker") as found:
        yield found


@pytest.fixture
def host(mosquitto: Broker) -> Iterator[Witness]:
    with witness(mosquitto.port, "spBv1.0/#") as found:
        yield found


def verbs(host: Witness) -> list[str]:
    parts = [message.topic.split("/") for message in host.heard]
    return ["/".join([part[2], *part[4:]]) for part in parts if part[2] != "NCMD"]


def last(host: Witness, verb: str) -> Payload:
    kind, _, device = verb.partition("/")
    found = [m for m in host.heard if f"/{kind}/" in m.topic and m.topic.endswith(device)]
    return decode(found[-1].payload)


def values(payload: Payload) -> dict[str | int | None, object]:
    return {
        metric.name or metric.alias: None
        if metric.raw is None
        else value_of(metric.raw, metric.datatype)
        for metric in payload.metrics
    }


def seqs(host: Witness) -> list[int | None]:
    return [decode(m.payload).seq for m in host.heard if "/NCMD/" not in m.topic]


async def test_births_say_everything_and_data_what_changed(mosquitto, host, tmp_path):
    node = edge_node(mosquitto.port, tmp_path)
    node.site.take([rig(100.0, power_w=3250.0), meter(5000.0, energy_in_kwh=12.5)])
    async with running(node.run()):
        await until(lambda: len(host.heard) == 3)
        assert verbs(host) == ["NBIRTH", "DBIRTH/rig-001", "DBIRTH/feeder A_1"]
        nbirth, rig_birth = (decode(message.payload) for message in host.heard[:2])
        assert values(nbirth).items() >= {"bdSeq": 0, REBIRTH: False}.items()
        assert {m.name: m.datatype for m in nbirth.metrics}["bdSeq"] == DataType.INT64
        born = values(rig_birth)
        assert born["Properties/Hardware Make"] == "Bitmain"
        assert (born["hashrate_ths"], born["power_w"], born["state"]) == (100.0, 3250.0, "mining")
        assert born["chip_temp_c"] is None  # unknown is null, never 0
        assert {m.name: m.unit for m in rig_birth.metrics}["power_w"] == "W"
        every = [metric for message in host.heard for metric in decode(message.payload).metrics]
        assert len({metric.alias for metric in every}) == len(every)
        assert all(m.name and m.alias and m.timestamp and m.datatype for m in every)

        node.site.take([rig(101.0, power_w=3250.0)])
        await until(lambda: len(host.heard) == 4)
        (changed,) = last(host, "DDATA/rig-001").metrics
        assert (changed.name, changed.raw, changed.is_historical) == (None, 101.0, False)
        assert changed.alias == {m.name: m.alias for m in rig_birth.metrics}["hashrate_ths"]


async def test_a_device_that_is_lost_dies_and_the_node_at_the_end(mosquitto, host, tmp_path):
    node = edge_node(mosquitto.port, tmp_path)
    node.site.take([rig(100.0), meter(5000.0, energy_in_kwh=12.5)])
    async with running(node.run()):
        await until(lambda: len(host.heard) == 3)
        node.site.take([lost_meter(), rig(None, State.UNREACHABLE)])
        await until(lambda: len(host.heard) == 5)
        assert set(verbs(host)[3:]) == {"DDEATH/feeder A_1", "DDEATH/rig-001"}
        node.site.take([meter(5100.0)])
        await until(lambda: len(host.heard) == 6)
        assert values(last(host, "DBIRTH/feeder A_1"))["energy_in_kwh"] is None
    await until(lambda: len(host.heard) == 7)
    assert verbs(host)[6] == "NDEATH"
    assert seqs(host) == [0, 1, 2, 3, 4, 5, None]
    assert values(decode(host.heard[6].payload)) == {"bdSeq": 0}
    assert [message.qos for message in host.heard] == [0, 0, 0, 0, 0, 0, 1]
    assert not any(message.is_retained for message in host.heard)


async def test_the_number_of_a_message_returns_to_0_after_255(mosquitto, host, tmp_path):
    node = edge_node(mosquitto.port, tmp_path, interval_s=0.001)
    async with running(node.run()):
        for count in range(260):
            node.site.take([meter(float(count))])
            await until(lambda: len(host.heard) >= count + 2)  # noqa: B023
    await until(lambda: verbs(host)[-1] == "NDEATH")
    assert seqs(host)[:-1] == [number % 256 for number in range(len(host.heard) - 1)]


async def test_a_rebirth_is_given_when_asked_for_and_keeps_its_bdseq(mosquitto, host, tmp_path):
    node = edge_node(mosquitto.port, tmp_path)
    node.site.take([meter(1.0), point(20.0)])
    async with running(node.run()):
        await until(lambda: len(host.heard) == 3)
        for wish in (
            Metric(name=REBIRTH, datatype=DataType.BOOLEAN, raw=True),
            Metric(alias=alias_of(host, REBIRTH), datatype=DataType.BOOLEAN, raw=True),
        ):
            count = node.births
            for _ in range(3):  # three at once are one
                host.say(PLACE.topic("NCMD"), encode(Payload(timestamp=1, metrics=[wish])))
            await until(lambda: node.births == count + 1)  # noqa: B023
        host.say(PLACE.topic("NCMD"), b"\xff nonsense")
        off = Metric(name=REBIRTH, datatype=DataType.BOOLEAN, raw=False)
        host.say(PLACE.topic("NCMD"), encode(Payload(timestamp=1, metrics=[off])))
        node.site.take([meter(2.0)])
        await until(lambda: verbs(host)[-1] == "DDATA/feeder A_1")
    births = [decode(m.payload) for m in host.heard if "/NBIRTH/" in m.topic]
    assert len(births) == node.births == 3
    assert [values(birth)["bdSeq"] for birth in births] == [0, 0, 0]
    assert verbs(host).count("DBIRTH/hall") == 3


def alias_of(host: Witness, name: str) -> int | None:
    return {m.name: m.alias for m in last(host, "NBIRTH").metrics}[name]


async def test_a_new_point_is_born_before_it_is_told(mosquitto, host, tmp_path):
    node = edge_node(mosquitto.port, tmp_path)
    node.site.take([point(20.0)])
    async with running(node.run()):
        await until(lambda: len(host.heard) == 2)
        node.site.take([point(60.0, "humidity")])
        await until(lambda: len(host.heard) == 3)
        assert verbs(host)[2] == "DBIRTH/hall"
        assert values(last(host, "DBIRTH/hall")) == {"temperature": 20.0, "humidity": 60.0}
        node.site.take([point(None, "humidity", int(Quality.BAD_ANSWER))])
        await until(lambda: len(host.heard) == 4)
        assert [m.raw for m in last(host, "DDATA/hall").metrics] == [None]


async def test_what_comes_late_is_history(mosquitto, host, tmp_path):
    node = edge_node(mosquitto.port, tmp_path)
    node.site.take([meter(100.0), meter(50.0, now_ms() - 60_000)])
    async with running(node.run()):
        await until(lambda: len(host.heard) == 3)
        assert values(last(host, "DBIRTH/feeder A_1"))["power_w"] == 100.0
        assert old(host) == [50.0]
        node.site.take([meter(40.0, now_ms() - 90_000)])
        await until(lambda: old(host) == [40.0])
        node.site.take([meter(101.0)])
        await until(lambda: len(host.heard) == 5)
        assert [m.is_historical for m in last(host, "DDATA/feeder A_1").metrics] == [False]


def old(host: Witness) -> list[object]:
    metrics = last(host, "DDATA/feeder A_1").metrics
    return [metric.raw for metric in metrics if metric.is_historical and metric.raw is not None]


def links_of(node: EdgeNode) -> list[Link]:
    """Give the connections that a node makes, as it makes them."""
    links: list[Link] = []
    make = node._make
    node._make = lambda: links.append(make()) or links[-1]
    return links


async def test_the_broker_tells_the_death_of_a_node_that_was_killed(mosquitto, host, tmp_path):
    node = edge_node(mosquitto.port, tmp_path)
    links = links_of(node)
    async with running(node.run()):
        await until(lambda: "NBIRTH" in verbs(host))
        links[0]._socket.shutdown(2)  # as if the cable had been cut
        await until(lambda: verbs(host).count("NBIRTH") == 2)
        assert verbs(host)[:3] == ["NBIRTH", "NDEATH", "NBIRTH"]
        assert [values(decode(m.payload))["bdSeq"] for m in host.heard[:3]] == [0, 0, 1]
    again = edge_node(mosquitto.port, tmp_path)
    async with running(again.run()):
        await until(lambda: verbs(host).count("NBIRTH") == 3)
        assert values(last(host, "NBIRTH"))["bdSeq"] == 2


def host_state(host: Witness, online: object, at_ms: int) -> None:
    said = json.dumps({"online": online, "timestamp": at_ms})
    host.say("spBv1.0/STATE/scada", said, retain=True)


async def test_a_restarted_broker_gets_every_birth_and_what_was_meanwhile(mosquitto, tmp_path):
    node = edge_node(mosquitto.port, tmp_path, primary_host="scada")
    links = links_of(node)
    node.site.take([meter(1.0)])
    async with running(node.run()):
        with witness(mosquitto.port, "spBv1.0/#") as host:
            host_state(host, True, 100)
            await until(lambda: node.births == 1)
        mosquitto.kill()
        await until(links[0]._lost.done)
        node.site.take([meter(2.0, now_ms() - 2000), meter(3.0, now_ms() - 1000), meter(4.0)])
        mosquitto.start()
        with witness(mosquitto.port, "spBv1.0/north/#") as host:
            host_state(host, True, 50)  # another broker, or one that forgot
            await until(lambda: "DDATA/feeder A_1" in verbs(host))
            assert verbs(host)[:2] == ["NBIRTH", "DBIRTH/feeder A_1"]
            assert values(last(host, "DBIRTH/feeder A_1"))["power_w"] == 4.0
            assert old(host) == [2.0, 3.0]


async def test_nothing_is_said_while_the_primary_host_is_away(mosquitto, host, tmp_path):
    node = edge_node(mosquitto.port, tmp_path, primary_host="scada")
    host_state(host, False, 100)
    async with running(node.run()):
        await until(lambda: node._host_ms == 100)
        host.say("spBv1.0/STATE/scada", "ONLINE")  # as Sparkplug 2.2 had it
        host_state(host, True, 99)  # overtaken by the one before
        host_state(host, True, 101)
        await until(lambda: "NBIRTH" in verbs(host))
        host_state(host, False, 102)
        await until(lambda: "NDEATH" in verbs(host))
        host_state(host, True, 103)
        await until(lambda: node.births == 2)
    said = [verb for verb in verbs(host) if verb in {"scada", "NBIRTH", "NDEATH"}]
    assert said[:7] == [*["scada"] * 4, "NBIRTH", "scada", "NDEATH"]


def test_too_much_that_waits_drops_the_oldest(monkeypatch):
    monkeypatch.setattr(publish_site, "MAX_QUEUED", 3)
    site = publish_site.Site(BORN)
    site.take([meter(1.0), meter(2.0)])
    site.take([meter(3.0), meter(4.0), rig(1.0)])
    assert site.dropped == 2
    assert [c.value for c in site.changes() if c.figure.name == "power_w"][:2] == [3.0, 4.0]
