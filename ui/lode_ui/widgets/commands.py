"""Commands as rows: what, for whom, how far, by whom."""

from lode_hub.queries.command_nouns import CommandRow
from lode_ui import said
from lode_ui.figures import MISSING
from lode_ui.stages import BAD, STAGE, look
from lode_ui.widgets.age import Age
from lode_ui.widgets.layout import blank, cell
from lode_ui.widgets.sign import Sign
from lode_ui.widgets.text import Words, box

HEADS = ("Command", "State", "Power", "By", "When#")
PLAIN_HEADS = ("Command", "State", "When#")


class CommandLine:
    """One command in a table, a way to its own page; short where its device is known anyway."""

    def __init__(self, command: CommandRow, *, is_plain: bool = False) -> None:
        self._is_plain = is_plain
        with box("", "tr") as self.root:
            with cell(), box("lode-command-what"):
                self._what = Words("", "lode-link", "a")
                self._what.props["href"] = address(command.command_id)
                self._target = Words("", "lode-note")
            with cell(head="State"), box("lode-command-state"):
                self._stage = Sign(STAGE["queued"])
                self._reason = Words("", "lode-note")
            if not is_plain:
                with cell(head="Power") as self._power_cell:
                    self._power = Words("")
                with cell(head="By"), box("lode-command-what lode-who"):
                    self._by = Words("", "lode-wrap")
                    self._approved = Words("", "lode-note")
            with cell(numeric=True, head="When"):
                self._at = Age()

    def show(self, command: CommandRow) -> None:
        """Show the command's present state."""
        self._what.text = said.ordered(command.action, command.order)
        self._target.text = f"by {command.actor}" if self._is_plain else said.target(command)
        self._stage.show(look(command.action, command.stage))
        why = said.reason(command.reason) if command.stage in BAD else ""
        self._reason.text = " · ".join(part for part in (said.progress(command), why) if part)
        self._at.show(command.created_ms)
        if not self._is_plain:
            self._power.text = said.power(command.power_before_w, command.power_after_w)
            blank(self._power_cell, is_blank=self._power.text == MISSING)
            self._by.text = command.actor
            others = [name for name in command.approved_by if name != command.actor]
            self._approved.text = f"approved by {', '.join(others)}" if others else ""


def address(command_id: str) -> str:
    """Give the page of a command; the id is one of the hub's own."""
    return f"/commands/{command_id}" if command_id.isalnum() else "/commands"
