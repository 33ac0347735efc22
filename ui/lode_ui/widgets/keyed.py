"""A list that changes in place: rows stay where they are while their subject stays."""

from collections.abc import Callable, Hashable, Iterable
from typing import Generic, Protocol, TypeVar

from nicegui import ui

T = TypeVar("T")
T_contra = TypeVar("T_contra", contravariant=True)


class Shown(Protocol[T_contra]):
    """One row: its outermost element, and how to fill it."""

    root: ui.element

    def show(self, item: T_contra) -> None:
        """Show the item's present state."""


class Keyed(Generic[T]):
    """Keeps one row for each key, in the order given, without building again what is there."""

    def __init__(
        self,
        place: ui.element,
        key: Callable[[T], Hashable],
        build: Callable[[T], Shown[T]],
    ) -> None:
        self._place = place
        self._key = key
        self._build = build
        self._rows: dict[Hashable, Shown[T]] = {}

    def show(self, items: Iterable[T]) -> None:
        """Make, fill, move and remove rows until they are the items."""
        wanted = {self._key(item): item for item in items}
        for key in [key for key in self._rows if key not in wanted]:
            self._rows.pop(key).root.delete()
        for place, (key, item) in enumerate(wanted.items()):
            row = self._rows.get(key) or self._add(key, item)
            row.show(item)
            self._put(row.root, place)

    def _add(self, key: Hashable, item: T) -> Shown[T]:
        with self._place:
            row = self._build(item)
        self._rows[key] = row
        return row

    def _put(self, root: ui.element, place: int) -> None:
        if self._place.default_slot.children[place] is not root:
            root.move(self._place, place)
