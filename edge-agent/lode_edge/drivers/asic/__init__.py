"""Rigs that speak the cgminer-style API on TCP 4028.

client (bytes) ─► reply (JSON, mended when broken) ─► a family's figures ─► records
"""

from lode_edge.drivers.asic.client import PORT
from lode_edge.drivers.asic.driver import AsicDriver
from lode_edge.drivers.asic.identify import FAMILIES

__all__ = ["FAMILIES", "PORT", "AsicDriver"]
