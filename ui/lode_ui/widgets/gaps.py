"""Rows of what is missing and of what was refused."""

from lode_hub.queries.nouns import GapRow, QuarantineRow
from lode_ui import figures
from lode_ui.figures import MISSING
from lode_ui.states import Look
from lode_ui.widgets.age import Age
from lode_ui.widgets.layout import cell
from lode_ui.widgets.sign import Sign
from lode_ui.widgets.text import Words, box

OPEN = Look(word="Open", tone="warn", shape="ring", meaning="the hub asks the agent for it")
FILLED = Look(word="Filled", tone="good", shape="check", meaning="all of it came after all")
LOST = Look(word="Lost", tone="bad", shape="cross", meaning="known never to come")


class GapLine:
    """One gap: open while the hub asks for it, filled, or lost for a reason."""

    def __init__(self) -> None:
        with box("", "tr") as self.root:
            with cell():
                self._agent = Words("")
            with cell(head="State"):
                self._state = Sign(OPEN)
            with cell(head="Reason"):
                self._reason = Words("")
            with cell(head="Batches"):
                self._batches = Words("")
            with cell(numeric=True, head="Records"):
                self._records = Words("")
            with cell(head="Of the time"), box("", "span"):
                self._from = Age(form="clock", missing=MISSING)
                with box("", "span") as self._until:
                    Words(" to ")
                    self._to = Age(form="clock", missing=MISSING)
            with cell(numeric=True, head="Found"):
                self._found = Age()

    def show(self, gap: GapRow) -> None:
        """Show the gap's present state."""
        self._agent.text = gap.agent
        self._state.show(_state(gap))
        reason = gap.reason.replace("_", " ")
        self._reason.text = f"{reason}: {gap.detail}" if gap.detail else reason
        self._batches.text = _batches(gap)
        self._records.text = MISSING if gap.records is None else f"{gap.records:,}"
        self._from.show(gap.from_ms)
        self._to.show(gap.to_ms)
        self._until.set_visibility(gap.to_ms is not None)
        self._found.show(gap.found_ms)


class QuarantineLine:
    """One payload that could not be taken, and why."""

    def __init__(self) -> None:
        with box("", "tr") as self.root:
            with cell():
                self._at = Age()
            with cell(head="Agent"):
                self._agent = Words("")
            with cell(head="Reason"):
                self._reason = Words("", "lode-wrap")
            with cell(head="Topic"):
                self._topic = Words("", "lode-wrap lode-faint")
            with cell(numeric=True, head="Size"):
                self._size = Words("")

    def show(self, refused: QuarantineRow) -> None:
        """Show what was refused."""
        self._at.show(refused.at_ms)
        self._agent.text = refused.agent or MISSING
        self._reason.text = refused.reason
        self._topic.text = refused.topic
        self._size.text = str(figures.size(refused.size_bytes))


def _state(gap: GapRow) -> Look:
    if gap.filled_ms is not None:
        return FILLED
    return OPEN if gap.reason == "missing" else LOST


def _batches(gap: GapRow) -> str:
    if gap.from_seq is None:
        return MISSING
    if gap.to_seq in (None, gap.from_seq):
        return f"{gap.from_seq:,}"
    return f"{gap.from_seq:,} to {gap.to_seq:,}"
