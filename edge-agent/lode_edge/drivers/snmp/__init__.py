"""PDUs that speak SNMP, described by a profile.

profile ─► search (walks, seldom) ─► exact questions ─► values ─► records
"""

from lode_edge.drivers.snmp.agent import PORT, Agent
from lode_edge.drivers.snmp.driver import PduDriver

__all__ = ["PORT", "Agent", "PduDriver"]
