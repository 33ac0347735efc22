"""The head of a command's page: what was ordered, of whom, and how it stands."""

from lode_hub.queries.command_nouns import CommandRow
from lode_ui import said
from lode_ui.stages import BAD, STAGE, look
from lode_ui.widgets.age import Age
from lode_ui.widgets.sign import Sign
from lode_ui.widgets.text import Words, box


class CommandHead:
    """Name, state, why it went wrong, and the way back to the list."""

    def __init__(self, site_id: int | None) -> None:
        with box("lode-rig-head"):
            back = Words("\N{LEFTWARDS ARROW} Commands", "lode-link", "a")
            back.props["href"] = f"/commands?site={site_id:d}" if site_id else "/commands"
            self._name = Words("…", "lode-rig-name", "h1")
            with box("lode-rig-signs") as self._signs:
                self._sign = Sign(STAGE["queued"], is_pill=True)
                self._meaning = Words("", "lode-note")
                self._target = Words("", "lode-link", "a")
                with box("lode-note", "span"):
                    Words("ordered ")
                    self._age = Age()
        self._reason = Words("", "lode-notice lode-bad", "p")
        self._reason.set_visibility(False)
        self._signs.set_visibility(False)

    def show(self, command: CommandRow | None) -> None:
        """Show the command's present state."""
        self._signs.set_visibility(command is not None)
        if command is None:
            self._name.text = "No such command"
            return
        self._name.text = said.ordered(command.action, command.order)
        shown = look(command.action, command.stage)
        self._sign.show(shown)
        self._meaning.text = shown.meaning
        self._target.text = said.target(command)
        if command.device_id is not None and "href" not in self._target.props:
            self._target.props["href"] = f"/rigs/{command.device_id:d}"
            self._target.update()
        self._age.show(command.created_ms)
        is_bad = command.stage in BAD and bool(command.reason)
        self._reason.text = said.reason(command.reason) if is_bad else ""
        self._reason.set_visibility(is_bad)
