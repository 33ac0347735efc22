"""The shelf, silences and maintenance: what holds, what is planned, and forms to make more."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Literal

from lode_hub.actions import Matchers, Span
from lode_hub.queries.alert_nouns import ShelfRow
from lode_ui.acts import attempt, why_not
from lode_ui.desk import Desk
from lode_ui.life import now_ms
from lode_ui.widgets.choice import Choice
from lode_ui.widgets.keyed import Keyed
from lode_ui.widgets.layout import Empty, card, columns, table
from lode_ui.widgets.quiet_forms import MaintenanceForm, SilenceForm
from lode_ui.widgets.quiet_lists import HEADS, QuietLine, Row, number
from lode_ui.widgets.shelf import HEADS as SHELF_HEADS
from lode_ui.widgets.shelf import ShelfLine
from lode_ui.widgets.text import note, title

Kind = Literal["silence", "maintenance"]
Time = Literal["now", "over"]
KINDS: dict[Kind, str] = {"silence": "Silence", "maintenance": "Maintenance"}
TIMES: dict[Time, str] = {"now": "Now and planned", "over": "Over"}


class SilencesPage:
    """Three lists, and one form at a time; filled in from the address, as an alert's page asks."""

    title = "Silences"

    def __init__(self, desk: Desk, given: Mapping[str, str]) -> None:
        self._desk = desk
        self._time: Time = "now"
        self._kind: Kind = "maintenance" if given.get("new") == "maintenance" else "silence"
        title("Shelf, silences and maintenance", "h1")
        Choice("Which ones", TIMES, "now", self._choose_time)
        with columns("wide-narrow"):
            with columns("stack"):
                self._build_shelf()
                acts = desk.actions.alarms
                self._silences = _List(
                    desk, "Silences", lambda i: acts.end_silence(desk.person, i), self.refresh
                )
                self._maintenance = _List(
                    desk,
                    "Maintenance",
                    lambda i: acts.end_maintenance(desk.person, i),
                    self.refresh,
                )
            with columns("stack"), card("New", comes_first="new" in given):
                self._build_forms(given)

    def _build_shelf(self) -> None:
        back = self._unshelve if self._desk.may_act else None
        with card("Shelved alarms", aside="put aside by people, one by one") as self._shelf_card:
            self._none_shelved = Empty("Nothing is shelved.", "An alert's page can put it aside.")
            with table(SHELF_HEADS, label="Shelved alarms") as body:
                self._shelf = Keyed[ShelfRow](
                    body, lambda row: (row.rule, row.key), lambda _: ShelfLine(back)
                )

    def _build_forms(self, given: Mapping[str, str]) -> None:
        self._forms: tuple[SilenceForm, MaintenanceForm] | None = None
        if not self._desk.may_act:
            note(why_not(self._desk))
            return
        Choice("What to make", KINDS, self._kind, self._choose_kind)
        self._forms = (
            SilenceForm(given, self._silence, now_ms),
            MaintenanceForm(given, self._maintain, now_ms),
        )
        self._show_form()

    def _show_form(self) -> None:
        if self._forms:
            self._forms[0].root.set_visibility(self._kind == "silence")
            self._forms[1].root.set_visibility(self._kind == "maintenance")

    async def refresh(self) -> None:
        """Ask for both lists, and for the sites to choose from."""
        answers, is_over = self._desk.answers, self._time == "over"
        sites, shelved, silences, maintenance = await asyncio.gather(
            answers.sites(),
            answers.alarms.shelved(),
            answers.alarms.silences(is_over=is_over),
            answers.alarms.maintenance(is_over=is_over),
        )
        if is_over != (self._time == "over"):
            return  # the other was chosen meanwhile
        site = self._desk.site_name(sites)
        for shown, rows in ((self._silences, silences), (self._maintenance, maintenance)):
            shown.show([r for r in rows if site is None or r.site in (None, site)], is_over=is_over)
        aside = [row for row in shelved if site is None or row.site in (None, site)]
        self._shelf_card.set_visibility(not is_over)
        self._none_shelved.show(not aside)
        self._shelf.show(aside)
        for form in self._forms or ():
            form.offer([each.site for each in sites])

    async def _unshelve(self, alert_id: int) -> None:
        desk = self._desk
        await attempt(desk, desk.actions.alarms.unshelve(desk.person, alert_id), "It is back")
        await self.refresh()

    async def _silence(self, matchers: Matchers, span: Span, why: str) -> None:
        desk = self._desk
        act = desk.actions.alarms.silence(desk.person, matchers, span, why)
        await attempt(desk, act, "Silenced")
        await self.refresh()

    async def _maintain(self, place: tuple[str, str | None], span: Span, what: str) -> None:
        desk = self._desk
        await attempt(desk, desk.actions.alarms.maintain(desk.person, place, span, what), "Planned")
        await self.refresh()

    async def _choose_time(self, time: Time) -> None:
        self._time = time
        await self.refresh()

    async def _choose_kind(self, kind: Kind) -> None:
        self._kind = kind
        self._show_form()


class _List:
    """Silences or maintenance; an end is asked for by its number."""

    def __init__(
        self,
        desk: Desk,
        name: str,
        end: Callable[[int], Awaitable[object]],
        then: Callable[[], Awaitable[None]],
    ) -> None:
        async def ended(number: int) -> None:
            await attempt(desk, end(number), "Ended")
            await then()

        with card(name):
            self._none = Empty("There is none.")
            with table(HEADS, label=name) as body:
                self._lines = Keyed[tuple[bool, Row]](
                    body,
                    lambda row: (row[0], number(row[1])),
                    lambda row: QuietLine(row, ended if desk.may_act else None),
                )

    def show(self, rows: Sequence[Row], *, is_over: bool) -> None:
        self._none.show(not rows)
        self._lines.show([(is_over, row) for row in rows])
