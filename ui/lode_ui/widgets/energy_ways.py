"""Ways by which calls come, and what is reported back to those who called."""

from lode_hub.queries.energy_nouns import ProgrammeRow, ReportRow
from lode_ui import energy_words as words
from lode_ui.widgets.age import Age
from lode_ui.widgets.layout import cell
from lode_ui.widgets.sign import Sign
from lode_ui.widgets.text import Words, box

WAY_HEADS = ("Programme", "State", "Last heard")
REPORT_HEADS = ("Report", "State", "Due", "Taken")


class WayLine:
    """One programme: how its calls come, and whether they can."""

    def __init__(self) -> None:
        with box("", "tr") as self.root:
            with cell(), box("lode-command-what"):
                self._name = Words("", "lode-wrap", "b")
                self._ways = Words("", "lode-note")
            with cell(head="State"), box("lode-command-state"):
                self._sign = Sign(words.BY_HAND)
                self._why = Words("", "lode-note")
            with cell(head="Last heard"):
                self._heard = Age()

    def show(self, row: tuple[ProgrammeRow, int]) -> None:
        """Show how it fares at a moment."""
        programme, now_ms = row
        self._name.text = programme.name
        self._ways.text = words.ways(programme)
        look, why = words.programme(programme, now_ms)
        self._sign.show(look)
        self._why.text = why
        self._heard.show(programme.ok_ms)


class ReportLine:
    """One report to a VTN, and why it has not been taken."""

    def __init__(self) -> None:
        with box("", "tr") as self.root:
            with cell(), box("lode-command-what"):
                self._event = Words("", "lode-wrap", "b")
                self._programme = Words("", "lode-note")
            with cell(head="State"), box("lode-command-state"):
                self._sign = Sign(words.REPORT["waits"])
                self._why = Words("", "lode-note")
            with cell(head="Due"):
                self._due = Age(form="clock")
            with cell(head="Taken"):
                self._sent = Age(missing="not yet")

    def show(self, row: tuple[str, ReportRow]) -> None:
        """Show how it fares."""
        programme, report = row
        self._event.text = f"event {report.event}"
        self._programme.text = f"of {programme}"
        self._sign.show(words.REPORT[report.state])
        self._why.text = words.report(report)
        self._due.show(report.first_due_ms)
        self._sent.show(report.sent_ms)
