"""The head of one alert: how grave, what, where, since when, and why nobody is told."""

from lode_hub.queries.nouns import AlertRow
from lode_ui import alarm_words, figures
from lode_ui.states import ALERT, SEVERITY
from lode_ui.widgets.age import Age
from lode_ui.widgets.reading import Reading
from lode_ui.widgets.sign import Sign
from lode_ui.widgets.text import Words, box

READINGS = ("Lasts", "At stake", "Cause", "Sure", "Rule")


class AlertHead:
    """Filled in place."""

    def __init__(self) -> None:
        with box("lode-alert-top"):
            with box("lode-inbox-signs"):
                self._severity = Sign(SEVERITY["info"], is_pill=True)
                self._state = Sign(ALERT["open"], is_pill=True)
            self._title = Words("", "lode-rig-name", "h1")
            with box("lode-alert-about"):
                self._subject = Words("", "lode-link", "a")
                self._where = Words("", "lode-note")
                with box("lode-note", "span"):
                    Words("since ")
                    self._since = Age(form="clock")
        with box("lode-notice lode-warn", "p") as self._quiet:
            self._why = Words("")
            self._explains = Words("Look at it.", "lode-link", "a")
        with box("lode-readings lode-alert-figures"):
            self._readings = {name: Reading(name) for name in READINGS}

    def show(self, alert: AlertRow) -> None:
        """Show the alert's present state."""
        self._severity.show(SEVERITY[alert.severity])
        self._state.show(ALERT[alert.state])
        self._title.text = alert.title or alert.rule
        self._subject.text = alert.subject
        page = alarm_words.page_of(alert)
        if page and "href" not in self._subject.props:
            self._subject.props["href"] = page
            self._subject.update()
        self._where.text = " · ".join(alarm_words.where(alert))
        self._since.show(alert.since_ms)
        self._show_quiet(alert)

    def _show_quiet(self, alert: AlertRow) -> None:
        why = alarm_words.untold(alert.untold) if alert.state != "resolved" else ""
        self._quiet.set_visibility(bool(why))
        self._why.text = f"Nobody is told of this. {why}"
        number = alarm_words.explained_by(alert.untold)
        self._explains.set_visibility(number is not None)
        if number is not None and self._explains.props.get("href") != f"/alerts/{number:d}":
            self._explains.props["href"] = f"/alerts/{number:d}"
            self._explains.update()

    def measure(self, alert: AlertRow, now_ms: int) -> None:
        """Show how long it lasts, what it costs, and how sure it is."""
        until_ms = alert.resolved_ms or now_ms
        shown = self._readings
        is_over = alert.state == "resolved"
        shown["Lasts"].show(figures.duration((until_ms - alert.since_ms) / 1e3), _stage(alert))
        is_costly = alert.stake_usd_h is not None and not is_over
        shown["At stake"].show(alarm_words.stake(alert.stake_usd_h), _cost(alert, until_ms),
                               "bad" if is_costly else "")  # fmt: skip
        shown["Cause"].show(alarm_words.cause(alert.cause), "by which it is grouped")
        shown["Sure"].show(figures.percent(alert.confidence, 0), "says the detector")
        version = "" if alert.rule_version is None else f"version {alert.rule_version:d}"
        shown["Rule"].show(alert.rule, version)


def _stage(alert: AlertRow) -> str:
    if alert.state == "resolved":
        return "it is over"
    if alert.flapping_until_ms is not None:
        return "comes and goes"
    return "the trouble is away now" if alert.cleared_ms is not None else ""


def _cost(alert: AlertRow, until_ms: int) -> str:
    if alert.stake_usd_h is None:
        return "not known, or not counted"
    usd = alert.stake_usd_h * max(0, until_ms - alert.since_ms) / 3_600_000
    return f"about ${usd:,.2f} until now" if alert.state != "resolved" else f"about ${usd:,.2f}"
