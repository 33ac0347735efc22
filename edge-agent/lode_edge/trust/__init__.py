"""Who the agent is to its hub and its broker: enrolled once, renewed by itself.

token ─► enrol ─► DATA_DIR/identity (key, certificate, whom to trust, where to go) ─► uplink
                         ▲                                                              │
                         └──── Renewal, at two thirds of the certificate's life ─► reconnect
"""

from lode_edge.trust.identity import Identity, addresses, hub_keys_file
from lode_edge.trust.renewal import Renewal

__all__ = ["Identity", "Renewal", "addresses", "hub_keys_file"]
