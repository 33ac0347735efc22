"""The recorded replies of real miners, and how live numbers are put into them.

A reply is STATUS, one section of rows, and an id; see recorded/NOTICE for where they come from.
"""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from importlib import resources

import msgspec

from lode_sim.rig import Rig, Snapshot

Row = dict[str, object]
Reply = dict[str, object]
Answer = Callable[[Rig, Snapshot], Reply]


@dataclass(frozen=True, slots=True)
class Request:
    """What somebody asks at a web port; header names are in lower case."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Page:
    """What a web port answers; a body that is not bytes is sent as JSON."""

    status: int
    body: object = b""
    headers: tuple[tuple[str, str], ...] = ()


# Commands that change something; a rig that was not told to trust the caller refuses them.
PRIVILEGED = frozenset(
    {"addpool", "ascset", "curtail", "disablepool", "enablepool", "fanset", "logon", "pause"}
    | {"power_off", "power_on", "profileset", "quit", "reboot", "removepool", "restart", "resume"}
    | {"restart_btminer", "save", "set_led", "setconfig", "start", "stop", "switchpool"}
    | {"tempctrlset", "update_pools", "zero"}
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Vendor:
    """How one firmware speaks."""

    commands: dict[str, Answer]
    joins: bool  # takes "summary+stats" as one command
    description: str  # in STATUS of refusals
    refuse: Callable[[str, int, str, int], Reply]  # description, code, message, when
    # What changes something on the API's port, and the commands that do; None: not such an order.
    obey: Callable[[Rig, Row, Snapshot], Reply | None] | None = None
    writes: frozenset[str] = frozenset()
    reads: frozenset[str] = frozenset()  # parameters with which such a command changes nothing
    web: Callable[[Rig, Request], Page] | None = None
    logs_in_at: str = "/unlock"  # the end of a path that is posted to, and changes nothing
    asks_with: tuple[bytes, ...] = ()  # how bodies begin that are posted to ask, not to tell
    framed: Callable[[Rig, Row, Snapshot], Reply] | None = None  # on WhatsMiner's 4433
    api: bool = True  # has cgminer's API at all
    has_web_on_api: bool = False  # has its pages on the API's port


@dataclass(frozen=True, kw_only=True, slots=True)
class Recording:
    """One recorded reply taken apart."""

    status: Row
    section: str
    rows: list[Row]

    def reply(self, when: int, rows: list[Row] | None = None) -> Reply:
        """Put the reply together again with another time and other rows."""
        rows = self.rows if rows is None else rows
        return {"STATUS": [{**self.status, "When": when}], self.section: rows, "id": 1}


@functools.cache
def load(folder: str, command: str) -> Recording:
    """Read a recording; folder is such as `antminer/v2020`."""
    whole = msgspec.json.decode(_text(folder, command), type=dict[str, object])
    section = next(key for key in whole if key not in {"STATUS", "id"})
    return Recording(
        status=msgspec.convert(whole["STATUS"], list[Row])[0],
        section=section,
        rows=msgspec.convert(whole[section], list[Row]),
    )


@functools.cache
def load_flat(folder: str, command: str) -> Row:
    """Read a recording of the WhatsMiner kind, with STATUS as one letter."""
    return msgspec.json.decode(_text(folder, command), type=dict[str, object])


def unchanged(folder: str, command: str) -> Answer:
    """Make an answer that is the recording with another time."""

    def answer(_rig: Rig, now: Snapshot) -> Reply:
        return load(folder, command).reply(now.when)

    return answer


def composed(code: int, message: str, description: str, section: str, rows: list[Row]) -> Recording:
    """Make a reply of which no recording exists, in the shape that the maker documents."""
    status: Row = {"STATUS": "S", "Code": code, "Msg": message, "Description": description}
    return Recording(status=status, section=section, rows=rows)


def refuse(description: str, code: int, message: str, when: int) -> Reply:
    """Refuse as cgminer does."""
    status = {"STATUS": "E", "When": when, "Code": code, "Msg": message}
    return {"STATUS": [{**status, "Description": description}], "id": 1}


def _text(folder: str, command: str) -> bytes:
    return (resources.files("lode_sim") / "recorded" / folder / f"{command}.json").read_bytes()
