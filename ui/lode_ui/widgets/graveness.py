"""How many alerts there are of each severity; a click leaves only those."""

from collections.abc import Awaitable, Callable, Mapping

from lode_hub.queries.nouns import Severity
from lode_ui.states import SEVERITY
from lode_ui.widgets.text import Words, box, shape


class Graveness:
    """A chip for each severity; one that is chosen again is let go."""

    def __init__(self, choose: Callable[[Severity | None], Awaitable[None]]) -> None:
        self._choose = choose
        self._chosen: Severity | None = None
        with box("lode-chips") as row:
            row.props.update({"role": "group", "aria-label": "Severity"})
            self._chips = {severity: _Chip(severity) for severity in SEVERITY}
        for severity, chip in self._chips.items():
            chip.root.on("click", lambda _, severity=severity: self._clicked(severity), [])

    def show(self, counts: Mapping[str, int]) -> None:
        """Show how many there are."""
        for severity, chip in self._chips.items():
            chip.show(counts.get(severity, 0), is_chosen=severity == self._chosen)

    async def _clicked(self, severity: Severity) -> None:
        self._chosen = None if severity == self._chosen else severity
        await self._choose(self._chosen)


class _Chip:
    def __init__(self, severity: Severity) -> None:
        look = SEVERITY[severity]
        self._is_chosen: bool | None = None
        with box(f"lode-chip lode-{look.tone}", "button") as self.root:
            self.root.props.update({"type": "button", "title": look.meaning})
            shape(look.shape)
            Words(look.word)
            self._count = Words("", "", "b")

    def show(self, count: int, *, is_chosen: bool) -> None:
        self._count.text = f"{count:,}"
        if is_chosen == self._is_chosen:
            return
        self._is_chosen = is_chosen
        if is_chosen:
            self.root.classes(add="lode-chip-on")
        else:
            self.root.classes(remove="lode-chip-on")
        self.root.props["aria-pressed"] = "true" if is_chosen else "false"
        self.root.update()
