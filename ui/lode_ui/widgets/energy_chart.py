"""Charts of what holds from one moment to another, before now and after; gaps stay gaps."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import nicegui.elements.echart  # noqa: F401  (registers the ECharts that energy_chart.js imports)
from nicegui import ui

Dash = Literal["solid", "dashed", "dotted"]
NOW_STEP_MS = 30_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Held:
    """Values that each hold for `step_ms` from their moment on; None is not known.

    Stacked ones stand on each other as areas, the first at the bottom; they share their moments.
    """

    name: str
    at_ms: Sequence[int]
    values: Sequence[float | None]
    step_ms: int
    digits: int = 1
    color: str = "--accent"
    dash: Dash = "solid"
    width: float = 1.8
    is_bar: bool = False
    is_stacked: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Mark:
    """A span that is told apart: what it is, and what kind of thing in the key."""

    name: str
    kind: str
    from_ms: int
    until_ms: int
    color: str


class HeldChart(ui.element, component="energy_chart.js"):
    """Lines and bars in one unit, with the spans that matter and the line of now."""

    def __init__(self, label: str, empty: str) -> None:
        super().__init__()
        self.props.update({"lines": [], "marks": [], "from": 0, "to": 0, "now": 0, "unit": ""})
        self.props.update({"label": label, "empty": empty})

    def show(
        self,
        lines: Sequence[Held],
        marks: Sequence[Mark],
        *,
        span_ms: tuple[int, int],
        now_ms: int,
        unit: str,
    ) -> None:
        """Draw them; sends nothing when nothing is new."""
        begin, end = span_ms
        shown = {
            "lines": [_drawn(line) for line in lines],
            "marks": [_marked(mark) for mark in marks if _in(mark, span_ms)],
            "from": begin,
            "to": end,
            "now": now_ms - now_ms % NOW_STEP_MS,
            "unit": unit,
        }
        if any(self.props[key] != value for key, value in shown.items()):
            self.props.update(shown)
            self.update()


def _in(mark: Mark, span_ms: tuple[int, int]) -> bool:
    return mark.from_ms < span_ms[1] and mark.until_ms > span_ms[0]


def _drawn(line: Held) -> dict[str, object]:
    return {
        "name": line.name,
        "digits": line.digits,
        "color": line.color,
        "dash": line.dash,
        "width": line.width,
        "bar": line.is_bar,
        "stacked": line.is_stacked,
        "step": line.step_ms,
        "at": list(line.at_ms),
        "value": [None if value is None else round(value, 4) for value in line.values],
    }


def _marked(mark: Mark) -> dict[str, object]:
    return {
        "name": mark.name,
        "kind": mark.kind,
        "color": mark.color,
        "from": mark.from_ms,
        "until": mark.until_ms,
    }
