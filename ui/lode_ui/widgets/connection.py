"""The sign that says whether the page is live, and the banner when it is not."""

from nicegui import ui

LATE_S = 12.0
"""The hub speaks to every page at least each 5 s; after this the page calls it gone."""

WORDS = {
    "live": "Live",
    "trouble": "Hub in trouble",
    "lost": "Hub lost",
    "updated": "last answer",
    "gone": "The hub does not answer. This page comes back by itself as soon as it does.",
    "from": "The numbers are from",
}


class Connection(ui.element, component="connection.js"):
    """Shows live, hub in trouble, hub lost; reconnects and reloads by itself."""

    def __init__(self, now_ms: int) -> None:
        super().__init__()
        self.props.update(
            {"now": now_ms, "heard": now_ms, "problem": "", "words": WORDS, "late": LATE_S}
        )

    def good(self, now_ms: int) -> None:
        """Say that everything on the page was answered now."""
        self.props.update({"now": now_ms, "heard": now_ms, "problem": ""})
        self.update()

    def bad(self, now_ms: int, problem: str) -> None:
        """Say that the hub lives but could not answer."""
        self.props.update({"now": now_ms, "problem": problem})
        self.update()
