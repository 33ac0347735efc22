"""A page's first sentence: how grave it is, as shape, colour and words."""

from lode_ui.summary import Verdict
from lode_ui.widgets.text import Words, box, shape


class Sentence:
    """Heads a page with what matters most on it."""

    def __init__(self, text: str) -> None:
        with box("lode-headline") as self._box:
            self._shape = shape("query")
            self._text = Words(text, "lode-headline-text", "h1")

    def show(self, verdict: Verdict) -> None:
        """Say something else."""
        self._box.classes(replace=f"lode-headline lode-{verdict.tone}")
        self._shape.classes(replace=f"lode-shape lode-shape-{verdict.shape}")
        self._text.text = verdict.text
