"""Every description that ships: it loads, its vectors hold, and what is malformed is refused."""

from importlib.resources import files

import pytest

import lode_profiles
from lode_profiles import MeterProfile, ProfileError, RigProfile, decode, find_rig, load, replay
from lode_profiles.library import parse

METERS = lode_profiles.meters()
FIELD_UNITS = {
    "power_w": "W",
    "energy_in_kwh": "kWh",
    "energy_out_kwh": "kWh",
    "voltage_v": "V",
    "current_a": "A",
    "freq_hz": "Hz",
    "power_factor": "",
}
GOOD = (files("lode_profiles") / "meters" / "eastron-sdm120.toml").read_text()
RIG = (files("lode_profiles") / "rigs" / "antminer-s19-pro.toml").read_text()


@pytest.mark.parametrize("name", lode_profiles.names())
def test_a_profile_loads_and_says_where_it_is_from(name):
    profile = load(name)
    assert profile.name == name
    assert len(profile.source) > 10
    if isinstance(profile, RigProfile):
        assert 5 < profile.power_w / profile.hashrate_ths < 60  # J/TH
        assert find_rig(profile.model) is profile


@pytest.mark.parametrize("name", METERS)
def test_a_modbus_device_reads_its_vectors(name):
    profile = METERS[name]
    assert replay(profile) == []
    tested = {name for vector in profile.vectors for name in vector.values}
    assert set(profile.fields) <= tested


@pytest.mark.parametrize("name", [name for name, profile in METERS.items() if profile.fields])
def test_a_meter_has_what_an_energy_plan_needs(name):
    profile = METERS[name]
    assert {"power_w", "energy_in_kwh"} <= set(profile.fields)
    assert profile.probe is None or {"voltage.l1", "voltage_v"} & set(profile.probe.within)
    for field, register in profile.fields.items():
        assert register.unit == FIELD_UNITS[field]
    assert not any(
        name.endswith("_kwh") and register.offset for name, register in profile.fields.items()
    )


def test_a_vector_that_does_not_hold_is_told():
    lying = GOOD.replace("voltage_v = 230.2,", "voltage_v = 231.0,")
    assert lying != GOOD
    note = "the vendor's own example: 43 66 33 34 is 230.2 V"
    (said,) = replay(parse(lying, "meters/x.toml"))
    assert said.startswith(f"vectors[0] ({note}): voltage_v is 230.2")
    assert said.endswith("not 231.0")
    (said,) = replay(parse(GOOD.replace('"0x0000" = "4366 3334"', '"0x0000" = "4366"'), "x"))
    assert said.endswith("voltage_v is not in raw (0x0001), not 230.2")


@pytest.mark.parametrize(
    ("model", "name"),
    [
        ("Antminer S19 Pro", "antminer-s19-pro"),
        ("ANTMINER S19PRO", "antminer-s19-pro"),
        ("S19k Pro", "antminer-s19k-pro"),
        ("Antminer S19J Pro", "antminer-s19j-pro"),
        ("Antminer S19", "antminer-s19"),
        ("Antminer S21", "antminer-s21"),
        ("M50", "whatsminer-m50"),
        ("M50_VH50", "whatsminer-m50"),
        ("M60S_VK30", "whatsminer-m60s"),
        ("Avalon Q", "avalon-q"),
        ("AvalonMiner 1246", "avalon-1246"),
        ("BitAxe", "bitaxe-gamma"),
        ("Antminer S19 Ultra", None),
        ("", None),
        ("_", None),
    ],
)
def test_a_rig_is_found_by_what_it_says_it_is(model, name):
    found = find_rig(model)
    assert (found.name if found else None) == name


