"""All alerts: open, acknowledged, resolved."""

from collections.abc import Sequence
from typing import Literal

from lode_hub.queries.nouns import AlertRow
from lode_ui.acts import alert_handlers
from lode_ui.desk import ALERT_LIMIT, Desk
from lode_ui.states import SEVERITY_ORDER
from lode_ui.widgets.alerts import AlertItem
from lode_ui.widgets.choice import Choice
from lode_ui.widgets.keyed import Keyed
from lode_ui.widgets.layout import Empty, columns
from lode_ui.widgets.search import Search
from lode_ui.widgets.text import note, title

Shown = Literal["open", "acknowledged", "resolved"]
STATES: dict[Shown, str] = {"open": "Open", "acknowledged": "Acknowledged", "resolved": "Resolved"}
PAGE = 100

EMPTY: dict[Shown, tuple[str, str]] = {
    "open": ("Nothing is wrong.", "Alerts appear here the moment they open."),
    "acknowledged": ("Nobody is working on an alert.", "Acknowledge an open one to take it on."),
    "resolved": ("No alert has been resolved yet.", "What is over is kept here."),
}
NO_HIT = ("No alert matches the filter.", "Clear it to see all.")


class AlertsPage:
    """One state's alerts at a time, the gravest first, filtered by words."""

    title = "Alerts"

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._state: Shown = "open"
        self._words: list[str] = []
        title("Alerts", "h1")
        with columns("toolbar"):
            self._choice = Choice("State of the alerts", STATES, "open", self._choose)
            Search("Filter by rig, rule, site or text", self._filter)
        self._empty = Empty("")
        handlers = alert_handlers(desk)
        self._list = Keyed[AlertRow](
            columns("alerts"),
            lambda alert: alert.alert_id,
            lambda alert: AlertItem(alert, handlers, is_full=True),
        )
        self._more = note("")

    async def refresh(self) -> None:
        """Ask for the alerts of the chosen state."""
        answers = self._desk.answers
        site = self._desk.site_name(await answers.sites())
        if self._state == "resolved":
            alerts = await answers.resolved_alerts()
        else:
            alerts = [a for a in await answers.active_alerts() if a.state == self._state]
        alerts = [alert for alert in alerts if site in (None, alert.site)]
        hits = [alert for alert in alerts if _matches(alert, self._words)]
        self._show(sorted(hits, key=_order), is_filtered=bool(alerts))

    def _show(self, alerts: Sequence[AlertRow], *, is_filtered: bool) -> None:
        self._list.show(alerts[:PAGE])
        self._empty.say(*(NO_HIT if is_filtered else EMPTY[self._state]))
        self._empty.show(not alerts)
        hidden = len(alerts) - PAGE
        limited = f"; at most the newest {ALERT_LIMIT} are searched"
        self._more.text = f"and {hidden:,} more: filter to see them{limited}" if hidden > 0 else ""

    async def _choose(self, state: Shown) -> None:
        self._state = state
        await self.refresh()

    async def _filter(self, text: str) -> None:
        self._words = text.lower().split()
        await self.refresh()


def _matches(alert: AlertRow, words: Sequence[str]) -> bool:
    about = (alert.subject, alert.rule, alert.title, alert.site or "", alert.severity)
    text = " ".join((*about, alert.likely_cause, alert.acknowledged_by or "")).lower()
    return all(word in text for word in words)


def _order(alert: AlertRow) -> tuple[int, int]:
    if alert.state == "resolved":
        return (0, -(alert.resolved_ms or alert.opened_ms))
    return (SEVERITY_ORDER.index(alert.severity), -alert.opened_ms)
