"""Devices behind OPC UA servers, described by a node map.

node map ─► subscription (one per device, one session per server) ─► values ─► records
"""

from lode_edge.drivers.opcua.security import PLAIN, Security, chosen
from lode_edge.drivers.opcua.stream import OpcuaStream

__all__ = ["PLAIN", "OpcuaStream", "Security", "chosen"]
