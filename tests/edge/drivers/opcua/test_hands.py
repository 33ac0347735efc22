"""Writing to a real OPC UA server: typed as it types, read back, refused by name."""

import asyncio
import itertools

import msgspec
import pytest
import pytest_asyncio
from asyncua import ua
from tests.edge.drivers.opcua.conftest import entry, listening, until

from lode_edge.control.site import Device
from lode_edge.drivers import described
from lode_edge.drivers.opcua import OpcuaStream
from lode_edge.errors import BadAnswer, Unreachable, Unsupported
from lode_profiles import load
from lode_sim.opcua_plant import Plant
from lode_sim.proxy import Proxy
from lode_wire.orders import Change, FanSpeed, Reboot, SwitchOutlet

pytestmark = pytest.mark.asyncio(loop_scope="module")
_unused = (f"V{n}" for n in range(1, 20))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def plant():
    """Give a plant for all tests of this module: it takes seconds to start."""
    async with Plant([f"V{n}" for n in range(1, 20)]) as running:
        yield running


@pytest.fixture
def name():
    """Give a fan that no other test has."""
    return next(_unused)


def fan(url, name, **given):
    told = entry(url, name, **{"profile": "example-fan", "kind": "plc", **given})
    return OpcuaStream(told, 3)


async def raw(plant, name, node):
    return (await plant.controls[name, node].read_data_value()).Value


async def test_it_offers_what_it_declares_and_shows_how_it_is_set(plant, name):
    device = fan(plant.url, name)
    offered = await device.abilities()
    assert (offered.actions, offered.blocked) == ({"fan_speed", "outlet"}, "")
    said = await device.posture()
    assert (said.fan_percent, said.outlets) == (40, {1: False, 2: True})
    assert Device(entry(plant.url, name), 3, device).hands is device  # control takes a stream


async def test_a_write_is_typed_as_the_server_types_and_read_back(plant, name):
    device = fan(plant.url, name)
    assert await device.preview(FanSpeed(percent=65)) == (
        Change(key="speed", before="40 %", after="65 %"),
    )
    assert (await raw(plant, name, "Speed")).Value == 400  # a preview changes nothing
    deed = await device.act(FanSpeed(percent=65))
    assert deed.changes == (Change(key="speed", before="40 %", after="65 %"),)
    written = await raw(plant, name, "Speed")
    assert (written.Value, written.VariantType) == (650, ua.VariantType.UInt16)
    assert (await device.act(FanSpeed(percent=65))).changes == ()  # it holds already
    await device.act(SwitchOutlet(outlet=1, is_on=True))
    await device.act(SwitchOutlet(outlet=2, is_on=False))
    said = await device.posture()
    assert (said.fan_percent, said.outlets) == (65, {1: True, 2: False})


async def test_it_writes_through_the_session_it_listens_with(plant, name):
    told = entry(plant.url, name)
    device = fan(plant.url, name)
    async with listening(told) as ear:
        await until(lambda: ear.readings)
        await device.act(SwitchOutlet(outlet=1, is_on=True))
        assert plant.sessions == 1
    await until(lambda: plant.sessions == 0)


@pytest.mark.parametrize(
    ("intent", "said"),
    [
        (FanSpeed(percent=19), "19 % is outside of 20 to 100 %"),
        (FanSpeed(percent=None), "no speed of its own"),
        (SwitchOutlet(outlet=9, is_on=True), "outlet 9: there is none; there are 1, 2"),
        (Reboot(), "reboot: example-fan does not offer it"),
    ],
)
async def test_what_is_not_declared_is_refused_without_a_server(intent, said):
    with pytest.raises(Unsupported, match=said):
        await fan("opc.tcp://127.0.0.1:1/x", "V1").act(intent)


