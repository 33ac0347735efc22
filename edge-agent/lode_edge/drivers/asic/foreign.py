"""Rigs read by `pyasic_rs`, in a process of its own: Auradine, Sealminer, Elphapex and Proto.

What it calls mining is not asked for: that a rig does not mine says nothing of why. These rigs are
only read, so that no order of ours puts them to sleep.
"""

import importlib.util

import msgspec

from lode_edge.drivers.asic import foreign_reader
from lode_edge.drivers.asic.client import PORT
from lode_edge.drivers.asic.details import Details, Pool
from lode_edge.drivers.asic.family import Family, Identity
from lode_edge.drivers.asic.figures import Board, Figures
from lode_edge.drivers.asic.hands import Rig
from lode_edge.drivers.asic.reply import Replies, Row, as_number, number, rows, text
from lode_edge.errors import BadAnswer, TimedOut, Unsupported

DATA, POOLS = "data", "pools"
_MARKS = ("gcminer", "fluxos", "bdminer")  # Auradine, Sealminer: what `version` names
_REALM = 'realm="daoge'  # Elphapex: who asks for a login
_PROTO = "system-info"


class Foreign:
    """One rig, as the child reads it."""

    def __init__(self, rig: Rig) -> None:
        self._rig = rig
        self._last: Row = {}

    async def ask(self, command: str, *, deadline: float) -> bytes:
        """Ask for all there is, or for the pools of the last time."""
        if command == POOLS:
            return msgspec.json.encode({"pools": self._last.get("pools"), "errors": self._errors()})
        rig = self._rig
        place = f"{rig.host} by pyasic_rs"
        if importlib.util.find_spec("pyasic_rs") is None:
            raise Unsupported(
                f"{place}: the package pyasic_rs is not installed; add `lode-edge[asic]`"
            )
        if rig.port != PORT:
            raise Unsupported(f"{place}: it asks at the usual ports only, not at {rig.port}")
        question: dict[str, object] = {"host": rig.host}
        if rig.login is not None:
            question |= {"username": rig.login.username, "password": rig.login.password}
        answer = await foreign_reader.reader().ask(question, place, deadline=deadline)
        if answer.data is None:
            error = TimedOut if answer.kind == "timed_out" else BadAnswer
            raise error(f"{place}: {answer.error}")
        self._last = answer.data
        return msgspec.json.encode(answer.data)

    def _errors(self) -> object:
        return self._last.get("errors")


def read(replies: Replies) -> Figures:
    """Understand what the child read."""
    data = replies.by_command.get(DATA, {})
    fans = data.get("fans_rpm")
    return Figures(
        hashrate_ths=number(data, "hashrate_ths"),
        power_w=number(data, "power_w"),
        boards=[_board(row) for row in rows(data, "boards")],
        fans_rpm=[as_number(rpm) for rpm in fans] if isinstance(fans, list) else [],
        uptime_s=number(data, "uptime_s"),
        ideal_ths=number(data, "ideal_ths"),
    )


def _board(row: Row) -> Board:
    return Board(
        temp_c=number(row, "temp_c"),
        chip_temp_c=number(row, "chip_temp_c"),
        hashrate_ths=number(row, "hashrate_ths"),
        chips=number(row, "chips") or None,
    )


def _details(replies: Replies) -> Details:
    told = replies.by_command.get(POOLS) or replies.by_command.get(DATA, {})
    errors = told.get("errors")
    return Details(
        pools=[
            Pool(
                is_alive=alive if isinstance(alive := row.get("alive"), bool) else None,
                accepted=number(row, "accepted"),
                rejected=number(row, "rejected"),
            )
            for row in rows(told, "pools")
        ],
        errors=[str(code) for code in errors] if isinstance(errors, list) else None,
    )


def _describe(replies: Replies) -> Identity:
    data = replies.by_command.get(DATA, {})
    return Identity(
        vendor=text(data, "make"),
        model=text(data, "model"),
        firmware=text(data, "firmware"),
        serial=text(data, "serial"),
        mac=text(data, "mac"),
        rated_hashrate_ths=number(data, "ideal_ths"),
    )


def _recognises(answer: Row) -> bool:
    """Know them by a word of their own, without starting the child for every stranger."""
    if _PROTO in answer or _REALM in text(answer, "realm").lower():
        return True
    names = " ".join(map(str, (*answer, *answer.values()))).lower()
    return any(mark in names for mark in _MARKS)


FAMILY = Family(
    name="foreign",
    fast=(DATA,),
    about=(DATA,),
    slow=(POOLS,),
    recognises=_recognises,
    read=read,
    describe=_describe,
    details=_details,
    link=Foreign,
)
