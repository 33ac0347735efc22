"""Plain boxes and words; a text is always set as text, never as markup."""

from nicegui import ui
from nicegui.elements.mixins.text_element import TextElement

from lode_ui.figures import MISSING, Figure


class Words(TextElement):
    """A piece of text in a tag of its own; assign `text` to change it."""

    def __init__(self, text: str, style: str = "", tag: str = "span") -> None:
        super().__init__(tag=tag, text=text)
        if style:
            self.classes(style)


def box(style: str = "", tag: str = "div") -> ui.element:
    """Make a container."""
    made = ui.element(tag)
    return made.classes(style) if style else made


def shape(name: str, tone: str = "") -> ui.element:
    """Draw one of the style sheet's shapes, for the eye only."""
    drawn = box(f"lode-shape lode-shape-{name}{f' lode-{tone}' if tone else ''}", "span")
    drawn.props["aria-hidden"] = "true"
    return drawn


def title(text: str, tag: str = "h2") -> Words:
    """Head a section."""
    return Words(text, "lode-title", tag)


def note(text: str) -> Words:
    """Say something in small print."""
    return Words(text, "lode-note", "p")


class Value:
    """A figure whose number is large and whose unit is small."""

    def __init__(self, style: str = "lode-value") -> None:
        with box(style, "span"):
            self._number = Words(MISSING, "lode-value-number")
            self._unit = Words("", "lode-value-unit")

    def show(self, figure: Figure | str) -> None:
        """Show a new figure in place."""
        shown = figure if isinstance(figure, Figure) else Figure(figure)
        self._number.text = shown.value
        self._unit.text = shown.unit
