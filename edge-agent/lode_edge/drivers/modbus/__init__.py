"""Modbus devices on TCP and on serial lines, described by a profile.

profile ─► plan (few requests) ─► bus (one connection per gateway) ─► values ─► records
                                   ▲
intent ─► hands (one turn) ────────┘
"""

from lode_edge.drivers.modbus.bus import Bus
from lode_edge.drivers.modbus.driver import ModbusDriver
from lode_edge.drivers.modbus.frames import Ask, Write
from lode_edge.drivers.modbus.place import PORT
from lode_edge.drivers.modbus.plan import Request, plan

__all__ = ["PORT", "Ask", "Bus", "ModbusDriver", "Request", "Write", "plan"]
