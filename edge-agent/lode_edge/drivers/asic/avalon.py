"""Avalon: cgminer whose `stats` hold a text of `Key[value]` pairs.

A12 and A15 put all into `MM ID0`; the Q and its kin into `MM ID0:Summary` and `HBinfo`.
`PS` is the power supply: error, control voltage, hash voltage, current, hash power, set voltage,
and the power drawn from the wall, which newer firmware repeats as `WALLPOWER`.
"""

from lode_edge.drivers.asic.avalon_hands import AvalonHands
from lode_edge.drivers.asic.avalon_words import is_idle, is_switched_off, pairs
from lode_edge.drivers.asic.details import of_pools
from lode_edge.drivers.asic.family import Family, Identity
from lode_edge.drivers.asic.figures import Board, Figures
from lode_edge.drivers.asic.reply import Replies, Row, as_number, hashrate_ths, number, text

_WALL_POWER = 6  # place in PS
_MAX_BOARDS = 8
_MAX_FANS = 8


def read(replies: Replies) -> Figures:
    """Understand the answers to `stats` and `summary`."""
    stats = pairs(replies.rows("stats", "STATS"))
    summary = replies.row("summary", "SUMMARY")
    spot, ideal = _first(stats, "GHSspd"), _first(stats, "GHSmm")
    idles = is_idle(stats)
    is_still = idles or spot == 0
    boards = _boards(stats, is_still=is_still)
    return Figures(
        hashrate_ths=hashrate_ths(summary) if spot is None else spot / 1e3,
        power_w=_power(stats),
        inlet_temp_c=_either(stats, "ITemp", "Temp"),
        board_temp_c=max(_known(stats, "HBITemp", "HBOTemp"), default=None),
        chip_temp_c=_first(stats, "TMax") or None,
        boards_alive=0.0 if is_still and boards else None,
        boards=boards,
        fans_rpm=[_first(stats, f"Fan{n}") for n in range(1, _MAX_FANS + 1) if f"Fan{n}" in stats],
        accepted=number(summary, "Accepted"),
        rejected=number(summary, "Rejected"),
        uptime_s=_either(stats, "Elapsed") or number(summary, "Elapsed"),
        ideal_ths=ideal / 1e3 if ideal else None,
        is_asleep=is_switched_off(stats) and not spot,
    )


def _boards(stats: dict[str, str], *, is_still: bool) -> list[Board]:
    """List the boards, without the old averages and chip figures that a still rig repeats."""
    rates, hottest = _numbers(stats, "MGHS"), _numbers(stats, "MTmax")
    found = []
    for n in range(min(len(rates), _MAX_BOARDS)):
        works = _numbers(stats, f"MW{n}")
        rate = rates[n]
        found.append(
            Board(
                chip_temp_c=(hottest[n] or None) if n < len(hottest) else None,
                hashrate_ths=None if is_still or rate is None else rate / 1e3,
                chips=None if is_still or not works else float(sum(bool(work) for work in works)),
            )
        )
    return found


def _power(stats: dict[str, str]) -> float | None:
    wall = _first(stats, "WALLPOWER")
    supply = _numbers(stats, "PS")
    if wall is None and len(supply) > _WALL_POWER:
        wall = supply[_WALL_POWER]
    return wall or None  # a supply that draws nothing would not have answered


def _either(stats: dict[str, str], *keys: str) -> float | None:
    return next(iter(_known(stats, *keys)), None)


def _known(stats: dict[str, str], *keys: str) -> list[float]:
    return [value for key in keys if (value := _first(stats, key)) is not None]


def _first(stats: dict[str, str], key: str) -> float | None:
    found = _numbers(stats, key)
    return found[0] if found else None


def _numbers(stats: dict[str, str], key: str) -> list[float | None]:
    return [as_number(word.rstrip("%")) for word in stats.get(key, "").split()]


def _recognises(version: Row) -> bool:
    return text(version, "PROD").lower().startswith("avalon")


def _describe(replies: Replies) -> Identity:
    version = replies.row("version", "VERSION")
    raw = text(version, "MAC").replace(":", "").lower()
    return Identity(
        vendor="Canaan",
        model=text(version, "PROD"),
        firmware=text(version, "VERSION", "CGVERSION", "LVERSION", "CGMiner"),
        serial=text(version, "DNA"),
        mac=":".join(raw[i : i + 2] for i in range(0, len(raw), 2)),
    )


FAMILY = Family(
    name="avalon",
    fast=("stats", "summary"),
    recognises=_recognises,
    read=read,
    describe=_describe,
    details=of_pools,
    slow=("pools",),
    hands=AvalonHands,
)
