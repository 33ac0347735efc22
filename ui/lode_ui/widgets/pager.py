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


class Turns:
    """Turns the pages of a list that nobody counts: each begins after the last row of another."""

    def __init__(self, turned: Callable[[], Awaitable[None]], words: tuple[str, str]) -> None:
        self._turned = turned
        self._begins: list[int | None] = [None]
        self._next: int | None = None
        with box("lode-pager") as self._box:
            self._back = Button(words[0], self._turn_back)
            self._said = Words("", "lode-note")
            self._on = Button(words[1], self._turn_on)
        self._box.set_visibility(False)

    @property
    def at(self) -> int | None:
        """After which row this page begins; None: it is the first."""
        return self._begins[-1]

    def begin(self) -> None:
        """Go back to the first page."""
        self._begins = [None]

    def show(self, following: int | None) -> None:
        """Say after which row the next page begins; None: this is the last."""
        self._next = following
        self._said.text = f"page {len(self._begins):,}"
        self._box.set_visibility(following is not None or len(self._begins) > 1)
        self._back.forbid("" if len(self._begins) > 1 else "This is the beginning")
        self._on.forbid("" if following is not None else "This is the end")

    async def _turn_back(self) -> None:
        self._begins.pop()
        await self._turned()

    async def _turn_on(self) -> None:
        self._begins.append(self._next)
        await self._turned()
