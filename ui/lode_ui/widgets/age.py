"""Ages and times of day, counted on and set to local time by the browser."""

from typing import Literal

from nicegui import ui


class Age(ui.element, component="age.js"):
    """The age of an observation; it grows old on screen when no newer one comes."""

    def __init__(
        self,
        at_ms: int | None = None,
        *,
        form: Literal["ago", "clock", "plain"] = "ago",
        stale_s: float | None = None,
        missing: str = "never",
    ) -> None:
        super().__init__()
        self.classes("lode-age")
        self.props.update({"at": at_ms, "form": form, "stale": stale_s, "missing": missing})

    def show(self, at_ms: int | None) -> None:
        """Count from another observation on."""
        if self.props["at"] != at_ms:
            self.props["at"] = at_ms
            self.update()
