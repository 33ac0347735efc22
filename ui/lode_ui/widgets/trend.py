"""Charts over time, drawn by the ECharts that NiceGUI ships; missing data is a gap in the line.

Up to three missing buckets are bridged, dashed, and the chart says so; more is an open gap.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import nicegui.elements.echart  # noqa: F401  (registers the ECharts that trend.js imports)
from nicegui import ui

from lode_hub.queries.nouns import Series, Span
from lode_ui.figures import Scale

EMPTY = "No readings in this time"

APART = 12
"""Marks that are nearer to each other than this part of the width become one."""

MOST_MARKS = 12

SPAN_S: dict[Span, int] = {"hour": 3600, "day": 86_400, "week": 7 * 86_400}


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """One curve: a series, in which scale and ink it is drawn, and on which axis."""

    name: str
    series: Series
    scale: Scale
    digits: int = 1
    color: str = "--accent"
    axis: int = 0
    has_band: bool = False
    has_area: bool = False
    is_dashed: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Limit:
    """A level to compare with, in the unit of the first axis: by default one not to pass."""

    name: str
    value: float
    color: str = "--bad"


@dataclass(frozen=True, kw_only=True, slots=True)
class Event:
    """Something that happened, marked by a line over the whole height."""

    name: str
    at_ms: int


class Trend(ui.element, component="trend.js"):
    """A chart whose right edge is now."""

    def __init__(self, label: str, *, from_zero: bool = True, group: str = "") -> None:
        super().__init__()
        self.props.update(
            {
                "lines": [],
                "limits": [],
                "events": [],
                "from": 0,
                "to": 0,
                "zero": from_zero,
                "group": group,
            }
        )
        self.props.update({"label": label, "empty": EMPTY})

    def show(
        self,
        lines: Sequence[Line],
        span: Span,
        now_ms: int,
        limits: Sequence[Limit] = (),
        *,
        events: Sequence[Event] = (),
    ) -> None:
        """Draw the lines over the span that ends now; sends nothing when nothing is new."""
        drawn = [_drawn(line) for line in lines]
        end_ms = now_ms - now_ms % 5000
        shown = {
            "lines": drawn,
            "limits": [asdict(limit) for limit in limits],
            "events": _marked(events, end_ms - SPAN_S[span] * 1000, end_ms),
            "from": end_ms - SPAN_S[span] * 1000,
            "to": end_ms,
        }
        if any(self.props[key] != value for key, value in shown.items()):
            self.props.update(shown)
            self.update()


def _marked(events: Sequence[Event], from_ms: int, to_ms: int) -> list[dict[str, object]]:
    """Keep the events of the time shown; what falls together is one mark with all its names."""
    apart_ms = (to_ms - from_ms) // APART
    marks: list[tuple[int, list[str]]] = []
    for event in sorted(events, key=lambda event: event.at_ms):
        if not from_ms <= event.at_ms <= to_ms:
            continue
        if marks and event.at_ms - marks[-1][0] < apart_ms:
            if event.name not in marks[-1][1]:
                marks[-1][1].append(event.name)
        else:
            marks.append((event.at_ms, [event.name]))
    return [{"at": at_ms, "name": ", ".join(names)} for at_ms, names in marks[-MOST_MARKS:]]


def _drawn(line: Line) -> dict[str, object]:
    series, factor = line.series, line.scale.factor
    return {
        "name": line.name,
        "unit": line.scale.unit,
        "digits": line.digits,
        "color": line.color,
        "axis": line.axis,
        "area": line.has_area,
        "dashed": line.is_dashed,
        "bucket": series.bucket_s,
        "at": series.at_ms,
        "mean": _divided(series.mean, factor),
        "low": _divided(series.low, factor) if line.has_band else None,
        "high": _divided(series.high, factor) if line.has_band else None,
    }


def _divided(values: Sequence[float | None], factor: float) -> list[float | None]:
    return [None if value is None else round(value / factor, 4) for value in values]
