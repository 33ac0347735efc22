"""What happened to an alert, who was told of it, and which devices are its members."""

from lode_hub.queries.alert_nouns import AlertEventRow
from lode_hub.queries.telling import DeliveryRow, DeliveryState
from lode_ui import alarm_words
from lode_ui.figures import MISSING
from lode_ui.states import Look
from lode_ui.widgets.age import Age
from lode_ui.widgets.layout import blank, cell
from lode_ui.widgets.sign import Sign
from lode_ui.widgets.text import Words, box

EVENT_HEADS = ("What", "By", "Note", "When#")
TOLD_HEADS = ("Who", "How", "State", "When#")
DELIVERY: dict[DeliveryState, Look] = {
    "waiting": Look(word="Waiting", tone="info", shape="ring", meaning="is tried again"),
    "sent": Look(word="Sent", tone="good", shape="check", meaning="the channel has taken it"),
    "dead": Look(word="Not delivered", tone="bad", shape="cross", meaning="given up"),
}
WHAT = {"news": "", "escalated": "escalated", "digest": "in a digest"}


class EventLine:
    """One thing that happened."""

    def __init__(self) -> None:
        with box("", "tr") as self.root:
            with cell():
                self._what = Words("", "lode-wrap", "b")
            with cell(head="By"):
                self._by = Words("")
            with cell(head="Note") as self._note_cell:
                self._note = Words("", "lode-wrap")
            with cell(numeric=True, head="When"):
                self._at = Age(form="clock")

    def show(self, event: AlertEventRow) -> None:
        """Show it."""
        self._what.text = alarm_words.event(event.what)
        self._by.text = event.by or "the hub"
        why = alarm_words.untold(event.note) if event.what == "untold" else event.note
        self._note.text = why
        blank(self._note_cell, is_blank=not why)
        self._at.show(event.at_ms)


class ToldLine:
    """One message that the alert was in."""

    def __init__(self) -> None:
        with box("", "tr") as self.root:
            with cell():
                self._who = Words("", "lode-who", "b")
            with cell(head="How"), box("lode-command-what"):
                self._how = Words("", "lode-wrap")
                self._about = Words("", "lode-note")
            with cell(head="State"), box("lode-command-state"):
                self._sign = Sign(DELIVERY["waiting"])
                self._error = Words("", "lode-note")
            with cell(numeric=True, head="When"):
                self._at = Age(form="clock", missing=MISSING)

    def show(self, row: DeliveryRow) -> None:
        """Show how far the message is."""
        self._who.text = row.person or row.recipient or "the channel's own"
        address = row.recipient if row.person else ""
        self._how.text = f"{row.channel} {address}".strip()
        together = f"with {row.alerts - 1:,} others" if row.alerts > 1 else ""
        parts = (WHAT.get(row.what, row.what), together)
        self._about.text = ", ".join(part for part in parts if part)
        self._sign.show(DELIVERY[row.state])
        tried = f"tried {row.attempts:,} times" if row.attempts > 1 else ""
        used = "acknowledged by its link" if row.link_used_ms is not None else ""
        said = row.error or "" if row.state != "sent" else ""
        self._error.text = ", ".join(part for part in (tried, said, used) if part)
        self._at.show(row.finished_ms or row.created_ms)


class MemberLine:
    """One device of an event of many, by its name when it is known."""

    def __init__(self, member: tuple[str, str]) -> None:
        with box("lode-name", "li") as self.root:
            self._name = Words("", "lode-link", "a")
        kind, _, number = member[0].partition(":")
        if kind == "device" and number.isdecimal():
            self._name.props["href"] = f"/rigs/{int(number):d}"

    def show(self, member: tuple[str, str]) -> None:
        """Show its name."""
        self._name.text = member[1]
