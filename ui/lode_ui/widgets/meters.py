"""Meters side by side: what the sites draw by the utility's measure."""

from collections.abc import Sequence

from lode_hub.queries.nouns import MeterRow
from lode_ui import figures
from lode_ui.figures import MISSING
from lode_ui.widgets.age import Age
from lode_ui.widgets.keyed import Keyed
from lode_ui.widgets.layout import card, cell, table
from lode_ui.widgets.text import Words, box

HEADS = ("Meter", "Power#", "Energy#", "Voltage#", "Current#", "Frequency#", "PF#", "Read#")


class MeterTable:
    """One row a meter; hidden while there is none."""

    def __init__(self) -> None:
        with card("Meters") as self._card, table(HEADS, label="Meters") as body:
            self._rows = Keyed[MeterRow](body, lambda meter: meter.device_id, lambda _: _Row())
        self._card.set_visibility(False)

    def show(self, meters: Sequence[MeterRow]) -> None:
        """Show the meters."""
        self._card.set_visibility(bool(meters))
        self._rows.show(meters)


class _Row:
    def __init__(self) -> None:
        self._values = []
        with box("", "tr") as self.root:
            with cell():
                self._name = Words("")
            for head in HEADS[1:-1]:
                with cell(numeric=True, head=head.rstrip("#")):
                    self._values.append(Words(MISSING))
            with cell(numeric=True, head="Read"):
                self._age = Age(stale_s=30)

    def show(self, meter: MeterRow) -> None:
        self._name.text = meter.name
        shown = (
            figures.power(meter.power_w),
            figures.energy(meter.energy_in_kwh),
            figures.number(meter.voltage_v, "V", 1),
            figures.number(meter.current_a, "A", 1),
            figures.number(meter.freq_hz, "Hz"),
            figures.number(meter.power_factor),
        )
        for words, figure in zip(self._values, shown, strict=True):
            words.text = str(figure)
        self._age.show(meter.at_ms)
