"""Every rig that a curtailment leaves alone, grouped by why; and those that it takes."""

from collections.abc import Sequence

from lode_hub.queries.command_nouns import CurtailmentRow, SkippedRig, SkipReason, TakenRig
from lode_ui import figures
from lode_ui.stages import SKIP
from lode_ui.widgets.fold import Fold, fits
from lode_ui.widgets.keyed import Keyed
from lode_ui.widgets.layout import Empty, cell, columns, table
from lode_ui.widgets.pager import Pager
from lode_ui.widgets.search import Search
from lode_ui.widgets.text import Words, box

TAKEN_PAGE = 25
TAKEN_HEADS = ("Rig", "Feeder", "Draws now#", "Efficiency#", "Agent")


class Groups:
    """A fold for each reason, with its count; a search opens those it finds something in."""

    def __init__(self) -> None:
        self._shown: CurtailmentRow | None = None
        self._words: list[str] = []
        self._tools = columns("toolbar")
        with self._tools:
            Search("Why is this rig skipped?", self._filter)
            self._said = Words("", "lode-note")
        self._none = Empty("No rig is skipped.")
        with box("lode-folds"):
            self._folds = {reason: Fold(*words) for reason, words in SKIP.items()}

    def show(self, curtailment: CurtailmentRow) -> None:
        """Show who is skipped."""
        self._shown = curtailment
        self._tools.set_visibility(bool(curtailment.skipped))
        self._none.show(not curtailment.skipped)
        taken = [rig for rig in curtailment.taken if fits(rig.name, "", self._words)]
        self._said.text = ""
        if self._words and taken:
            names = ", ".join(rig.name for rig in taken[:3])
            more = f" and {len(taken) - 3:,} more" if taken[3:] else ""
            self._said.text = f"taken, not skipped: {names}{more}"
        by_reason: dict[SkipReason, list[SkippedRig]] = {}
        for rig in curtailment.skipped:
            if fits(rig.name, rig.detail, self._words):
                by_reason.setdefault(rig.reason, []).append(rig)
        for reason, fold in self._folds.items():
            fold.show(by_reason.get(reason, []), is_searched=bool(self._words))

    async def _filter(self, text: str) -> None:
        self._words = text.lower().split()
        if self._shown:
            self.show(self._shown)


class Taken:
    """The rigs that are taken, in their order."""

    def __init__(self) -> None:
        self._rigs: Sequence[TakenRig] = ()
        self._words: list[str] = []
        with columns("toolbar"):
            Search("Find a rig that is taken", self._filter)
        with table(TAKEN_HEADS, label="Rigs taken") as body:
            self._rows = Keyed[TakenRig](body, lambda rig: rig.device_id, _TakenRow)
        self._pager = Pager(TAKEN_PAGE, self._turned)

    def show(self, rigs: Sequence[TakenRig]) -> None:
        """Show who is taken."""
        self._rigs = rigs
        self._fill()

    def _fill(self) -> None:
        hits = [rig for rig in self._rigs if fits(rig.name, rig.feeder, self._words)]
        self._pager.show(len(hits))
        start = self._pager.offset
        self._rows.show(hits[start : start + TAKEN_PAGE])

    async def _filter(self, text: str) -> None:
        self._words = text.lower().split()
        self._pager.offset = 0
        self._fill()

    async def _turned(self) -> None:
        self._fill()


class _TakenRow:
    def __init__(self, rig: TakenRig) -> None:
        with box("", "tr") as self.root:
            with cell():
                name = Words(rig.name, "lode-link", "a")
                name.props["href"] = f"/rigs/{rig.device_id:d}"
            with cell(head="Feeder"):
                self._feeder = Words("", "lode-wrap")
            with cell(numeric=True, head="Draws now"):
                self._power = Words("")
            with cell(numeric=True, head="Efficiency"):
                self._efficiency = Words("")
            with cell(head="Agent"):
                self._agent = Words("", "lode-wrap")

    def show(self, rig: TakenRig) -> None:
        self._feeder.text = rig.feeder or "not known"
        self._power.text = str(figures.power(rig.power_w))
        self._efficiency.text = str(figures.efficiency(rig.efficiency_jth))
        self._agent.text = rig.agent
