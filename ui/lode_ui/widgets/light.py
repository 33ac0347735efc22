"""The fault light of a device: on, off, and for how long it blinks."""

from collections.abc import Awaitable, Callable

from lode_ui.widgets.age import Age
from lode_ui.widgets.button import Button
from lode_ui.widgets.layout import card, columns
from lode_ui.widgets.outcome import Outcome
from lode_ui.widgets.text import Words, box, note


class Light:
    """Two buttons; a light that was left on is seen."""

    def __init__(self, blink: Callable[[bool], Awaitable[None]], why_not: str) -> None:
        self._why_not = why_not
        with card("Identify light"):
            with box("lode-notice lode-info", "p") as self._on:
                Words("Blinking for ")
                self._since = Age(form="plain")
                Words(", until it is switched off.")
            with columns("buttons"):
                self._start = Button("Blink", lambda: blink(True), "lode-button-main")
                self._stop = Button("Stop blinking", lambda: blink(False))
            self._why = note("")
            self.outcome = Outcome()
        self._on.set_visibility(False)

    def show(self, obstacle: str, since_ms: int | None) -> None:
        """Show whether it can blink, and since when it does."""
        why = self._why_not or obstacle
        self._why.text = why
        self._start.forbid(why)
        self._stop.forbid(why)
        self._on.set_visibility(since_ms is not None)
        self._since.show(since_ms)
