"""A device is known again by what it is, not by where it is."""

import dataclasses
import tomllib

from lode_edge.discover.survey import Known, survey
from lode_edge.drivers.driver import Facts
from lode_edge.probe import Found
from lode_edge.settings import DeviceEntry, load

METER, UNIT = {"profile": "eastron-sdm630"}, {"unit": 7}
HOSTS = [f"10.0.0.{n}" for n in range(1, 20)]


def known(name, address, **facts):
    entry = DeviceEntry(name=name, driver="asic", address=address, kind="rig", rack="r1")
    return Known(entry=entry, facts=Facts(**facts))


def rig(address, **facts):
    return Found(driver="asic", address=address, unit=None, facts=Facts(**facts))


def names(result):
    return {
        "same": [each.entry.name for each in result.same],
        "moved": [(each.entry.name, found.address) for each, found in result.moved],
        "replaced": [(each.entry.name, found.address) for each, found in result.replaced],
        "new": [found.address for found in result.new],
        "missing": [each.entry.name for each in result.missing],
    }


def told(**what):
    return {"same": [], "moved": [], "replaced": [], "new": [], "missing": []} | what


def test_a_rig_at_its_place_is_the_same():
    result = survey([known("a", "10.0.0.1", mac="aa")], [rig("10.0.0.1:4028", mac="AA")], HOSTS)
    assert names(result) == told(same=["a"])


def test_a_rig_that_says_nothing_of_itself_is_known_by_its_place():
    assert names(survey([known("a", "10.0.0.1")], [rig("10.0.0.1:4028")], HOSTS)) == told(
        same=["a"]
    )


def test_a_rig_at_another_address_has_moved():
    result = survey([known("a", "10.0.0.1", mac="aa")], [rig("10.0.0.9:4028", mac="aa")], HOSTS)
    assert names(result) == told(moved=[("a", "10.0.0.9:4028")])
    (device,) = tomllib.loads(result.toml())["devices"]
    assert device == {
        "name": "a",
        "driver": "asic",
        "address": "10.0.0.9",
        "kind": "rig",
        "rack": "r1",
    }


def test_a_rig_that_moved_keeps_every_setting(tmp_path):
    keys = {
        "name": "a",
        "driver": "asic",
        "address": "10.0.0.1",
        "kind": "rig",
        "rack": 'r"1',
        "interval_s": 30.0,
        "profile": "antminer-s19-pro",
        "timeout_s": 5.5,
        "feeder": "m1",
        "outlet": "pdu-1:4",
        "topic": "t",
    }
    assert set(keys) | {"unit", "mac"} == {each.name for each in dataclasses.fields(DeviceEntry)}
    facts = Facts(mac="02:00:00:00:00:0A")
    before = Known(entry=DeviceEntry(**keys), facts=facts)
    found = Found(driver="asic", address="10.0.0.9:4028", unit=None, facts=facts)
    written = survey([before], [found], HOSTS).toml()
    moved = {"address": "10.0.0.9", "mac": "02:00:00:00:00:0a"}
    assert tomllib.loads(written)["devices"] == [keys | moved]
    agent = f'[agent]\nname = "a"\nsite = "s"\ndata_dir = "{tmp_path}"\n'
    (tmp_path / "edge.toml").write_text(agent + written)
    (entry,) = load(tmp_path / "edge.toml").devices
    assert entry == dataclasses.replace(before.entry, **moved)


def test_two_rigs_that_changed_places_have_both_moved():
    before = [known("a", "10.0.0.1", mac="aa"), known("b", "10.0.0.2", mac="bb")]
    found = [rig("10.0.0.1:4028", mac="bb"), rig("10.0.0.2:4028", mac="aa")]
    result = survey(before, found, HOSTS)
    assert names(result) == told(moved=[("b", "10.0.0.1:4028"), ("a", "10.0.0.2:4028")])


