"""Braiins OS on port 4028 (bosminer and boser), from its documentation: one command per subject.

Only `version` has been recorded from a rig; the rest follows docs.braiins.com, BOSminer API.
A paused bosminer answers `devdetails` with the message `Unavailable`.
"""

from lode_edge.drivers.asic.family import Family, Identity
from lode_edge.drivers.asic.figures import Board, Figures
from lode_edge.drivers.asic.reply import Replies, Row, hashrate_ths, number, text
from lode_edge.errors import NotNow


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


FAMILY = Family(
    name="braiins",
    fast=("summary", "devs", "temps", "fans", "tunerstatus", "devdetails"),
    about=("devdetails",),
    recognises=lambda version: any(key.startswith("BOS") for key in version),
    read=read,
    describe=_describe,
)
