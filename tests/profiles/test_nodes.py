"""Node maps and descriptions of PDUs: what is malformed, or does not hold, is refused."""

from importlib.resources import files

import pytest

from lode_profiles import ProfileError, load
from lode_profiles.library import parse
from lode_profiles.pdus import PduProfile, outlets, places, read_oid

MAP = (files("lode_profiles") / "opcua" / "example-feeder.toml").read_text()
FAN = (files("lode_profiles") / "opcua" / "example-fan.toml").read_text()
PDU = (files("lode_profiles") / "pdus" / "apc-rpdu2.toml").read_text()
POWER = "1.3.6.1.4.1.318.1.1.26.9.4.3.1.7"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('node = "s={name}.Power"', 'node = "ns=2;s=P"', "write nsu=URI; instead"),
        ('node = "s={name}.Power", ', "", "write either node or path"),
        ('node = "s={name}.Power"', 'node = "s=P", path = ["P"]', "write either node or path"),
        ('unit = "W", scale = 1000.0', 'unit = "kW"', "fields.power_w.unit is 'kW'"),
        ('"cabinet.temp"   =', '"power_w" =', "power_w is both a field and a point"),
        ("publish_ms = 1000", "publish_ms = 1", "publish_ms"),
        ("deadband = 0.2", "deadband = -1.0", "deadband"),
        ("deadband = 0.2", "queue = 1000", "queue"),
        ("power_w = 12500.0", "power_w = 12.5", "power_w is 12500.0, not 12.5"),
        ("values = { power_w", "values = { watts = 1.0, power_w", "'watts', which is no field"),
    ],
)
def test_a_malformed_node_map_is_refused(old, new, message):
    assert old in MAP
    with pytest.raises(ProfileError, match=message) as error:
        parse(MAP.replace(old, new, 1), "opcua/x.toml")
    assert str(error.value).startswith("opcua/x.toml")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("min_percent = 20", "min_percent = 100", "min_percent is not below max_percent"),
        ("scale = 0.1, min", "scale = 0.0, min", "speed.scale"),
        ('1 = { node = "s={name}.Relay1" }', '1 = { node = "ns=2;s=R" }', "write nsu=URI; instead"),
        ('1 = { node = "s={name}.Relay1" }', "1 = {}", "write either node or path"),
        ('1 = { node = "s={name}.Relay1" }', '0 = { node = "s=R" }', "outlets"),
        (FAN[FAN.index("speed = { node") : FAN.index("[[vectors]]")], "", "remove the table"),
    ],
)
def test_malformed_controls_are_refused(old, new, message):
    assert old in FAN
    with pytest.raises(ProfileError, match=message):
        parse(FAN.replace(old, new, 1), "opcua/x.toml")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (f'column = "{POWER}"', 'column = "1.3.x"', "column"),
        ('index = "{n}"', 'index = "{m}"', "index"),
        ('index = "{n}"', 'index = "1"', "belongs once into both point and index"),
        ('"outlet.3.power" = 1024.0', '"outlet.3.power" = 1025.0', "is 1024.0, not 1025.0"),
        ('"outlet.3.power" = 1024.0', '"outlet.9.power" = 1024.0', "is not there"),
        ("[identity]", '[identity]\ncolour = "1.3.6"', "identity.colour is unknown"),
        ("off = 2 ", 'off = "two" ', "relay.off"),
        ("missing = [-1]", 'missing = [-1]\nsigned = "1.3.6.1"', "signed and minimum belong"),
    ],
)
def test_a_malformed_pdu_is_refused(old, new, message):
    assert old in PDU
    with pytest.raises(ProfileError, match=message):
        parse(PDU.replace(old, new, 1), "pdus/x.toml")


def test_objects_of_another_index_are_not_taken_for_outlets():
    profile = load("raritan-px")
    assert isinstance(profile, PduProfile)
    column = read_oid(profile.figures[0].column)
    rows = {
        (*column, 1, 3, 5): 100,  # active power of outlet 3
        (*column, 1, 3, 6): 120,  # apparent power
        (*column, 2, 3, 5): 900,  # of another PDU
        (*column, 1, 3, 5, 1): 1,
        (*column[:-1], 99, 1, 4, 5): 7,
    }
    assert [place.point for place in places(profile, 1, rows)] == ["outlet.3.power"]
    assert profile.relay is not None
    switch = (*read_oid(profile.relay.column), 1)
    allowed = (*read_oid(profile.relay.allowed or ""), 1)
    found = outlets(profile.relay, 1, {(*switch, 1): 1, (*switch, 2): 1, (*allowed, 2): 1})
    assert found == {2: (*switch, 2)}  # only what the PDU says can be switched
