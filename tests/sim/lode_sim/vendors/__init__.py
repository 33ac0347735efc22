"""One module per firmware: its commands, made of recordings and live numbers."""

from lode_sim.vendors import antminer, avalon, braiins, luxos, whatsminer
from lode_sim.vendors.recorded import Vendor

VENDORS: dict[str, Vendor] = {
    "antminer": antminer.VENDOR,
    "avalon-1246": avalon.VENDOR_1246,
    "avalon-q": avalon.VENDOR_Q,
    "braiins": braiins.VENDOR,
    "luxos": luxos.VENDOR,
    "whatsminer": whatsminer.VENDOR,
}
