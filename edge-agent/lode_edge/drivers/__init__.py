"""Drivers: each speaks one protocol and makes records of what a device says."""

from lode_edge.drivers.asic import AsicDriver
from lode_edge.drivers.driver import DeviceEntry, Driver, Facts
from lode_edge.drivers.modbus import ModbusDriver
from lode_edge.errors import EdgeError

__all__ = ["DeviceEntry", "Driver", "Facts", "make"]


def make(entry: DeviceEntry, number: int) -> Driver:
    """Make the driver of a configured device, which its records will call `number`.

    Raises:
        EdgeError: there is no such driver, or the entry lacks what the driver needs.
    """
    match entry.driver:
        case "asic":
            return AsicDriver(entry, number)
        case "modbus":
            return ModbusDriver(entry, number)
    raise EdgeError(f"device {entry.name}: driver {entry.driver!r} is unknown; use asic or modbus")
