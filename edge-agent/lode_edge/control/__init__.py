"""Acting on devices: signed commands, the site's envelope, leases, and proof of effect."""

from lode_edge.control.control import Control, Place
from lode_edge.control.now import Heard
from lode_edge.control.site import Device

__all__ = ["Control", "Device", "Heard", "Place"]
