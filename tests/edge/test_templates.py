"""Templates and instances: many devices in short lines, and errors that say which and why."""

import time
from pathlib import Path

import pytest

from lode_edge import drivers, settings
from lode_edge.settings import SettingsError

LEAST = '[agent]\nname = "north-1"\nsite = "north"\n'
FEEDER = """
[templates.feeder]
driver = "modbus"
kind = "meter"
address = "10.0.4.240"
profile = "eastron-sdm120"
interval_s = 5.0
"""


def load(tmp_path: Path, text: str) -> settings.Settings:
    path = tmp_path / "edge.toml"
    path.write_text(text)
    return settings.load(path)


def inline(*devices: str) -> str:
    """Write devices as they stand in one list; it comes before any table."""
    return "devices = [\n" + "".join(f"  {{ {device} }},\n" for device in devices) + "]\n"


def test_three_hundred_meters_are_three_hundred_short_lines(tmp_path: Path) -> None:
    lines = [
        f'name = "m-{n:03}", template = "feeder", unit = {n % 247 + 1}, rack = "A{n % 9}"'
        for n in range(300)
    ]
    told = load(tmp_path, inline(*lines) + LEAST + FEEDER)
    assert len(told.devices) == 300
    first, last = told.devices[0], told.devices[299]
    assert (first.name, first.unit, first.profile) == ("m-000", 1, "eastron-sdm120")
    assert (last.interval_s, last.rack, last.address) == (5.0, "A2", "10.0.4.240")
    assert max(map(len, lines)) < 80


def test_a_device_stands_above_its_template(tmp_path: Path) -> None:
    own = '[[devices]]\nname = "m"\ntemplate = "feeder"\ninterval_s = 1.0\n'
    (device,) = load(tmp_path, LEAST + FEEDER + own).devices
    assert (device.interval_s, device.kind) == (1.0, "meter")


@pytest.mark.parametrize(
    ("device", "template", "said"),
    [
        ('name = "m", template = "feder"', FEEDER,
         "devices[0] (m).template: 'feder' is no template; use one of feeder"),
        ('name = "m", template = "feeder"', "", "'feeder' is no template; there is none"),
        ('name = "m", template = 7', FEEDER, "7 is no template"),
        ('template = "feeder"', FEEDER,
         "devices[0] (template feeder).name: is missing; set it"),
        ('name = "m", template = "feeder", unit = 999', FEEDER,
         "devices[0] (m, template feeder).unit: 999 is not usable"),
        ('name = "m", template = "feeder"', FEEDER.replace("5.0", "0.0"),
         "devices[0] (m, template feeder).interval_s: 0.0 is not usable"),
        ('name = "m", template = "feeder"', FEEDER + "colour = 1\n",
         "templates.feeder.colour: is no known key; correct or remove it"),
        ('name = "m", template = "feeder"', FEEDER + 'name = "x"\n',
         "templates.feeder.name: is each device's own"),
        ('name = "m", template = "feeder"', FEEDER + 'template = "x"\n',
         "templates.feeder.template: is no known key"),
        ('name = "m"', "[templates]\nfeeder = 1\n", "templates.feeder: write it as a table"),
        ('name = "m"', "[[templates]]\nfeeder = 1\n", "templates: write each as a table"),
    ],
)  # fmt: skip
def test_what_is_wrong_names_the_device_and_its_template(
    tmp_path: Path, device: str, template: str, said: str
) -> None:
    with pytest.raises(SettingsError) as caught:
        load(tmp_path, inline(device) + LEAST + template)
    assert said in str(caught.value)
    assert str(caught.value).startswith(str(tmp_path / "edge.toml"))


@pytest.mark.parametrize(
    ("address", "is_good"),
    [
        ("rtu://10.0.0.5:4001", True),
        ("serial:/dev/ttyUSB0?baud=9600&parity=E", True),
        ("serial:/dev/serial/by-id/usb-FTDI_0-if00-port0", True),
        ("serial:ttyUSB0", False),
        ("rtu:10.0.0.5", False),
        ("tcp://10.0.0.5", False),
    ],
)
def test_a_bus_may_be_a_serial_line(tmp_path: Path, address: str, is_good: bool) -> None:
    text = inline('name = "m", template = "feeder"') + LEAST + FEEDER
    text = text.replace("10.0.4.240", address)
    if is_good:
        assert load(tmp_path, text).devices[0].address == address
    else:
        with pytest.raises(SettingsError, match="address"):
            load(tmp_path, text)
    with pytest.raises(SettingsError, match="address"):
        load(tmp_path, text.replace('"modbus"', '"asic"').replace('"meter"', '"rig"'))


def test_a_profile_may_lie_beside_the_settings(tmp_path: Path) -> None:
    (tmp_path / "profiles").mkdir()
    ships = Path(drivers.__file__).parents[3] / "firmware-configs/lode_profiles/meters"
    own = tmp_path / "profiles" / "my-meter.toml"
    own.write_text((ships / "eastron-sdm120.toml").read_text())
    text = LEAST + FEEDER.replace('"eastron-sdm120"', '"./profiles/my-meter.toml"')
    (entry,) = load(tmp_path, inline('name = "m", template = "feeder"') + text).devices
    assert entry.profile == str(own)


def test_ten_thousand_instances_load_quickly(tmp_path: Path) -> None:
    lines = [f'name = "m-{n}", template = "feeder"' for n in range(10_000)]
    begin = time.perf_counter()
    assert len(load(tmp_path, inline(*lines) + LEAST + FEEDER).devices) == 10_000
    assert time.perf_counter() - begin < 5  # 0.5 s on an idle machine
