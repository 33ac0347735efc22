"""A site's broker with an authority of its own, which asks for a certificate: by settings alone."""

import asyncio
import shutil
import subprocess
from pathlib import Path

import pytest
from tests.conftest import PLACES
from tests.edge.conftest import Broker, free_port
from tests.edge.drivers.mqtt.test_mqtt import why_not
from tests.edge.publish.site import edge_node, meter
from tests.edge.site_broker import listening, running, until, witness

from lode_edge import drivers
from lode_edge.drivers.driver import Login
from lode_edge.drivers.mqtt.link import Server
from lode_edge.settings import SettingsError, TlsSettings, load
from lode_wire.records import Quality

DEVICE = """
[[devices]]
name = "{driver}-1"
driver = "{driver}"
address = "mqtts://127.0.0.1:{port}"
kind = "meter"
profile = "{profile}"
topic = "{topic}"
interval_s = 30.0
"""
MQTT = {"driver": "mqtt", "profile": "zigbee2mqtt-climate", "topic": "boiler"}
SPARKPLUG = {
    "driver": "sparkplug",
    "profile": "lode-meter",
    "topic": "north/north-1/feeder A_1",
}
needs_broker = pytest.mark.needs("mosquitto")


class Secured(Broker):
    """A broker with a plain door for the test, and one by TLS for who shows a certificate."""

    tls_port: int


def signed(folder: Path, name: str, *more: str) -> None:
    """Make a key and a certificate; the authority's signs the others."""
    by = [] if name == "ca" else ["-CA", f"{folder}/ca.pem", "-CAkey", f"{folder}/ca.key"]
    request = [
        *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
        *("-nodes", "-days", "2", "-subj", f"/CN={name}", *by, *more),
        *("-keyout", f"{folder}/{name}.key", "-out", f"{folder}/{name}.pem"),
    ]
    subprocess.run(request, check=True, capture_output=True)


@pytest.fixture
def secured(tmp_path: Path):
    signed(tmp_path, "ca")
    signed(tmp_path, "broker", "-addext", "subjectAltName=IP:127.0.0.1")
    signed(tmp_path, "agent")
    port, tls_port, config = free_port(), free_port(), tmp_path / "m.conf"
    config.write_text(
        f"per_listener_settings true\nuser root\nlistener {port} 127.0.0.1\nallow_anonymous true\n"
        f"listener {tls_port} 127.0.0.1\nallow_anonymous true\nrequire_certificate true\n"
        f"cafile {tmp_path}/ca.pem\ncertfile {tmp_path}/broker.pem\nkeyfile {tmp_path}/broker.key\n"
    )
    program = str(shutil.which("mosquitto", path=PLACES))
    broker = Secured([program, "-c", str(config)], port, tmp_path / "log")
    broker.tls_port = tls_port
    broker.start()
    yield broker
    broker.kill()


def site(folder: Path, broker: Secured, device: dict[str, str], *files: str):
    """Make the one device of a site's file."""
    text = f'[agent]\nname = "a"\nsite = "s"\ndata_dir = "{folder}"\n[mqtt]\n'
    text += "".join(f'{file}_file = "{folder}/{FILES[file]}"\n' for file in files)
    (folder / "edge.toml").write_text(text + DEVICE.format(port=broker.tls_port, **device))
    told = load(folder / "edge.toml")
    (entry,) = told.devices
    given = {name: getattr(entry, name) for name in entry.__slots__}
    return drivers.make(drivers.DeviceEntry(**given), 7, mqtt=told.mqtt)


FILES = {"ca": "ca.pem", "cert": "agent.pem", "key": "agent.key"}


@needs_broker
async def test_a_sensor_is_heard_through_the_sites_own_authority(secured, tmp_path):
    device = site(tmp_path, secured, MQTT, *FILES)
    async with listening(device) as found:
        with witness(secured.port, "none") as sensor:
            while not found.values("temperature"):
                sensor.say("zigbee2mqtt/boiler", '{"temperature":21.5}')
                await asyncio.sleep(0.02)
    assert found.values("temperature")[0] == 21.5


@needs_broker
async def test_an_edge_node_is_heard_through_it_too(secured, tmp_path):
    node = edge_node(secured.port, tmp_path)
    node.site.take([meter(5000.0, energy_in_kwh=12.5)])
    device = site(tmp_path, secured, SPARKPLUG, *FILES)
    async with running(node.run()), listening(device) as found:
        await until(lambda: [r for r in found.records if r.power_w == 5000.0])


@needs_broker
async def test_without_its_authority_or_our_certificate_there_is_no_connection(secured, tmp_path):
    url, ca = f"mqtts://127.0.0.1:{secured.tls_port}", tmp_path / "ca.pem"
    ours = {"cert_file": tmp_path / "agent.pem", "key_file": tmp_path / "agent.key"}
    assert "CERTIFICATE_VERIFY_FAILED" in await why_not(Server.at(url, None))
    without = await why_not(Server.at(url, None, TlsSettings(ca_file=ca)))
    assert "does it ask for a certificate?" in without or "connection lost" in without
    assert await why_not(Server.at(url, None, TlsSettings(ca_file=ca, **ours))) == ""
    device = site(tmp_path, secured, MQTT)
    device._interval_s = 0.2
    async with listening(device) as found:
        await until(lambda: found.records)
    assert {r.quality for r in found.records} == {Quality.REFUSED}


@pytest.mark.parametrize(
    ("address", "host", "port", "is_tls"),
    [
        ("10.0.0.7", "10.0.0.7", 1883, False),
        ("mqtt://broker:1884", "broker", 1884, False),
        ("mqtts://broker", "broker", 8883, True),
        ("mqtts://broker:9000/", "broker", 9000, True),
        ("mqtts://[fe80::1]:9000", "fe80::1", 9000, True),
        ("mqtts://[fe80::1]", "fe80::1", 8883, True),
    ],
)
def test_an_address_says_whether_it_is_tls(address, host, port, is_tls):
    login = Login(username="u", password="p")
    server = Server.at(address, login)
    assert (server.host, server.port, server.is_tls, server.login) == (host, port, is_tls, login)


@pytest.mark.parametrize(
    ("driver", "address", "said"),
    [
        ("mqtt", "broker:8883", "8883 is the port of TLS; write mqtts://broker:8883"),
        ("mqtt", "mqtts://u:p@broker", "write host or host:port"),
        ("modbus", "mqtts://broker", "mqtt:// and mqtts:// are for mqtt and sparkplug alone"),
        ("sparkplug", "rtu://broker:1", "serial: and rtu:// are for modbus alone"),
    ],
)
def test_an_address_that_does_not_fit_is_refused(tmp_path, driver, address, said):
    file = tmp_path / "edge.toml"
    device = f'name = "x"\ndriver = "{driver}"\naddress = "{address}"\nkind = "meter"\n'
    file.write_text(f'[agent]\nname = "a"\nsite = "s"\n[[devices]]\n{device}')
    with pytest.raises(SettingsError) as caught:
        load(file)
    assert said in str(caught.value)


def test_a_certificate_without_its_key_is_refused(tmp_path):
    file = tmp_path / "edge.toml"
    file.write_text(f'[agent]\nname = "a"\nsite = "s"\n[mqtt]\ncert_file = "{file}"\n')
    with pytest.raises(SettingsError, match="mqtt: cert_file and key_file belong together"):
        load(file)
