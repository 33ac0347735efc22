"""Turns the pages of a long list."""

from collections.abc import Awaitable, Callable

from lode_ui.widgets.button import Button
from lode_ui.widgets.text import Words, box


class Pager:
    """Which part of how many is shown; hidden while all of it is."""

    def __init__(
        self,
        size: int,
        turned: Callable[[], Awaitable[None]],
        words: tuple[str, str] = ("Previous", "Next"),
    ) -> None:
        self.size = size
        self.offset = 0
        self._turned = turned
        with box("lode-pager") as self._box:
            self._back = Button(words[0], self._turn_back)
            self._said = Words("", "lode-note")
            self._on = Button(words[1], self._turn_on)

    def show(self, total: int) -> None:
        """Say where in how many this is; an offset beyond the end goes back to it."""
        if self.offset >= total:
            self.offset = max(0, (total - 1) // self.size * self.size)
        last = min(total, self.offset + self.size)
        self._said.text = f"{self.offset + 1:,} to {last:,} of {total:,}"
        self._box.set_visibility(total > self.size)
        self._back.forbid("" if self.offset else "This is the beginning")
        self._on.forbid("" if last < total else "This is the end")

    async def _turn_back(self) -> None:
        self.offset = max(0, self.offset - self.size)
        await self._turned()

    async def _turn_on(self) -> None:
        self.offset += self.size
        await self._turned()
