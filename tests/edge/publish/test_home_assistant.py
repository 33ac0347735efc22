"""The site as Home Assistant sees it: discovered, unknown when unknown, gone when gone."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.edge.conftest import Broker
from tests.edge.conftest import running as broker_running
from tests.edge.publish.site import BORN, device, lost_meter, meter, now_ms, point, rig
from tests.edge.site_broker import Witness, running, until, witness

from lode_edge.drivers.mqtt.link import Server
from lode_edge.publish.home_assistant import HomeAssistant
from lode_wire.records import DeviceKind, Record, State

pytestmark = pytest.mark.needs("mosquitto")


@pytest.fixture
def mosquitto(tmp_path: Path) -> Iterator[Broker]:
    with broker_running("mosquitto", tmp_path / "broker") as found:
        yield found


def home(broker: Broker, born: list[Record] = BORN) -> HomeAssistant:
    server = Server(host="127.0.0.1", port=broker.port)
    return HomeAssistant("north-1", lambda: [server], born, interval_s=0.05)


def configs(voice: Witness) -> dict[str, dict]:
    """Give the entities by unique id, as Home Assistant would have them: what is empty is gone."""
    found = {}
    for message in voice.on("homeassistant/sensor/lode-north-1/"):
        name = message.topic.split("/")[3]
        found.pop(name, None)
        if message.payload.startswith(b"{"):
            found[name] = json.loads(message.payload)
    return found


def last(voice: Witness, topic: str) -> bytes | None:
    found = [m.payload for m in voice.heard if m.topic == topic]
    return found[-1] if found else None


def state_of(voice: Witness, config: dict) -> object:
    """Give what Home Assistant would show: the value that the template picks."""
    for place in config["availability"]:
        if last(voice, place["topic"]) != b"online":
            return "unavailable"
    key = config["value_template"].removeprefix("{{ value_json['").removesuffix("'] }}")
    state = last(voice, config["state_topic"])
    return json.loads(state)[key] if state else "unknown"


def entity(voice: Witness, start: str, end: str) -> dict | None:
    found = [c for n, c in configs(voice).items() if n.startswith(start) and n.endswith(end)]
    return found[0] if found else None


async def test_devices_are_discovered_and_live(mosquitto):
    site = home(mosquitto)
    site.site.take([rig(100.0, power_w=3250.0), meter(5000.0, energy_in_kwh=12.5), point(20.0)])
    with witness(mosquitto.port) as voice:
        async with running(site.run()):
            await until(lambda: entity(voice, "hall", "temperature"))
            power = entity(voice, "rig-001", "power_w")
            assert power["device_class"] == "power"
            assert (power["unit_of_measurement"], power["state_class"]) == ("W", "measurement")
            assert power["device"]["manufacturer"] == "Bitmain"
            assert power["device"]["sw_version"] == "1.2"
            energy = entity(voice, "feeder_A_1_", "energy_in_kwh")
            assert (energy["device_class"], energy["state_class"]) == ("energy", "total_increasing")
            assert (energy["device"]["name"], energy["device"]["suggested_area"]) == (
                "feeder A/1",
                "A",
            )
            state = entity(voice, "rig-001", "state")
            assert "state_class" not in state
            every = list(configs(voice).values())
            assert len({config["unique_id"] for config in every}) == len(every) == 13 + 7 + 1
            await until(lambda: state_of(voice, power) == 3250.0)
            assert state_of(voice, state) == "mining"
            assert state_of(voice, entity(voice, "rig-001", "chip_temp_c")) is None
            assert all(m.qos == 1 for m in voice.on("homeassistant/"))
        await until(lambda: state_of(voice, power) == "unavailable")
    with witness(mosquitto.port, "homeassistant/#") as later:
        await until(lambda: len(later.heard) == len(every))
        assert all(message.is_retained for message in later.heard)


async def test_what_does_not_answer_is_unavailable_and_never_zero(mosquitto):
    site = home(mosquitto)
    site.site.take([rig(100.0, power_w=3250.0), meter(5000.0)])
    with witness(mosquitto.port) as voice:
        async with running(site.run()):
            await until(lambda: entity(voice, "feeder", "power_w"))
            power = entity(voice, "feeder", "power_w")
            hashrate = entity(voice, "rig", "hashrate_ths")
            await until(lambda: state_of(voice, power) == 5000.0)
            site.site.take([lost_meter(), rig(None, State.SLEEPING)])
            await until(lambda: state_of(voice, power) == "unavailable")
            await until(lambda: state_of(voice, hashrate) is None)
            site.site.take([meter(1.0), meter(9.0, now_ms() - 5000)])
            await until(lambda: state_of(voice, power) == 1.0)
    assert b'"power_w":0' not in b"".join(message.payload for message in voice.heard)


async def test_a_device_that_is_no_longer_configured_is_removed(mosquitto):
    site = home(mosquitto)
    site.site.take([rig(100.0), point(20.0)])
    with witness(mosquitto.port) as voice:
        async with running(site.run()):
            await until(lambda: entity(voice, "hall", "temperature"))
            await until(lambda: entity(voice, "rig-001", "state"))
        voice.say("homeassistant/sensor/lode-north-1/x/config", "no JSON", retain=True)
        other = json.dumps({"state_topic": "elsewhere/x/state"})
        voice.say("homeassistant/sensor/other/x/config", other, retain=True)
    again = home(mosquitto, [one for one in BORN if one.name != "hall"])
    with witness(mosquitto.port) as voice:
        async with running(again.run()):
            await until(lambda: last(voice, "lode-site/north-1/hall/state") == b"")
            again.site.take([rig(101.0), point(21.0)])
            await until(lambda: last(voice, "lode-site/north-1/rig-001/state"))
    with witness(mosquitto.port) as later:
        await until(lambda: later.on("homeassistant/sensor/other"))
        await until(lambda: entity(later, "rig-001", "uptime_s"))
        topics = {message.topic for message in later.heard}
    assert not any("hall" in topic for topic in topics)
    assert "homeassistant/sensor/lode-north-1/x/config" in topics  # nothing that is not ours


async def test_a_restarted_broker_gets_everything_again(mosquitto):
    site = home(mosquitto)
    site.site.take([meter(5000.0)])
    async with running(site.run()):
        with witness(mosquitto.port) as voice:
            await until(lambda: entity(voice, "feeder", "power_w"))
        mosquitto.kill()
        site.site.take([device(2, "feeder A/1", DeviceKind.METER, model="SDM630"), meter(6000.0)])
        mosquitto.start()
        with witness(mosquitto.port) as voice:
            await until(lambda: entity(voice, "feeder", "power_w"))
            power = entity(voice, "feeder", "power_w")
            assert power["device"]["model"] == "SDM630"
            await until(lambda: state_of(voice, power) == 6000.0)


async def test_a_name_cannot_become_a_template(mosquitto):
    site = home(mosquitto)
    bad = "'] }}{{ states | list }}{{ ['"
    site.site.take([point(1.0, bad), point(2.0, "a.b"), point(3.0, "a_b")])
    with witness(mosquitto.port) as voice:
        async with running(site.run()):
            await until(lambda: len(configs(voice)) == 3)
            await until(lambda: last(voice, "lode-site/north-1/hall/state"))
    shown = {state_of_kept(voice, config) for config in configs(voice).values()}
    assert shown == {1.0, 2.0, 3.0}
    for config in configs(voice).values():
        assert config["value_template"].count("{{") == 1


def state_of_kept(voice: Witness, config: dict) -> object:
    kept = json.loads(last(voice, config["state_topic"]) or b"{}")
    return kept[config["value_template"].removeprefix("{{ value_json['").removesuffix("'] }}")]
