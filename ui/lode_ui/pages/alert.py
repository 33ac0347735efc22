"""One alert: what is wrong, what shows it, what to do, what happened, and who was told."""

import asyncio
from collections.abc import Sequence

from lode_hub.queries.alert_nouns import AlertEventRow
from lode_hub.queries.command_nouns import CommandRow
from lode_hub.queries.nouns import AlertRow, Span
from lode_hub.queries.telling import DeliveryRow
from lode_ui import alarm_words, said
from lode_ui.acts import attempt, why_not
from lode_ui.desk import Desk
from lode_ui.evidence_chart import Charted, charted
from lode_ui.life import now_ms
from lode_ui.widgets.alert_acts import AlertActs, Does
from lode_ui.widgets.alert_head import AlertHead
from lode_ui.widgets.alert_past import (
    EVENT_HEADS,
    TOLD_HEADS,
    EventLine,
    MemberLine,
    ToldLine,
)
from lode_ui.widgets.choice import Choice
from lode_ui.widgets.keyed import Keyed
from lode_ui.widgets.layout import Empty, card, columns, table
from lode_ui.widgets.pager import Pager
from lode_ui.widgets.proof_table import ProofTable
from lode_ui.widgets.text import Words, box, note
from lode_ui.widgets.trend import SPAN_S, Event, Line, Trend

SPANS: dict[Span, str] = {"hour": "1 hour", "day": "1 day", "week": "1 week"}
MEMBERS = 24
MARKED = ("opened", "acknowledged", "resolved", "cleared", "returned")


class AlertPage:
    """One alert by its number."""

    def __init__(self, desk: Desk, alert_id: int) -> None:
        self.title = f"Alert {alert_id:d}"
        self._desk = desk
        self._alert_id = alert_id
        self._missing = Empty("There is no alert of this number.", "See the inbox for all.")
        self._missing.show(False)
        with columns("stack") as self._all:
            self._head = AlertHead()
            with columns("wide-narrow"):
                with columns("stack"):
                    self._chart = _Chart(desk)
                    with card("Evidence", aside="as it was judged last"):
                        self._proof = ProofTable()
                    self._members = _Members(desk)
                with columns("stack"):
                    self._acts = AlertActs(self._does())
                    self._build_past()

    def _build_past(self) -> None:
        with card("Who was told"):
            self._untold = Empty("Nobody was told of this alert.")
            with table(TOLD_HEADS, label="Who was told") as body:
                self._told = Keyed[DeliveryRow](
                    body, lambda row: row.delivery_id, lambda _: ToldLine()
                )
        with card("What happened"), table(EVENT_HEADS, label="What happened") as body:
            self._events = Keyed[AlertEventRow](
                body, lambda event: (event.what, event.at_ms), lambda _: EventLine()
            )

    async def refresh(self) -> None:
        """Ask for the alert, its past, and who was told."""
        alarms = self._desk.answers.alarms
        detail, told = await asyncio.gather(
            alarms.detail(self._alert_id), alarms.deliveries(self._alert_id)
        )
        self._missing.show(detail is None)
        self._all.set_visibility(detail is not None)
        if detail is None:
            return
        alert = detail.alert
        self._head.show(alert)
        self._head.measure(alert, now_ms())
        self._acts.show(alert)
        self._proof.show(alert.evidence)
        self._events.show(detail.history)
        self._told.show(told)
        self._untold.show(not told)
        await self._members.show(alert)
        await self._chart.show(alert, detail.history)

    def _does(self) -> Does:
        desk, number = self._desk, self._alert_id

        async def acknowledge(words: str) -> None:
            await attempt(desk, desk.actions.acknowledge(number, desk.person, words), "Taken on")
            await self.refresh()

        async def resolve(words: str) -> None:
            await attempt(desk, desk.actions.resolve(number, desk.person, words), "Resolved")
            await self.refresh()

        async def shelve(until_ms: int, words: str) -> None:
            act = desk.actions.alarms.shelve(desk.person, number, until_ms, words)
            await attempt(desk, act, "Put aside; it is judged on")
            await self.refresh()

        async def unshelve() -> None:
            act = desk.actions.alarms.unshelve(desk.person, number)
            await attempt(desk, act, "People are told again")
            await self.refresh()

        return Does(
            acknowledge=acknowledge,
            resolve=resolve,
            shelve=shelve,
            unshelve=unshelve,
            now_ms=now_ms,
            why_not=why_not(desk),
        )


