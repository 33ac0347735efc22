"""WhatsMiner with API version 2: `summary` has the whole, `devs` the boards, `status` the reason.

Its rates are in MH/s, also the one that does not say so (`HS RT`).
"""

from statistics import fmean

from lode_edge.drivers.asic.details import Details, cgminer_pools
from lode_edge.drivers.asic.family import Family, Identity
from lode_edge.drivers.asic.figures import Board, Figures
from lode_edge.drivers.asic.reply import Replies, Row, hashrate_ths, number, rows, text
from lode_edge.drivers.asic.whatsminer_hands import WhatsminerHands


def read(replies: Replies) -> Figures:
    """Understand the answers to `summary`, `devs` and, when idle, `status`."""
    summary = replies.row("summary", "SUMMARY")
    devs = sorted(replies.rows("devs", "DEVS"), key=lambda dev: number(dev, "Slot", "ASC") or 0)
    realtime = number(summary, "HS RT")
    status = replies.row("status", "Msg")
    return Figures(
        hashrate_ths=hashrate_ths(summary) if realtime is None else realtime / 1e6,
        power_w=number(summary, "Power"),
        inlet_temp_c=number(summary, "Env Temp"),
        chip_temp_c=number(summary, "Chip Temp Max") or None,
        boards=[_board(dev) for dev in devs],
        fans_rpm=[number(summary, key) for key in ("Fan Speed In", "Fan Speed Out")],
        accepted=number(summary, "Accepted"),
        rejected=number(summary, "Rejected") if "Rejected" in summary else _rejected(devs),
        uptime_s=number(summary, "Uptime", "Elapsed"),
        is_asleep=text(status, "mineroff", "btmineroff").lower() == "true",
    )


def _board(dev: Row) -> Board:
    return Board(
        temp_c=number(dev, "Temperature") or None,
        chip_temp_c=number(dev, "Chip Temp Max") or None,
        hashrate_ths=hashrate_ths(dev),
        chips=number(dev, "Effective Chips"),
    )


def _rejected(devs: list[Row]) -> float | None:
    """Sum the boards' rejected shares, which the summary of some versions leaves out."""
    counts = [number(dev, "Rejected") for dev in devs]
    known = [count for count in counts if count is not None]
    return sum(known) if known else None


def _recognises(version: Row) -> bool:
    message = rows(version, "Msg")
    if message and ("fw_ver" in message[0] or "api_ver" in message[0]):
        return True
    return any("whatsminer" in str(value).lower() for value in version.values())


def _describe(replies: Replies) -> Identity:
    said = replies.row("get_version", "Msg") or replies.row("version", "Msg")
    details = replies.row("devdetails", "DEVDETAILS")
    # Not from `summary`: what a rig says of its work is for readings alone, each used once.
    boards_ghs = [number(dev, "Factory GHS") or None for dev in replies.rows("devs", "DEVS")]
    known_ghs = [board_ghs for board_ghs in boards_ghs if board_ghs is not None]
    # A dead board says 0, and the rig's rating is no less for that; its boards are alike.
    rated_ghs = len(boards_ghs) * fmean(known_ghs) if known_ghs else None
    return Identity(
        vendor="MicroBT",
        model=text(details, "Model"),
        firmware=text(said, "fw_ver"),
        mac=text(replies.row("get_miner_info", "Msg"), "mac"),
        rated_hashrate_ths=None if rated_ghs is None else rated_ghs / 1e3,
    )


def _details(replies: Replies) -> Details:
    message = replies.rows("get_error_code", "Msg")
    codes = [key for said in message for row in rows(said, "error_code") for key in row]
    return Details(pools=cgminer_pools(replies), errors=codes if message else None)


FAMILY = Family(
    name="whatsminer",
    fast=("summary", "devs"),
    idle=("status", "get_error_code"),
    about=("get_version", "devdetails", "get_miner_info", "devs"),
    slow=("pools", "get_error_code"),
    rated_by="devs",
    recognises=_recognises,
    read=read,
    describe=_describe,
    details=_details,
    hands=WhatsminerHands,
)
