"""PDUs of both vendors over real sockets: read, switched, silent, stubborn and lying."""

import asyncio
import time

import pytest
from pysnmp.proto.api import v2c
from tests.edge.drivers.snmp.conftest import driver, linked, secured

from lode_edge.drivers.acting import Abilities
from lode_edge.drivers.driver import Login
from lode_edge.drivers.snmp import agent
from lode_edge.drivers.snmp import driver as module
from lode_edge.drivers.snmp.message import read_v2c
from lode_edge.errors import BadAnswer, EdgeError, Refused, TimedOut, Unsupported
from lode_sim.pdu_snmp import APC, RARITAN, USER, Pdu
from lode_wire import codec
from lode_wire.orders import Sleep, SwitchOutlet
from lode_wire.records import Quality


@pytest.fixture(autouse=True)
def _soon(monkeypatch):
    monkeypatch.setattr(module, "_SETTLE_S", 0.3)
    monkeypatch.setattr(module, "_LOOK_S", 0.02)


def by_name(records):
    return {record.point: record for record in records}


async def test_outlets_inlet_and_identity_are_read(pdu):
    ours = driver(pdu.address, pdu.vendor)
    facts = await ours.identify()
    expected = {
        "raritan": ("Raritan", "PX3-5190R", "QWX1234567", "3.6.0.5-46120", "raritan-px"),
        "apc": ("APC", "AP8959EU3", "5A1234E01234", "v7.0.6", "apc-rpdu2"),
    }
    found = (facts.vendor, facts.model, facts.serial, facts.firmware, facts.profile)
    assert found == expected[pdu.vendor]
    pdu.switch(2, is_on=False)
    records = await ours.read(5)
    codec.pack(records)
    points = by_name(records)
    assert points["outlet.3.power"].value == 300.0
    assert (points["outlet.3.power"].unit, points["outlet.3.power"].device) == ("W", 9)
    assert (points["outlet.2.power"].value, points["outlet.2.on"].value) == (0.0, 0.0)
    assert points["outlet.3.on"].value == 1.0
    assert points["inlet.1.power"].value == 3400.0
    energy = {"raritan": 12.3456, "apc": 1234.5}[pdu.vendor]
    assert points["inlet.1.energy"].value == pytest.approx(energy)
    assert all(record.quality == 0 and record.at_ms == 5 for record in records)


async def test_a_reading_asks_for_exactly_what_there_is(pdu):
    ours = driver(pdu.address, pdu.vendor)
    await ours.read(1)
    pdu.asked = 0
    await ours.read(2)
    assert pdu.asked <= 3


@pytest.mark.parametrize("user", [USER, f"{USER}256"])
async def test_version_3_is_spoken_with_either_digest(user, pdu):
    ours = driver(pdu.address, pdu.vendor, login=secured(user), timeout_s=5.0)
    points = by_name(await ours.read(5))
    assert points["outlet.3.power"].value == 300.0
    deed = await ours.act(SwitchOutlet(outlet=3, is_on=False))
    assert "the outlet is off" in deed.said


@pytest.mark.parametrize("is_another", [False, True])
async def test_an_agent_that_restarted_or_was_replaced_is_met_anew(is_another):
    async with Pdu("apc") as pdu:
        ours = driver(pdu.address, "apc", login=secured(), timeout_s=5.0)
        await ours.read(1)
        pdu.stop()
        if is_another:
            pdu.engine_id = pdu.engine_id[:-1] + b"!"
        await pdu.start()
        assert by_name(await ours.read(2))["outlet.3.power"].value == 300.0


@pytest.mark.parametrize(
    ("login", "message"),
    [
        (Login(username="nobody", password="authenticate_me"), "unknown user; correct the login"),
        (Login(username=USER, password="not_this_phrase"), "wrong digest; correct the login"),
    ],
)
async def test_a_wrong_login_is_said_and_not_told(login, message):
    async with Pdu("apc") as pdu:
        ours = driver(pdu.address, "apc", login=login, timeout_s=5.0)
        with pytest.raises(Refused, match=message) as refused:
            await ours.read(5)
        assert login.password not in str(refused.value) + repr(login)


async def test_an_outlet_is_switched_and_read_back(pdu):
    ours = driver(pdu.address, pdu.vendor)
    assert await ours.abilities() == Abilities(actions=("outlet",))
    asked = SwitchOutlet(outlet=4, is_on=False)
    (change,) = await ours.preview(asked)
    assert (change.key, change.before, change.after) == ("outlet.4", "on", "off")
    assert pdu.is_on[4]
    deed = await ours.act(asked)
    assert deed.changes == (change,)
    assert deed.said == "accepted; the outlet is off"
    assert not pdu.is_on[4]
    assert (await ours.posture()).outlets == {n: n != 4 for n in range(1, 9)}
    again = await ours.act(asked)
    assert (again.changes, again.said) == ((), "it is so already")
    assert len(pdu.sets) == 1
    await ours.act(SwitchOutlet(outlet=4, is_on=True))
    assert pdu.is_on[4]
    assert {oid[-1] for oid, _ in pdu.sets} == {4}


