"""Silences and maintenance as rows: what, until when, by whom, why; and a button to end them."""

from collections.abc import Awaitable, Callable
from functools import partial

from lode_hub.queries.alert_nouns import MaintenanceRow, SilenceRow
from lode_ui import alarm_words
from lode_ui.states import Look
from lode_ui.widgets.age import Age
from lode_ui.widgets.button import Button
from lode_ui.widgets.layout import cell
from lode_ui.widgets.sign import Sign
from lode_ui.widgets.text import Words, box

HEADS = ("What", "State", "From#", "Until#", "Why", "")
NOW = Look(word="Now", tone="info", shape="disc", meaning="it holds now")
PLANNED = Look(word="Planned", tone="idle", shape="ring", meaning="it has not begun")
OVER = Look(word="Over", tone="idle", shape="check", meaning="it holds no more")

End = Callable[[int], Awaitable[None]]
Row = SilenceRow | MaintenanceRow


class QuietLine:
    """One silence or one maintenance; without `end` nobody here may end it."""

    def __init__(self, row: tuple[bool, Row], end: End | None) -> None:
        is_over, planned = row
        with box("", "tr") as self.root:
            with cell(), box("lode-command-what"):
                self._what = Words("", "lode-wrap", "b")
                self._number = Words("", "lode-note")
            with cell(head="State"):
                self._sign = Sign(PLANNED)
            with cell(numeric=True, head="From"):
                self._from = Age(form="clock")
            with cell(numeric=True, head="Until"):
                self._until = Age(form="clock")
            with cell(head="Why"), box("lode-command-what"):
                self._why = Words("", "lode-wrap")
                self._by = Words("", "lode-note")
            with cell(numeric=True):
                if end is not None and not is_over:
                    Button("End", partial(end, number(planned)))

    def show(self, row: tuple[bool, Row]) -> None:
        """Show what it is about, and whether it holds."""
        is_over, planned = row
        if isinstance(planned, SilenceRow):
            name = f"silence {planned.silence_id:d}"
            self._fill(matched(planned), name, planned.comment, planned.author)
        else:
            rack = f"rack {planned.rack} of " if planned.rack else ""
            name = f"maintenance {planned.maintenance_id:d}"
            self._fill(f"{rack}{planned.site}", name, planned.note, planned.person)
        self._from.show(planned.starts_ms)
        self._until.show(planned.ends_ms)
        holds = NOW if planned.is_active else PLANNED
        self._sign.show(OVER if is_over else holds)

    def _fill(self, what: str, number: str, why: str, by: str) -> None:
        self._what.text, self._number.text = what, number
        self._why.text, self._by.text = why, f"by {by}"


def number(row: Row) -> int:
    """Give what the hub calls it."""
    return row.silence_id if isinstance(row, SilenceRow) else row.maintenance_id


def matched(row: SilenceRow) -> str:
    """Say which alerts a silence fits."""
    cause = alarm_words.cause(row.cause).lower() if row.cause and row.cause != "*" else ""
    parts = (
        f"at {row.site}" if row.site else "at all sites",
        f"rule {row.rule}" if row.rule else "",
        f"about {cause}" if cause else "",
        f"in rack {row.rack}" if row.rack else "",
        f"of {row.called or row.subject}" if row.subject else "",
    )
    return ", ".join(part for part in parts if part)
