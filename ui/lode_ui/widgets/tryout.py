"""A rule tried over stored history: progress, then what it would have done."""

from collections.abc import Awaitable, Callable

from lode_hub.queries.tryouts import Tried, TriedDevice
from lode_ui import figures
from lode_ui.widgets.age import Age
from lode_ui.widgets.button import Button
from lode_ui.widgets.form import SelectField
from lode_ui.widgets.keyed import Keyed
from lode_ui.widgets.layout import Facts, card, cell, columns, table
from lode_ui.widgets.progress import Progress, Tell
from lode_ui.widgets.text import Words, box, note

DAYS = {"1": "the last day", "7": "the last week", "30": "the last 30 days"}
FACTS = ("Typical length", "Longest", "Flapping, held as one", "Open still", "Values judged")
HEADS = ("Device", "Times#", "First")

Run = Callable[[float, Tell], Awaitable[Tried | None]]
"""Tries it over so many days; None when it was refused, which is said elsewhere."""


class TryOut:
    """The button, the bar, the answer."""

    def __init__(self, run: Run) -> None:
        self._run = run
        with card("Try it out", aside="over what is stored, before it is saved"):
            with columns("fields"):
                self._days = SelectField[str]("Over", DAYS, "1")
            with columns("buttons"):
                Button("Try it out", self._try)
            self._progress = Progress("Tried so far")
            self.wrong = Words("", "lode-wrong", "p")
            self.wrong.props["role"] = "alert"
            with columns("stack") as self._result:
                self._said = Words("", "lode-tried", "p")
                self._facts = Facts(FACTS)
                with table(HEADS, label="Devices it would have fired on") as body:
                    self._often = Keyed[TriedDevice](
                        body, lambda one: one.device, lambda _: _DeviceLine()
                    )
                note("Orders, silences, maintenance and other alerts of that time are left out.")
            self._result.set_visibility(False)

    async def _try(self) -> None:
        self.wrong.text = ""
        self._result.set_visibility(False)
        self._progress.begin()
        tried = await self._run(float(self._days.value), self._progress.tell)
        if self._progress.is_gone:
            return
        self._progress.end()
        if tried is not None:
            self._show(tried)

    def _show(self, tried: Tried) -> None:
        self._said.text = sentence(tried)
        self._facts.show(
            {
                "Typical length": figures.duration(tried.middle_s),
                "Longest": figures.duration(tried.longest_s),
                "Flapping, held as one": f"{tried.flapping:,}",
                "Open still": f"{tried.open_still:,}",
                "Values judged": f"{tried.values:,}",
            }
        )
        self._often.show(tried.often)
        self._result.set_visibility(True)


class _DeviceLine:
    def __init__(self) -> None:
        with box("", "tr") as self.root:
            with cell():
                self._name = Words("", "lode-wrap", "b")
            with cell(numeric=True, head="Times"):
                self._n = Words("")
            with cell(head="First"):
                self._first = Age(form="clock")

    def show(self, one: TriedDevice) -> None:
        self._name.text, self._n.text = one.device, f"{one.n:,}"
        self._first.show(one.first_ms)


def sentence(tried: Tried) -> str:
    """Say what it would have done."""
    span = "the last day" if tried.days == 1 else f"the last {tried.days:g} days"
    of = figures.plural(tried.devices, "device")
    if not tried.values:
        return f"Nothing is stored of {of} in {span}; try it again when there are readings."
    caveat = f" But {tried.caveat}." if tried.caveat else ""
    if not tried.alerts:
        return f"It would not have fired in {span}, on any of {of}.{caveat}"
    times = figures.plural(tried.alerts, "time")
    told = figures.plural(tried.messages, "notification")
    on = f"{tried.devices_hit:,} of {of}"
    return f"It would have fired {times} in {span}, on {on}, and made {told}.{caveat}"
