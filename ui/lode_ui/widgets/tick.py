"""A box to tick."""

from collections.abc import Awaitable, Callable

from nicegui import ui
from nicegui.events import GenericEventArguments

TICKED = "(event) => emit(event.target.checked)"


class Tick:
    """Calls back when it is ticked or not; the page may change it, too."""

    def __init__(self, label: str, ticked: Callable[[bool], Awaitable[None]]) -> None:
        self._box = ui.element("input").classes("lode-tick")
        self._box.props.update({"type": "checkbox", "aria-label": label, "checked": False})

        async def changed(event: GenericEventArguments) -> None:
            # The page keeps what the browser shows, or it could not take it back later.
            self.show(event.args is True)
            await ticked(event.args is True)

        self._box.on("change", changed, js_handler=TICKED)

    def show(self, is_ticked: bool) -> None:
        """Show it ticked or not."""
        if self._box.props["checked"] != is_ticked:
            self._box.props["checked"] = is_ticked
            self._box.update()
