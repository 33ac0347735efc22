"""Which family a rig belongs to, by what it answers to `version`, or to the vendors' own words."""

from lode_edge.drivers.asic import antminer, avalon, braiins, luxos, whatsminer
from lode_edge.drivers.asic.family import Family
from lode_edge.drivers.asic.reply import Replies, rows

# Tried in this order: LuxOS and Braiins also say which Antminer they run on.
FAMILIES: tuple[Family, ...] = (
    luxos.FAMILY,
    braiins.FAMILY,
    whatsminer.FAMILY,
    avalon.FAMILY,
    antminer.FAMILY,
)
# Asked one after the other until a family recognises itself.
QUESTIONS = ("version", "get_version", "devdetails")


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