class _Chart:
    """The past of the alert's metric, its levels, and what happened."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._span: Span | None = None
        self._alert: AlertRow | None = None
        self._history: Sequence[AlertEventRow] = ()
        self._trends: dict[bool, Trend] = {}
        with card() as self._card:
            with box("lode-card-head"):
                self._name = Words("", "lode-title", "h2")
                self._choice = columns("buttons")
            for has_zero in (True, False):
                self._trends[has_zero] = Trend("Evidence over time", from_zero=has_zero)
            self._note = note("Mean, with lowest to highest; older than a week is not drawn.")
        self._card.set_visibility(False)

    async def show(self, alert: AlertRow, history: Sequence[AlertEventRow]) -> None:
        self._alert, self._history = alert, history
        if self._span is None:
            self._span = _fitting(alert, now_ms())
            with self._choice:
                Choice("Span of the chart", SPANS, self._span, self._choose)
        await self._fill()

    async def _choose(self, span: Span) -> None:
        self._span = span
        await self._fill()

    async def _fill(self) -> None:
        alert, span = self._alert, self._span
        if alert is None or span is None:
            return
        shown = charted(alert)
        self._card.set_visibility(shown is not None)
        if shown is not None:
            await self._draw(shown, alert, span)

    async def _draw(self, shown: Charted, alert: AlertRow, span: Span) -> None:
        answers = self._desk.answers
        commands: Sequence[CommandRow] = ()
        if shown.device_id is None:
            series = await answers.site_series(alert.site or "", shown.metric, span)
            self._name.text = f"{shown.name} of {alert.site}"
        else:
            series = await answers.series(shown.device_id, shown.metric, span)
            commands = await answers.commands.of_device(shown.device_id)
            self._name.text = f"{shown.name} of {alert.subject}"
        if span != self._span:  # another was chosen meanwhile
            return
        scale = shown.scale(series)
        for has_zero, trend in self._trends.items():
            trend.set_visibility(has_zero == shown.has_zero)
        self._trends[shown.has_zero].show(
            [Line(name=shown.name, series=series, scale=scale, has_band=True)],
            span,
            now_ms(),
            shown.limits(scale),
            events=_events(alert, self._history, commands),
        )


class _Members:
    """The devices of an event of many, a page of them at a time."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._alert: AlertRow | None = None
        with card() as self._card:
            self._name = Words("", "lode-title", "h2")
            self._list = Keyed[tuple[str, str]](
                box("lode-names", "ul"), lambda member: member[0], MemberLine
            )
            self._pager = Pager(MEMBERS, self._fill)

    async def show(self, alert: AlertRow) -> None:
        self._alert = alert
        self._card.set_visibility(bool(alert.members))
        self._name.text = f"Members: {len(alert.members):,}"
        await self._fill()

    async def _fill(self) -> None:
        members = self._alert.members if self._alert else []
        self._pager.show(len(members))
        shown = members[self._pager.offset : self._pager.offset + MEMBERS]
        names = await self._desk.answers.alarms.names(shown) if shown else {}
        self._list.show((key, names.get(key, key)) for key in shown)


def _fitting(alert: AlertRow, at_ms: int) -> Span:
    """Choose the shortest span that has the begin and some time before it."""
    back_s = (at_ms - alert.since_ms) / 1000 * 1.2
    return next((span for span in SPANS if back_s < SPAN_S[span]), "week")


def _events(
    alert: AlertRow, history: Sequence[AlertEventRow], commands: Sequence[CommandRow]
) -> list[Event]:
    marked = [Event(name="began", at_ms=alert.since_ms)]
    for event in reversed(history):
        if event.what in MARKED:
            by = f" by {event.by}" if event.by else ""
            name = f"{alarm_words.event(event.what).lower()}{by}"
            marked.append(Event(name=name, at_ms=event.at_ms))
    for command in commands:
        name = said.ordered(command.action, command.order)
        marked.append(Event(name=name, at_ms=command.created_ms))
    return marked
