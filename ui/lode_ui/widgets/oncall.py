"""Who is on call and who is told next: a schedule, a policy, a timer that runs."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from lode_hub.queries.telling import OverrideRow, Policy, ScheduleRow, ShiftRow, TimerRow
from lode_ui import calendar, figures
from lode_ui.states import Look
from lode_ui.widgets.age import Age
from lode_ui.widgets.button import Button
from lode_ui.widgets.drawer import Confirmed, Drawer
from lode_ui.widgets.keyed import Keyed
from lode_ui.widgets.layout import cell, columns
from lode_ui.widgets.sign import Sign
from lode_ui.widgets.text import Words, box
from lode_ui.widgets.week import Week

HERE = Look(word="", tone="good", shape="disc", meaning="is on call now and can be told")
DEAF = Look(word="", tone="warn", shape="diamond", meaning="has no way to be told")
NOBODY = Look(word="Nobody on call", tone="bad", shape="alert", meaning="nobody is on call now")

TIMER_HEADS = ("Alert", "Site", "Policy", "Step", "Since", "Next step")


@dataclass(frozen=True, kw_only=True, slots=True)
class ScheduleActs:
    """What may be done with a schedule; None for who may only look."""

    stand_in: Callable[[str, Drawer], None]
    edit: Callable[[ScheduleRow, Drawer], None]
    remove: Callable[[str], Awaitable[None]]
    take_back: Callable[[int], Awaitable[None]]


class ScheduleCard:
    """A schedule: now, the week to come, who stands in, and the form that changes it."""

    def __init__(self, name: str, acts: ScheduleActs | None) -> None:
        self._acts = acts
        self._row: ScheduleRow | None = None
        with box("lode-policy") as self.root:
            with box("lode-card-head"):
                Words(name, "lode-title", "h3")
                self._about = Words("", "lode-note")
            with box("lode-oncall-now"):
                self._sign = Sign(NOBODY)
                self._until = Words("", "lode-note")
            self._week = Week()
            self._stands = Keyed[tuple[OverrideRow, str]](
                box("lode-stack"), lambda one: one[0].override_id, lambda _: _Override(acts)
            )
            drawer = Drawer()
            if acts is not None:
                self._buttons(name, acts, drawer)

    def _buttons(self, name: str, acts: ScheduleActs, drawer: Drawer) -> None:
        async def stand_in() -> None:
            acts.stand_in(name, drawer)

        async def edit() -> None:
            if self._row is not None:
                acts.edit(self._row, drawer)

        async def remove() -> None:
            await acts.remove(name)

        with columns("buttons"):
            Button("Stand in …", stand_in)
            Button("Change …", edit)
            Confirmed("Remove", f"Remove {name} for good?", remove)

    def show(self, shown: tuple[ScheduleRow, list[ShiftRow]]) -> None:
        """Show the schedule and its shifts."""
        row, shifts = shown
        self._row = row
        sites = ", ".join(row.sites) if row.sites else "every site"
        self._about.text = f"{sites} · times in {row.time_zone}"
        now = shifts[0] if shifts else None
        self._sign.show(_look(row.on_call, now))
        until = f"until {calendar.said(now.until_ms, row.time_zone)}" if now else ""
        self._until.text = until
        self._week.show(shifts, row.time_zone)
        self._stands.show([(one, row.time_zone) for one in row.overrides])


def _look(person: str | None, now: ShiftRow | None) -> Look:
    if person is None:
        return NOBODY
    look = HERE if now is None or now.is_reachable else DEAF
    return Look(word=f"{person} is on call", tone=look.tone, shape=look.shape, meaning=look.meaning)


class _Override:
    def __init__(self, acts: ScheduleActs | None) -> None:
        self._id = 0
        with box("lode-approval") as self.root:
            self._words = Words("", "lode-wrap")
            if acts is not None:

                async def take_back() -> None:
                    await acts.take_back(self._id)

                Button("Take back", take_back)

    def show(self, shown: tuple[OverrideRow, str]) -> None:
        one, time_zone = shown
        self._id = one.override_id
        begin, end = (calendar.said(ms, time_zone) for ms in (one.from_ms, one.until_ms))
        self._words.text = f"{one.person} stands in from {begin} to {end}"


@dataclass(frozen=True, kw_only=True, slots=True)
class PolicyActs:
    """What may be done with a policy."""

    edit: Callable[[Policy, Drawer], None]
    remove: Callable[[str], Awaitable[None]]


class PolicyCard:
    """A policy as the steps that follow each other."""

    def __init__(self, name: str, acts: PolicyActs | None) -> None:
        self._policy: Policy | None = None
        with box("lode-policy") as self.root:
            with box("lode-card-head"):
                Words(name, "lode-title", "h3")
                self._about = Words("", "lode-note")
            self._track = box("lode-track", "ol")
            drawer = Drawer()
            if acts is None:
                return

            async def edit() -> None:
                if self._policy is not None:
                    acts.edit(self._policy, drawer)

            async def remove() -> None:
                await acts.remove(name)

            with columns("buttons"):
                Button("Change …", edit)
                Confirmed("Remove", f"Remove {name} for good?", remove)

    def show(self, policy: Policy) -> None:
        """Show its steps."""
        if policy == self._policy:
            return
        self._policy = policy
        self._about.text = (
            f"critical alerts of {', '.join(policy.sites)}"
            if policy.sites
            else "critical alerts of every site without a policy of its own"
        )
        self._track.clear()
        with self._track:
            for step in policy.steps:
                with box("lode-track-step lode-info", "li"):
                    after = figures.duration(step.after_s)
                    Words(f"after {after}" if step.after_s else "at once", "", "b")
                    Words(", ".join(map(told_words, step.tell)), "lode-wrap")


class TimerLine:
    """An alert that nobody has acknowledged, and when the next are told."""

    def __init__(self) -> None:
        with box("", "tr") as self.root:
            with cell():
                self._title = Words("", "lode-link lode-wrap", "a")
            self._words = []
            for head in TIMER_HEADS[1:4]:
                with cell(head=head):
                    self._words.append(Words(""))
            with cell(head=TIMER_HEADS[4]):
                self._since = Age()
            with cell(head=TIMER_HEADS[5]):
                self._due = Words("")

    def show(self, shown: tuple[TimerRow, str, int]) -> None:
        """Show the timer, whom its next step tells, and when; `shown` ends with the time now."""
        timer, next_told, now_ms = shown
        self._title.text = timer.title
        self._title.props["href"] = f"/alerts/{timer.alert_id:d}"
        for words, text in zip(
            self._words,
            (timer.site or figures.MISSING, timer.policy, str(timer.step + 1)),
            strict=True,
        ):
            words.text = text
        self._since.show(timer.begun_ms)
        left_s = (timer.due_ms - now_ms) / 1000
        when = f"in {figures.duration(left_s)}" if left_s > 0 else "now"
        self._due.text = f"{when}: {next_told}" if next_told else when


def told_words(told: str) -> str:
    """Say whom a step tells."""
    kind, _, name = told.partition(":")
    return f"whoever is on call in {name}" if kind == "schedule" else name
