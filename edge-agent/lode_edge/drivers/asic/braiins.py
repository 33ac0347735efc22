"""Braiins OS on port 4028 (bosminer and boser), from its documentation: one command per subject.

Only `version` has been recorded from a rig; the rest follows docs.braiins.com, BOSminer API.
A paused bosminer answers `devdetails` with the message `Unavailable`.
Where the rig's REST API or its GraphQL lets us in, that is used in place of this one.
"""

import asyncio

from lode_edge.drivers.asic import braiins_graphql as graphql
from lode_edge.drivers.asic import braiins_rest as rest
from lode_edge.drivers.asic.braiins_graphql_hands import GraphQlHands
from lode_edge.drivers.asic.braiins_hands import RestHands
from lode_edge.drivers.asic.details import of_pools
from lode_edge.drivers.asic.family import Family, Identity
from lode_edge.drivers.asic.figures import Board, Figures
from lode_edge.drivers.asic.hands import Rig
from lode_edge.drivers.asic.reply import Replies, Row, hashrate_ths, number, text
from lode_edge.errors import DriverError, NotNow, Unreachable


def read(replies: Replies) -> Figures:
    """Understand the answers to `summary`, `devs`, `temps`, `fans` and `tunerstatus`."""
    summary = replies.row("summary", "SUMMARY")
    tuner = replies.row("tunerstatus", "TUNERSTATUS")
    nominal = [number(dev, "Nominal MHS") for dev in replies.rows("devs", "DEVS")]
    ideal = sum(mhs for mhs in nominal if mhs is not None) / 1e6
    hashrate = hashrate_ths(summary)
    return Figures(
        hashrate_ths=hashrate,
        power_w=number(tuner, "ApproximateMinerPowerConsumption"),
        boards=_boards(replies),
        fans_rpm=[number(fan, "RPM") for fan in replies.rows("fans", "FANS")],
        accepted=number(summary, "Accepted"),
        rejected=number(summary, "Rejected"),
        uptime_s=number(summary, "Elapsed"),
        ideal_ths=ideal or None,
        is_asleep=not hashrate and _is_paused(replies),
    )


def _boards(replies: Replies) -> list[Board]:
    """Join what each subject says of a board, by its ID."""
    devs, temps = _by_id(replies.rows("devs", "DEVS")), _by_id(replies.rows("temps", "TEMPS"))
    chips = _by_id(replies.rows("devdetails", "DEVDETAILS"))
    nothing: Row = {}
    return [
        Board(
            temp_c=number(temps.get(n, nothing), "Board") or None,
            chip_temp_c=number(temps.get(n, nothing), "Chip") or None,
            hashrate_ths=hashrate_ths(devs.get(n, nothing)),
            chips=number(chips.get(n, nothing), "Chips"),
        )
        for n in sorted(devs.keys() | temps.keys())
    ]


def _by_id(found: list[Row]) -> dict[float, Row]:
    named = ((number(row, "ID"), row) for row in found)
    return {n: row for n, row in named if n is not None}


def _is_paused(replies: Replies) -> bool:
    return isinstance(replies.failed.get("devdetails"), NotNow)


def _describe(replies: Replies) -> Identity:
    version = replies.row("version", "VERSION")
    return Identity(
        vendor="Bitmain",
        model=text(replies.row("devdetails", "DEVDETAILS"), "Model"),
        firmware=f"Braiins OS {text(version, 'BOSer', 'BOSminer', 'BOSminer+')}",
    )


async def _better(rig: Rig, deadline: float) -> Family | None:
    """Try the REST API and then GraphQL, in half of the time there is; None when neither is."""
    loop = asyncio.get_running_loop()
    until = loop.time() + (deadline - loop.time()) / 2
    try:
        await rest.Rest(rig).ask(rest.DETAILS, deadline=until)
    except Unreachable:
        return None
    except DriverError:
        pass
    else:
        return REST
    try:
        await graphql.GraphQl(rig).ask(graphql.UPTIME, deadline=until)
    except DriverError:
        return None
    return GRAPHQL


REST = Family(
    name="braiins_rest",
    fast=(rest.STATS, rest.BOARDS, rest.COOLING, rest.DETAILS),
    about=(rest.DETAILS,),
    slow=(rest.POOLS,),
    rated_by=rest.DETAILS,
    recognises=rest.recognises,
    read=rest.read,
    describe=rest.describe,
    details=rest.details,
    link=rest.Rest,
    hands=RestHands,
)
GRAPHQL = Family(
    name="braiins_graphql",
    fast=(graphql.UPTIME, graphql.SYSTEM, graphql.BOARDS),
    about=(graphql.UPTIME, graphql.SYSTEM, graphql.MODEL, graphql.MAC),
    slow=(graphql.POOLS,),
    recognises=lambda _answer: False,  # never at the door
    read=graphql.read,
    describe=graphql.describe,
    details=graphql.details,
    link=graphql.GraphQl,
    hands=GraphQlHands,
)
FAMILY = Family(
    name="braiins",
    fast=("summary", "devs", "temps", "fans", "tunerstatus", "devdetails"),
    about=("devdetails",),
    slow=("pools",),
    recognises=lambda version: any(key.startswith("BOS") for key in version),
    read=read,
    describe=_describe,
    details=of_pools,
    better=_better,
    hands=RestHands,  # it says why it is not let in
)
