"""An alert's evidence: what was measured beside what is usual, and the rest as facts."""

from collections.abc import Mapping

from lode_ui import figures
from lode_ui.evidence import readable
from lode_ui.figures import MISSING
from lode_ui.widgets.layout import Empty, cell, table
from lode_ui.widgets.text import Words, box

HEADS = ("Measured", "Value#", "Its own level#", "Its peers#")
HIDDEN = frozenset({"rule_version", "settings_version", "since_ms"})
"""Said elsewhere on the page."""

CHART = "_chart"


class ProofTable:
    """Filled anew when the evidence is another."""

    def __init__(self) -> None:
        self._shown: dict[str, object] | None = None
        self._none = Empty("This alert came without figures.")
        with table(HEADS, label="Compared values") as self._body:
            pass
        self._rest = box("lode-evidence", "dl")

    def show(self, evidence: dict[str, object]) -> None:
        """Show what speaks for the alert."""
        if evidence == self._shown:
            return
        self._shown = evidence
        said = {key: value for key, value in evidence.items() if key not in HIDDEN}
        self._none.show(not said)
        self._body.clear()
        self._rest.clear()
        for key, value in said.items():
            if isinstance(value, Mapping) and "value" in value:
                with self._body:
                    _compared(key, value)
            else:
                with self._rest:
                    _facts(key, value)


def _compared(key: str, values: Mapping[str, object]) -> None:
    name = readable({key: 0.0})[0][0]
    with box("", "tr"):
        with cell():
            Words(name, "lode-wrap", "b")
        for head, part in zip(HEADS[1:], ("value", "own_level", "peer_median"), strict=True):
            with cell(numeric=True, head=head.rstrip("#")):
                Words(readable({key: values.get(part)})[0][1])


def _facts(key: str, value: object) -> None:
    if key.endswith(CHART) and isinstance(value, Mapping):
        _fact(f"{_word(key.removesuffix(CHART))}, off its level", _deviation(value))
        return
    if isinstance(value, Mapping):
        for inner, each in value.items():
            ((name, said),) = readable({str(inner): each})
            _fact(f"{_word(key)}: {name}", said)
        return
    ((name, said),) = readable({key: value})
    _fact(name, said)


def _deviation(value: Mapping[str, object]) -> str:
    """Say how far a chart is off, over how long, against which limit."""
    seconds = value.get("seconds")
    over = f" over {figures.duration(seconds)}" if isinstance(seconds, int | float) else ""
    unit = str(value.get("unit", ""))
    off, limit = (_signed(value.get(part), unit) for part in ("deviation", "limit"))
    return f"{off}{over}, limit {limit.lstrip('+')}"


def _signed(value: object, unit: str) -> str:
    if not isinstance(value, int | float):
        return MISSING
    sign = "+" if value > 0 else ""
    return f"{sign}{figures.number(value, unit, 1)}"


def _fact(name: str, said: str) -> None:
    with box("lode-fact"):
        Words(name, "", "dt")
        Words(said, "", "dd")


def _word(key: str) -> str:
    return readable({key: 0})[0][0]