async def test_a_set_without_effect_is_not_called_done(apc):
    ours = driver(apc.address, "apc")
    apc.ignores_sets = True
    deed = await ours.act(SwitchOutlet(outlet=4, is_on=False))
    assert deed.said.endswith("the outlet is still on")
    assert (await ours.posture()).outlets[4] is True


async def test_a_set_that_fails_is_said(apc):
    ours = driver(apc.address, "apc")
    await ours.read(1)
    apc.refuses_sets = True
    with pytest.raises(BadAnswer, match="genErr"):
        await ours.act(SwitchOutlet(outlet=4, is_on=False))
    assert len(apc.sets) == 1


async def test_a_community_that_may_only_read_is_said(apc):
    ours = driver(apc.address, "apc", login=None)
    with pytest.raises(Unsupported, match="give the device a login that may write"):
        await ours.act(SwitchOutlet(outlet=4, is_on=False))
    assert apc.sets == []


@pytest.mark.parametrize("vendor", ["raritan", "apc"])
async def test_a_pdu_without_relays_does_not_switch(vendor):
    async with Pdu(vendor, is_switched=False) as pdu:
        ours = driver(pdu.address, vendor)
        abilities = await ours.abilities()
        assert abilities.actions == ()
        assert "no outlet that can be switched" in abilities.blocked
        with pytest.raises(Unsupported, match="outlet 1 cannot be switched; it has none"):
            await ours.act(SwitchOutlet(outlet=1, is_on=False))
        assert (await ours.posture()).outlets is None
        assert by_name(await ours.read(5))["outlet.1.power"].value == 100.0
        assert pdu.sets == []


async def test_what_a_pdu_cannot_do_is_refused_before_anything_is_sent(apc):
    ours = driver(apc.address, "apc")
    with pytest.raises(Unsupported, match="does no sleep"):
        await ours.act(Sleep())
    with pytest.raises(Unsupported, match="outlet 99 cannot be switched; it has 1, 2"):
        await ours.preview(SwitchOutlet(outlet=99, is_on=False))
    assert apc.sets == []


async def test_objects_that_go_wrong_take_only_themselves_with_them():
    async with Pdu("raritan") as pdu:
        ours = driver(pdu.address)
        await ours.read(1)
        power = (*RARITAN, 5, 4, 3, 1, 4, 1)
        pdu.objects[(*RARITAN, 5, 4, 3, 1, 2, 1, 1, 5)] = v2c.Integer32(2)  # not available
        pdu.objects[(*power, 2, 5)] = v2c.OctetString("200")
        del pdu.objects[(*power, 3, 5)]
        points = by_name(await ours.read(5))
        read = {
            n: (points[f"outlet.{n}.power"].value, points[f"outlet.{n}.power"].quality)
            for n in range(1, 5)
        }
        assert read == {
            1: (None, 0),
            2: (None, Quality.BAD_ANSWER),
            3: (None, Quality.REFUSED),
            4: (400.0, 0),
        }
        assert "outlet.3.power" not in by_name(await ours.read(6))  # searched anew


async def test_the_wrong_profile_is_said():
    async with Pdu("apc") as pdu:
        ours = driver(pdu.address, "raritan")
        with pytest.raises(BadAnswer, match="nothing that profile raritan-px describes"):
            await ours.identify()


async def test_a_linked_pdu_is_read_by_its_unit():
    async with Pdu("raritan") as pdu:
        ours = driver(pdu.address, unit=2)
        with pytest.raises(BadAnswer, match="or its unit"):
            await ours.read(1)
        pdu.objects = dict(sorted({**pdu.objects, **dict(_second(pdu.objects))}.items()))
        assert by_name(await ours.read(2))["outlet.3.power"].value == 300.0


def _second(objects):
    """Give the sensors of a second PDU, linked behind the first."""
    for group in ((3, 5, 4, 1, 7), (3, 5, 4, 1, 27), (5, 4, 3, 1, 2), (5, 4, 3, 1, 4)):
        column = (*RARITAN, *group)
        for oid, value in objects.items():
            if oid[: len(column)] == column:
                yield (*column, 2, *oid[len(column) + 1 :]), value


async def test_silence_is_silence():
    async with Pdu("apc") as pdu, linked(pdu.port) as link:
        ours = driver(f"127.0.0.1:{link.port}", "apc", timeout_s=0.3)
        link.lost = 1000
        before = time.monotonic()
        with pytest.raises(TimedOut, match="is its community or login right"):
            await ours.read(5)
        assert time.monotonic() - before < 20
        (missed,) = ours.missed(5, TimedOut("x"))
        assert (missed.value, missed.quality) == (None, Quality.TIMED_OUT)


