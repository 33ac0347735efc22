"""Antminers with Bitmain's own firmware: `stats` has the chains, `summary` the shares.

It measures no power. Why it does not hash, and who it is, only its web pages say.
"""

import re

from lode_edge.drivers.asic.antminer_hands import (
    CONF,
    DEFAULT_LOGIN,
    MODE_KEYS,
    SYSTEM,
    WEB_SUMMARY,
    AntminerHands,
    faults,
)
from lode_edge.drivers.asic.details import Details, cgminer_pools
from lode_edge.drivers.asic.family import Family, Identity
from lode_edge.drivers.asic.figures import Board, Figures
from lode_edge.drivers.asic.link import Direct
from lode_edge.drivers.asic.reply import Replies, Row, as_number, hashrate_ths, number, text

_MAX_CHAINS = 16
_ASLEEP = 1  # of the work modes
_PER_THS = {"GH": 1e3, "MH": 1e6, "TH": 1.0}
_TEMPS = re.compile(r"(?:^|-)(-?[0-9.]+)")  # `-5--3-0`: a sign after the mark between two


def read(replies: Replies) -> Figures:
    """Understand the answers to `stats` and `summary` and, when idle, the settings."""
    stats = _chains(replies)
    summary = replies.row("summary", "SUMMARY")
    per_ths = _PER_THS.get(text(stats, "rate_unit"), 1e3)
    ideal = number(stats, "total_rateideal")
    short = hashrate_ths(stats)
    rate = hashrate_ths(summary) if short is None else short
    mode = number(replies.by_command.get(CONF, {}), *MODE_KEYS)
    return Figures(
        hashrate_ths=rate,
        boards=boards(stats, per_ths),
        fans_rpm=fans(stats),
        accepted=number(summary, "Accepted"),
        rejected=number(summary, "Rejected"),
        uptime_s=number(summary, "Elapsed") or number(stats, "Elapsed"),
        ideal_ths=ideal / per_ths if ideal else None,
        is_asleep=mode == _ASLEEP and rate == 0,
    )


def boards(stats: Row, per_ths: float) -> list[Board]:
    """List the chains that carry chips."""
    found = []
    for n in range(1, _MAX_CHAINS + 1):
        if f"chain_acn{n}" not in stats and f"chain_rate{n}" not in stats:
            break
        if not number(stats, f"chain_acn{n}"):
            continue  # an empty slot
        rate = number(stats, f"chain_rate{n}")
        found.append(
            Board(
                temp_c=_hottest(stats, f"temp_pcb{n}", f"temp{n}"),
                chip_temp_c=_hottest(stats, f"temp_chip{n}", f"temp2_{n}"),
                hashrate_ths=None if rate is None else rate / per_ths,
                chips=_chips(stats, n),
            )
        )
    return found


def fans(stats: Row) -> list[float | None]:
    """List the fans; one that the rig counts and that stands still turns at 0 rpm.

    An S9 counts two, and has them at places 3 and 6: a fan is where one turns.
    """
    count = number(stats, "fan_num")
    speeds = {n: number(stats, f"fan{n}") for n in range(1, _MAX_CHAINS + 1)}
    turning: list[float | None] = [rpm for rpm in speeds.values() if rpm]
    if count is None:
        return turning
    counted = [rpm for n, rpm in speeds.items() if n <= count]
    if len(turning) <= 2 * sum(bool(rpm) for rpm in counted):
        return counted
    still = min(round(count), _MAX_CHAINS) - len(turning)
    return turning + [0.0] * still


def _chains(replies: Replies) -> Row:
    """Give the part of `stats` that has the chains; before it comes what firmware it is."""
    found = replies.rows("stats", "STATS")
    return next((row for row in found if "Elapsed" in row or "GHS 5s" in row), {})


def _hottest(stats: Row, many: str, one: str) -> float | None:
    """Give the hottest of `78-50-69-70`; a sensor that is not there reads 0."""
    parts = _TEMPS.findall(text(stats, many).replace(" ", ""))
    temps = [temp for temp in map(as_number, parts) if temp]
    return max(temps, default=None) or number(stats, one) or None


def _chips(stats: Row, n: int) -> float | None:
    """Count the chips that answer: `o` in the map, or all that the chain has."""
    chip_map = stats.get(f"chain_acs{n}")
    if isinstance(chip_map, str) and chip_map.strip():
        return float(chip_map.count("o"))
    return number(stats, f"chain_acn{n}")


def _describe(replies: Replies) -> Identity:
    version = replies.row("version", "VERSION")
    system = replies.by_command.get(SYSTEM, {})
    return Identity(
        vendor="Bitmain",
        model=text(version, "Type") or text(system, "minertype"),
        firmware=text(system, "system_filesystem_version")
        or ("" if replies.lacks(SYSTEM) else _program(version)),
        serial=text(system, "serinum", "serial_no"),
        mac=text(system, "macaddr"),
    )


def _program(version: Row) -> str:
    """Name the mining program: all that is known of firmware whose pages are closed to us."""
    name, built = text(version, "Miner", "BMMiner", "CGMiner"), text(version, "CompileTime")
    return f"{name} ({built})" if built else name


def _details(replies: Replies) -> Details:
    return Details(pools=cgminer_pools(replies), errors=faults(replies))


FAMILY = Family(
    name="antminer",
    fast=("stats", "summary"),
    idle=(CONF, WEB_SUMMARY),
    about=(SYSTEM,),
    slow=("pools", WEB_SUMMARY),
    recognises=lambda version: "antminer" in text(version, "Type").lower(),
    read=read,
    describe=_describe,
    details=_details,
    link=lambda rig: Direct(rig, DEFAULT_LOGIN),
    hands=AntminerHands,
)
