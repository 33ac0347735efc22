"""Alarms that people have put aside: which, until when, by whom and why; and the way back."""

from collections.abc import Awaitable, Callable

from lode_hub.queries.alert_nouns import ShelfRow
from lode_ui.states import SEVERITY, Look
from lode_ui.widgets.age import Age
from lode_ui.widgets.button import Button
from lode_ui.widgets.layout import blank, cell
from lode_ui.widgets.sign import Sign
from lode_ui.widgets.text import Words, box

HEADS = ("Alarm", "State", "Until#", "Why", "")
ENDED = Look(
    word="Ended", tone="idle", shape="check", meaning="its alert is over; it waits for the next"
)

Back = Callable[[int], Awaitable[None]]


class ShelfLine:
    """One alarm on the shelf; without `back` nobody here may bring it back."""

    def __init__(self, back: Back | None) -> None:
        self._alert_id = 0
        with box("", "tr") as self.root:
            with cell(), box("lode-command-what"):
                self._name = Words("", "lode-link", "a")
                self._about = Words("", "lode-note")
            with cell(head="State"):
                self._sign = Sign(ENDED)
            with cell(numeric=True, head="Until"):
                self._until = Age(form="clock")
            with cell(head="Why"), box("lode-command-what"):
                self._why = Words("", "lode-wrap")
                self._by = Words("", "lode-note")
            with cell(numeric=True) as self._back_cell:
                self._back = Button("Bring back now", self._bring) if back else None
        self._do = back

    def show(self, row: ShelfRow) -> None:
        """Show what is put aside; the alert it was put aside at may be over."""
        self._alert_id = row.alert_id or 0
        self._name.text = row.title or row.subject
        href = f"/alerts/{row.alert_id:d}" if row.alert_id else ""
        if self._name.props.get("href", "") != href:
            self._name.props.pop("href", None)
            if href:
                self._name.props["href"] = href
            self._name.update()
        at = f" at {row.site}" if row.site and row.site != row.subject else ""
        self._about.text = f"rule {row.rule}, {row.subject}{at}"
        self._sign.show(SEVERITY[row.severity] if row.severity else ENDED)
        self._until.show(row.until_ms)
        self._why.text = row.note or "no reason given"
        self._by.text = f"by {row.by}"
        if self._back:
            self._back.set_visibility(row.alert_id is not None)
        blank(self._back_cell, is_blank=row.alert_id is None or self._do is None)

    async def _bring(self) -> None:
        if self._do:
            await self._do(self._alert_id)
