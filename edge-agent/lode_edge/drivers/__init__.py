"""Drivers: each speaks one protocol and makes records of what a device says."""

# ruff: noqa: PLC0415 -- what few sites have is loaded only where it is configured

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from lode_edge.drivers.asic import AsicDriver
from lode_edge.drivers.driver import DeviceEntry, Driver, Facts, Stream
from lode_edge.drivers.modbus import ModbusDriver
from lode_edge.errors import EdgeError

if TYPE_CHECKING:
    from lode_edge.settings import OpcuaSettings, TlsSettings

__all__ = ["DeviceEntry", "Driver", "Facts", "Stream", "make"]

_KNOWN = "asic, modbus, opcua, mqtt, sparkplug or snmp"


def make(
    entry: DeviceEntry,
    number: int,
    *,
    opcua: "OpcuaSettings | None" = None,
    mqtt: "TlsSettings | None" = None,
    images: Path | None = None,
    folder: Path | None = None,
) -> Driver | Stream:
    """Make the driver of a configured device, which its records will call `number`.

    `images` holds firmware that may be installed, `folder` what a driver knows over a restart.

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

            return MqttStream(entry, number, mqtt)
        case "snmp":
            from lode_edge.drivers.snmp import PduDriver

            return PduDriver(entry, number)
        case "opcua":
            with _installed(entry):
                from lode_edge.drivers.opcua import OpcuaStream, chosen

                return OpcuaStream(entry, number, chosen(opcua, entry.address), folder=folder)
        case "sparkplug":
            with _installed(entry):
                from lode_edge.drivers.sparkplug import SparkplugStream

                return SparkplugStream(entry, number, mqtt)
    raise EdgeError(f"device {entry.name}: driver {entry.driver!r} is unknown; use {_KNOWN}")


@contextlib.contextmanager
def _installed(entry: DeviceEntry) -> Iterator[None]:
    try:
        yield
    except ModuleNotFoundError as error:
        raise EdgeError(
            f"device {entry.name}: {error.name} is not installed; install lode-edge[{entry.driver}]"
        ) from error
