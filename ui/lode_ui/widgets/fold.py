"""Rigs that share a reason, folded under it with their count; names are made once it opens."""

from collections.abc import Sequence
from typing import Protocol

from lode_ui.widgets.keyed import Keyed
from lode_ui.widgets.pager import Pager
from lode_ui.widgets.text import Words, box

PAGE = 50


class Named(Protocol):
    """A rig, and what more is known of why."""

    @property
    def device_id(self) -> int:
        """Its number."""

    @property
    def name(self) -> str:
        """What its owner calls it."""

    @property
    def detail(self) -> str:
        """What more is known; empty: nothing."""


class Fold:
    """One reason and its rigs, a page of them at a time."""

    def __init__(self, word: str, meaning: str) -> None:
        self._rigs: Sequence[Named] = ()
        self._is_open = False
        with box("lode-fold") as self.root:
            with box("lode-fold-head", "button") as self._head:
                self._head.props.update({"type": "button", "aria-expanded": "false"})
                box("lode-fold-arrow", "span").props["aria-hidden"] = "true"
                self._count = Words("", "lode-fold-count", "b")
                with box("lode-fold-words", "span"):
                    Words(word, "lode-fold-word")
                    Words(meaning, "lode-note")
            with box("lode-fold-body") as self._body:
                self._list = Keyed[Named](box("lode-names", "ul"), lambda rig: rig.device_id, _Name)
                self._pager = Pager(PAGE, self._turned)
                self._more = Words("", "lode-note", "p")
        self._head.on("click", self._clicked, [])
        self._body.set_visibility(False)

    def show(self, rigs: Sequence[Named], *, is_searched: bool, n: int | None = None) -> None:
        """Show these; `n` says how many there are when not all of them are named."""
        count = len(rigs) if n is None else n
        self._rigs = rigs
        self._more.text = f"{count - len(rigs):,} more are not named here." * (count > len(rigs))
        self.root.set_visibility(count > 0)
        self._count.text = f"{count:,}"
        if is_searched and rigs:
            self._open(True)
        self._fill()

    async def _clicked(self) -> None:
        self._open(not self._is_open)
        self._fill()

    async def _turned(self) -> None:
        self._fill()

    def _open(self, is_open: bool) -> None:
        self._is_open = is_open
        self._body.set_visibility(is_open)
        self._head.props["aria-expanded"] = "true" if is_open else "false"
        self._head.update()

    def _fill(self) -> None:
        if not self._is_open:
            return  # ten thousand names are not made to be hidden
        self._pager.show(len(self._rigs))
        start = self._pager.offset
        self._list.show(self._rigs[start : start + PAGE])


class _Name:
    def __init__(self, rig: Named) -> None:
        with box("lode-name", "li") as self.root:
            name = Words(rig.name, "lode-link", "a")
            name.props["href"] = f"/rigs/{rig.device_id:d}"
            self._detail = Words("", "lode-note")

    def show(self, rig: Named) -> None:
        self._detail.text = rig.detail


def fits(name: str, detail: str, words: Sequence[str]) -> bool:
    """Tell whether every word is found in a rig's name or detail."""
    text = f"{name} {detail}".lower()
    return all(word in text for word in words)
