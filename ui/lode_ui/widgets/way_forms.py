"""Forms of a person: one more way to be told, and when to be left alone."""

import datetime
from collections.abc import Awaitable, Callable, Mapping
from typing import Literal

from lode_hub.queries.nouns import Severity
from lode_hub.queries.telling import Habit
from lode_ui import calendar
from lode_ui.acts import attempt
from lode_ui.desk import Desk
from lode_ui.widgets.button import Button
from lode_ui.widgets.channels import KINDS
from lode_ui.widgets.form import CheckField, SelectField, TextField
from lode_ui.widgets.layout import columns
from lode_ui.widgets.text import Words

Kind = Literal["mail", "sms", "telegram", "webhook"]
HINTS: Mapping[Kind, str] = {
    "mail": "an address, such as ann@mine.example",
    "sms": "a phone number with its country, such as +49 170 1234567",
    "telegram": "the number of the chat with the bot",
    "webhook": "an address the hub posts to, beginning with https://",
}
SEVERITIES: Mapping[Severity, str] = {
    "info": "info on: everything",
    "warning": "warning on",
    "critical": "critical only",
}
DIGESTS = {"none": "No digest: each at once", "hourly": "Every hour", "daily": "Every day"}
UP_TO = {"info": "info", "warning": "info and warning"}
QUIET_HINT = "What comes meanwhile waits, and comes as one message afterwards."
NAMES: Mapping[Kind, str] = {kind: KINDS[kind] for kind in HINTS}


class WayForm:
    """A way for oneself; an administrator's may be for anybody, and a webhook."""

    def __init__(self, desk: Desk, done: Callable[[], Awaitable[None]]) -> None:
        self._desk, self._done = desk, done
        kinds = {k: n for k, n in NAMES.items() if desk.is_admin or k != "webhook"}
        with columns("fields"):
            self._person = TextField("Person", value=desk.person.name, hint="login name")
            self._person.hide(not desk.is_admin)
            self._kind = SelectField[Kind]("Kind", kinds, "mail")
            self._address = TextField("Address", example="ann@mine.example", hint=HINTS["mail"])
            self._least = SelectField[Severity]("Tell of", SEVERITIES, "warning")
        with columns("fields"):
            self._on_call = CheckField("Only while on call")
            self._ends = CheckField("Also when it is over", value=True)
        self._foot = Words("", "lode-wrong", "p")
        with columns("buttons"):
            Button("Save way", self._save, "lode-button-main")
            Button("Cancel", done)
        self._kind.changed = lambda: self._address.hint(HINTS[self._kind.value])

    async def _save(self) -> None:
        desk, address = self._desk, self._address.value
        self._person.wrong("")
        self._address.wrong("" if address else "Give an address.")
        self._foot.text = ""
        if not address:
            return
        made = await attempt(
            desk,
            desk.actions.telling.put_way(
                self._person.value,
                self._kind.value,
                address,
                desk.person,
                min_severity=self._least.value,
                is_on_call_only=self._on_call.value,
                is_resolved_told=self._ends.value,
            ),
            "Saved; send a test to see that it arrives",
            wrong=self._point_at,
        )
        if made is not None:
            await self._done()

    def _point_at(self, reason: str) -> None:
        if reason.startswith("person"):
            self._person.wrong(reason)
        elif reason.startswith("ways:"):
            self._address.wrong(reason.removeprefix("ways: "))
        else:
            self._foot.text = reason


class HabitForm:
    """When a person is left alone, and what they want together."""

    def __init__(self, desk: Desk, habit: Habit) -> None:
        self._desk = desk
        with columns("fields"):
            self._from = _time("Quiet from", habit.quiet_from, hint="empty: never")
            self._until = _time("Quiet until", habit.quiet_until, hint=QUIET_HINT)
            self._zone = TextField("Time zone", value=habit.time_zone, example="Europe/Berlin")
            self._through = CheckField(
                "Critical alerts come through",
                value=habit.is_critical_through,
                hint="while on call they always do",
            )
        with columns("fields"):
            self._digest = SelectField[str]("Digest", DIGESTS, habit.digest)
            self._at = _time("Digest at", habit.digest_at)
            self._most = SelectField[str](
                "It takes", UP_TO, habit.digest_max, hint="what is graver is told at once"
            )
        self._foot = Words("", "lode-wrong", "p")
        with columns("buttons"):
            Button("Save", self._save, "lode-button-main")
        self._digest.changed = self._mark
        self._mark()

    def _mark(self) -> None:
        self._at.hide(self._digest.value != "daily")
        self._most.hide(self._digest.value == "none")

    async def _save(self) -> None:
        begin, end, at = (
            calendar.time_of_day(each.value) for each in (self._from, self._until, self._at)
        )
        for field in (self._zone, self._until, self._at):
            field.wrong("")
        self._foot.text = ""
        if at is None and self._digest.value == "daily":
            self._at.wrong("Pick a time of day.")
            return
        desk = self._desk
        habit = Habit(
            time_zone=self._zone.value,
            quiet_from=begin,
            quiet_until=end,
            is_critical_through=self._through.value,
            digest=self._digest.value,
            digest_at=at or datetime.time(8),
            digest_max=self._most.value,
        )
        act = desk.actions.telling.set_habit(desk.person.name, habit, desk.person)
        is_wrong: list[str] = []
        await attempt(desk, act, "Saved", wrong=is_wrong.append)
        for reason in is_wrong:
            self._point_at(reason)

    def _point_at(self, reason: str) -> None:
        if reason.startswith("time zone"):
            self._zone.wrong(reason)
        elif reason.startswith("quiet hours"):
            self._until.wrong(reason)
        else:
            self._foot.text = reason


def _time(label: str, value: datetime.time | None, hint: str = "") -> TextField:
    return TextField(label, form="time", value=f"{value:%H:%M}" if value else "", hint=hint)
