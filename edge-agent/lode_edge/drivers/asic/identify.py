"""Which family a rig belongs to, by what it answers to the questions of its possible doors.

API port, as cgminer has it ─► web port ─► web on the API port ─► WhatsMiner's 4433
"""

from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from lode_edge.drivers.asic import (
    antminer,
    antminer_web,
    avalon,
    bitaxe,
    braiins,
    epic,
    foreign,
    luxos,
    vnish,
    whatsminer,
    whatsminer_v3,
)
from lode_edge.drivers.asic.family import Family
from lode_edge.drivers.asic.hands import Rig
from lode_edge.drivers.asic.link import WEB_PORT, Direct, Link
from lode_edge.drivers.asic.reply import Replies, rows
from lode_edge.http import Web

# Tried in this order: LuxOS, VNish and Braiins also say which Antminer they run on, and WhatsMiners
# of version 3 that they are WhatsMiners.
FAMILIES: tuple[Family, ...] = (
    luxos.FAMILY,
    vnish.FAMILY,
    braiins.FAMILY,
    braiins.REST,
    braiins.GRAPHQL,
    whatsminer_v3.FAMILY,
    whatsminer.FAMILY,
    avalon.FAMILY,
    antminer.FAMILY,
    antminer_web.FAMILY,
    epic.FAMILY,
    bitaxe.FAMILY,
    foreign.FAMILY,  # last: its marks are the weakest
)


class _Page:
    """A web port, asked without any login: who wants one says so, and says where it is for."""

    def __init__(self, host: str, port: int) -> None:
        self._web = Web(host, port)

    async def ask(self, command: str, *, deadline: float) -> bytes:
        """Get a page; a refused login gives its realm."""
        response = await self._web.request("GET", command, deadline=deadline)
        if response.status == 401:  # noqa: PLR2004 -- HTTP's own number
            return msgspec.json.encode({"realm": response.headers.get("www-authenticate", "")})
        return response.good(f"{self._web.host}:{self._web.port} {command}")


def _web(rig: Rig) -> Link:
    return _Page(rig.host, rig.beside(WEB_PORT))


def _web_on_api(rig: Rig) -> Link:
    return _Page(rig.host, rig.port)


@dataclass(frozen=True, slots=True)
class Door:
    """One way in, and what is asked there, one after the other, until a family is recognised."""

    questions: tuple[str, ...]
    link: Callable[[Rig], Link]


DOORS: tuple[Door, ...] = (
    Door(("version", "get_version", "devdetails"), Direct),
    Door(
        (
            "/api/v1/info",
            "/api/v1/version",
            "/api/system/info",
            "/api/v1/system",
            "/cgi-bin/get_system_info.cgi",
        ),
        _web,
    ),
    Door((epic.CAPABILITIES,), _web_on_api),
    Door((whatsminer_v3.INFO,), whatsminer_v3.Framed),
)
QUESTIONS = tuple(question for door in DOORS for question in door.questions)


def recognise(replies: Replies) -> Family | None:
    """Tell the family by the answers there are; None when they do not show it."""
    for question in QUESTIONS:
        answer = replies.by_command.get(question, {})
        seen = (*rows(answer, "VERSION"), *rows(answer, "DEVDETAILS"), answer)
        for family in FAMILIES:
            if any(family.recognises(row) for row in seen):
                return family
        if any(row.get("Driver") == "bitmicro" for row in seen):
            return whatsminer.FAMILY
    return None
