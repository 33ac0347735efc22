"""Alerts as a list: what is wrong, since when, why, and who has it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial

from lode_hub.queries.nouns import AlertRow
from lode_ui import alarm_words
from lode_ui.evidence import readable
from lode_ui.states import ALERT, SEVERITY
from lode_ui.widgets.age import Age
from lode_ui.widgets.button import Button
from lode_ui.widgets.sign import Sign
from lode_ui.widgets.text import Words, box

Act = Callable[[int], Awaitable[None]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Handlers:
    """What the buttons of an alert do; None: the person may not."""

    acknowledge: Act | None = None
    resolve: Act | None = None


class AlertItem:
    """One alert with its buttons; short on the overview, with evidence on the alerts page."""

    def __init__(self, alert: AlertRow, handlers: Handlers, *, is_full: bool) -> None:
        self._is_full = is_full
        with box("lode-alert", "li") as self.root:
            with box("lode-alert-head"):
                self._severity = Sign(SEVERITY[alert.severity])
                self._state = Sign(ALERT[alert.state])
                self._since = Age(alert.since_ms)
            self._title = Words("", "lode-alert-title lode-link", "a")
            self._title.props["href"] = f"/alerts/{alert.alert_id:d}"
            with box("lode-alert-about"):
                self._subject = _subject(alert)
                Words(" · ".join(alarm_words.where(alert)), "lode-note")
            self._cause = Words("", "lode-alert-cause", "p")
            if is_full:
                self._evidence = box("lode-evidence", "dl")
                self._evidence_shown: dict[str, object] | None = None
                self._history = _History()
            with box("lode-alert-buttons") as self._buttons:
                self._acknowledge = _button("Acknowledge", alert.alert_id, handlers.acknowledge)
                self._resolve = _button("Resolve", alert.alert_id, handlers.resolve)

    def show(self, alert: AlertRow) -> None:
        """Show the alert's present state."""
        self.root.classes(replace=f"lode-alert lode-{SEVERITY[alert.severity].tone}")
        if alert.state == "resolved":
            self.root.classes("lode-alert-over")
        self._severity.show(SEVERITY[alert.severity])
        self._state.show(ALERT[alert.state])
        self._since.show(alert.since_ms)
        self._title.text = alert.title or alert.rule
        self._cause.text = f"Likely cause: {alert.likely_cause}" if alert.likely_cause else ""
        if self._acknowledge:
            self._acknowledge.set_visibility(alert.state == "open")
        if self._resolve:
            self._resolve.set_visibility(alert.state != "resolved")
        if self._is_full:
            self._history.show(alert)
            self._show_evidence(alert.evidence)

    def _show_evidence(self, evidence: dict[str, object]) -> None:
        if evidence == self._evidence_shown:
            return
        self._evidence_shown = evidence
        self._evidence.clear()
        with self._evidence:
            for name, value in readable(evidence):
                with box("lode-fact"):
                    Words(name, "", "dt")
                    Words(value, "", "dd")


class _History:
    def __init__(self) -> None:
        with box("lode-alert-history"):
            Words("opened")
            self._opened = Age(form="clock")
            with box("", "span") as self._taken:
                self._by = Words("")
                self._acknowledged = Age(form="clock")
            with box("", "span") as self._over:
                Words("resolved")
                self._resolved = Age(form="clock")

    def show(self, alert: AlertRow) -> None:
        self._opened.show(alert.opened_ms)
        self._by.text = f"acknowledged by {alert.acknowledged_by or 'somebody'}"
        self._acknowledged.show(alert.acknowledged_ms)
        self._taken.set_visibility(alert.acknowledged_ms is not None)
        self._resolved.show(alert.resolved_ms)
        self._over.set_visibility(alert.resolved_ms is not None)


def _subject(alert: AlertRow) -> Words:
    page = alarm_words.page_of(alert)
    if not page:
        return Words(alert.subject)
    link = Words(alert.subject, "lode-link", "a")
    link.props["href"] = page
    return link


def _button(word: str, alert_id: int, act: Act | None) -> Button | None:
    return None if act is None else Button(word, partial(act, alert_id))
