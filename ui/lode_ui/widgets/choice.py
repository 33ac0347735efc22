"""A row of buttons of which one is chosen."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Generic, TypeVar

from lode_ui.widgets.text import Words, box

T = TypeVar("T", bound=str)


class Choice(Generic[T]):
    """Offers a few values by name; calls back with the chosen one."""

    def __init__(
        self,
        label: str,
        names: Mapping[T, str],
        chosen: T,
        choose: Callable[[T], Awaitable[None]],
    ) -> None:
        self._choose = choose
        self._buttons: dict[T, Words] = {}
        with box("lode-choice") as group:
            group.props.update({"role": "group", "aria-label": label})
            for value, name in names.items():
                self._buttons[value] = self._button(value, name)
        self._mark(chosen)

    def _button(self, value: T, name: str) -> Words:
        button = Words(name, "lode-choice-button", "button")
        button.props["type"] = "button"

        async def clicked() -> None:
            self._mark(value)
            await self._choose(value)

        button.on("click", clicked, [])
        return button

    def _mark(self, chosen: T) -> None:
        for value, button in self._buttons.items():
            button.props["aria-pressed"] = "true" if value == chosen else "false"
            button.update()
