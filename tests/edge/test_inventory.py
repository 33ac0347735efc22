"""What the agent says of its devices, and what it remembers of them."""

from pathlib import Path

from lode_edge.drivers import Facts
from lode_edge.inventory import Inventory
from lode_edge.settings import AgentSettings, DeviceEntry, Settings
from lode_wire import codec
from lode_wire.records import Birth, Device, DeviceKind

S19 = Facts(vendor="Bitmain", model="S19", rated_power_w=3250.0, rated_fans=4)


def inventory(home: Path, address: str = "10.0.0.1") -> Inventory:
    rig = DeviceEntry(name="rig-1", driver="asic", address=address, kind="rig", rack="A1")
    meter = DeviceEntry(name="meter-1", driver="modbus", address="10.0.0.2", kind="meter")
    told = Settings(agent=AgentSettings(name="a", site="s", data_dir=home), devices=(rig, meter))
    return Inventory(told, {"rig-1": 1, "meter-1": 2}, "boot")


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
