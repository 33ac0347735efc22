"""What agents tell of that was not ordered here: commands of strangers, and rules of the sites."""

from collections.abc import Sequence

from lode_hub.queries.command_nouns import UnorderedRow
from lode_ui import said
from lode_ui.desk import Desk
from lode_ui.stages import STAGE
from lode_ui.widgets.age import Age
from lode_ui.widgets.keyed import Keyed
from lode_ui.widgets.layout import card, cell, table
from lode_ui.widgets.sign import Sign
from lode_ui.widgets.text import Words, box, note

HEADS = ("What", "State", "Where", "When#")
STRANGE = (
    "Agents were sent these, and the hub did not send them so."
    " Find out who can publish to the broker, and change its passwords."
)
LOCAL = "Begun at the sites themselves, with or without the hub; each ends by itself."


class Unordered:
    """Two lists, each shown as long as there is anything in it."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._strange, self._local = _List("Strange commands", STRANGE), _List("By sites", LOCAL)

    async def refresh(self, site: str | None) -> None:
        """Ask for both lists, of one site or of all."""
        commands = self._desk.answers.commands
        self._strange.show(await commands.strange(site))
        self._local.show(await commands.local(site))


class _List:
    def __init__(self, heading: str, meaning: str) -> None:
        with card(heading) as self._card:
            note(meaning)
            with table(HEADS, label=heading) as body:
                self._lines = Keyed[UnorderedRow](body, lambda row: row, lambda _: _Line())
        self._card.set_visibility(False)

    def show(self, rows: Sequence[UnorderedRow]) -> None:
        self._lines.show(rows)
        self._card.set_visibility(bool(rows))


class _Line:
    def __init__(self) -> None:
        with box("", "tr") as self.root:
            with cell(), box("lode-command-what"):
                self._what = Words("", "lode-wrap")
                self._target = Words("", "lode-note")
            with cell(head="State"), box("lode-command-state"):
                self._stage = Sign(STAGE["refused"])
                self._reason = Words("", "lode-note lode-wrap")
            with cell(head="Where"):
                self._where = Words("", "lode-wrap")
            with cell(numeric=True, head="When"):
                self._at = Age()

    def show(self, row: UnorderedRow) -> None:
        """Show a row; nothing of it ever changes."""
        what, target = said.unordered(row.command_id)
        self._what.text, self._target.text = what, row.target or target
        self._stage.show(STAGE[row.stage])
        self._reason.text = said.reason(row.reason)
        self._where.text = f"{row.site}, {row.agent}" if row.site else row.agent
        self._at.show(row.at_ms)
