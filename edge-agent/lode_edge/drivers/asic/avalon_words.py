"""The texts of `Key[value]` pairs that Avalons put into their `stats`."""

import re
from collections.abc import Iterable

from lode_edge.drivers.asic.reply import Row, as_number

_PAIR = re.compile(r"(\w{1,24})\[([^\[\]]*)\]")
_TEXT_LIMIT = 64 << 10  # characters; the longest recorded has 9,000


def pairs(rows: Iterable[Row]) -> dict[str, str]:
    """Take the texts of `stats` apart into their pairs."""
    found: dict[str, str] = {}
    for row in rows:
        for key, value in row.items():
            if isinstance(value, str) and (key.startswith("MM ID0") or key == "HBinfo"):
                found.update(_PAIR.findall(value[:_TEXT_LIMIT]))
    return found


def is_switched_off(stats: dict[str, str]) -> bool:
    """Tell whether the rig says that it was switched off by an order, or idles and cannot say."""
    return bool(as_number(stats["SoftOFF"])) if "SoftOFF" in stats else is_idle(stats)


def is_idle(stats: dict[str, str]) -> bool:
    """Tell whether the rig says that it was switched off by an order, or that it idles."""
    return "In Idle" in stats.get("SYSTEMSTATU", "") or bool(as_number(stats.get("SoftOFF")))
