"""The devices of a command: how far each is, and what proves it; a page of them at a time."""

from collections import Counter
from collections.abc import Sequence

from lode_hub.queries.command_nouns import CommandDeviceRow, CommandStage
from lode_ui import figures, said
from lode_ui.figures import MISSING
from lode_ui.stages import BAD, STAGE_ORDER, WAITING, look
from lode_ui.widgets.age import Age
from lode_ui.widgets.keyed import Keyed
from lode_ui.widgets.layout import Empty, cell, columns, table
from lode_ui.widgets.pager import Pager
from lode_ui.widgets.search import Search
from lode_ui.widgets.sign import Sign
from lode_ui.widgets.text import Words, box, shape

HEADS = ("Device", "State", "Expected#", "Before#", "After#", "Proof", "At#")
PAGE = 25
FEW = 8
"""Up to so many devices there is nothing to search for."""

Stage = CommandStage | None


class Proofs:
    """Filters by stage and name, and the table."""

    def __init__(self) -> None:
        self._devices: Sequence[CommandDeviceRow] = ()
        self._stage: Stage | str = "all"
        self._words: list[str] = []
        self._action = ""
        with columns("toolbar") as self._tools:
            self._chips = {stage: self._chip(stage) for stage in (*STAGE_ORDER, None)}
            Search("Find a device", self._filter)
        self._none = Empty("No device matches.", "Clear the filter to see all.")
        self._none.show(False)
        with table(HEADS, label="Devices") as body:
            self._rows = Keyed[CommandDeviceRow](
                body, lambda row: (row.device_id, row.target), lambda _: _Row()
            )
        self._pager = Pager(PAGE, self._turned)

    def show(self, action: str, devices: Sequence[CommandDeviceRow]) -> None:
        """Show the devices as they are now."""
        self._action = action
        self._devices = devices
        self._tools.set_visibility(len(devices) > FEW)
        counts = Counter(device.stage for device in devices)
        for stage, chip in self._chips.items():
            chip.show(counts[stage], is_chosen=stage == self._stage)
        self._fill()

    def _fill(self) -> None:
        hits = [
            device
            for device in self._devices
            if self._stage in ("all", device.stage) and _fits(device, self._words)
        ]
        # Trouble first; else the order in which they are taken.
        hits.sort(key=lambda device: device.stage not in BAD)
        self._pager.show(len(hits))
        start = self._pager.offset
        self._rows.show(hits[start : start + self._pager.size])
        self._none.show(bool(self._devices) and not hits)

    def _chip(self, stage: Stage) -> "_Chip":
        async def clicked() -> None:
            self._stage = "all" if self._stage == stage else stage
            self._pager.offset = 0
            self.show(self._action, self._devices)

        chip = _Chip(stage)
        chip.root.on("click", clicked, [])
        return chip

    async def _filter(self, text: str) -> None:
        self._words = text.lower().split()
        self._pager.offset = 0
        self._fill()

    async def _turned(self) -> None:
        self._fill()


class _Chip:
    def __init__(self, stage: Stage) -> None:
        shown = look("", stage) if stage else WAITING
        self._shown: tuple[bool, bool] | None = None
        with box(f"lode-chip lode-{shown.tone}", "button") as self.root:
            self.root.props.update({"type": "button", "title": shown.meaning})
            shape(shown.shape)
            Words(shown.word)
            self._count = Words("", "", "b")

    def show(self, count: int, *, is_chosen: bool) -> None:
        self._count.text = f"{count:,}"
        if (count > 0, is_chosen) == self._shown:
            return
        self._shown = (count > 0, is_chosen)
        self.root.set_visibility(count > 0 or is_chosen)
        if is_chosen:
            self.root.classes(add="lode-chip-on")
        else:
            self.root.classes(remove="lode-chip-on")
        self.root.props["aria-pressed"] = "true" if is_chosen else "false"
        self.root.update()


class _Row:
    def __init__(self) -> None:
        with box("", "tr") as self.root:
            with cell():
                self._name = Words("", "lode-link", "a")
            with cell(head="State"), box("lode-command-state"):
                self._stage = Sign(WAITING)
                self._reason = Words("", "lode-note")
            self._powers = []
            for head in ("Expected", "Before", "After"):
                with cell(numeric=True, head=head):
                    self._powers.append(Words(MISSING))
            with cell(head="Proof"), box("lode-command-what"):
                self._proof = Words("", "lode-wrap")
                self._changes = Words("", "lode-note")
                self._said = Words("", "lode-note")
            with cell(numeric=True, head="At"):
                self._at = Age(form="clock", missing=MISSING)

    def show(self, device: CommandDeviceRow) -> None:
        self._name.text = device.target or "the site"
        if device.device_id is not None and "href" not in self._name.props:
            self._name.props["href"] = f"/rigs/{device.device_id:d}"
            self._name.update()
        self._stage.show(look("", device.stage))
        self._reason.text = said.reason(device.reason)
        powers = (device.expected_w, device.power_before_w, device.power_after_w)
        for words, watts in zip(self._powers, powers, strict=True):
            words.text = str(figures.power(watts))
        self._proof.text = said.proof(device) or MISSING
        self._changes.text = said.changes(device.changes)
        self._said.text = f"it said: {device.said}" if device.said else ""
        self._at.show(device.at_ms)


def _fits(device: CommandDeviceRow, words: Sequence[str]) -> bool:
    text = f"{device.target} {device.reason} {device.read_back}".lower()
    return all(word in text for word in words)
