"""Antminers whose API on 4028 is closed, read by their web pages alone.

The pages tell the work mode beside the rates, so that sleep is known at every poll.
"""

from collections.abc import Iterable

from lode_edge.drivers.asic.antminer_hands import (
    DEFAULT_LOGIN,
    MODE_KEYS,
    SYSTEM,
    WEB_SUMMARY,
    AntminerHands,
    faults,
)
from lode_edge.drivers.asic.details import Details, Pool
from lode_edge.drivers.asic.family import Family, Identity
from lode_edge.drivers.asic.figures import Board, Figures
from lode_edge.drivers.asic.link import Direct
from lode_edge.drivers.asic.orders4028 import strict
from lode_edge.drivers.asic.reply import Replies, Row, as_number, number, rows, text
from lode_edge.errors import BadAnswer, Unreachable

_STATS, _POOLS = "/cgi-bin/stats.cgi", "/cgi-bin/pools.cgi"
_REALM = "antminer configuration"
_PER_THS = {"GH/s": 1e3, "MH/s": 1e6, "TH/s": 1.0}
_ASLEEP = 1  # of the work modes


def read(replies: Replies) -> Figures:
    """Understand the pages `stats` and `pools`."""
    stats = replies.row(_STATS, "STATS")
    per_ths = _PER_THS.get(text(stats, "rate_unit"), 1e3)
    pools = replies.rows(_POOLS, "POOLS")
    rate, ideal = number(stats, "rate_5s", "rate_30m"), number(stats, "rate_ideal")
    turning = stats.get("fan")
    return Figures(
        hashrate_ths=None if rate is None else rate / per_ths,
        boards=[_board(chain, per_ths) for chain in rows(stats, "chain")],
        fans_rpm=[as_number(rpm) for rpm in turning[:16]] if isinstance(turning, list) else [],
        accepted=_sum(number(pool, "accepted") for pool in pools),
        rejected=_sum(number(pool, "rejected") for pool in pools),
        uptime_s=number(stats, "elapsed"),
        ideal_ths=ideal / per_ths if ideal else None,
        is_asleep=number(stats, *MODE_KEYS) == _ASLEEP and rate == 0,
    )


def _board(chain: Row, per_ths: float) -> Board:
    rate = number(chain, "rate_real")
    return Board(
        temp_c=_hottest(chain.get("temp_pcb")),
        chip_temp_c=_hottest(chain.get("temp_chip")),
        hashrate_ths=None if rate is None else rate / per_ths,
        chips=number(chain, "asic_num"),
    )


def _hottest(said: object) -> float | None:
    """Give the hottest of a list; a sensor that is not there reads 0."""
    temps = (
        [temp for one in said[:64] if (temp := as_number(one))] if isinstance(said, list) else []
    )
    return max(temps, default=None)


def _sum(counts: Iterable[float | None]) -> float | None:
    known = [count for count in counts if count is not None]
    return sum(known) if known else None


def _details(replies: Replies) -> Details:
    pools = [
        Pool(
            is_alive={"alive": True, "dead": False}.get(text(row, "status").lower()),
            accepted=number(row, "accepted"),
            rejected=number(row, "rejected"),
        )
        for row in replies.rows(_POOLS, "POOLS")
        if text(row, "url")
    ]
    return Details(pools=pools, errors=faults(replies))


def _describe(replies: Replies) -> Identity:
    system = replies.by_command.get(SYSTEM, {})
    return Identity(
        vendor="Bitmain",
        model=text(system, "minertype"),
        firmware=text(system, "system_filesystem_version"),
        serial=text(system, "serinum", "serial_no"),
        mac=text(system, "macaddr"),
    )


def _recognises(answer: Row) -> bool:
    is_open = text(answer, "minertype").lower().startswith("antminer")
    return is_open or _REALM in text(answer, "realm").lower()


class AntminerWebHands(AntminerHands):
    """The hands for a rig that has its pages alone."""

    async def rates(self) -> list[float]:
        """Read the rates from the page."""
        try:
            stats = strict(await self.pages.get(_STATS), self.pages.place(_STATS))
        except (Unreachable, BadAnswer):
            return []
        found = (number(row, "rate_5s") for row in rows(stats, "STATS"))
        return [rate for rate in found if rate is not None]


FAMILY = Family(
    name="antminer_web",
    fast=(_STATS, _POOLS),
    idle=(WEB_SUMMARY,),
    about=(SYSTEM,),
    slow=(_POOLS, WEB_SUMMARY),
    recognises=_recognises,
    read=read,
    describe=_describe,
    details=_details,
    link=lambda rig: Direct(rig, DEFAULT_LOGIN),
    hands=AntminerWebHands,
)
