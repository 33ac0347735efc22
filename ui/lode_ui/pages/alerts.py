"""The inbox: what burns first, by site and cause; filtered, chosen, taken on or put aside."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Literal

from nicegui import ui

from lode_hub.queries.alert_nouns import AlertCounts, AlertGroup, AlertGroups
from lode_hub.queries.nouns import AlertRow, AlertState, Severity
from lode_ui import alarm_words, figures
from lode_ui.acts import attempt
from lode_ui.alarm_acts import MOST, each
from lode_ui.alarm_answers import Filter
from lode_ui.desk import Desk
from lode_ui.life import now_ms
from lode_ui.pages.alerts_over import Resolved
from lode_ui.summary import Verdict
from lode_ui.widgets.choice import Choice
from lode_ui.widgets.chosen import ChosenBar, Does
from lode_ui.widgets.graveness import Graveness
from lode_ui.widgets.inbox import Hands, InboxGroup
from lode_ui.widgets.keyed import Keyed
from lode_ui.widgets.layout import Empty, columns
from lode_ui.widgets.pager import Pager
from lode_ui.widgets.picker import Picker
from lode_ui.widgets.search import Search
from lode_ui.widgets.sentence import Sentence
from lode_ui.widgets.text import note

Told = Literal["", "told", "untold"]
STATES: dict[AlertState, str] = {
    "open": "Open",
    "acknowledged": "Acknowledged",
    "pending": "Pending",
    "resolved": "Resolved",
}
CAUSES = {"": "All causes"} | alarm_words.CAUSES
TOLD: dict[Told, str] = {"": "Told or not", "told": "People are told", "untold": "Nobody is told"}
GROUPS = 20
NO_GROUPS = AlertGroups(groups=[], n_groups=0, n_alerts=0)

EMPTY: dict[AlertState, tuple[str, str]] = {
    "open": ("Nothing is wrong.", "Alerts appear here the moment they open."),
    "acknowledged": ("Nobody is working on an alert.", "Acknowledge an open one to take it on."),
    "pending": ("Nothing is about to become an alert.", "Some rules wait before they say so."),
    "resolved": ("No alert has been resolved yet.", "What is over is kept here."),
}
NO_HIT = ("No alert matches the filter.", "Clear it to see all.")


class AlertsPage:
    """Counts, filters, groups; and a bar for what was chosen."""

    title = "Alerts"

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._filter = Filter()
        self._chosen: dict[int, AlertRow] = {}
        self._head = Sentence("Alerts")
        self._counts = note("")
        self._tools()
        self._empty = Empty("")
        self._groups = Keyed[AlertGroup](
            columns("stack"),
            lambda group: (group.site, group.cause),
            lambda group: self._keep(InboxGroup(group, self._hands(), self._rows), group),
        )
        self._shown: dict[tuple[str | None, str], InboxGroup] = {}
        self._pager = Pager(GROUPS, self.refresh, ("Graver", "Less grave"))
        self._over = Resolved(desk)
        self._bar: ChosenBar | None = None
        if desk.may_act:
            does = Does(acknowledge=self._acknowledge, shelve=self._shelve, clear=self._clear)
            self._bar = ChosenBar(does)

    def _tools(self) -> None:
        with columns("toolbar"):
            Choice("State of the alerts", STATES, "open", self._choose_state)
            self._graveness = Graveness(self._choose_severity)
            Picker[str]("Cause", CAUSES, self._choose_cause)
            Picker[Told]("Told", TOLD, self._choose_told)
            Search("Find by rig, rule, rack or text", self._search)

    async def refresh(self) -> None:
        """Ask for the counts, and for the alerts that the filter leaves."""
        answers = self._desk.answers
        site = self._desk.site_name(await answers.sites())
        if site != self._filter.site:
            self._filter = replace(self._filter, site=site)
        self._show_counts(await answers.alarms.counts(site))
        if self._filter.states == ("resolved",):
            self._show_groups(NO_GROUPS)
            is_any = await self._over.refresh(self._filter)
        else:
            self._over.hide()
            is_any = await self._refresh_groups()
        is_narrowed = self._filter != Filter(states=self._filter.states, site=site)
        self._empty.say(*(NO_HIT if is_narrowed else EMPTY[self._filter.states[0]]))
        self._empty.show(not is_any)
        self._show_chosen()

    async def _refresh_groups(self) -> bool:
        alarms, chosen = self._desk.answers.alarms, self._filter
        found = await alarms.groups(chosen, limit=GROUPS, offset=self._pager.offset)
        if self._pager.offset and not found.groups:  # all that was on this page is over
            self._pager.offset = 0
            found = await alarms.groups(chosen, limit=GROUPS, offset=0)
        if chosen == self._filter:  # else another one was chosen meanwhile
            self._show_groups(found)
            for shown in list(self._shown.values()):
                await shown.fill()
        return bool(found.groups)

    def _show_counts(self, counts: AlertCounts) -> None:
        self._graveness.show(counts.by_severity)
        self._head.show(_verdict(counts))
        states = (f"{counts.by_state.get(s, 0):,} {s}" for s in ("open", "acknowledged", "pending"))
        untold = f"{counts.untold:,} not told" if counts.untold else ""
        flapping = f"{counts.flapping:,} come and go" if counts.flapping else ""
        self._counts.text = " · ".join(part for part in (*states, untold, flapping) if part)

    def _show_groups(self, found: AlertGroups) -> None:
        keys = {(group.site, group.cause) for group in found.groups}
        self._shown = {key: shown for key, shown in self._shown.items() if key in keys}
        self._groups.show(found.groups)
        self._pager.show(found.n_groups)

    def _keep(self, made: InboxGroup, group: AlertGroup) -> InboxGroup:
        self._shown[group.site, group.cause] = made
        return made

    async def _rows(self, group: AlertGroup, limit: int, offset: int) -> Sequence[AlertRow]:
        chosen = replace(self._filter, site=group.site or "", causes=(group.cause,))
        return await self._desk.answers.alarms.page(
            chosen, is_gravest_first=True, limit=limit, offset=offset
        )

    def _hands(self) -> Hands:
        if not self._desk.may_act:
            return Hands(is_chosen=self._chosen.__contains__)
        return Hands(
            is_chosen=self._chosen.__contains__,
            choose=self._choose,
            choose_all=self._choose_all,
            acknowledge=self._take,
        )

    async def _take(self, alert_id: int) -> None:
        desk = self._desk
        await attempt(desk, desk.actions.acknowledge(alert_id, desk.person), "Acknowledged")
        await self.refresh()

    async def _choose(self, alert: AlertRow, is_on: bool) -> None:
        if is_on and len(self._chosen) < MOST:
            self._chosen[alert.alert_id] = alert
        else:
            self._chosen.pop(alert.alert_id, None)
        self._show_chosen()

    def _show_chosen(self) -> None:
        if self._bar:
            self._bar.show(len(self._chosen))

    async def _choose_all(self, group: AlertGroup) -> None:
        for alert in await self._rows(group, MOST - len(self._chosen), 0):
            self._chosen[alert.alert_id] = alert
        if len(self._chosen) >= MOST:
            ui.notify(f"At most {MOST} alerts are chosen at once; silence what is more")
        await self.refresh()

    async def _acknowledge(self, said: str) -> None:
        desk, ids = self._desk, [a.alert_id for a in self._chosen.values() if a.state == "open"]
        await each(
            desk, ids, lambda i: desk.actions.acknowledge(i, desk.person, said), "Acknowledged"
        )
        await self._clear()

    async def _shelve(self, for_ms: int, said: str) -> None:
        desk, until_ms = self._desk, now_ms() + for_ms
        shelve = partial(desk.actions.alarms.shelve, desk.person)
        await each(desk, list(self._chosen), lambda i: shelve(i, until_ms, said), "Shelved")
        await self._clear()

    async def _clear(self) -> None:
        self._chosen.clear()
        await self.refresh()

    async def _look(self, chosen: Filter) -> None:
        self._filter = chosen
        self._pager.offset = 0
        await self.refresh()

    async def _choose_state(self, state: AlertState) -> None:
        self._chosen.clear()
        await self._look(replace(self._filter, states=(state,)))

    async def _search(self, text: str) -> None:
        await self._look(replace(self._filter, search=text.strip()))

    async def _choose_severity(self, picked: Severity | None) -> None:
        await self._look(replace(self._filter, severities=(picked,) if picked else ()))

    async def _choose_cause(self, picked: str) -> None:
        await self._look(replace(self._filter, causes=(picked,) if picked else ()))

    async def _choose_told(self, picked: Told) -> None:
        is_untold = picked == "untold" if picked else None
        await self._look(replace(self._filter, is_untold=is_untold))


def _verdict(counts: AlertCounts) -> Verdict:
    n_critical, n_warning = (counts.by_severity.get(s, 0) for s in ("critical", "warning"))
    warnings = figures.plural(n_warning, "warning")
    usd_h = counts.stake_usd_h
    costs = f", {alarm_words.stake(usd_h)} at stake" if usd_h is not None else ""
    if n_critical:
        also = f" and {warnings}" if n_warning else ""
        critical = figures.plural(n_critical, "critical alert")
        return Verdict("bad", "alert", f"{critical}{also}{costs}")
    if n_warning:
        return Verdict("warn", "diamond", f"{warnings}{costs}")
    if any(counts.by_severity.values()):
        return Verdict("info", "disc", "Nothing grave")
    return Verdict("good", "check", "No alert")
