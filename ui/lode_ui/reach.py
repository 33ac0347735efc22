"""What a curtailment is to reach, and what it has reached, in words and sums."""

from collections.abc import Sequence

from lode_hub.queries.command_nouns import CommandDetail, CommandRow, CurtailmentRow
from lode_ui import figures
from lode_ui.states import Look

SOURCE = {"meters": "its meters", "rigs": "what the rigs say", "none": "nothing that is known"}

SECONDS = 10.0
"""Below it the orders' own way to the rigs takes as long."""

PREVIEW = Look(word="Preview", tone="info", shape="query", meaning="nothing was sent")
UNDER_WAY = Look(word="Under way", tone="info", shape="down", meaning="not every rig is down yet")
HOLDS = Look(word="Holds", tone="good", shape="check", meaning="every rig of it is proved down")
TROUBLE = Look(word="In trouble", tone="bad", shape="alert", meaning="not every rig obeys")
OVER = Look(word="Over", tone="idle", shape="disc", meaning="holds nothing any more")


def title(row: CurtailmentRow) -> str:
    """Say what was asked: `Reduce north by 1,500 kW`."""
    ask = row.asked.get("ask") or {}
    if ask.get("reduce_to_w") is not None:
        return f"Reduce {row.site} to {_kw(ask['reduce_to_w'])}"
    if ask.get("reduce_by_w") is not None:
        return f"Reduce {row.site} by {_kw(ask['reduce_by_w'])}"
    return f"Curtail all of {row.site}"


def how(row: CurtailmentRow) -> str:
    """Say what the need was counted from."""
    ask = row.asked.get("ask") or {}
    if ask.get("reduce_to_w") is not None:
        return f"to come down to {_kw(ask['reduce_to_w'])}"
    if ask.get("reduce_by_w") is not None:
        return "as asked"
    return "every rig that can be put to sleep"


def source(row: CurtailmentRow) -> str:
    """Say whose figure the site's power is."""
    return SOURCE[row.site_power_source]


def basis(row: CurtailmentRow) -> str:
    """Say how sure the expected saving is."""
    rated = sum(rig.is_rated for rig in row.taken)
    if rated:
        return f"at most; {rated:,} rigs by their rating, for they measure no power"
    return "at most: a sleeping rig draws a little"


def pace(row: CurtailmentRow) -> str:
    """Say how long it takes down, and back up."""
    if row.down_s is None and row.up_s is None:
        return "No agent tells a ramp: as fast as rigs obey, and so back up."
    down, up = _at_best(row.down_s), _at_best(row.up_s)
    return f"By the agents' ramps it takes {down} at best, and {up} back up."


def way_back(row: CurtailmentRow) -> str:
    """Say how rigs come back."""
    within = "" if row.up_s is None else f", in {_at_best(row.up_s)} at best"
    return f"rigs come back, the most efficient first, by the envelope's ramps{within}"


def _at_best(seconds: float | None) -> str:
    return "seconds" if seconds is None or seconds < SECONDS else figures.duration(seconds)


def form(row: CurtailmentRow) -> dict[str, str]:
    """Give the form's fields as an address carries them, to change and preview it again."""
    ask, terms = row.asked.get("ask") or {}, row.asked.get("terms") or {}
    to_w, by_w = ask.get("reduce_to_w"), ask.get("reduce_by_w")
    power_w = by_w if to_w is None else to_w
    given = {
        "at": row.site,
        "way": "to" if to_w is not None else "by" if by_w is not None else "all",
        "kw": "" if power_w is None else f"{power_w / 1000:g}",
        "out": ", ".join(sorted(ask.get("excluding") or ())),
        "end": str(terms.get("at_end") or ""),
        "lost": str(terms.get("if_lost") or ""),
    }
    return {name: value for name, value in given.items() if value}


def saved_w(details: Sequence[CommandDetail]) -> float | None:
    """Add up what was proved of the rigs that are effective; None while none is proved by power."""
    proved = [
        device.power_before_w - device.power_after_w
        for detail in details
        for device in detail.devices
        if device.stage == "effective"
        and device.power_before_w is not None
        and device.power_after_w is not None
    ]
    return sum(proved) if proved else None


def _kw(power_w: float) -> str:
    return str(figures.number(power_w / 1000, "kW"))


def look(row: CurtailmentRow, commands: Sequence[CommandRow]) -> Look:
    """Say how a curtailment stands."""
    if row.started_ms is None:
        return PREVIEW
    stages = {command.stage for command in commands}
    if commands and not any(command.is_held for command in commands):
        is_bad = stages & {"failed", "refused", "expired"}
        return TROUBLE if is_bad else OVER
    if stages & {"failed", "refused", "expired", "drifted"}:
        return TROUBLE
    return HOLDS if stages <= {"effective", "released"} and stages else UNDER_WAY
