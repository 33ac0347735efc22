"""LuxOS: Antminer's answers, and its own `power` and `config`."""

from lode_edge.drivers.asic import antminer
from lode_edge.drivers.asic.details import Details, cgminer_pools
from lode_edge.drivers.asic.family import Family, Identity
from lode_edge.drivers.asic.figures import Figures
from lode_edge.drivers.asic.luxos_hands import LuxosHands
from lode_edge.drivers.asic.reply import Replies, number, text

_NO_ERRORS = {"SLEEP", "IDLE"}  # events that are states


def read(replies: Replies) -> Figures:
    """Understand the answers to `stats`, `summary`, `power` and, when idle, `config`."""
    figures = antminer.read(replies)
    figures.power_w = number(replies.row("power", "POWER"), "Watts")
    curtailed = text(replies.row("config", "CONFIG"), "CurtailMode").lower()
    figures.is_asleep = curtailed.startswith("sleep") and not figures.hashrate_ths
    if figures.boards and all(b.chip_temp_c == b.temp_c for b in figures.boards):
        # Where it cannot read its chips it repeats the board's sensors; that is no chip figure.
        for board in figures.boards:
            board.chip_temp_c = None
    return figures


def _describe(replies: Replies) -> Identity:
    version = replies.row("version", "VERSION")
    config = replies.row("config", "CONFIG")
    return Identity(
        vendor="Bitmain",
        model=text(config, "Model") or text(version, "Type"),
        firmware=f"LuxOS {text(version, 'Miner', 'LUXminer')}",
        serial=text(config, "SerialNumber"),
        mac=text(config, "MACAddr"),
        rated_hashrate_ths=number(config, "NameplateTHS"),
    )


def _details(replies: Replies) -> Details:
    shown = {text(event, "Code") for event in replies.rows("events", "EVENTS")}
    is_told = "events" in replies.by_command
    errors = shown - _NO_ERRORS if is_told else None
    return Details(pools=cgminer_pools(replies), errors=errors)


FAMILY = Family(
    name="luxos",
    fast=("stats", "summary", "power"),
    idle=("config", "events"),
    about=("config",),
    slow=("pools", "events"),
    rated_by="config",
    recognises=lambda version: "LUXminer" in version,
    read=read,
    describe=_describe,
    details=_details,
    hands=LuxosHands,
)