def test_an_unknown_name_is_refused_with_the_known_ones():
    with pytest.raises(ProfileError, match=r"profile 'nope': unknown; use a path .*eastron-sdm630"):
        load("nope")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('vendor = "Eastron"', 'vendor = ""', r"meters/x.toml: .*vendor"),
        ('vendor = "Eastron"', "", "missing required field vendor"),
        ("function = 4", "function = 6", r"function"),
        ("function = 4", "function = 4\ncolour = 1", "unknown field colour"),
        ("max_registers = 60", "max_registers = 126", "max_registers"),
        ("max_registers = 60", "max_registers = 1", "longer than max_registers"),
        ("register = 0x0156", "register = 0xFFFF", "beyond register 0xFFFF"),
        ('type = "f32"', 'type = "f16"', r"type|points|fields"),
        ("[probe]", '[probe]\nwithin2 = "x"', "unknown field within2"),
        ("voltage_v = [80.0", "volts = [80.0", "probe.within names 'volts'"),
        ("values = { power_w =", "values = { watts =", "vectors.values names 'watts'"),
        ('"apparent"     =', '"power_w"     =', "power_w is both a field and a point"),
        ('freq_hz        = { register = 0x0046, type = "f32", unit = "Hz" }',
         'freq_hz        = { register = 0x0046, type = "f32", unit = "Hz", poll = "slow" }',
         "fields.freq_hz.poll is slow"),
        ('poll = "slow"', 'poll = "never"', "poll is never, which poll_s does not name"),
        ("min_gap_ms = 0", "min_gap_ms = 0\nholes = [[0x40, 0x46]]", "freq_hz lies in a hole"),
        ('0x0012, type = "f32"', '0x0012, type = "bit"', "functions 1 and 2 read the type bit"),
        ('0x0012, type = "f32"', '0x0012, type = "f32", bit = 3', "bit is taken out of a u16 only"),
        ("[probe]", "[controls]\nsilence_s = 5.0\n[probe]", "controls hold neither"),
        ("[probe]", "[controls]\nspeed = { register = 1 }\n[probe]", "needs both speed and run"),
        ("[probe]", "[controls.outlets]\n1 = {}\n[probe]", "a switch is a coil or a register"),
        ("[probe]", "[controls.outlets]\n0 = { coil = 1 }\n[probe]", "outlets"),
        ('vendor = "Eastron"', 'vendor = "Eastron"\nname = "x"', "name is the file's name"),
        ("function = 4", "function = = 4", "x.toml"),
    ],
)  # fmt: skip
def test_a_malformed_meter_is_refused_with_file_and_key(old, new, message):
    assert old in GOOD
    with pytest.raises(ProfileError, match=message) as error:
        parse(GOOD.replace(old, new), "meters/x.toml")
    assert str(error.value).startswith("meters/x.toml: ")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("hashrate_ths = 110.0", "hashrate_ths = 0", "hashrate_ths"),
        ("hashrate_ths = 110.0", 'hashrate_ths = "110"', "hashrate_ths"),
        ("verified = false", "", "missing required field verified"),
        ("boards = 3", "boards = 0", "boards"),
        ("fans = 4", "fans = 4\nwings = 2", "unknown field wings"),
        ("fans = 4", 'fans = 4\nmodes = [{ name = "a", power_w = 2.0, hashrate_ths = 1.0 }, '
         '{ name = "b", power_w = 1.0, hashrate_ths = 1.0 }]', "by rising power_w"),
        ("fans = 4", 'fans = 4\nmodes = [{ name = "a", power_w = 2.0, hashrate_ths = 1.0 }, '
         '{ name = "a", power_w = 3.0, hashrate_ths = 1.0 }]', "the same name"),
    ],
)  # fmt: skip
def test_a_malformed_rig_is_refused_with_file_and_key(old, new, message):
    assert old in RIG
    with pytest.raises(ProfileError, match=message):
        parse(RIG.replace(old, new), "rigs/x.toml")


def profile_of(kind: str, word_order: str = "high-first", **options) -> MeterProfile:
    options = {"scale": 1.0, "offset": 0.0, **options}
    text = GOOD.replace("[poll_s]", "[missing]\ni32 = [0x7FFFFFFF]\nu16 = [0xFFFF]\n\n[poll_s]")
    text = text.replace('word_order = "high-first"', f'word_order = "{word_order}"')
    power = f'type = "{kind}", scale = {options["scale"]}, offset = {options["offset"]}'
    text = text.replace('register = 0x000C, type = "f32"', f"register = 0x000C, {power}")
    return parse(text, "meters/x.toml")


@pytest.mark.parametrize(
    ("kind", "order", "raw", "value"),
    [
        ("u16", "high-first", "0102", 258.0),
        ("i16", "low-first", "FFFE", -2.0),
        ("u32", "high-first", "0001 0002", 65538.0),
        ("u32", "low-first", "0002 0001", 65538.0),
        ("i32", "low-first", "FFFE FFFF", -2.0),
        ("u64", "high-first", "0000 0000 0001 0000", 65536.0),
        ("i64", "low-first", "FFFE FFFF FFFF FFFF", -2.0),
        ("f32", "low-first", "3334 4366", 230.2),
        ("f64", "high-first", "3FF8 0000 0000 0000", 1.5),
        ("i32", "high-first", "7FFF FFFF", None),
        ("u16", "high-first", "FFFF", None),
        ("f32", "high-first", "7FC0 0000", None),
        ("f64", "high-first", "7FF0 0000 0000 0000", None),
    ],
)
def test_numbers_are_read_in_their_word_order(kind, order, raw, value):
    profile = profile_of(kind, order)
    read = decode(profile, profile.fields["power_w"], bytes.fromhex(raw))
    assert read == (None if value is None else pytest.approx(value))


def test_scale_and_offset_are_applied_after_the_missing_marks():
    profile = profile_of("i32", scale=0.1, offset=-40.0)
    register = profile.fields["power_w"]
    assert decode(profile, register, bytes.fromhex("000003E8")) == pytest.approx(60.0)
    assert decode(profile, register, bytes.fromhex("7FFFFFFF")) is None


def test_a_number_of_the_wrong_length_is_refused():
    profile = profile_of("f32")
    with pytest.raises(ValueError, match="2 bytes for a f32, expected 4"):
        decode(profile, profile.fields["power_w"], b"\x00\x00")
