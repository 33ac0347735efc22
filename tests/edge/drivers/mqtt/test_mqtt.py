"""Devices that speak on a real broker: what they say becomes records, and silence does, too."""

import asyncio
import dataclasses
import shutil
import subprocess
import time
from pathlib import Path

import pytest
from tests.conftest import PLACES
from tests.edge.conftest import Broker, free_port, running
from tests.edge.site_broker import listening, until, witness

from lode_edge.drivers import make
from lode_edge.drivers.driver import DeviceEntry, Login
from lode_edge.drivers.mqtt import MqttStream
from lode_edge.drivers.mqtt.driver import MAX_PER_S
from lode_edge.drivers.mqtt.link import MAX_PACKET_BYTES, Link, LinkError, Server
from lode_edge.errors import EdgeError
from lode_wire.records import MeterReading, PointReading, Quality

pytestmark = pytest.mark.needs("mosquitto")
EM = '{"total_act_power":2484.5,"total_current":11.1,"a_voltage":236.1,"a_freq":50,"a_act_power":9}'
EMDATA = '{"total_act":1500,"total_act_ret":0}'


@pytest.fixture
def mosquitto(tmp_path: Path):
    with running("mosquitto", tmp_path / "broker") as found:
        yield found


def entry(broker: Broker, name: str = "boiler", **more) -> DeviceEntry:
    given = {
        "driver": "mqtt",
        "kind": "sensor",
        "profile": "zigbee2mqtt-climate",
        "interval_s": 30.0,
        **more,
    }
    return DeviceEntry(name=name, address=f"127.0.0.1:{broker.port}", **given)


async def up(device: MqttStream, speaker, topic: str, payload: str) -> None:
    """Speak until the device hears it."""
    heard = device.counters.heard
    while device.counters.heard == heard:
        speaker.say(topic, payload)
        await asyncio.sleep(0.02)


async def test_points_come_at_once_with_unit_and_our_time(mosquitto):
    device = MqttStream(entry(mosquitto), 7)
    async with listening(device) as found:
        with witness(mosquitto.port) as sensor:
            await up(device, sensor, "zigbee2mqtt/boiler", '{"temperature":1}')
            found.records.clear()
            before = time.time_ns() // 1_000_000
            sensor.say("zigbee2mqtt/boiler", '{"temperature":23.4,"humidity":null,"battery":"87"}')
            await until(lambda: len(found.records) == 3)
    assert {(r.point, r.value, r.unit, r.quality) for r in found.records} == {
        ("temperature", 23.4, "°C", 0),
        ("humidity", None, "%", 0),
        ("battery", 87.0, "%", 0),
    }
    assert all(r.device == 7 and 0 <= r.at_ms - before < 5000 for r in found.records)
    assert [facts.vendor for facts in found.facts] == ["Zigbee2MQTT"]


async def test_a_meter_is_read_once_every_field_has_been_said(mosquitto):
    device = MqttStream(entry(mosquitto, "pm", profile="shelly-pro-3em", kind="meter"), 3)
    async with listening(device) as found:
        with witness(mosquitto.port) as meter:
            await up(device, meter, "pm/status/em:0", EM)
            assert not [r for r in found.records if isinstance(r, MeterReading)]
            meter.say("pm/status/emdata:0", EMDATA)
            await until(lambda: [r for r in found.records if isinstance(r, MeterReading)])
    (reading,) = (r for r in found.records if isinstance(r, MeterReading))
    assert (reading.power_w, reading.energy_in_kwh, reading.energy_out_kwh) == (2484.5, 1.5, 0)
    assert (reading.voltage_v, reading.freq_hz, reading.power_factor) == (236.1, 50, None)
    assert reading.quality == Quality.GOOD


async def test_a_meter_that_says_a_part_is_partial_when_the_interval_ends(mosquitto):
    told = entry(mosquitto, "pm", profile="shelly-pro-3em", kind="meter", interval_s=0.3)
    device = MqttStream(told, 3)
    async with listening(device) as found:
        with witness(mosquitto.port) as meter:
            await up(device, meter, "pm/status/emdata:0", EMDATA)
            await until(lambda: [r for r in found.records if r.quality & Quality.PARTIAL])
    reading = next(r for r in found.records if r.quality & Quality.PARTIAL)
    assert (reading.power_w, reading.energy_in_kwh) == (None, 1.5)


