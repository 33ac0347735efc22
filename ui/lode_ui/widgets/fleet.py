"""The table of all rigs: AG Grid, filled over HTTP; ten thousand rows never travel twice."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Literal

import nicegui.elements.aggrid  # noqa: F401  (registers the AG Grid that fleet.js imports)
from nicegui import ui

from lode_ui.states import RIG, RIG_ORDER

Kind = Literal[
    "name", "state", "text", "number", "share", "heat", "ofwhole", "lasted", "age", "alerts"
]


@dataclass(frozen=True, kw_only=True, slots=True)
class Column:
    """One column: what it holds, how it is shown, and whether a phone shows it too."""

    field: str
    title: str
    kind: Kind
    unit: str = ""
    digits: int | None = None
    width: int = 100
    min: int = 60
    flex: int = 0
    limit: str = ""  # the field that bounds this one
    hint: str = ""
    pinned: str = ""
    room: int = 0  # shown from this width of the table on, in px


class FleetGrid(ui.element, component="fleet.js"):
    """Shows all rigs, or one site's; it fetches what has changed whenever the beat moves on."""

    def __init__(
        self, columns: Sequence[Column], words: dict[str, object], site: str | None
    ) -> None:
        super().__init__()
        self.props.update(
            {
                "beat": 0,
                "columns": [asdict(column) for column in columns],
                "states": [{"state": state, **asdict(RIG[state])} for state in reversed(RIG_ORDER)],
                "words": words,
                "site": site or "",
            }
        )

    def show(self, beat: int) -> None:
        """Say that there is something new to fetch."""
        self.props["beat"] = beat
        self.update()
