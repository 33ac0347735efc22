"""A device's parts: each board, each fan, whatever else it measures."""

from collections.abc import Sequence

from lode_hub.queries.nouns import PointRow
from lode_ui import figures
from lode_ui.figures import MISSING
from lode_ui.parts import Group, grouped
from lode_ui.widgets.age import Age
from lode_ui.widgets.layout import card, cell, table
from lode_ui.widgets.text import Words, box


class Parts:
    """A table for each kind of part; built again only when the parts themselves change."""

    def __init__(self) -> None:
        self._place = box("lode-stack")
        self._tables: list[_Table] = []
        self._layout: list[object] = []

    def show(self, points: Sequence[PointRow]) -> None:
        """Show the last value of each point."""
        groups = grouped(points)
        layout = [(group.title, tuple(group.quantities), tuple(group.rows)) for group in groups]
        if layout != self._layout:
            self._layout = list(layout)
            self._place.clear()
            with self._place:
                self._tables = [_Table(group) for group in groups]
        for shown, group in zip(self._tables, groups, strict=True):
            shown.show(group)


class _Table:
    def __init__(self, group: Group) -> None:
        heads = [group.title, *(f"{name}#" for name in group.quantities)]
        self._cells: dict[tuple[str, str], Words] = {}
        with card(), table(heads, label=group.title):
            for part in group.rows:
                with box("", "tr"):
                    with cell():
                        Words(part)
                    for quantity in group.quantities:
                        with cell(numeric=True, head=quantity):
                            self._cells[part, quantity] = Words(MISSING)
            with box("", "tr"), cell() as last:
                last.props["colspan"] = len(heads)
                with box("lode-note"):
                    Words("read ")
                    self._age = Age(stale_s=60)

    def show(self, group: Group) -> None:
        for part, row in group.rows.items():
            for quantity, point in row.items():
                words = self._cells[part, quantity]
                words.text = str(figures.number(point.value, point.unit))
        self._age.show(group.oldest_ms)
