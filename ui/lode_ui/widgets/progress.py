"""How far a long computation is, and the button that stops it."""

from collections.abc import Callable

from lode_hub.errors import HubError
from lode_ui.widgets.button import Button
from lode_ui.widgets.layout import columns
from lode_ui.widgets.text import box

Tell = Callable[[float], None]
"""Hears which part is done, 0 to 1."""


class StoppedError(HubError):
    """A person has stopped it, or has left the page."""


class Progress:
    """A bar and a button, hidden while nothing runs."""

    def __init__(self, label: str) -> None:
        self._is_stopped = False
        with columns("stack") as self._root:
            with box("lode-progress") as self._bar:
                self._bar.props.update(
                    {"role": "progressbar", "aria-label": label,
                     "aria-valuemin": "0", "aria-valuemax": "100"}
                )  # fmt: skip
                self._part = box()
            with columns("buttons"):
                Button("Stop", self._stop)
        self._root.set_visibility(False)

    @property
    def is_gone(self) -> bool:
        """Whether the page was left."""
        return self._root.is_deleted

    def begin(self) -> None:
        """Show that nothing is done yet."""
        self._is_stopped = False
        self.tell(0.0)
        self._root.set_visibility(True)

    def end(self) -> None:
        """Put it away."""
        self._root.set_visibility(False)

    def tell(self, part: float) -> None:
        """Show which part is done, 0 to 1.

        Raises:
            StoppedError: it is to stop.
        """
        if self._is_stopped or self.is_gone:
            raise StoppedError("Stopped.")
        percent = f"{part * 100:.0f}"
        if self._bar.props.get("aria-valuenow") != percent:
            self._bar.props["aria-valuenow"] = percent
            self._bar.update()
            self._part.style(replace=f"width: {percent}%")

    async def _stop(self) -> None:
        self._is_stopped = True