def test_another_rig_at_a_known_place_is_never_taken_for_the_one_before():
    result = survey(
        [known("a", "10.0.0.1", serial="s1")], [rig("10.0.0.1:4028", serial="s2")], HOSTS
    )
    assert names(result) == told(replaced=[("a", "10.0.0.1:4028")])
    assert "REPLACED" in result.toml()
    assert "devices" not in tomllib.loads(result.toml())


def test_how_a_replaced_rig_is_confirmed_is_said_beside_it():
    before = known("a", "10.0.0.1", mac="02:00:00:00:00:0a")
    result = survey([before], [rig("10.0.0.1:4028", mac="02:00:00:00:00:0B")], HOSTS)
    assert '#   mac = "02:00:00:00:00:0b"' in result.toml()


def test_a_mac_is_the_same_however_it_is_written():
    before = known("a", "10.0.0.1", mac="02:00:00:00:00:0a")
    found = [rig("10.0.0.7:4028", mac="02-00-00-00-00-0A")]
    assert names(survey([before], found, HOSTS)) == told(moved=[("a", "10.0.0.7:4028")])


def test_a_newcomer_at_the_place_of_one_that_moved_is_new():
    found = [rig("10.0.0.1:4028", mac="cc"), rig("10.0.0.3:4028", mac="aa")]
    result = survey([known("a", "10.0.0.1", mac="aa")], found, HOSTS)
    assert names(result) == told(moved=[("a", "10.0.0.3:4028")], new=["10.0.0.1:4028"])


def test_one_without_a_mac_at_the_place_of_one_that_moved_is_new():
    found = [rig("10.0.0.1:4028", model="S19"), rig("10.0.0.3:4028", model="S19", mac="aa")]
    result = survey([known("a", "10.0.0.1", model="S19", mac="aa")], found, HOSTS)
    assert names(result) == told(moved=[("a", "10.0.0.3:4028")], new=["10.0.0.1:4028"])


def test_missing_is_only_what_was_searched_for():
    before = [known("a", "10.0.0.1"), known("far", "10.9.0.1"), known("odd", "10.0.0.2:4444")]
    result = survey(before, [], HOSTS)
    assert names(result) == told(missing=["a"])
    assert "# MISSING: a was not found at 10.0.0.1" in result.toml()


def test_what_a_search_would_not_know_is_not_missing():
    entries = [
        DeviceEntry(name="pdu", driver="snmp", address="10.0.0.3", kind="pdu"),
        DeviceEntry(name="silent", driver="modbus", address="10.0.0.4", kind="meter", **METER),
        DeviceEntry(name="unit", driver="modbus", address="10.0.0.4", kind="meter", **METER | UNIT),
        DeviceEntry(name="own", driver="modbus", address="10.0.0.5", kind="meter", profile="./a"),
    ]
    before = [Known(entry=entry, facts=Facts()) for entry in entries]
    assert names(survey(before, [], HOSTS)) == told(missing=["silent"])


def test_units_behind_one_gateway_are_devices_of_their_own():
    entry = DeviceEntry(name="m", driver="modbus", address="10.0.0.5", kind="meter", unit=2)
    found = [
        Found(
            driver="modbus",
            address="10.0.0.5:502",
            unit=unit,
            facts=Facts(profile="eastron-sdm630"),
        )
        for unit in (1, 2)
    ]
    result = survey([Known(entry=entry, facts=Facts())], found, HOSTS)
    assert [each.entry.name for each in result.same] == ["m"]
    (device,) = tomllib.loads(result.toml())["devices"]
    assert device["profile"] == "eastron-sdm630"


def test_what_a_device_says_cannot_break_out_of_the_file():
    evil = 'x\n[agent]\nname="stolen"\n# "\\'
    result = survey([], [rig("10.0.0.1:4028", model=evil, mac="aa\nbb")], HOSTS)
    assert set(tomllib.loads(result.toml())) == {"devices"}


def test_another_model_at_a_known_place_is_another_rig_though_it_hides_its_mac():
    before = known("a", "10.0.0.1", mac="aa", model="S19")
    result = survey([before], [rig("10.0.0.1:4028", model="S21")], HOSTS)
    assert names(result) == told(replaced=[("a", "10.0.0.1:4028")])
