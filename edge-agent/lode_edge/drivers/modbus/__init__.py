"""Modbus TCP devices, described by a profile.

profile ─► plan (few requests) ─► bus (one connection per gateway) ─► values ─► records
"""

from lode_edge.drivers.modbus.bus import PORT, Ask, Bus
from lode_edge.drivers.modbus.driver import ModbusDriver
from lode_edge.drivers.modbus.plan import Request, plan

__all__ = ["PORT", "Ask", "Bus", "ModbusDriver", "Request", "plan"]
