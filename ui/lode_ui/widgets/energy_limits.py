"""What bounds a site's plans, and by whose word: typed here, or the agents' own."""

from collections.abc import Collection, Sequence
from dataclasses import replace

from lode_hub.queries.planner import LimitRow
from lode_ui.figures import MISSING
from lode_ui.widgets.keyed import Keyed
from lode_ui.widgets.layout import Empty, cell, table
from lode_ui.widgets.text import Words, box, note

HEADS = ("Limit", "Holds", "Typed#", "The agents' own#")
BY = {"typed": "typed", "own": "the agents' own, signed"}
DEFAULT = "Lode's default"
MODEL = "model "


class LimitsTable:
    """Each limit by its two words; a typed one that is looser is warned of."""

    def __init__(self) -> None:
        self._looser = Words("", "lode-notice lode-warn", "p")
        self._none = Empty("Nothing is limited: no document of limits, and no agent has told any.")
        with table(HEADS, label="Limits") as body:
            self._rows = Keyed[LimitRow](
                body, lambda row: f"{row.where} {row.what}", lambda _: _LimitLine()
            )
        note("The agents' own come with their envelopes, which the site's owner has signed.")

    def show(self, found: Sequence[LimitRow]) -> None:
        """Show them."""
        self._none.show(not found)
        self._looser.text = looser(found)
        self._looser.set_visibility(bool(self._looser.text))
        self._rows.show(joined(found))


def joined(found: Sequence[LimitRow]) -> list[LimitRow]:
    """Make one row of those of models that say the same."""
    models = {row.where for row in found if row.where.startswith(MODEL)}
    alike: dict[LimitRow, list[str]] = {}
    for row in found:
        key = replace(row, where="") if row.where in models else row
        alike.setdefault(key, []).append(row.where)
    return [replace(row, where=_named(names, models)) for row, names in alike.items()]


def _named(names: Sequence[str], models: Collection[str]) -> str:
    if not names[1:]:
        return names[0]
    if len(names) == len(models):
        return "every model"
    return f"models {', '.join(name.removeprefix(MODEL) for name in names)}"


def looser(found: Sequence[LimitRow]) -> str:
    """Say which typed limits allow more than the agents do; empty when none does."""
    names = ", ".join(f"{row.what} of {row.where}" for row in found if row.is_looser)
    return names and f"Typed looser than the agents allow: {names}. The agents' own holds."


def value(figure: float | None, unit: str) -> str:
    """Say a limit; one that nobody has said is no zero."""
    return MISSING if figure is None else f"{figure:,.6g} {unit}".strip()


class _LimitLine:
    def __init__(self) -> None:
        with box("", "tr") as self.root:
            with cell():
                self._name = Words("", "lode-wrap", "b")
            with cell(head="Holds"):
                self._by = Words("")
            with cell(numeric=True, head="Typed"):
                self._typed = Words(MISSING)
            with cell(numeric=True, head="The agents' own"):
                self._own = Words(MISSING)

    def show(self, row: LimitRow) -> None:
        self._name.text = f"{row.where}: {row.what}"
        is_ours = row.is_default and row.holds == "typed"
        self._by.text = DEFAULT if is_ours else BY[row.holds]
        self._typed.text = value(row.typed, row.unit)
        self._own.text = value(row.own, row.unit)
