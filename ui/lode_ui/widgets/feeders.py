"""What a curtailment takes off each feeder, and off the site."""

from collections.abc import Mapping
from dataclasses import dataclass

from lode_hub.queries.command_nouns import CurtailmentRow
from lode_ui import figures
from lode_ui.figures import MISSING
from lode_ui.widgets.keyed import Keyed
from lode_ui.widgets.layout import card, cell, table
from lode_ui.widgets.text import Words, box, note

HEADS = ("Feeder", "Rigs#", "Now#", "Taken off#", "After#")


@dataclass(frozen=True, kw_only=True, slots=True)
class _Line:
    name: str
    rigs: int
    now_w: float | None
    off_w: float


class FeederTable:
    """One line a feeder, the site last; a feeder whose meter is not known has no now and after."""

    def __init__(self) -> None:
        with card("Feeders and site", comes_first=True):
            note("What rigs draw now is taken off; a sleeping rig still draws a little.")
            with table(HEADS, label="Feeders and site") as body:
                self._lines = Keyed[_Line](body, lambda line: line.name, lambda _: _Row())

    def show(self, row: CurtailmentRow, meters: Mapping[str, float | None]) -> None:
        """Show the sums; `meters` are what each meter of the site measures now."""
        is_begun = row.started_ms is not None
        lines = [
            _Line(
                name=each.feeder or "feeder not known",
                rigs=each.rigs,
                now_w=None if is_begun else meters.get(each.feeder),
                off_w=each.power_w,
            )
            for each in row.feeders
        ]
        whole = _Line(
            name=f"Site {row.site}",
            rigs=len(row.taken),
            now_w=row.site_power_w,
            off_w=row.expected_w,
        )
        self._lines.show([*lines, whole])


class _Row:
    def __init__(self) -> None:
        with box("", "tr") as self.root:
            with cell():
                self._name = Words("", "lode-wrap")
            self._values = []
            for head in HEADS[1:]:
                with cell(numeric=True, head=head.rstrip("#")):
                    self._values.append(Words(MISSING))

    def show(self, line: _Line) -> None:
        self._name.text = line.name
        after_w = None if line.now_w is None else line.now_w - line.off_w
        shown = (
            f"{line.rigs:,}",
            str(figures.power(line.now_w)),
            str(figures.power(-line.off_w)),
            str(figures.power(after_w)),
        )
        for words, text in zip(self._values, shown, strict=True):
            words.text = text
