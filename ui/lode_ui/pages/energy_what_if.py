"""What if: a span that is over, billed by another tariff, or planned; nothing is kept or sent."""

import datetime
from typing import Literal

from lode_ui.acts import attempt
from lode_ui.desk import Desk
from lode_ui.life import now_ms
from lode_ui.widgets.button import Button
from lode_ui.widgets.energy_files import EXAMPLES, LONGEST
from lode_ui.widgets.energy_what_if import BillPart, SimulationPart
from lode_ui.widgets.form import LongField, SelectField, TextField
from lode_ui.widgets.layout import Empty, card, columns
from lode_ui.widgets.progress import Progress
from lode_ui.widgets.text import Words, note, title

Span = Literal["1", "7", "30", "days"]
SPANS: dict[Span, str] = {
    "1": "yesterday",
    "7": "the last 7 days",
    "30": "the last 30 days",
    "days": "chosen days",
}
TARIFFS = {"own": "the site's own", "other": "another, as TOML"}
DAY_MS, DAY = 86_400_000, datetime.timedelta(days=1)
MAX_DAYS = 35
BILL_S, SIMULATION_S = 30.0, 150.0


class WhatIfPage:
    """A span and a tariff; what that would have cost, and what a plan would have earned."""

    title = "What if"

    def __init__(self, desk: Desk) -> None:
        self._desk, self._site = desk, ""
        self._heading = title("What if", "h1")
        note("Days that are over, as often as you like. Nothing is kept, nothing is sent.")
        self._nothing = Empty("No site has reported yet.", "Start an agent first.")
        with columns("stack") as self._all:
            with card("When, and by which tariff"):
                self._build_form()
            self._bill = BillPart()
            self._simulation = SimulationPart()

    def _build_form(self) -> None:
        yesterday = datetime.datetime.now(datetime.UTC).date() - DAY
        with columns("fields"):
            self._span = SelectField[Span]("Span", SPANS, "1", hint="whole days of UTC")
            self._first, self._last = (
                TextField(label, form="date", value=yesterday.isoformat())
                for label in ("First day", "Last day")
            )
            self._tariff = SelectField[str]("Tariff", TARIFFS, "own")
        self._place = columns("stack")
        self._text: LongField | None = None
        self._span.changed = self._mark
        self._tariff.changed = self._fill
        self._mark()
        self._wrong = Words("", "lode-wrong", "p")
        self._wrong.props["role"] = "alert"
        with columns("buttons"):
            Button("What would it have cost?", self._cost, "lode-button-main")
            Button("What would a plan have earned?", self._earn, "lode-button-main")
        self._progress = Progress("Simulated so far")

    async def refresh(self) -> None:
        """Ask which site is chosen; all else is asked for by a click."""
        sites = list(self._desk.chosen(await self._desk.answers.sites()))
        self._nothing.show(not sites)
        self._all.set_visibility(bool(sites))
        if sites and sites[0].site != self._site:
            self._site = sites[0].site
            self._heading.text = f"What if at {self._site}"
            for part in (self._bill, self._simulation):
                part.root.set_visibility(False)

    def _mark(self) -> None:
        for field in (self._first, self._last):
            field.hide(self._span.value != "days")

    def _fill(self) -> None:
        self._place.clear()
        self._text = None
        if self._tariff.value == "other":
            with self._place:
                self._text = LongField(
                    "Tariff as TOML", longest=LONGEST, value=EXAMPLES["tariff"],
                    hint="it has to be valid in that time: see valid_from; "
                    "the site's own is among the documents of the page Now",
                )  # fmt: skip

    def _chosen(self) -> tuple[int, int] | None:
        """Give the span; say what is wrong with it."""
        self._wrong.text = ""
        today = now_ms() // DAY_MS * DAY_MS
        if self._span.value != "days":
            return today - int(self._span.value) * DAY_MS, today
        try:
            first, last = (
                datetime.datetime.combine(
                    datetime.date.fromisoformat(field.value), datetime.time(), datetime.UTC
                )
                for field in (self._first, self._last)
            )
        except ValueError:
            self._wrong.text = "Pick a first and a last day."
            return None
        span = round(first.timestamp() * 1000), round((last + DAY).timestamp() * 1000)
        if not 0 < span[1] - span[0] <= MAX_DAYS * DAY_MS:
            self._wrong.text = f"The last day has to be the first or later, up to {MAX_DAYS} days."
        elif span[1] > today:
            self._wrong.text = "The last day is not over."
        return None if self._wrong.text else span

    @property
    def _other(self) -> str | None:
        return self._text.value if self._text else None

    async def _cost(self) -> None:
        span = self._chosen()
        if span is None:
            return
        energy, desk, other = self._desk.answers.energy, self._desk, self._other
        found = await attempt(
            desk, energy.bill(self._site, *span, other), wrong=self._say, within_s=BILL_S
        )
        if found is None:
            return
        own = None
        if other is not None:
            own = await attempt(
                desk, energy.bill(self._site, *span), wrong=self._say, within_s=BILL_S
            )
        self._bill.show(found, own)

    async def _earn(self) -> None:
        span = self._chosen()
        if span is None:
            return
        self._simulation.root.set_visibility(False)
        self._progress.begin()
        found = await attempt(
            self._desk,
            self._desk.answers.energy.simulate(self._site, span, self._other, self._progress.tell),
            wrong=self._say,
            within_s=SIMULATION_S,
        )
        if self._progress.is_gone:
            return
        self._progress.end()
        if found is not None:
            self._simulation.show(found)

    def _say(self, why: str) -> None:
        self._wrong.text = why
