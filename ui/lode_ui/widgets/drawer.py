"""What opens in place: a form below what it changes, and a button that asks once more."""

from collections.abc import Awaitable, Callable

from lode_ui.widgets.button import Button
from lode_ui.widgets.text import box


class Drawer:
    """A place for one form at a time; empty until it is opened."""

    def __init__(self) -> None:
        self._place = box("lode-act")
        self.close()

    def open(self, build: Callable[[], object]) -> None:
        """Show what `build` makes, instead of what was there."""
        self._place.clear()
        with self._place:
            build()
        self._place.set_visibility(True)

    async def finish(self) -> None:
        """Put it away, as the last thing a form does."""
        self.close()

    def close(self) -> None:
        """Put it away."""
        self._place.clear()
        self._place.set_visibility(False)


class Confirmed(Button):
    """A button that asks once more before it does something that cannot be taken back."""

    def __init__(self, word: str, question: str, act: Callable[[], Awaitable[None]]) -> None:
        self._word, self._question, self._do = word, question, act
        self._is_asking = False
        super().__init__(word, self._asked)
        self.on("blur", self._leave, [])

    async def _asked(self) -> None:
        if not self._is_asking:
            self._is_asking, self.text = True, self._question
            self.classes(add="lode-button-danger")
            return
        await self._do()
        if not self.is_deleted:
            self._leave()

    def _leave(self) -> None:
        self._is_asking, self.text = False, self._word
        self.classes(remove="lode-button-danger")
