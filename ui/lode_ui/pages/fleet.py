"""All rigs in one table."""

from lode_ui.desk import Desk
from lode_ui.widgets.fleet import Column, FleetGrid
from lode_ui.widgets.layout import whole_height

COLUMNS = (
    Column(field="name", title="Rig", kind="name", width=130, flex=2, min=100),
    Column(field="state", title="State", kind="state", width=126, min=122),
    Column(field="rack", title="Rack", kind="text", width=72, room=720),
    Column(field="model", title="Model", kind="text", width=150, flex=3, min=130, room=720),
    Column(
        field="hashrate",
        title="Hashrate",
        kind="number",
        unit="TH/s",
        digits=1,
        width=92,
        min=80,
    ),
    Column(
        field="share",
        title="Of rated",
        kind="share",
        unit="%",
        digits=0,
        width=98,
        hint="hashrate by rated hashrate",
        room=1240,
    ),
    Column(field="power", title="Power", kind="number", unit="W", digits=0, width=80, room=720),
    Column(
        field="efficiency",
        title="Efficiency",
        kind="number",
        unit="J/TH",
        digits=1,
        width=92,
        room=860,
    ),
    Column(
        field="chip_temp",
        title="Chip",
        kind="heat",
        unit="°C",
        digits=1,
        width=80,
        min=68,
        limit="chip_temp_max",
        hint="hottest chip; marked from 5 °C below its limit",
    ),
    Column(
        field="board_temp",
        title="Board",
        kind="heat",
        unit="°C",
        digits=1,
        width=80,
        limit="board_temp_max",
        hint="hottest board; marked from 5 °C below its limit",
        room=1160,
    ),
    Column(field="fan", title="Fan", kind="number", unit="rpm", digits=0, width=74, room=1080),
    Column(
        field="boards",
        title="Boards",
        kind="ofwhole",
        unit="of rated",
        digits=0,
        width=82,
        limit="rated_boards",
        room=1200,
    ),
    Column(field="uptime", title="Uptime", kind="lasted", digits=0, width=104, room=1320),
    Column(field="at", title="Age", kind="age", unit="of reading", digits=0, width=96, room=720),
    Column(field="alerts", title="Alerts", kind="alerts", digits=0, width=84, room=720),
)

WORDS: dict[str, object] = {
    "search": "Search name, rack, model, address",
    "rigs": "rigs",
    "of": "of",
    "clear": "Clear filters",
    "loading": "Fetching the rigs …",
    "trouble": "The rigs cannot be fetched just now; trying again.",
    "empty": "No rig has reported yet.",
    "emptyHint": "Rigs appear once an agent that reads them runs: lode-edge run --config FILE",
    "choices": {
        "site": {"label": "Site", "all": "All sites"},
        "rack": {"label": "Rack", "all": "All racks"},
        "model": {"label": "Model", "all": "All models"},
    },
}


class FleetPage:
    """The table, told at each beat that there may be something new to fetch."""

    title = "Fleet"

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._beat = 0
        self._grid: FleetGrid | None = None
        self._place = whole_height()

    async def refresh(self) -> None:
        """Make the table once the sites are known, then let it fetch."""
        self._beat += 1
        if self._grid is None:
            site = self._desk.site_name(await self._desk.answers.sites())
            with self._place:
                self._grid = FleetGrid(COLUMNS, WORDS, site)
        self._grid.show(self._beat)