async def test_a_refusal_bears_the_servers_own_name(plant, name):
    await plant.controls[name, "Relay1"].set_writable(writable=False)
    device = fan(plant.url, name)
    with pytest.raises(Unsupported, match=r"outlet 1: .* refused on \(BadUserAccessDenied\)"):
        await device.act(SwitchOutlet(outlet=1, is_on=True))
    assert (await raw(plant, name, "Relay1")).Value is False
    await plant.controls[name, "Relay2"].set_writable(writable=False)
    offered = await device.abilities()
    assert offered.actions == {"fan_speed"}
    assert "outlet 1: the server lets us only read it" in offered.blocked


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"node": "s={name}.Power"}, "Double, not Boolean"),
        ({"node": "s={name}.None"}, r"cannot be read \(BadNodeIdUnknown\)"),
        ({"path": ("Plant", "{name}", "None"), "node": ""}, "no such node"),
    ],
)
async def test_a_node_of_another_kind_is_refused_before_anything_is_sent(
    change, said, plant, name, monkeypatch
):
    shipped = load("example-fan")
    wrong = msgspec.structs.replace(shipped.controls.outlets["1"], **change)
    controls = msgspec.structs.replace(shipped.controls, outlets={"1": wrong})
    monkeypatch.setattr(
        described, "load", lambda _: msgspec.structs.replace(shipped, controls=controls)
    )
    device = fan(plant.url, name)
    before = await plant.nodes[name, "Power"].read_value()
    with pytest.raises(Unsupported, match=said):
        await device.act(SwitchOutlet(outlet=1, is_on=True))
    assert await plant.nodes[name, "Power"].read_value() == before
    said_so = await device.posture()
    assert (said_so.fan_percent, said_so.outlets) == (40, None)  # unknown is not off


async def test_a_value_that_the_type_cannot_hold_is_refused(plant, name, monkeypatch):
    shipped = load("example-fan")
    speed = msgspec.structs.replace(shipped.controls.speed, scale=0.001)
    controls = msgspec.structs.replace(shipped.controls, speed=speed)
    monkeypatch.setattr(
        described, "load", lambda _: msgspec.structs.replace(shipped, controls=controls)
    )
    with pytest.raises(Unsupported, match="100000 is no UInt16"):
        await fan(plant.url, name).act(FanSpeed(percent=100))
    assert (await raw(plant, name, "Speed")).Value == 400


async def test_a_plc_that_does_it_later_is_waited_for_and_one_that_never_does_is_named(plant, name):
    device = fan(plant.url, name)
    plant.obey(name, "Relay1", after_s=0.2)
    deed = await device.act(SwitchOutlet(outlet=1, is_on=True))
    assert deed.changes == (Change(key="outlet 1", before="off", after="on"),)
    plant.obey(name, "Relay2", after_s=None)
    with pytest.raises(BadAnswer, match="outlet 2: reads back on after off was written"):
        await device.act(SwitchOutlet(outlet=2, is_on=False))


async def test_writes_at_once_do_not_mix(plant, name):
    device = fan(plant.url, name)
    deeds = await asyncio.gather(
        *(device.act(FanSpeed(percent=percent)) for percent in range(50, 60))
    )
    chain = [(c.before, c.after) for deed in deeds for c in deed.changes]
    assert chain[0][0] == "40 %"
    assert len(chain) == 10
    assert all(a[1] == b[0] for a, b in itertools.pairwise(chain))


async def test_silence_leaves_open_what_was_done_and_nobody_there_says_so(plant, name):
    with pytest.raises(Unreachable):
        await fan("opc.tcp://127.0.0.1:1/x", name, timeout_s=0.1).posture()
    async with Proxy("127.0.0.1", plant.port) as proxy:
        url = f"opc.tcp://127.0.0.1:{proxy.port}/plant"
        device = fan(url, name)
        async with listening(entry(url, name)) as ear:
            await until(lambda: ear.readings)
            proxy.set("blackhole")
            with pytest.raises(Unreachable):
                await device.act(SwitchOutlet(outlet=1, is_on=True))
