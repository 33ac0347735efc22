"""Prices: what the one of now is made of, and how they go before and after."""

from collections.abc import Sequence

from lode_hub.queries.energy_nouns import CallRow, PriceNow, PricePart, PriceSeries
from lode_ui import energy_words as words
from lode_ui import figures
from lode_ui.figures import MISSING
from lode_ui.widgets.energy_chart import Dash, Held, HeldChart, Mark
from lode_ui.widgets.keyed import Keyed
from lode_ui.widgets.layout import cell, table
from lode_ui.widgets.text import Words, box, note

HEADS = ("What", "$/MWh#")
NO_PRICE = "No price is known in this time"
KINDS = {"energy": "market", "losses": "losses", "adders": "adder", "peaks": "peak", "tax": "tax"}


class PriceParts:
    """Why a MWh costs what it does: part by part, and their sum."""

    def __init__(self) -> None:
        self._tariff = note("")
        with table(HEADS, label="Parts of the price") as body:
            self._parts = Keyed[PricePart](
                body, lambda part: (part.kind, part.name), lambda _: _PartLine()
            )
            with box("lode-sum", "tr"):
                with cell():
                    Words("All in")
                with cell(numeric=True, head="$/MWh"):
                    self._sum = Words(MISSING)
        self._notes = note("")

    def show(self, found: PriceNow) -> None:
        """Show the parts of a price."""
        self._tariff.text = f"by tariff {found.tariff}" if found.tariff else ""
        self._parts.show(found.parts)
        # The sum stays below its parts, wherever new ones were put.
        self._sum.text = words.price(found.usd_mwh).value
        self._notes.text = "; ".join(found.notes)


class _PartLine:
    def __init__(self) -> None:
        with box("", "tr") as self.root:
            with cell():
                self._name = Words("", "lode-wrap")
                Words(" ")
                self._about = Words("", "lode-note")
            with cell(numeric=True, head="$/MWh"):
                self._value = Words(MISSING)

    def show(self, part: PricePart) -> None:
        self._name.text = part.name
        about = KINDS[part.kind]
        known = "" if about == part.name else about
        self._about.text = f"{about}, expected" if part.is_expected else known
        shown = words.price(part.usd_mwh).value
        self._value.text = "not known" if part.usd_mwh is None else shown


class PriceChart:
    """The price over yesterday and tomorrow; day-ahead, real-time and forecast told apart."""

    def __init__(self) -> None:
        self._chart = HeldChart("Price of a MWh, from a day ago to a day ahead", NO_PRICE)
        self._note = note("")

    def show(
        self, series: PriceSeries, forecast: Held | None, marks: Sequence[Mark], now_ms: int
    ) -> None:
        """Draw what is known, and say how far it reaches."""
        step_ms = round(series.step_s * 1000)
        lines = [
            _line("All in", series, series.usd_mwh, "--accent", "solid", 2.2),
            _line("Day-ahead market", series, series.day_ahead_usd_mwh, "--good", "dashed", 1.6),
            _line("Real-time market", series, series.real_time_usd_mwh, "--gone", "dotted", 1.8),
        ]
        kept = [line for line in lines if any(value is not None for value in line.values)]
        kept += [forecast] if forecast else []
        span = (series.from_ms[0], series.from_ms[-1] + step_ms)
        self._chart.show(kept, marks, span_ms=span, now_ms=now_ms, unit="$/MWh")
        self._note.text = reach(series, now_ms)


def _line(name: str, series: PriceSeries, values: Sequence[float | None], color: str,
          dash: Dash, width: float) -> Held:  # fmt: skip
    return Held(
        name=name, at_ms=series.from_ms, values=values, step_ms=round(series.step_s * 1000),
        digits=2, color=color, dash=dash, width=width,
    )  # fmt: skip


def reach(series: PriceSeries, now_ms: int) -> str:
    """Say until when the price is known, and what of the past is missing."""
    step_ms = round(series.step_s * 1000)
    known = [at for at, usd in zip(series.from_ms, series.usd_mwh, strict=True) if usd is not None]
    if not known:
        return ""
    past = [at for at in series.from_ms if at + step_ms <= now_ms]
    missing_s = (len(past) - sum(at + step_ms <= now_ms for at in known)) * series.step_s
    gaps = f"; {figures.duration(missing_s)} of the past day are missing" if missing_s else ""
    ahead = [at for at in series.from_ms if now_ms < at + step_ms and at <= known[-1]]
    if not ahead:
        return f"No price is known from now on{gaps}."
    holes_s = len(set(ahead) - set(known)) * series.step_s
    holes = f", but for {figures.duration(holes_s)} in between" if holes_s else ""
    if known[-1] == series.from_ms[-1]:
        return f"Known for all of the next day{holes}{gaps}."
    ahead_s = (known[-1] + step_ms - now_ms) / 1000
    return f"Known for the next {figures.duration(ahead_s)}{holes}{gaps}."


def marks(calls: Sequence[CallRow], series: PriceSeries) -> list[Mark]:
    """Give the calls that count and the windows in which a peak is to be expected."""
    step_ms = round(series.step_s * 1000)
    found = [
        Mark(
            name=f"call of {call.programme}: {words.asked(call)}",
            kind="Call",
            from_ms=call.from_ms,
            until_ms=call.until_ms,
            color="--warn",
        )
        for call in calls
        if call.state != "cancelled"
    ]
    begun: int | None = None
    for at, usd in zip((*series.from_ms, 0), (*series.peaks_usd_mwh, None), strict=True):
        if usd and begun is None:
            begun = at
        elif not usd and begun is not None:
            end = at or series.from_ms[-1] + step_ms
            found.append(Mark(name="peak window", kind="Peak window", from_ms=begun, until_ms=end,
                              color="--info"))  # fmt: skip
            begun = None
    return found