async def test_nobody_there_is_refused_at_once():
    ours = driver("127.0.0.1:1", "apc", timeout_s=40.0)
    before = time.monotonic()
    with pytest.raises(Refused, match="no connection"):
        await ours.read(5)
    assert time.monotonic() - before < 20


async def test_a_lost_question_is_asked_again_and_a_lost_set_is_not(monkeypatch):
    async with Pdu("apc") as pdu, linked(pdu.port) as link:
        ours = driver(f"127.0.0.1:{link.port}", "apc", timeout_s=0.6)
        link.lost = 1
        await ours.read(5)
        await ours.preview(SwitchOutlet(outlet=1, is_on=False))
        kinds = []

        def lossy(data):
            kinds.append(read_v2c(data)[1].kind)
            return [] if pdu.sets else [data]  # the answer to the set is lost

        link.forge = lossy
        with pytest.raises(TimedOut):
            await ours.act(SwitchOutlet(outlet=1, is_on=False))
        assert len(pdu.sets) == 1


async def test_late_and_doubled_answers_are_not_taken_for_others():
    async with Pdu("apc") as pdu, linked(pdu.port) as link:
        ours = driver(f"127.0.0.1:{link.port}", "apc")
        before: list[bytes] = []

        def echoing(data: bytes) -> list[bytes]:
            old = before[-3:]
            before.append(data)
            return [*old, data, data]

        link.forge = echoing
        for power in (111.0, 222.0, 333.0):
            pdu.power_w[3] = power
            pdu.refresh()
            assert by_name(await ours.read(5))["outlet.3.power"].value == power


FORGED = {
    "nothing": lambda data: b"",
    "rubbish": lambda data: b"\x30\x82\xff\xff" + data,
    "cut off": lambda data: data[:-1],
    "longer": lambda data: data + b"\x00",
    "another community": lambda data: data.replace(b"private", b"privet!"),
    "another version": lambda data: data.replace(b"\x02\x01\x01", b"\x02\x01\x00", 1),
    "a question": lambda data: data.replace(b"\xa2", b"\xa0", 1),
    "another object": lambda data: data.replace(
        bytes((0x82, 0x3E, 1, 1)), bytes((0x82, 0x3E, 1, 2))
    ),
}


async def test_what_is_no_answer_does_not_count():
    async with Pdu("apc") as pdu, linked(pdu.port) as link:
        ours = driver(f"127.0.0.1:{link.port}", "apc", timeout_s=2.0)
        await ours.read(4)
        for name, forged in FORGED.items():
            ours._timeout_s = 0.1
            link.forge = lambda data, forged=forged: [forged(data)]
            with pytest.raises((BadAnswer, TimedOut)):
                print(name, await ours.read(5))
            ours._timeout_s = 2.0
            link.forge = lambda data, forged=forged: [forged(data), data]  # the true one follows
            assert by_name(await ours.read(6))["outlet.3.power"].value == 300.0, name


async def test_forged_answers_of_version_3_do_not_count():
    async with Pdu("apc") as pdu, linked(pdu.port) as link:
        ours = driver(f"127.0.0.1:{link.port}", "apc", login=secured(), timeout_s=2.0)
        await ours.read(4)
        for at in (-1, -10, 40, 60, 80):

            def flip(data: bytes, at: int = at) -> list[bytes]:
                return [data[:at] + bytes([data[at] ^ 1]) + data[at:][1:], data]

            link.forge = flip
            assert by_name(await ours.read(5))["outlet.3.power"].value == 300.0


async def test_a_column_without_end_is_given_up(monkeypatch):
    monkeypatch.setattr(agent, "_WALK_MAX", 300)
    async with Pdu("apc") as pdu:
        for n in range(400):
            pdu.objects[(*APC, 9, 4, 3, 1, 7, 10_000 + n)] = v2c.Integer32(1)
        pdu.objects = dict(sorted(pdu.objects.items()))
        ours = driver(pdu.address, "apc", timeout_s=30.0)
        with pytest.raises(BadAnswer, match="has no end to"):
            await ours.read(5)


async def test_a_write_waits_for_one_question_at_most(apc):
    ours = driver(apc.address, "apc")
    await ours.read(1)
    read = asyncio.create_task(ours.read(2))
    await asyncio.sleep(0)
    await ours.act(SwitchOutlet(outlet=1, is_on=False))
    await read
    assert not apc.is_on[1]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"profile": ""}, "needs a profile; name a PDU's"),
        ({"profile": "nope"}, "unknown"),
        ({"profile": "eastron-sdm630"}, "is no PDU's"),
        ({"login": Login(username="x", password="short")}, "at least 8 characters"),
    ],
)
def test_an_entry_that_lacks_something_is_refused(change, message):
    with pytest.raises(EdgeError, match=message) as refused:
        driver("127.0.0.1", **change)
    assert "short" not in str(refused.value)
