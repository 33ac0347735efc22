"""Settings: where they come from, and what is said when they are wrong."""

import time
from pathlib import Path

import pytest

from lode_edge import settings
from lode_edge.settings import SettingsError

LEAST = '[agent]\nname = "north-1"\nsite = "north"\n'
DEVICE = '[[devices]]\nname = "rig-1"\ndriver = "asic"\naddress = "10.0.0.7"\nkind = "rig"\n'


def load(tmp_path: Path, text: str) -> settings.Settings:
    path = tmp_path / "edge.toml"
    path.write_text(text)
    return settings.load(path)


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for section in ("AGENT", "BROKER", "SPOOL", "UPLINK"):
        for key in ("NAME", "URLS", "MAX_BYTES"):
            monkeypatch.delenv(f"LODE_EDGE_{section}__{key}", raising=False)


def test_the_least_is_a_name_and_a_site(tmp_path: Path) -> None:
    told = load(tmp_path, LEAST + DEVICE)
    assert told.agent.data_dir == Path("/var/lib/lode")
    assert told.devices[0].interval_s == 10.0
    assert len(told.digest()) == 16


def test_the_environment_stands_above_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LODE_EDGE_BROKER__URLS", "mqtt://a:1, mqtts://b:2")
    monkeypatch.setenv("LODE_EDGE_SPOOL__MAX_BYTES", "5000000")
    told = load(tmp_path, LEAST + '[broker]\nurls = ["mqtt://c:3"]\nusername = "u"\n')
    assert told.broker.urls == ("mqtt://a:1", "mqtts://b:2")
    assert told.broker.username == "u"
    assert told.spool.max_bytes == 5_000_000
    monkeypatch.setenv("LODE_EDGE_BROKER__URLS", '["mqtt://d:4"]')
    assert load(tmp_path, LEAST).broker.urls == ("mqtt://d:4",)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[agent]\nname = "n"\n', "agent.site: is missing; set it"),
        (
            '[agent]\nname = "no rth"\nsite = "s"\n',
            "agent.name: 'no rth' is not usable; use 1 to 63",
        ),
        (LEAST + "[broker]\nurl = 1\n", "broker.url: is no known key; correct or remove it"),
        (LEAST + '[broker]\nurls = ["http://h"]\n', "broker.urls[0]: 'http://h' is not usable"),
        (LEAST + '[broker]\nurls = ["mqtt://u:p@h"]\n', "without a password in it"),
        (
            LEAST + DEVICE + 'mac = "02:11"\n',
            "devices[0] (rig-1).mac: '02:11' is not usable; write a MAC",
        ),
        (
            LEAST + '[broker]\npassword_file = "/nowhere"\nusername = "u"\n',
            "broker.password_file: '/nowhere' is not usable; cannot be read",
        ),
        (LEAST + DEVICE + "interval_s = 0\n", "devices[0] (rig-1).interval_s: 0 is not usable"),
        (LEAST + DEVICE + 'colour = "red"\n', "devices[0] (rig-1).colour: is no known key"),
        (LEAST + DEVICE.replace("asic", "asci"), "devices[0] (rig-1).driver: 'asci' is not usable"),
        (LEAST + DEVICE.replace("10.0.0.7", "10.0.0.7:x"), "devices[0] (rig-1).address"),
        (LEAST + DEVICE + DEVICE, "devices: rig-1 given more than once; give each its own name"),
        (LEAST + "[spool]\nmax_bytes = 1\n", "spool.max_bytes: 1 is not usable"),
        ("[agent\n", "no valid TOML"),
    ],
)
def test_what_is_wrong_is_named_with_its_reason(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load(tmp_path, text)
    assert said in str(caught.value)
    assert str(tmp_path / "edge.toml") in str(caught.value)


def test_devices_on_one_serial_line_write_it_alike(tmp_path: Path) -> None:
    line = (
        '[[devices]]\nname = "{}"\ndriver = "modbus"\nkind = "meter"\nprofile = "x"\n'
        'address = "serial:/dev/ttyUSB0{}"\n'
    )
    others = line.format("m3", "?baud=19200").replace("USB0", "USB1")
    alike = line.format("m1", "?baud=19200") + line.format("m2", "?baud=19200") + others
    assert len(load(tmp_path, LEAST + alike).devices) == 3
    with pytest.raises(SettingsError, match=r"m1 and m2 share .*; write the same for both"):
        load(tmp_path, LEAST + line.format("m1", "?baud=19200") + line.format("m2", "?parity=E"))


def test_all_that_is_wrong_is_said_at_once(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        load(tmp_path, "[spool]\nmax_bytes = 1\n" + DEVICE + "unit = 999\n")
    assert len(str(caught.value).splitlines()) == 3


def test_a_missing_file_and_a_misspelt_variable_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(SettingsError, match=r"there is no such file; name one with --config"):
        settings.load(tmp_path / "none.toml")
    monkeypatch.setenv("LODE_EDGE_BROKR__URLS", "x")
    with pytest.raises(SettingsError, match=r"environment: LODE_EDGE_BROKR__URLS is unknown"):
        load(tmp_path, LEAST)
    monkeypatch.delenv("LODE_EDGE_BROKR__URLS")
    monkeypatch.setenv("LODE_EDGE_DEVICES", "x")
    with pytest.raises(SettingsError, match=r"environment: .*devices.*write that value as JSON"):
        load(tmp_path, LEAST)


def test_ten_thousand_devices_load_quickly(tmp_path: Path) -> None:
    text = LEAST + "".join(DEVICE.replace("rig-1", f"rig-{n}") for n in range(10_000))
    begin = time.perf_counter()
    assert len(load(tmp_path, text).devices) == 10_000
    assert time.perf_counter() - begin < 5  # 0.4 s on an idle machine
