"""VNish on Antminers: REST pages on the web port, read after its OpenAPI document.

Rates are in GH/s, or as `hr_measure` says. Its own share of the work is no pool of ours.
"""

import re

from lode_edge.drivers.asic.details import Details, cgminer_pools
from lode_edge.drivers.asic.family import Family, Identity
from lode_edge.drivers.asic.figures import Board, Figures
from lode_edge.drivers.asic.reply import Replies, Row, number, rows, text
from lode_edge.drivers.asic.vnish_hands import ASLEEP, VnishHands
from lode_edge.drivers.asic.vnish_pages import API, Unlocked

_SUMMARY, _INFO, _STATUS = f"{API}/summary", f"{API}/info", f"{API}/status"
_PER_THS = {"GH/s": 1e3, "MH/s": 1e6}
_UPTIME = re.compile(r"(?:(\d{1,5}) days?,?)?\s*(?:(\d{1,3}):(\d{2}))?")


def read(replies: Replies) -> Figures:
    """Understand the answers to `summary` and `info`."""
    miner = _inner(replies.by_command.get(_SUMMARY, {}), "miner")
    info = replies.by_command.get(_INFO, {})
    per_ths = _PER_THS.get(text(info, "hr_measure"), 1e3)
    state = text(_inner(miner, "miner_status"), "miner_state")
    rate, ideal = number(miner, "hr_realtime"), number(miner, "hr_nominal")
    pools = [row for row in rows(miner, "pools") if text(row, "pool_type") == "UserPool"]
    return Figures(
        hashrate_ths=None if rate is None else rate / per_ths,
        power_w=number(miner, "power_consumption"),
        chip_temp_c=number(_inner(miner, "chip_temp"), "max") or None,
        boards=[_board(row, per_ths) for row in rows(miner, "chains")],
        fans_rpm=[number(row, "rpm") for row in rows(_inner(miner, "cooling"), "fans")],
        accepted=_sum(pools, "accepted"),
        rejected=_sum(pools, "rejected"),
        uptime_s=uptime_s(text(_inner(info, "system"), "uptime")),
        ideal_ths=ideal / per_ths if ideal else None,
        is_asleep=state in ASLEEP and not rate,
        is_tuning=state == "auto-tuning",
        is_faulted=state == "failure" and not rate,
    )


def uptime_s(said: str) -> float | None:
    """Understand `10 days, 18:00` and `0:06`."""
    match = _UPTIME.fullmatch(said.strip())
    if match is None or not any(match.groups()):
        return None
    days, hours, minutes = (float(group or 0) for group in match.groups())
    return days * 86_400 + hours * 3_600 + minutes * 60


def _board(chain: Row, per_ths: float) -> Board:
    rate = number(chain, "hashrate_rt", "hr_realtime")
    return Board(
        temp_c=number(_inner(chain, "pcb_temp"), "max") or None,
        chip_temp_c=number(_inner(chain, "chip_temp"), "max") or None,
        hashrate_ths=None if rate is None else rate / per_ths,
    )


def _inner(row: Row, key: str) -> Row:
    found = rows(row, key)
    return found[0] if found else {}


def _sum(pools: list[Row], key: str) -> float | None:
    known = [count for pool in pools if (count := number(pool, key)) is not None]
    return sum(known) if known else None


def _details(replies: Replies) -> Details:
    status = replies.by_command.get(_STATUS)
    if status is None:
        return Details(pools=cgminer_pools(replies))
    code = number(status, "failure_code")
    errors = [] if not code else [f"{code:.0f}"]
    return Details(pools=cgminer_pools(replies), errors=errors)


def _describe(replies: Replies) -> Identity:
    info = replies.by_command.get(_INFO, {})
    version = replies.row("version", "VERSION")
    serial, firmware = text(info, "serial"), text(info, "fw_version")
    return Identity(
        vendor="Bitmain",
        model=text(info, "miner") or text(version, "Type").partition(" (")[0],
        firmware=f"VNish {firmware}" if firmware else "",
        serial="" if serial == "N/A" else serial,
        mac=text(_inner(_inner(info, "system"), "network_status"), "mac"),
    )


def _recognises(row: Row) -> bool:
    return text(row, "fw_name").lower() == "vnish" or "vnish" in text(row, "Type").lower()


FAMILY = Family(
    name="vnish",
    fast=(_SUMMARY, _INFO),
    idle=(_STATUS,),
    about=(_INFO,),
    slow=(_STATUS, "pools"),
    recognises=_recognises,
    read=read,
    describe=_describe,
    details=_details,
    link=Unlocked,
    hands=VnishHands,
)
