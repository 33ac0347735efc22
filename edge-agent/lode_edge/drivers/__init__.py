"""Drivers: each speaks one protocol and makes records of what a device says."""

# ruff: noqa: PLC0415 -- what few sites have is loaded only where it is configured

from pathlib import Path
from typing import TYPE_CHECKING

from lode_edge.drivers.asic import AsicDriver
from lode_edge.drivers.driver import DeviceEntry, Driver, Facts, Stream
from lode_edge.drivers.modbus import ModbusDriver
from lode_edge.errors import EdgeError

if TYPE_CHECKING:
    from lode_edge.settings import OpcuaSettings

__all__ = ["DeviceEntry", "Driver", "Facts", "Stream", "make"]


def make(
    entry: DeviceEntry,
    number: int,
    *,
    opcua: "OpcuaSettings | None" = None,
    images: Path | None = None,
) -> Driver | Stream:
    """Make the driver of a configured device, which its records will call `number`.

    `images` is where the firmware lies that may be installed.

    Raises:
        EdgeError: there is no such driver, or the entry lacks what the driver needs.
    """
    match entry.driver:
        case "asic":
            return AsicDriver(entry, number, images)
        case "modbus":
            return ModbusDriver(entry, number)
        case "mqtt":
            from lode_edge.drivers.mqtt import MqttStream

            return MqttStream(entry, number)
        case "snmp":
            from lode_edge.drivers.snmp import PduDriver

            return PduDriver(entry, number)
    try:
        match entry.driver:
            case "opcua":
                from lode_edge.drivers.opcua import OpcuaStream, chosen

                return OpcuaStream(entry, number, chosen(opcua, entry.address))
            case "sparkplug":
                from lode_edge.drivers.sparkplug import SparkplugStream

                return SparkplugStream(entry, number)
    except ModuleNotFoundError as error:
        raise EdgeError(
            f"device {entry.name}: {error.name} is not installed; install lode-edge[{entry.driver}]"
        ) from error
    raise EdgeError(
        f"device {entry.name}: driver {entry.driver!r} is unknown; "
        "use asic, modbus, opcua, mqtt, sparkplug or snmp"
    )
