"""One module per firmware: its commands, made of recordings and live numbers."""

from lode_sim.vendors import (
    antminer,
    avalon,
    bitaxe,
    braiins,
    epic,
    luxos,
    vnish,
    whatsminer,
    whatsminer_v3,
)
from lode_sim.vendors.recorded import Vendor

VENDORS: dict[str, Vendor] = {
    "antminer": antminer.VENDOR,
    "antminer-web": antminer.WEB_VENDOR,
    "avalon-1246": avalon.VENDOR_1246,
    "avalon-q": avalon.VENDOR_Q,
    "bitaxe": bitaxe.VENDOR,
    "bitaxe-old": bitaxe.OLD_VENDOR,
    "braiins": braiins.VENDOR,
    "braiins-graphql": braiins.GRAPHQL_VENDOR,
    "braiins-rest": braiins.REST_VENDOR,
    "epic": epic.VENDOR,
    "luxos": luxos.VENDOR,
    "vnish": vnish.VENDOR,
    "whatsminer": whatsminer.VENDOR,
    "whatsminer-v3": whatsminer_v3.VENDOR,
}
