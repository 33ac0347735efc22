"""The head of a curtailment's page."""

from collections.abc import Sequence

from lode_hub.queries.command_nouns import CommandRow, CurtailmentRow
from lode_ui import reach, said
from lode_ui.widgets.age import Age
from lode_ui.widgets.sign import Sign
from lode_ui.widgets.text import Words, box

AT_END = {"restore": "then what there was is given back", "hold": "then all stays as it is"}


class CurtailmentHead:
    """What was asked, how it stands, by whom and until when."""

    def __init__(self, site_id: int | None) -> None:
        with box("lode-rig-head"):
            back = Words("\N{LEFTWARDS ARROW} Curtail", "lode-link", "a")
            back.props["href"] = f"/curtail?site={site_id:d}" if site_id else "/curtail"
            self._name = Words("…", "lode-rig-name", "h1")
            with box("lode-rig-signs") as self._signs:
                self._sign = Sign(reach.PREVIEW, is_pill=True)
                self._meaning = Words("", "lode-note")
                with box("lode-note", "span"):
                    self._by = Words("")
                    Words(" ")
                    self._age = Age()
                self._until = Words("", "lode-note")
        self._signs.set_visibility(False)

    def show_missing(self) -> None:
        """Say that there is none."""
        self._name.text = "No such curtailment"
        self._signs.set_visibility(False)

    def show(self, row: CurtailmentRow, commands: Sequence[CommandRow]) -> None:
        """Show how it stands."""
        self._signs.set_visibility(True)
        self._name.text = reach.title(row)
        shown = reach.look(row, commands)
        self._sign.show(shown)
        self._meaning.text = shown.meaning
        is_begun = row.started_ms is not None
        who = row.started_by if is_begun else row.person
        self._by.text = f"{'started' if is_begun else 'made'} by {who}"
        self._age.show(row.started_ms if is_begun else row.made_ms)
        terms = row.asked.get("terms") or {}
        until = terms.get("until_ms")
        held = f"until {said.moment(until)}" if until else "until it is ended"
        self._until.text = f"{held}, {AT_END.get(terms.get('at_end') or '', '')}".rstrip(", ")
