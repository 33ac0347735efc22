"""Tiles: one large number each, with what it means and how it went in the last hour."""

from collections.abc import Sequence

from nicegui import ui

from lode_ui.figures import Figure
from lode_ui.widgets.text import Value, Words, box

WIDTH, HEIGHT = 160.0, 36.0


class Tile:
    """A label, a large figure, a remark below it, and a small line of its past."""

    def __init__(self, label: str, *, has_spark: bool = False) -> None:
        with box("lode-card lode-tile", "section"):
            self._label = Words(label, "lode-tile-label", "h2")
            self._value = Value("lode-value lode-value-large")
            self._remark = Words("", "lode-note")
            self._spark = Spark() if has_spark else None

    def show(self, figure: Figure, remark: str = "") -> None:
        """Show a new figure, and what there is to say about it."""
        self._value.show(figure)
        self._remark.text = remark

    def label(self, text: str) -> None:
        """Call it something else."""
        self._label.text = text

    def draw(self, values: Sequence[float | None]) -> None:
        """Draw the past."""
        if self._spark:
            self._spark.show(values)


class Spark:
    """A line without axes: the shape of the last hour, with its gaps."""

    def __init__(self) -> None:
        with ui.element("svg").classes("lode-spark") as picture:
            picture.props.update(
                {
                    "viewBox": f"0 0 {WIDTH:g} {HEIGHT:g}",
                    "preserveAspectRatio": "none",
                    "aria-hidden": "true",
                }
            )
            self._path = ui.element("path")
            self._path.props["d"] = ""

    def show(self, values: Sequence[float | None]) -> None:
        """Draw the values from left to right, at equal steps."""
        drawn = _path(values)
        if self._path.props["d"] != drawn:
            self._path.props["d"] = drawn
            self._path.update()


def _path(values: Sequence[float | None]) -> str:
    known = [value for value in values if value is not None]
    if not known[1:]:
        return ""
    low, high = min(known), max(known)
    # A steady line is drawn in the middle, and its noise is not blown up to the full height.
    span = max(high - low, abs(high) * 0.02, 1e-9)
    middle = (high + low) / 2
    step = WIDTH / max(1, len(values) - 1)
    moves, pen = [], "M"
    for index, value in enumerate(values):
        if value is None:
            pen = "M"
            continue
        height = HEIGHT / 2 - (value - middle) / span * (HEIGHT - 6)
        moves.append(f"{pen}{index * step:.1f} {height:.1f}")
        pen = "L"
    return "".join(moves)
