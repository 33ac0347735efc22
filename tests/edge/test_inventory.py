"""What the agent says of its devices, and what it remembers of them."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

from structlog.testing import capture_logs

from lode_edge.agent import _Ears
from lode_edge.discover.survey import Known, survey
from lode_edge.drivers import Facts
from lode_edge.inventory import Inventory, remembered
from lode_edge.probe import Found
from lode_edge.settings import AgentSettings, DeviceEntry, Settings
from lode_wire import codec
from lode_wire.records import Birth, Device, DeviceKind

S19 = Facts(vendor="Bitmain", model="S19", rated_power_w=3250.0, rated_fans=4)
ONE = replace(S19, firmware="F1", mac="02:00:00:00:00:0a", serial="SA")
OTHER = Facts(vendor="Bitmain", model="S21", mac="02:00:00:00:00:0b", serial="SB")


def told(home: Path, address: str = "10.0.0.1", mac: str = "") -> Settings:
    rig = DeviceEntry(name="rig-1", driver="asic", address=address, kind="rig", rack="A1", mac=mac)
    meter = DeviceEntry(name="meter-1", driver="modbus", address="10.0.0.2", kind="meter")
    return Settings(agent=AgentSettings(name="a", site="s", data_dir=home), devices=(rig, meter))


def inventory(home: Path, address: str = "10.0.0.1", mac: str = "") -> Inventory:
    return Inventory(told(home, address, mac), {"rig-1": 1, "meter-1": 2}, "boot")


def test_a_birth_names_every_device(tmp_path: Path) -> None:
    born, *devices = inventory(tmp_path).birth()
    assert isinstance(born, Birth)
    assert (born.devices, born.site) == (2, "s")
    assert [d.number for d in devices if isinstance(d, Device)] == [1, 2]
    assert [d.kind for d in devices if isinstance(d, Device)] == [DeviceKind.RIG, DeviceKind.METER]
    assert codec.pack(devices).n == 2


def test_only_news_are_told_and_they_are_remembered(tmp_path: Path) -> None:
    first = inventory(tmp_path)
    device = first.learned("rig-1", S19)
    assert device is not None
    assert (device.model, device.rated_power_w, device.rack) == ("S19", 3250.0, "A1")
    assert first.learned("rig-1", S19) is None
    first.save()
    second = inventory(tmp_path)
    assert second.learned("rig-1", S19) is None
    assert second.birth()[1].model == "S19"  # type: ignore[attr-defined]


def test_another_device_at_another_address_is_not_taken_for_it(tmp_path: Path) -> None:
    first = inventory(tmp_path)
    first.learned("rig-1", S19)
    first.save()
    assert inventory(tmp_path, "10.0.0.9").birth()[1].model == ""  # type: ignore[attr-defined]


def test_a_spoilt_memory_is_forgotten(tmp_path: Path) -> None:
    (tmp_path / "facts.json").write_bytes(b"{half")
    assert inventory(tmp_path).learned("rig-1", S19) is not None


def test_what_a_rig_did_not_say_this_hour_is_still_known(tmp_path: Path) -> None:
    devices = inventory(tmp_path)
    devices.learned("rig-1", ONE)
    assert devices.learned("rig-1", S19) is None
    assert devices.present("rig-1") == ONE
    news = devices.learned("rig-1", Facts(model="S19", firmware="F2"))
    assert news is not None
    assert (news.firmware, news.mac, news.rated_power_w) == ("F2", ONE.mac, 3250.0)


def test_figures_go_with_their_model(tmp_path: Path) -> None:
    devices = inventory(tmp_path)
    devices.learned("rig-1", ONE)
    news = devices.learned("rig-1", Facts(model="S19 Hydro", serial="SA"))
    assert news is not None
    assert (news.model, news.rated_power_w, news.mac) == ("S19 Hydro", None, ONE.mac)


def test_one_that_never_said_who_it_is_is_what_it_says_now(tmp_path: Path) -> None:
    devices = inventory(tmp_path)
    devices.learned("rig-1", S19)
    news = devices.learned("rig-1", Facts(model="S21"))
    assert news is not None
    assert (news.model, news.vendor, news.rated_power_w) == ("S21", "", None)


def test_another_rig_in_its_place_is_said_once_and_is_no_news(tmp_path: Path) -> None:
    devices = inventory(tmp_path)
    devices.learned("rig-1", ONE)
    with capture_logs() as said:
        assert devices.learned("rig-1", OTHER) is None
        assert devices.learned("rig-1", replace(OTHER, firmware="F9")) is None
        assert devices.learned("rig-1", Facts(model="S21")) is None  # nor is it the one before
    (line,) = said
    assert (line["device"], line["address"], line["log_level"]) == ("rig-1", "10.0.0.1", "warning")
    assert ONE.mac in line["known"]
    assert OTHER.mac in line["found"]
    assert devices.birth()[1].mac == ONE.mac  # type: ignore[attr-defined]
    assert devices.present("rig-1") == replace(OTHER, firmware="F9")
    assert devices.learned("rig-1", ONE) is None
    assert devices.present("rig-1") == ONE


def test_a_stranger_that_does_not_say_its_mac_for_a_while_is_not_the_rig_before(
    tmp_path: Path,
) -> None:
    devices = inventory(tmp_path)
    devices.learned("rig-1", ONE)
    twin = replace(ONE, mac="02:00:00:00:00:0c", serial="SC")  # of the same model
    devices.learned("rig-1", twin)
    devices.learned("rig-1", S19)
    assert devices.present("rig-1").mac == twin.mac
    assert devices.other("rig-1") == f"S19 {twin.mac} SC instead of S19 {ONE.mac} SA"
    devices.learned("rig-1", Facts(model="S19", serial="SA"))
    assert devices.other("rig-1") == ""


def test_discovery_still_knows_a_rig_whose_place_another_took(tmp_path: Path) -> None:
    running = inventory(tmp_path)
    running.learned("rig-1", ONE)
    running.learned("rig-1", OTHER)
    running.save()
    settings = told(tmp_path)
    known = [Known(entry=e, facts=remembered(settings)[e.name]) for e in settings.devices]
    found = Found(driver="asic", address="10.0.0.1:4028", unit=None, facts=OTHER)
    result = survey(known, [found], ["10.0.0.1"])
    assert [(each.entry.name, at.facts.mac) for each, at in result.replaced] == [
        ("rig-1", OTHER.mac)
    ]


def test_a_replaced_rig_is_confirmed_by_its_mac_in_the_settings(tmp_path: Path) -> None:
    before = inventory(tmp_path)
    before.learned("rig-1", ONE)
    before.save()
    now = inventory(tmp_path, mac="02-00-00-00-00-0B")
    assert now.birth()[1].mac == OTHER.mac  # type: ignore[attr-defined]
    with capture_logs() as said:
        assert now.learned("rig-1", ONE) is None
        news = now.learned("rig-1", OTHER)
    assert news is not None
    assert (news.model, news.mac) == ("S21", OTHER.mac)
    assert [line["log_level"] for line in said] == ["warning", "info"]


def test_orders_are_checked_against_who_is_there_now(tmp_path: Path) -> None:
    heard, spooled = [], []
    ears = _Ears(
        SimpleNamespace(put=spooled.extend),  # type: ignore[arg-type]
        inventory(tmp_path),
        None,
        SimpleNamespace(learned=lambda *what: heard.append(what)),  # type: ignore[arg-type]
    )
    for facts in (ONE, S19, OTHER):
        ears.learn("rig-1", facts)
    instead = "S21 02:00:00:00:00:0b SB instead of S19 02:00:00:00:00:0a SA"
    assert heard == [("rig-1", ONE, ""), ("rig-1", ONE, ""), ("rig-1", OTHER, instead)]
    assert [news.mac for news in spooled] == [ONE.mac]
