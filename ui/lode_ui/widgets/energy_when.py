"""From when until when, by the clock of whoever looks."""

from lode_ui.widgets.age import Age
from lode_ui.widgets.text import Words, box


class When:
    """A span in the reader's own time, as the charts have it."""

    def __init__(self) -> None:
        with box("lode-when", "span"):
            self._from = Age(form="clock")
            Words("to")
            self._until = Age(form="clock")

    def show(self, from_ms: int, until_ms: int) -> None:
        """Show another span."""
        self._from.show(from_ms)
        self._until.show(until_ms)
