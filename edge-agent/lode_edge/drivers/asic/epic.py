"""ePIC's PowerPlay firmware: pages on port 4028, `/summary` with nearly everything, in MH/s."""

import re

from lode_edge.drivers.asic.details import Details, Pool
from lode_edge.drivers.asic.epic_hands import EpicHands, errors, is_stopped, page
from lode_edge.drivers.asic.family import Family, Identity
from lode_edge.drivers.asic.figures import Board, Figures
from lode_edge.drivers.asic.hands import Rig
from lode_edge.drivers.asic.reply import Replies, Row, as_number, number, rows, text
from lode_edge.http import Web

SUMMARY, CAPABILITIES, NETWORK = "/summary", "/capabilities", "/network"
_FAN = re.compile(r"Fans Speed (\d{1,2})")


class Pages:
    """The web port, which is the API's."""

    def __init__(self, rig: Rig) -> None:
        self._web = Web(rig.host, rig.port)

    async def ask(self, command: str, *, deadline: float) -> bytes:
        """Get a page."""
        return await page(self._web, command, deadline)


def read(replies: Replies) -> Figures:
    """Understand the answer to `/summary`."""
    summary = replies.by_command.get(SUMMARY, {})
    session = _inner(summary, "Session")
    boards = _boards(summary)
    rates = [board.hashrate_ths for board in boards if board.hashrate_ths is not None]
    is_still = summary.get("HBs") == []  # it lists those that hash, and there is none
    return Figures(
        hashrate_ths=0.0 if is_still else sum(rates) if rates else None,
        power_w=number(_inner(summary, "Power Supply Stats"), "Input Power") or None,
        boards=boards,
        fans_rpm=fans(_inner(summary, "Fans Rpm")),
        accepted=number(session, "Accepted"),
        rejected=number(session, "Rejected"),
        uptime_s=number(session, "Uptime"),
        is_asleep=is_stopped(summary) is True,
    )


def _boards(summary: Row) -> list[Board]:
    """Join the boards there are with those that hash; one that was switched off makes nothing."""
    hashing = {number(row, "Index"): row for row in rows(summary, "HBs")}
    seen = [row for row in rows(summary, "HBStatus") if row.get("Detected") is True]
    found = []
    for index in sorted({number(row, "Index") for row in seen} | hashing.keys(), key=_order):
        row = hashing.get(index, {})
        rate = row.get("Hashrate")
        mhs = as_number(rate[0]) if isinstance(rate, list) and rate else None
        if not row:
            mhs = 0.0
        found.append(
            Board(
                temp_c=number(row, "Temperature") or None,
                hashrate_ths=None if mhs is None else mhs / 1e6,
            )
        )
    return found


def _order(index: float | None) -> float:
    return -1.0 if index is None else index


def fans(told: Row) -> list[float | None]:
    """List the fans in the order of their numbers; one without a figure is not there."""
    numbered = {int(m[1]): number(told, key) for key in told if (m := _FAN.fullmatch(key))}
    return [rpm for _, rpm in sorted(numbered.items()) if rpm is not None]


def _inner(row: Row, key: str) -> Row:
    found = rows(row, key)
    return found[0] if found else {}


def _details(replies: Replies) -> Details:
    summary = replies.by_command.get(SUMMARY)
    if summary is None:
        return Details()
    session, alive = _inner(summary, "Session"), _inner(summary, "Stratum").get("IsPoolConnected")
    pool = Pool(
        is_alive=alive if isinstance(alive, bool) else None,
        accepted=number(session, "Accepted"),
        rejected=number(session, "Rejected"),
    )
    return Details(pools=[pool], errors=errors(summary))


def _describe(replies: Replies) -> Identity:
    about = replies.by_command.get(CAPABILITIES, {})
    network = replies.by_command.get(NETWORK, {})
    address = _inner(network, "dhcp") or _inner(network, "static")
    model = text(about, "Model")
    return Identity(
        vendor="Bitmain" if model.lower().startswith("antminer") else "",
        model=model,
        firmware=text(replies.by_command.get(SUMMARY, {}), "Software"),
        serial=text(about, "Miner Serial Number"),
        mac=text(address, "mac_address"),
        rated_hashrate_ths=number(about, "Default Hashrate"),
    )


def _recognises(answer: Row) -> bool:
    return "PerpetualTune" in answer and "Coins" in answer


FAMILY = Family(
    name="epic",
    fast=(SUMMARY,),
    about=(CAPABILITIES, NETWORK, SUMMARY),
    slow=(SUMMARY,),
    rated_by=CAPABILITIES,
    recognises=_recognises,
    read=read,
    describe=_describe,
    details=_details,
    link=Pages,
    hands=EpicHands,
)
