"""A command is opened as it was sealed, or not at all."""

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from lode_wire import orders, seal
from lode_wire.errors import DecodeError, WireError
from lode_wire.records import Command

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
TRUSTED = {seal.key_id(KEY.public_key()): KEY.public_key()}
ORDER = orders.Order(
    intent=orders.Curtail(
        steps=(orders.Step(wish=orders.Sleep(), devices=("rig-1", "rig-2")),),
        terms=orders.Terms(until_ms=10, if_lost="plan"),
    ),
    precondition=orders.Precondition(states=("mining",)),
    approved_by=("ada", "bob"),
)


def made(order=ORDER, **other):
    fields = {
        "at_ms": 1,
        "id": "c1",
        "actor": "ada",
        "agent": "north-1",
        "sequence": 7,
        "not_before_ms": 1,
        "expires_ms": 2,
        "target": "",
        "action": order.intent.action,
        "body": orders.encode_order(order),
        "key": "",
        "signature": b"",
    }
    return seal.seal(Command(**fields | other), KEY)


def test_what_was_sealed_is_opened():
    assert seal.opened(seal.decode(seal.encode(made())), TRUSTED) == ORDER


@pytest.mark.parametrize("name", [f for f in Command.__struct_fields__ if f != "key"])
def test_no_field_can_be_changed(name):
    command = made()
    value = getattr(command, name)
    other = (
        value + 1
        if isinstance(value, int)
        else value + (b"x" if name in {"body", "signature"} else "x")
    )
    with pytest.raises(seal.Forged):
        seal.opened(msgspec.structs.replace(command, **{name: other}), TRUSTED)


def test_another_key_is_not_trusted():
    with pytest.raises(seal.UnknownKey):
        seal.opened(msgspec.structs.replace(made(), key="0" * 16), TRUSTED)
    stranger = seal.seal(made(), Ed25519PrivateKey.generate())
    with pytest.raises(seal.Forged):
        seal.opened(msgspec.structs.replace(stranger, key=made().key), TRUSTED)


def test_the_action_is_the_orders():
    with pytest.raises(DecodeError, match="around curtail"):
        seal.opened(made(action="reboot"), TRUSTED)


@given(st.data())
def test_a_cut_or_altered_payload_is_refused_and_raises_nothing_else(data):
    payload = bytearray(seal.encode(made()))
    if data.draw(st.booleans()):
        payload = payload[: data.draw(st.integers(0, len(payload) - 1))]
    else:
        payload[data.draw(st.integers(0, len(payload) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises(WireError):
        seal.opened(seal.decode(bytes(payload)), TRUSTED)


@given(st.binary(max_size=300))
def test_noise_is_no_command_and_no_order(noise):
    for read in (seal.decode, orders.decode_order):
        with pytest.raises(DecodeError):
            read(noise)


def test_every_intent_survives_and_names_its_action():
    wish = orders.PowerLimit(power_w=2500.0)
    intents = [
        orders.Sleep(), orders.Wake(), wish, orders.PowerMode(mode="low"), orders.Preset(name="p"),
        orders.FanSpeed(percent=None), orders.SwitchOutlet(outlet=3, is_on=False),
        orders.RestartMining(), orders.Reboot(), orders.FaultLight(is_on=True),
        orders.ChangePools(pools=(orders.Pool(url="stratum+tcp://a:1"),)),
        orders.UpdateFirmware(image="a.bin", sha256="0" * 64), orders.Probe(address="10.0.0.1"),
        orders.ReadRegisters(register=3), orders.DryRun(wish=wish), ORDER.intent,
        orders.Release(lease="c1"), orders.StandingPlan(), orders.StopAll(), orders.EndStop(),
    ]  # fmt: skip
    for intent in intents:
        order = orders.Order(intent=intent)
        assert orders.decode_order(orders.encode_order(order)) == order
        assert msgspec.structs.fields(intent) is not None
        assert type(intent).__struct_config__.tag == intent.action
    known = {
        *orders.WISHES,
        *orders.DEEDS,
        *orders.OF_THE_SITE,
        orders.ReadRegisters,
        orders.DryRun,
    }
    assert {type(intent) for intent in intents} == known
