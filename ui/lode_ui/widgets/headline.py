"""The first sentence of a page."""

from lode_ui.summary import Verdict
from lode_ui.widgets.age import Age
from lode_ui.widgets.text import Words, box, shape


class Headline:
    """Says whether anything is wrong, and how old the newest reading is."""

    def __init__(self) -> None:
        with box("lode-headline") as self._box:
            self._shape = shape("query")
            self._text = Words("Asking the hub …", "lode-headline-text", "h1")
            with box("lode-note lode-headline-age"):
                Words("newest reading ")
                self._age = Age(stale_s=30, missing="none yet")

    def show(self, verdict: Verdict, newest_ms: int | None) -> None:
        """Show a new verdict."""
        self._box.classes(replace=f"lode-headline lode-{verdict.tone}")
        self._shape.classes(replace=f"lode-shape lode-shape-{verdict.shape}")
        self._text.text = verdict.text
        self._age.show(newest_ms)
