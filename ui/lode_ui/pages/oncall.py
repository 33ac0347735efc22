"""On call: who is, who will be, where nobody is; and whom an alert goes to that nobody takes."""

import asyncio
from collections.abc import Sequence

from lode_hub.queries.telling import Policy, ScheduleRow, ShiftRow, TimerRow
from lode_ui.acts import attempt, why_not
from lode_ui.desk import Desk
from lode_ui.life import now_ms
from lode_ui.widgets.button import Button
from lode_ui.widgets.drawer import Drawer
from lode_ui.widgets.keyed import Keyed
from lode_ui.widgets.layout import Empty, card, columns, table
from lode_ui.widgets.oncall import (
    TIMER_HEADS,
    PolicyActs,
    PolicyCard,
    ScheduleActs,
    ScheduleCard,
    TimerLine,
    told_words,
)
from lode_ui.widgets.oncall_forms import OverrideForm, ScheduleForm
from lode_ui.widgets.policy_form import PolicyForm
from lode_ui.widgets.text import note, title

MOST_SCHEDULES = 50


class OnCallPage:
    """A card for each schedule; the policies; the escalations that run."""

    title = "On call"

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._sites: list[str] = []
        self._schedules: list[str] = []
        self._people: set[str] = set()
        title("On call", "h1")
        acts = self._schedule_acts() if desk.may_act else None
        with card("Schedules", aside="who takes turns, and who stands in"):
            self._none = Empty(
                "Nobody is ever on call: there is no schedule yet.",
                "Make one; escalation policies then tell whoever is on call.",
            )
            self._cards = Keyed[tuple[ScheduleRow, list[ShiftRow]]](
                columns("stack"),
                lambda one: one[0].name,
                lambda one: ScheduleCard(one[0].name, acts),
            )
            self._new_schedule = Drawer()
            with columns("buttons"):
                if desk.may_act:
                    Button("New schedule …", self._open_schedule)
                else:
                    note(why_not(desk))
        self._build_policies()
        with card("Running escalations", aside="alerts that nobody has acknowledged yet"):
            self._quiet = Empty("No escalation is running.")
            with table(TIMER_HEADS, label="Running escalations") as body:
                self._timers = Keyed[tuple[TimerRow, str, int]](
                    body, lambda one: one[0].alert_id, lambda _: TimerLine()
                )

    def _build_policies(self) -> None:
        desk = self._desk
        acts = PolicyActs(edit=self._open_policy, remove=self._remove_policy)
        with card("Escalation", aside="whom a critical alert goes to until somebody takes it"):
            self._no_policy = Empty(
                "Without a policy, critical alerts go to channels and people's own ways alone.",
                "A policy tells the next person after 5, 15 and 30 min without an acknowledgement.",
            )
            self._policies = Keyed[Policy](
                columns("stack"),
                lambda policy: policy.name,
                lambda policy: PolicyCard(policy.name, acts if desk.may_act else None),
            )
            self._new_policy = Drawer()
            if desk.may_act:
                with columns("buttons"):
                    Button("New policy …", self._open_new_policy)

    async def refresh(self) -> None:
        """Ask who is on call, who will be, and what escalates."""
        answers = self._desk.answers.telling
        self._sites = [site.site for site in await self._desk.answers.sites()]
        schedules = (await answers.schedules())[:MOST_SCHEDULES]
        self._schedules = [row.name for row in schedules]
        shifts = await asyncio.gather(*(answers.shifts(row.name) for row in schedules))
        self._people = {way.person for way in await answers.ways()}
        policies, timers = await answers.policies(), await answers.timers()
        self._none.show(not schedules)
        pairs = zip(schedules, shifts, strict=True)
        self._cards.show([(row, list(found)) for row, found in pairs])
        self._no_policy.show(not policies)
        self._policies.show(policies)
        self._quiet.show(not timers)
        now = now_ms()
        self._timers.show([(timer, _next(timer, policies), now) for timer in timers])

    def _schedule_acts(self) -> ScheduleActs:
        desk, telling = self._desk, self._desk.actions.telling

        def stand_in(name: str, drawer: Drawer) -> None:
            drawer.open(lambda: OverrideForm(desk, name, drawer.finish))

        def edit(row: ScheduleRow, drawer: Drawer) -> None:
            drawer.open(lambda: ScheduleForm(desk, row, self._sites, drawer.finish))

        async def remove(name: str) -> None:
            await attempt(desk, telling.remove_schedule(name, desk.person), f"{name} is removed")

        async def take_back(override_id: int) -> None:
            await attempt(desk, telling.remove_override(override_id, desk.person), "Taken back")

        return ScheduleActs(stand_in=stand_in, edit=edit, remove=remove, take_back=take_back)

    async def _open_schedule(self) -> None:
        drawer = self._new_schedule
        drawer.open(lambda: ScheduleForm(self._desk, None, self._sites, drawer.finish))

    async def _open_new_policy(self) -> None:
        self._open_policy(None, self._new_policy)

    def _open_policy(self, policy: Policy | None, drawer: Drawer) -> None:
        drawer.open(
            lambda: PolicyForm(
                self._desk, policy, self._sites, self._schedules, self._people, drawer.finish
            )
        )

    async def _remove_policy(self, name: str) -> None:
        desk = self._desk
        act = desk.actions.telling.remove_policy(name, desk.person)
        await attempt(desk, act, f"{name} is removed")


def _next(timer: TimerRow, policies: Sequence[Policy]) -> str:
    policy = next((each for each in policies if each.name == timer.policy), None)
    if policy is None or timer.step >= len(policy.steps):
        return ""
    return ", ".join(told_words(told) for told in policy.steps[timer.step].tell)