async def test_a_retained_message_is_no_reading_and_no_sign_of_life(mosquitto):
    with witness(mosquitto.port) as sensor:
        sensor.say("zigbee2mqtt/boiler", '{"temperature":99}', retain=True)
        device = MqttStream(entry(mosquitto, interval_s=0.5), 7)
        async with listening(device) as found:
            await until(lambda: device.counters.retained == 1)
            await until(lambda: found.records)
            assert set(found.values("temperature")) == {None}
            assert all(r.quality == Quality.TIMED_OUT for r in found.records)
            sensor.say("zigbee2mqtt/boiler", '{"temperature":21}')
            await until(lambda: 21.0 in found.values("temperature"))
    assert 99.0 not in found.values("temperature")


STAMPED = """
vendor = "Acme"
model = "Stamper"
source = "made for a test"
verified = true
protocol = "mqtt"
stamp = { path = "at", form = "s" }
[points]
level = { topic = "acme/{topic}/+", path = "[0].v", unit = "m", scale = 0.1 }
[[vectors]]
note = "none"
topic = "acme/x/1"
payload = "[]"
values = {}
"""


async def test_a_retained_message_that_says_when_is_taken_with_its_time(mosquitto, tmp_path):
    profile = tmp_path / "stamped.toml"
    profile.write_text(STAMPED.replace('"at"', '"[1].at"'))
    now_s = time.time_ns() // 1_000_000_000
    with witness(mosquitto.port) as sensor:
        sensor.say("acme/tank/1", f'[{{"v":15}},{{"at":{now_s - 3600}}}]', retain=True)
        device = MqttStream(entry(mosquitto, "tank", profile=str(profile)), 7)
        async with listening(device) as found:
            await until(lambda: found.records)
            sensor.say("acme/tank/2", f'[{{"v":25}},{{"at":{now_s + 7200}}}]')
            await until(lambda: len(found.records) == 2)
    old, new = found.records
    assert (old.value, old.at_ms, old.quality) == (1.5, (now_s - 3600) * 1000, 0)
    assert (new.value, new.quality) == (2.5, Quality.CLOCK)
    assert abs(new.at_ms - now_s * 1000) < 10_000


NONSENSE = [
    '{"temperature":"warm"}',
    '{"temperature":[1]}',
    "no",
    "",
    b"\xff\xfe",
    "1e999",
    "[" * 99,
]


@pytest.mark.parametrize("payload", NONSENSE)
async def test_a_message_without_sense_is_counted_and_flagged(mosquitto, payload):
    device = MqttStream(entry(mosquitto), 7)
    async with listening(device) as found:
        with witness(mosquitto.port) as sensor:
            await up(device, sensor, "zigbee2mqtt/boiler", payload)
            await until(lambda: found.records)
    assert device.counters.bad >= 1
    flagged = [r for r in found.records if r.point == "temperature"]
    assert flagged
    assert all(r.value is None and r.quality == Quality.BAD_ANSWER for r in flagged)


async def test_too_much_at_once_is_dropped_and_counted(mosquitto):
    device = MqttStream(entry(mosquitto), 7)
    async with listening(device) as found:
        with witness(mosquitto.port, "none") as sensor:
            await up(device, sensor, "zigbee2mqtt/boiler", '{"temperature":1}')
            sensor.say("zigbee2mqtt/boiler", "x" * 300_000)
            await until(lambda: device.counters.bad == 1)
            for _ in range(3 * MAX_PER_S):
                sensor._client.publish("zigbee2mqtt/boiler", '{"temperature":2}', qos=0)
            await until(lambda: device.counters.dropped)
    assert len(found.values("temperature")) < 3 * MAX_PER_S


async def test_devices_share_one_connection_and_survive_the_brokers_restart(mosquitto):
    first, second = (MqttStream(entry(mosquitto, n, interval_s=0.4), i) for i, n in enumerate("ab"))
    async with listening(first) as one, listening(second) as two:
        with witness(mosquitto.port) as sensor:
            await up(first, sensor, "zigbee2mqtt/a", '{"temperature":1}')
            await up(second, sensor, "zigbee2mqtt/b", '{"temperature":2}')
        assert {1.0} <= set(one.values("temperature"))
        assert {2.0} <= set(two.values("temperature"))
        log = mosquitto.log.read_text()
        assert log.count(" as lode-") == 1
        mosquitto.kill()
        await until(lambda: [r for r in one.records if r.quality == Quality.REFUSED])
        mosquitto.start()
        with witness(mosquitto.port) as sensor:
            await up(first, sensor, "zigbee2mqtt/a", '{"temperature":3}')
            await up(second, sensor, "zigbee2mqtt/b", '{"temperature":4}')
    assert 3.0 in one.values("temperature")
    assert 4.0 in two.values("temperature")


