"""A field to filter a list by words."""

from collections.abc import Awaitable, Callable

from nicegui import ui
from nicegui.events import GenericEventArguments

LONGEST = 200


class Search:
    """Calls back with the text a moment after it was typed."""

    def __init__(self, hint: str, search: Callable[[str], Awaitable[None]]) -> None:
        field = ui.element("input").classes("lode-input lode-search")
        field.props.update(
            {"type": "search", "placeholder": hint, "aria-label": hint, "maxlength": LONGEST}
        )

        async def typed(event: GenericEventArguments) -> None:
            await search(str(event.args)[:LONGEST])

        field.on(
            "input",
            typed,
            throttle=0.3,
            leading_events=False,
            js_handler="(event) => emit(event.target.value)",
        )
