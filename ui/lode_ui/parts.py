"""A device's further points, sorted into parts: `board.2.temp` is board 2's temperature."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from lode_hub.queries.nouns import PointRow

_NUMBERED = re.compile(r"(?P<kind>[a-z_]+)\.(?P<number>\d{1,4})(?:\.(?P<quantity>[a-z_]+))?")

QUANTITIES = {
    "hashrate": "Hashrate",
    "chips": "Chips",
    "temp": "Board temp",
    "chip_temp": "Chip temp",
    "": "Speed",
}


_ORDER = {name: place for place, name in enumerate(QUANTITIES.values())}


@dataclass(slots=True)
class Group:
    """Parts of one kind: a row for each, a column for each quantity; or one part a point."""

    title: str
    quantities: list[str] = field(default_factory=list)
    rows: dict[str, dict[str, PointRow]] = field(default_factory=dict)

    @property
    def oldest_ms(self) -> int | None:
        """Give the time of the oldest value shown."""
        times = [point.at_ms for row in self.rows.values() for point in row.values()]
        return min(times, default=None)


def grouped(points: Sequence[PointRow]) -> list[Group]:
    """Group points by kind of part, in the order in which the kinds first come."""
    groups: dict[str, Group] = {}
    for point in sorted(points, key=_natural):
        match = _NUMBERED.fullmatch(point.point)
        if match:
            kind, part = match["kind"], f"{_words(match['kind'])} {int(match['number'])}"
            quantity = QUANTITIES.get(match["quantity"] or "", _words(match["quantity"] or ""))
        else:
            kind, part, quantity = "", point.point, "Value"
        group = groups.setdefault(kind, Group(f"{_words(kind)}s" if kind else "Further points"))
        group.rows.setdefault(part, {})[quantity] = point
        if quantity not in group.quantities:
            group.quantities.append(quantity)
    for group in groups.values():
        group.quantities.sort(key=lambda name: _ORDER.get(name, len(_ORDER)))
    return sorted(groups.values(), key=lambda group: group.title == "Further points")


def _natural(point: PointRow) -> list[tuple[int, int, str]]:
    pieces = re.split(r"(\d+)", point.point)
    return [(1, int(piece), "") if piece.isdecimal() else (0, 0, piece) for piece in pieces]


def _words(name: str) -> str:
    return name.replace("_", " ").strip().capitalize()
