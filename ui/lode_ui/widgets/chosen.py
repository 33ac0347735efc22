"""What is done with the alerts that were chosen: a bar that stays in sight."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial

from lode_ui import figures
from lode_ui.alarm_acts import HOUR_MS
from lode_ui.widgets.button import Button
from lode_ui.widgets.form import TextField
from lode_ui.widgets.layout import columns
from lode_ui.widgets.text import Words, box


@dataclass(frozen=True, kw_only=True, slots=True)
class Does:
    """What the bar's buttons do; each is given the note."""

    acknowledge: Callable[[str], Awaitable[None]]
    shelve: Callable[[int, str], Awaitable[None]]  # for so long, in ms
    clear: Callable[[], Awaitable[None]]


class ChosenBar:
    """How many are chosen, a note, and the buttons; hidden while none is."""

    def __init__(self, does: Does) -> None:
        with box("lode-chosen", "section") as self._box:
            self._box.props.update({"aria-label": "Chosen alerts", "aria-live": "polite"})
            self._count = Words("", "lode-chosen-count", "b")
            self._note = TextField("Note", example="what you know, for who comes after you")
            with columns("buttons"):
                Button("Acknowledge chosen", self._acknowledge, "lode-button-main")
                Button("Shelve 1 h", partial(self._shelve, HOUR_MS))
                Button("Shelve 8 h", partial(self._shelve, 8 * HOUR_MS))
                Button("Clear", does.clear)
        self._does = does
        self._box.set_visibility(False)

    def show(self, chosen: int) -> None:
        """Show how many are chosen."""
        self._box.set_visibility(chosen > 0)
        self._count.text = f"{figures.plural(chosen, 'alert')} chosen"

    async def _acknowledge(self) -> None:
        await self._does.acknowledge(self._note.value)

    async def _shelve(self, for_ms: int) -> None:
        await self._does.shelve(for_ms, self._note.value)
