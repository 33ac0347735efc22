"""What alerts are called in words: causes, money at stake, and why nobody is told."""

import re

from lode_hub.queries.nouns import AlertRow
from lode_ui.figures import MISSING, Figure

CAUSES: dict[str, str] = {
    "heat": "Heat",
    "hash": "Hashrate",
    "power": "Power",
    "link": "Link",
    "pool": "Pool",
    "control": "Control",
    "quality": "Data quality",
    "money": "Money",
    "cooling": "Cooling",
    "other": "Other",
}

EVENTS: dict[str, str] = {
    "opened": "Opened",
    "worsened": "Graver than people were told",
    "acknowledged": "Acknowledged",
    "resolved": "Resolved",
    "flapping": "Comes and goes; held as one alert",
    "cleared": "The trouble is away",
    "returned": "The trouble is back",
    "untold": "Nobody is told",
    "released": "People are told again",
}

_CENT = 0.01
_EXPLAINED = re.compile(r"inhibited by alert (\d+)")
_WHY = (
    ("shelved", "It is {}."),
    ("silence", "It fits {}."),
    ("maintenance", "It is in {}."),
    ("order", "The {} holds it down."),
    ("settling", "Its reason has just ended; people are told within a minute if it stays."),
)


def cause(name: str) -> str:
    """Name a cause; what is of no rule is Other."""
    return CAUSES.get(name) or name.capitalize() or CAUSES["other"]


def stake(usd_h: float | None) -> Figure:
    """Show the money at stake by hour; unknown is a dash, less than a cent says so."""
    if usd_h is None:
        return Figure(MISSING)
    if 0 < usd_h < _CENT:
        return Figure("< $0.01", "an hour")
    return Figure(f"${usd_h:,.2f}", "an hour")


def page_of(alert: AlertRow) -> str:
    """Give the address of what an alert is about; empty where it has no page of its own."""
    if alert.device_id is not None:
        return f"/rigs/{alert.device_id:d}"
    return "/model" if alert.rule == "model-drift" else ""


def where(alert: AlertRow) -> list[str]:
    """Name the site and the rack of an alert, as far as what it is about does not name them."""
    rack = f"rack {alert.rack}" if alert.rack else ""
    return [place for place in (alert.site, rack) if place and place != alert.subject]


def event(what: str) -> str:
    """Name what happened to an alert."""
    return EVENTS.get(what) or what.replace("_", " ").capitalize()


def untold(reason: str) -> str:
    """Say in a sentence why nobody is told; empty when people are."""
    if not reason:
        return ""
    number = explained_by(reason)
    if number is not None:
        return f"Alert {number:d} explains it."
    for begin, sentence in _WHY:
        if reason.startswith(begin):
            return sentence.format(reason)
    return f"{reason[:1].upper()}{reason[1:]}."


def explained_by(reason: str) -> int | None:
    """Give the alert that explains this one, None when it is another reason."""
    hit = _EXPLAINED.fullmatch(reason)
    return int(hit[1]) if hit else None
