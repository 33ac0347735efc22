"""Signs of state: shape, colour and word together."""

from collections.abc import Sequence
from dataclasses import dataclass

from lode_ui.states import Look
from lode_ui.widgets.text import Words, box, shape


class Sign:
    """A state as shape and word; it changes in place."""

    def __init__(self, look: Look, *, is_pill: bool = False) -> None:
        self._style = "lode-pill" if is_pill else "lode-state"
        with box(self._style, "span") as self._box:
            self._shape = shape(look.shape)
            self._word = Words(look.word, "lode-state-word")
        self._look: Look | None = None
        self.show(look)

    def show(self, look: Look) -> None:
        """Show another state."""
        if look == self._look:
            return
        self._look = look
        self._box.classes(replace=f"{self._style} lode-{look.tone}")
        self._box.props["title"] = look.meaning
        self._shape.classes(replace=f"lode-shape lode-shape-{look.shape}")
        self._word.text = look.word

    def hide(self, is_hidden: bool) -> None:
        """Show it or not."""
        self._box.set_visibility(not is_hidden)


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """One segment of a bar: how many are in this state, and where to see them."""

    look: Look
    count: int
    target: str  # an address made of our own words and numbers only


class StateBar:
    """How many are in each state: one bar of segments, and its legend with counts."""

    def __init__(self, parts: Sequence[Part]) -> None:
        self._segments = []
        self._entries = []
        with box("lode-bar") as bar:
            bar.props["aria-hidden"] = "true"
            for part in parts:
                self._segments.append(box(f"lode-bar-part lode-{part.look.tone}"))
        with box("lode-legend"):
            for part in parts:
                self._entries.append(_Entry(part))

    def show(self, counts: Sequence[int]) -> None:
        """Show new counts, in the order of the parts."""
        for segment, entry, count in zip(self._segments, self._entries, counts, strict=True):
            segment.set_visibility(count > 0)
            segment.style(replace=f"flex-grow: {count:d}")
            entry.show(count)


class _Entry:
    def __init__(self, part: Part) -> None:
        with box(f"lode-legend-entry lode-{part.look.tone}", "a") as self._link:
            self._link.props["href"] = part.target
            self._link.props["title"] = part.look.meaning
            shape(part.look.shape)
            Words(part.look.word)
            self._count = Words("0", "", "b")

    def show(self, count: int) -> None:
        self._link.set_visibility(count > 0)
        self._count.text = f"{count:,}"
