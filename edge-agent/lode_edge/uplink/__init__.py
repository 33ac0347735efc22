"""What is on disk, sent to the hub until the hub says that it has committed it."""

from lode_edge.uplink.mqtt import Address
from lode_edge.uplink.sender import Identity
from lode_edge.uplink.uplink import Status, Uplink
from lode_edge.uplink.window import Window

__all__ = ["Address", "Identity", "Status", "Uplink", "Window"]
