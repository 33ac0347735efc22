"""A button that does one thing at a time."""

from collections.abc import Awaitable, Callable

from lode_ui.widgets.text import Words


class Button(Words):
    """Calls back when it is clicked, and cannot be clicked again until that is done."""

    def __init__(self, word: str, act: Callable[[], Awaitable[None]], style: str = "") -> None:
        super().__init__(word, f"lode-button {style}".strip(), "button")
        self.props["type"] = "button"
        self._act = act
        self._why = ""
        self._is_busy = False
        self.on("click", self._clicked, [])

    def forbid(self, why: str) -> None:
        """Let it not be clicked, and say why; an empty text lets it again."""
        if why != self._why:
            self._why = why
            self._mark()

    async def _clicked(self) -> None:
        if self._is_busy or self._why:
            return
        self._is_busy = True
        self._mark()
        try:
            await self._act()
        finally:
            self._is_busy = False
            if not self.is_deleted:
                self._mark()

    def _mark(self) -> None:
        self.props.pop("disabled", None)
        self.props.pop("title", None)
        if self._is_busy or self._why:
            self.props["disabled"] = True
        if self._why:
            self.props["title"] = self._why
        self.update()
