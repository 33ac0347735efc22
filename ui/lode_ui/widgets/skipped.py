"""Every rig that a curtailment leaves alone, grouped by why; and those that it takes."""

from collections.abc import Sequence

from lode_hub.queries.command_nouns import CurtailmentRow, SkippedRig, SkipReason, TakenRig
from lode_ui import figures
from lode_ui.stages import SKIP
from lode_ui.widgets.keyed import Keyed
from lode_ui.widgets.layout import Empty, cell, columns, table
from lode_ui.widgets.pager import Pager
from lode_ui.widgets.search import Search
from lode_ui.widgets.text import Words, box

PAGE, TAKEN_PAGE = 50, 25
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
            self._folds = {reason: _Fold(reason) for reason in SKIP}

    def show(self, curtailment: CurtailmentRow) -> None:
        """Show who is skipped."""
        self._shown = curtailment
        self._tools.set_visibility(bool(curtailment.skipped))
        self._none.show(not curtailment.skipped)
        taken = [rig for rig in curtailment.taken if _fits(rig.name, "", self._words)]
        self._said.text = ""
        if self._words and taken:
            names = ", ".join(rig.name for rig in taken[:3])
            more = f" and {len(taken) - 3:,} more" if taken[3:] else ""
            self._said.text = f"taken, not skipped: {names}{more}"
        by_reason: dict[SkipReason, list[SkippedRig]] = {}
        for rig in curtailment.skipped:
            if _fits(rig.name, rig.detail, self._words):
                by_reason.setdefault(rig.reason, []).append(rig)
        for reason, fold in self._folds.items():
            fold.show(by_reason.get(reason, []), is_searched=bool(self._words))

    async def _filter(self, text: str) -> None:
        self._words = text.lower().split()
        if self._shown:
            self.show(self._shown)


class _Fold:
    def __init__(self, reason: SkipReason) -> None:
        word, meaning = SKIP[reason]
        self._rigs: Sequence[SkippedRig] = ()
        self._is_open = False
        with box("lode-fold") as self._box:
            with box("lode-fold-head", "button") as self._head:
                self._head.props.update({"type": "button", "aria-expanded": "false"})
                box("lode-fold-arrow", "span").props["aria-hidden"] = "true"
                self._count = Words("", "lode-fold-count", "b")
                with box("lode-fold-words", "span"):
                    Words(word, "lode-fold-word")
                    Words(meaning, "lode-note")
            with box("lode-fold-body") as self._body:
                self._list = Keyed[SkippedRig](
                    box("lode-names", "ul"), lambda rig: rig.device_id, _Skipped
                )
                self._pager = Pager(PAGE, self._turned)
        self._head.on("click", self._clicked, [])
        self._body.set_visibility(False)

    def show(self, rigs: Sequence[SkippedRig], *, is_searched: bool) -> None:
        self._rigs = rigs
        self._box.set_visibility(bool(rigs))
        self._count.text = f"{len(rigs):,}"
        if is_searched and rigs:
            self._open(True)
        self._fill()

    async def _clicked(self) -> None:
        self._open(not self._is_open)
        self._fill()

    async def _turned(self) -> None:
        self._fill()

    def _open(self, is_open: bool) -> None:
        self._is_open = is_open
        self._body.set_visibility(is_open)
        self._head.props["aria-expanded"] = "true" if is_open else "false"
        self._head.update()

    def _fill(self) -> None:
        if not self._is_open:
            return  # ten thousand names are not made to be hidden
        self._pager.show(len(self._rigs))
        start = self._pager.offset
        self._list.show(self._rigs[start : start + PAGE])


class _Skipped:
    def __init__(self, rig: SkippedRig) -> None:
        with box("lode-name", "li") as self.root:
            name = Words(rig.name, "lode-link", "a")
            name.props["href"] = f"/rigs/{rig.device_id:d}"
            self._detail = Words("", "lode-note")

    def show(self, rig: SkippedRig) -> None:
        self._detail.text = rig.detail


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
        hits = [rig for rig in self._rigs if _fits(rig.name, rig.feeder, self._words)]
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


def _fits(name: str, detail: str, words: Sequence[str]) -> bool:
    text = f"{name} {detail}".lower()
    return all(word in text for word in words)