async def test_a_broker_that_is_not_there_is_said_once_an_interval():
    nowhere = DeviceEntry(
        name="boiler",
        driver="mqtt",
        kind="sensor",
        profile="zigbee2mqtt-climate",
        address=f"127.0.0.1:{free_port()}",
        interval_s=0.2,
    )
    began = time.monotonic()
    async with listening(MqttStream(nowhere, 7)) as found:
        await until(lambda: len(found.values("temperature")) == 3)
    assert time.monotonic() - began > 0.55
    assert {r.quality for r in found.records} == {Quality.REFUSED}
    assert {r.point for r in found.records} == {"temperature", "humidity", "pressure", "battery"}
    assert all(isinstance(r, PointReading) and r.value is None for r in found.records)


@pytest.fixture
def guarded(tmp_path: Path):
    """Give a broker that asks for a password, by TLS, with a certificate that nobody trusts."""
    port = free_port()
    subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"]
    paths = ["-keyout", str(tmp_path / "k.pem"), "-out", str(tmp_path / "c.pem")]
    request = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
        "-days",
        "2",
    ]
    subprocess.run([*request, *paths, *subject], check=True, capture_output=True)
    passwords = tmp_path / "passwords"
    subprocess.run(["mosquitto_passwd", "-b", "-c", passwords, "lode", "secret"], check=True)
    config = tmp_path / "m.conf"
    config.write_text(
        f"listener {port} 127.0.0.1\nallow_anonymous false\npassword_file {passwords}\n"
        f"certfile {tmp_path}/c.pem\nkeyfile {tmp_path}/k.pem\nuser root\n"
    )
    program = str(shutil.which("mosquitto", path=PLACES))
    broker = Broker([program, "-c", str(config)], port, tmp_path / "log")
    broker.start()
    yield broker
    broker.kill()


async def test_login_and_certificate_are_checked(guarded, tmp_path, monkeypatch):
    server = Server.at(f"mqtts://{entry(guarded).address}", None)
    right = dataclasses.replace(server, login=Login(username="lode", password="secret"))
    wrong = dataclasses.replace(server, login=Login(username="lode", password="wrong"))
    assert "CERTIFICATE_VERIFY_FAILED" in await why_not(right)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "c.pem"))
    assert await why_not(right) == ""
    assert await why_not(server) == await why_not(wrong) == "refused: Not authorized"
    assert "secret" not in repr(right)


async def test_more_than_any_message_should_have_ends_the_connection(mosquitto):
    link = Link(Server.at(entry(mosquitto).address, None), "someone", lambda _: None)
    await link.open()
    await link.subscribe([("a/b", 0)])
    with witness(mosquitto.port, "none") as someone:
        someone.say("a/b", b"x" * (MAX_PACKET_BYTES + 100))
        async with asyncio.timeout(30):
            assert "bytes at once" in await link.lost()
    await link.close()


async def why_not(server) -> str:
    link = Link(server, "someone", lambda _: None)
    try:
        await link.open()
        await link.subscribe([("a/b", 1)])
    except LinkError as error:
        return str(error).partition(": ")[2]
    finally:
        await link.close()
    return ""


async def test_a_crash_is_said_and_survived(mosquitto):
    device = MqttStream(entry(mosquitto), 7)
    read, crashes = device._map.read, []

    def crash(message, now_ms):
        if message.payload == b"crash":
            crashes.append(message)
            raise RuntimeError("a driver that is wrong")
        return read(message, now_ms)

    device._map.read = crash
    async with listening(device) as found:
        with witness(mosquitto.port) as sensor:
            await up(device, sensor, "zigbee2mqtt/boiler", '{"temperature":1}')
            sensor.say("zigbee2mqtt/boiler", "crash")
            await until(lambda: crashes)
            sensor.say("zigbee2mqtt/boiler", '{"temperature":2}')
            await until(lambda: 2.0 in found.values("temperature"))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"profile": ""}, "needs a profile"),
        ({"profile": "nope"}, "unknown"),
        ({"profile": "eastron-sdm120"}, "is no mqtt map"),
        ({"profile": "lode-meter"}, "is no mqtt map"),
        ({"topic": "a/#"}, "may not contain"),
    ],
)
def test_an_entry_that_cannot_work_is_refused(change, said):
    given = {"name": "x", "address": "h", "driver": "mqtt", "kind": "sensor"}
    with pytest.raises(EdgeError, match=f"device x: .*{said}"):
        make(DeviceEntry(**{**given, "profile": "zigbee2mqtt-climate", **change}), 1)
