"""Proposals that wait for a second person."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from lode_hub.queries.command_nouns import CommandRow
from lode_ui import said
from lode_ui.stages import STAGE
from lode_ui.widgets.age import Age
from lode_ui.widgets.button import Button
from lode_ui.widgets.commands import address
from lode_ui.widgets.layout import columns
from lode_ui.widgets.sign import Sign
from lode_ui.widgets.text import Words, box

Say = Callable[[], Awaitable[None]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Says:
    """What the person may say to a proposal; None: there is no such button."""

    approve: Say | None = None
    decline: Say | None = None
    take_back: Say | None = None


class Approval:
    """One proposal: what, of whom, by whom, until when, and the buttons there are."""

    def __init__(self, command: CommandRow, says: Says) -> None:
        with box("lode-approval") as self.root:
            with box("lode-approval-words"):
                Sign(STAGE["proposed"])
                self._what = Words("", "lode-link lode-approval-what", "a")
                self._what.props["href"] = address(command.command_id)
                self._about = Words("", "lode-note")
                with box("lode-note", "span"):
                    Words("proposed ")
                    Age(command.created_ms)
            with columns("buttons"):
                if says.approve:
                    Button("Approve", says.approve, "lode-button-main")
                if says.decline:
                    Button("Reject", says.decline)
                if says.take_back:
                    Words("Yours: another person must approve it.", "lode-note")
                    Button("Take back", says.take_back)

    def show(self, command: CommandRow) -> None:
        """Show the proposal."""
        self._what.text = said.ordered(command.action, command.order)
        self._about.text = f"{said.target(command)} · by {command.actor}"
