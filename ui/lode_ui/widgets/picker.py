"""A list to pick one of a few values from, without a form around it."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Generic, TypeVar

from nicegui import ui
from nicegui.events import GenericEventArguments

from lode_ui.widgets.form import VALUE
from lode_ui.widgets.text import Words

T = TypeVar("T", bound=str)


class Picker(Generic[T]):
    """Calls back with the value that was picked; the first one is to begin with."""

    def __init__(
        self, label: str, names: Mapping[T, str], pick: Callable[[T], Awaitable[None]]
    ) -> None:
        self.value: T = next(iter(names))
        with ui.element("select").classes("lode-input lode-picker") as self.root:
            for value, name in names.items():
                Words(name, "", "option").props["value"] = value
        self.root.props["aria-label"] = label

        async def picked(event: GenericEventArguments) -> None:
            found = next((value for value in names if value == str(event.args)), None)
            if found is not None:
                self.value = found
                await pick(found)

        self.root.on("change", picked, js_handler=VALUE)
